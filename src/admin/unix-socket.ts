// The path of a Unix socket, made free for a server: what an ended process has left there goes, anything else stays.
//
// Called by server.ts before it listens. Owns the decision what may be removed; it never waits long and never listens.
import { lstat, unlink } from "node:fs/promises";
import { Effect, Predicate } from "effect";

/** How long another server at the path may take to answer, in milliseconds. */
const answerMs = 1000;

/** Makes a path free, or fails with the code that says why it isn't: `EEXIST` for what is no socket, `EADDRINUSE`… */
export const freeSocketPath = (path: string): Effect.Effect<void, string> =>
  Effect.tryPromise({
    try: async () => {
      const found = await lstat(path).catch((error: unknown) => {
        if (codeOf(error) === "ENOENT") return undefined;
        throw error;
      });
      if (found === undefined) return;
      if (!found.isSocket()) throw new Refusal("EEXIST");
      if (await isAnswered(path)) throw new Refusal("EADDRINUSE");
      await unlink(path);
    },
    catch: codeOf,
  });

class Refusal extends Error {
  constructor(readonly code: string) {
    super(code);
  }
}

/** Whether somebody listens, whatever he says; who doesn't answer in time is there all the same. */
const isAnswered = async (path: string): Promise<boolean> => {
  try {
    await fetch("http://localhost/healthz", { unix: path, signal: AbortSignal.timeout(answerMs) });
    return true;
  } catch (error) {
    return !/^(ECONNREFUSED|ENOENT|ConnectionRefused|FailedToOpenSocket)$/.test(codeOf(error));
  }
};

/** The system's own code of an error, or else its text. */
export const codeOf = (error: unknown): string =>
  Predicate.hasProperty(error, "code") ? String(error.code) : String(error);
