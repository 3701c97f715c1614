/**
 * What was thrown, in words and places.
 * Asked by everything that tells of what code of the user's threw: loading (control/), hooks (pipeline/) and what nobody caught
 * (main/). Anything can be thrown, also what throws itself when it is looked at or points at itself: nothing here ever throws.
 * Owns how a stack is read; never says whose fault it is.
 */
import { Cause } from "effect";

/** A place in a stack. */
export interface StackFrame {
  /** A path, or the engine's word such as `node:net` or `native`. */
  readonly file: string;
  /** `file:line:column`. */
  readonly place: string;
}

const untold = "something that can't be told";

/** What something that may throw gives, or `instead`. */
export const trying = <T>(give: () => T, instead: T): T => {
  try {
    return give();
  } catch {
    return instead;
  }
};

/** The message alone of an error, in one line; anything else as a text. */
export const messageOf = (thrown: unknown): string =>
  trying(() => {
    const root = rootOf(thrown);
    const text = typeof root === "object" && root !== null && "message" in root ? root.message : root;
    return inOneLine(String(text));
  }, untold);

/** What was thrown, in one line, such as `TypeError: no such thing`. */
export const spellThrown = (thrown: unknown): string => trying(() => inOneLine(String(rootOf(thrown))), untold);

/** What a module says must stay on its line. */
const inOneLine = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what breaks lines.
  text.replaceAll(/[\u0000-\u001f\u007f]+/g, " ");

/** The stack of an error as it is; empty where it has none. */
export const stackOf = (thrown: unknown): string =>
  trying(() => {
    const root = rootOf(thrown);
    return typeof root === "object" && root !== null && "stack" in root ? String(root.stack) : "";
  }, "");

/** In characters. A longer line is part of a message, which may be a client's text: to look at it costs its length squared. */
const frameMaxLength = 2048;

const framePattern = /^\s*at (?:async )?(?:.*\()?(.+?):(\d+):(\d+)\)?$/;

/** Where an error was made, from the inside out. */
export const framesOf = (thrown: unknown): ReadonlyArray<StackFrame> =>
  stackOf(thrown)
    .split("\n")
    .flatMap((text) => {
      const [, where, line, column] = text.length > frameMaxLength ? [] : (framePattern.exec(text) ?? []);
      if (where === undefined) return [];
      // Code that was made from a text says so of the file that made it.
      const file = trying(() => (where.startsWith("file://") ? Bun.fileURLToPath(where) : where), where);
      return [{ file, place: `${file}:${line}:${column}` }];
    });

/** Whether a frame's file is no file: the engine's own code, or code that has none. */
export const isEngines = (file: string): boolean => /^(?:native|unknown|<|\[|[a-z-]+:)/.test(file);

/** Effect wraps what a Schema's own code threw. */
const rootOf = (thrown: unknown): unknown => {
  const inner = thrown instanceof Error ? thrown.cause : undefined;
  return Cause.isCause(inner) ? Cause.squash(inner) : thrown;
};
