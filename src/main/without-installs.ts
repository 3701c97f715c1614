// Keeps Bun from downloading packages that a module of the user's names and that aren't installed. First thing of main.ts
// where elbow isn't compiled; owns nothing.
//
// Bun installs by itself in folders without node_modules, even when it is only asked where a package lies. The command line
// switches that off, or a bunfig.toml in the working directory; both are read before the first line of code.
import { resolve } from "node:path";
import { execArgv, execPath, execve } from "node:process";

const flag = "--no-install";

/** Replaces the process by the same one, with the same id, that never installs; returns where it is that already. */
export const forbidInstalls = (): void => {
  const isCompiled = import.meta.dir.startsWith("/$bunfs/");
  const hasReadBunfig = process.cwd() === resolve(import.meta.dir, "../..");
  if (isCompiled || hasReadBunfig || execArgv.includes(flag)) return;
  execve?.(execPath, [execPath, flag, ...execArgv, Bun.main, ...process.argv.slice(2)], process.env);
};
