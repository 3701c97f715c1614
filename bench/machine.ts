// What the bench ran on and with: the versions of every program, the kernel and the processor. It reads, it decides
// nothing.
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { findProgram, readProgramOutput } from "./programs.ts";

const readFirstLine = (program: string, ...options: string[]) => {
  const file = findProgram(program);
  return file === undefined
    ? undefined
    : readProgramOutput([file, ...options])
        .split("\n")[0]
        ?.trim();
};

/** One line for each: date, machine, kernel, elbow, Bun, rivals, load generator. */
export function describeMachine(elbow: string): string[] {
  const { version } = JSON.parse(readFileSync(join(import.meta.dir, "..", "package.json"), "utf8"));
  const processors = cpus();
  const memoryGib = (totalmem() / 1024 ** 3).toFixed(0);
  return [
    `${new Date().toISOString().slice(0, 10)}, ${processors.length} × ${processors[0]?.model}, ${memoryGib} GiB, Linux ${release()} ${process.arch}`,
    `elbow ${version} (${elbow}), Bun ${Bun.version}+${Bun.revision.slice(0, 9)}`,
    readFirstLine("nginx", "-v") ?? "nginx: not installed",
    readFirstLine("haproxy", "-v")?.replace(/ - https.*/, "") ?? "HAProxy: not installed",
    readFirstLine("wrk", "-v")?.replace(/ Copyright.*/, "") ?? "wrk: not installed",
  ];
}
