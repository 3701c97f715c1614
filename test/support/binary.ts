// The compiled binary for tests, built anew by the project's own script into a folder of its own.
import { join, resolve } from "node:path";
import { type Folder, makeFolder } from "./folder.ts";

/** A built binary; disposing of it removes it. */
export interface Binary extends Disposable {
  /** Absolute path. */
  readonly path: string;
  /** How it is started with nothing in its environment. */
  readonly program: ReadonlyArray<string>;
}

/** Builds it; throws with the bundler's words when that fails. */
export const buildTestBinary = (): Binary => {
  const folder: Folder = makeFolder();
  const path = join(folder.path, "elbow");
  const script = resolve(import.meta.dir, "../../src/main/build.ts");
  const built = Bun.spawnSync([process.execPath, "run", script, path]);
  if (built.exitCode !== 0) {
    folder[Symbol.dispose]();
    throw new Error(`the build failed: ${built.stdout}${built.stderr}`);
  }
  return { path, program: ["/usr/bin/env", "-i", path], [Symbol.dispose]: () => folder[Symbol.dispose]() };
};
