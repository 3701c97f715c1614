// What nobody caught: an error that a timer threw, or a promise that was rejected, while a process serves.
//
// One that comes out of a user's module is told and counted, and the process goes on; one of elbow's own ends it, as it would
// without this: what is broken in elbow must not serve on. Owns the process's two handlers while its scope lives.
import { resolve } from "node:path";
import { Effect, type Scope } from "effect";
import { hasUserModules, isUserModule } from "../control/configuration/module-file.ts";
import { log } from "../observe/log.ts";
import { tellNotice } from "../observe/notices.ts";
import { framesOf, isEngines, spellThrown, stackOf } from "../observe/thrown.ts";

const ownFolder = import.meta.dir.startsWith("/$bunfs/") ? "/$bunfs/" : `${resolve(import.meta.dir, "../..")}/`;

/** How long the same isn't told again, in milliseconds. */
const quietMs = 60_000;
/** How many different troubles are told within that time at most. */
const toldMax = 32;

/** The compiled program calls its own files by relative paths; those of users, which are imported by path, are absolute. */
const isUserFile = (file: string): boolean =>
  isUserModule(file) || (file.startsWith("/") && !file.startsWith(ownFolder));

/**
 * Whether an error came out of code that isn't elbow's. Where no frame is anybody's, as in what a socket of the engine's
 * says later, it did where there is such code at all.
 */
const isUsers = (error: unknown): boolean => {
  const files = framesOf(error)
    .map(({ file }) => file)
    .filter((file) => !isEngines(file));
  return files.length === 0 ? hasUserModules() : files.some(isUserFile);
};

/**
 * Handles what nobody caught until the scope ends; `note` blames it on a policy, and says whether there was one.
 */
export const handleUnhandled = (
  note: (error: unknown, isUsers: boolean) => boolean,
): Effect.Effect<void, never, Scope.Scope> => {
  const told = new Set<string>();
  let sinceMs = 0;
  const onError = (error: unknown): void => {
    const isNotOurs = isUsers(error);
    if (note(error, isNotOurs)) return;
    if (isNotOurs) {
      const place = framesOf(error).find(({ file }) => isUserFile(file))?.place;
      const text = `${spellThrown(error).slice(0, 300)}${place === undefined ? "" : ` (${place})`}`;
      // A timer that fails each time would fill the log; all are counted.
      const nowMs = performance.now();
      if (nowMs - sinceMs > quietMs) {
        told.clear();
        sinceMs = nowMs;
      }
      if (told.has(text) || told.size === toldMax) return;
      told.add(text);
      tellNotice(`a module of yours failed outside of any hook: ${text}`);
      return;
    }
    log("error", `an error in elbow itself:\n${stackOf(error) || spellThrown(error)}`);
    process.exit(1);
  };
  return Effect.acquireRelease(
    Effect.sync(() => {
      process.on("uncaughtException", onError);
      process.on("unhandledRejection", onError);
    }),
    () =>
      Effect.sync(() => {
        process.off("uncaughtException", onError);
        process.off("unhandledRejection", onError);
      }),
  );
};
