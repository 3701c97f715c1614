// Programs of other people that tests run against elbow: found where they are installed, run with a clean environment and
// a time limit, ended by their own process id.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { eventually, within } from "./eventually.ts";

/** Where a program is installed; undefined when it isn't. Servers often live where only root's PATH leads. */
export const findProgram = (name: string): string | undefined =>
  Bun.which(name) ?? ["/usr/sbin", "/usr/local/sbin"].map((folder) => join(folder, name)).find(existsSync);

/** The name of a group of tests that needs `name`: it says so when the group is skipped. */
export const titleOf = (name: string): string =>
  findProgram(name) === undefined ? `${name} (skipped: it isn't installed)` : name;

/** What a program that has ended said. */
export interface ProgramResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Nothing of the environment that could send a loopback request elsewhere. */
const environment = { PATH: process.env.PATH ?? "", NO_PROXY: "*", no_proxy: "*" };

/** Runs a program to its end, at most `timeoutMs` milliseconds. */
export const runProgram = async (
  command: ReadonlyArray<string>,
  options: { readonly stdin?: Uint8Array; readonly timeoutMs?: number } = {},
): Promise<ProgramResult> => {
  const child = Bun.spawn([...command], {
    stdin: options.stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: environment,
  });
  try {
    const ended = Promise.all([child.exited, child.stdout.bytes(), child.stderr.text()]);
    const [code, stdout, stderr] = await within(ended, options.timeoutMs ?? 20_000, () => `${command.join(" ")} hangs`);
    return { code, stdout: Buffer.from(stdout), stderr };
  } finally {
    await endProgram(child);
  }
};

/** Kills a program that hasn't ended, and waits until it has. */
export const endProgram = async (child: Subprocess): Promise<void> => {
  child.kill("SIGKILL");
  await child.exited;
};

/** A program that serves a port. */
export interface ServingProgram extends AsyncDisposable {
  readonly port: number;
}

/** Starts a program that prints its port as the first line of its output. */
export const startPrintingServer = async (command: ReadonlyArray<string>): Promise<ServingProgram> => {
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "inherit", env: environment });
  try {
    const reader = child.stdout.getReader();
    const first = await within(reader.read(), 10_000, () => `${command.join(" ")} printed no port`);
    const port = Number(Buffer.from(first.value ?? []).toString());
    if (!(port > 0)) throw new Error(`${command.join(" ")} printed ${port} as its port`);
    return { port, [Symbol.asyncDispose]: () => endProgram(child) };
  } catch (error) {
    await endProgram(child);
    throw error;
  }
};

/** Starts a program that serves `port`, and waits until it accepts. */
export const startServer = async (command: ReadonlyArray<string>, port: number): Promise<ServingProgram> => {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "inherit", stderr: "inherit", env: environment });
  try {
    await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`${command[0]} ended with ${child.exitCode}`);
        const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
        socket.end();
        return true;
      },
      { what: `${command[0]} on port ${port}`, timeoutMs: 10_000 },
    );
    return { port, [Symbol.asyncDispose]: () => endProgram(child) };
  } catch (error) {
    await endProgram(child);
    throw error;
  }
};
