/**
 * Files that nobody else may read: mode 0600 from their first byte, and whole or not there at all.
 * What keys and certificates are written with; owns how a file comes into being.
 * Never changes the mode of a file or folder that is there already.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** Writes a file, in place of what was there. */
export const replaceFile = (path: string, text: string): void =>
  viaTemporary(path, text, (temporary) => renameSync(temporary, path));

/** Writes a file unless there is one; whether it did. Of several processes that try at once, one does. */
export const createFile = (path: string, text: string): boolean =>
  viaTemporary(path, text, (temporary) => {
    try {
      linkSync(temporary, path);
      return true;
    } catch (cause) {
      if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
      throw cause;
    }
  });

/**
 * Makes a folder, and those above it, for the owner alone; whether the folder is new. It keeps itself out of git.
 */
export const createPrivateFolder = (path: string): boolean => {
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) === undefined) return false;
  createFile(join(path, ".gitignore"), "*\n");
  return true;
};

const viaTemporary = <A>(path: string, text: string, publish: (temporary: string) => A): A => {
  // The ending stays last, so that what git ignores it ignores now.
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}-${basename(path)}`);
  const file = openSync(temporary, "wx", 0o600);
  try {
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    return publish(temporary);
  } finally {
    rmSync(temporary, { force: true });
  }
};
