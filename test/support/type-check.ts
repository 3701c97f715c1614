// tsc on files in a folder of their own, for what users' editors say of their configuration and policies.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { makeFolder } from "./folder.ts";

const root = resolve(import.meta.dir, "../..");

/** A file of the repository, as text. */
export const readSource = (path: string): string => readFileSync(resolve(root, path), "utf8");

/** What tsc --strict says of these files, alone in a folder; an empty text where it has nothing to say. */
export const checkTypes = (files: Readonly<Record<string, string>>, options: object = {}): string => {
  const compilerOptions = { strict: true, noEmit: true, target: "ESNext", module: "Preserve", types: [], ...options };
  using folder = makeFolder({ ...files, "tsconfig.json": { compilerOptions } });
  const command = [process.execPath, resolve(root, "node_modules/typescript/bin/tsc"), "-p", "."];
  const tsc = Bun.spawnSync(command, { cwd: folder.path });
  const said = `${tsc.stdout}${tsc.stderr}`;
  return tsc.exitCode === 0 || said !== "" ? said : `tsc ended with ${tsc.exitCode}`;
};
