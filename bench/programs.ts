// The programs that the bench starts besides elbow: where they lie, and what they say about themselves.
// It installs and configures nothing.
import { existsSync } from "node:fs";
import { join } from "node:path";

/** Finds a program on the path or in the system directories that a plain user's path leaves out. */
export function findProgram(name: string): string | undefined {
  return Bun.which(name) ?? ["/usr/sbin", "/usr/local/sbin"].map((d) => join(d, name)).find((f) => existsSync(f));
}

/** What a program prints about itself, whichever stream it uses. */
export function readProgramOutput(command: string[]): string {
  const result = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe", timeout: 5000 });
  return `${result.stdout}${result.stderr}`;
}
