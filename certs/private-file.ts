/**
 * Files that nobody else may read: mode 0600 from their first byte, and whole or not there at all.
 * What keys and certificates are written with, and read again only where nobody else can have put them; owns how a file
 * comes into being, and whose it must be.
 * Never changes the mode of a file or folder that is there already.
 */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

/** A file or folder is there that somebody else may change, or that isn't what it should be; the message names it. */
export class NotPrivateError extends Error {
  override readonly name = "NotPrivateError";
}

/** Who else than this user and root may change a file or folder, in words; undefined when nobody may. */
export const findIntruder = ({ uid, mode }: Pick<Stats, "uid" | "mode">): string | undefined => {
  const own = process.getuid?.();
  // Windows has neither users nor modes of this kind.
  if (own === undefined) return undefined;
  if (uid !== own && uid !== 0) return `it belongs to another user (${uid})`;
  return (mode & 0o022) === 0 ? undefined : "other users may write into it (chmod go-w would end that)";
};

/** Reads a text file; undefined where there is none. Throws a {@link NotPrivateError}, or the system's error. */
export const readOwnFile = (path: string): string | undefined => {
  let file: number;
  try {
    // Without waiting for whoever would write into a pipe.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw new NotPrivateError(`${path} is ${found.isDirectory() ? "a folder" : "no file"}`);
    const problem = findIntruder(found);
    if (problem !== undefined) throw new NotPrivateError(`${path} can't be used: ${problem}`);
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
};

/** Whether somebody else than a file's owner may read it. */
export const isReadableByOthers = (path: string): boolean =>
  process.getuid !== undefined && (statSync(path).mode & 0o044) !== 0;

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
 * Makes a folder, and those above it, for the owner alone; whether the folder is new. It keeps itself out of git; in one that
 * is there, what git ignores is its owner's affair. Throws a {@link NotPrivateError} where others may put files into it.
 */
export const createPrivateFolder = (path: string): boolean => {
  if (mkdirSync(path, { recursive: true, mode: 0o700 }) === undefined) {
    const problem = findIntruder(statSync(path));
    if (problem !== undefined) throw new NotPrivateError(`${path} can't be used: ${problem}`);
    return false;
  }
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
