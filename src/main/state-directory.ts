/**
 * The directory for what elbow keeps from one start to the next, such as demo mode's certificate.
 * Asked by what has something to keep, when it has it; owns where the directory is and that it is private.
 * Never puts anything into it, and never asks for it when nothing is to be kept.
 */
import { accessSync, constants, mkdirSync, statSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { Data, Effect } from "effect";
import { findIntruder } from "../../certs/private-file.ts";
import { spellSystemError } from "./system-error.ts";

/** The state directory can't be had; the message says which, why, and how another one is named. */
export class StateDirectoryError extends Data.TaggedError("StateDirectoryError")<{
  /** Undefined when the environment names none. */
  readonly path: string | undefined;
  readonly problem: string;
}> {
  override get message(): string {
    const directory = this.path === undefined ? "no state directory" : `the state directory ${this.path}`;
    return `${directory}: ${this.problem}; name another with STATE_DIRECTORY`;
  }
}

/** The process's environment, of which `STATE_DIRECTORY`, `XDG_STATE_HOME` and `HOME` decide. */
export type StateEnvironment = Readonly<Record<string, string | undefined>>;

/**
 * Where state is kept: `$STATE_DIRECTORY`, the first where systemd gives several (systemd.exec(5), StateDirectory=), else
 * `$XDG_STATE_HOME/elbow`, else `~/.local/state/elbow` (XDG Base Directory Specification); undefined when none is named.
 */
export const findStateDirectory = (environment: StateEnvironment): string | undefined => {
  const own = environment.STATE_DIRECTORY?.split(":").find((path) => path !== "");
  if (own !== undefined) return own;
  // The XDG specification: a path that isn't absolute is to be ignored.
  const { XDG_STATE_HOME: stateHome = "", HOME: home = "" } = environment;
  if (isAbsolute(stateHome)) return join(stateHome, "elbow");
  return isAbsolute(home) ? join(home, ".local/state/elbow") : undefined;
};

/** Finds the state directory and makes it, with mode 0700, where it isn't there. Every parent that is missing is made too. */
export const ensureStateDirectory = (
  environment: StateEnvironment = process.env,
): Effect.Effect<string, StateDirectoryError> =>
  Effect.suspend(() => {
    const path = findStateDirectory(environment);
    const refuse = (problem: string) => Effect.fail(new StateDirectoryError({ path, problem }));
    if (path === undefined) return refuse("neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME says where");
    if (!isAbsolute(path)) return refuse("it must be an absolute path");
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
      // Keys lie in it: who may write there may replace them.
      const problem = findIntruder(statSync(path));
      if (problem !== undefined) return refuse(problem);
    } catch (error) {
      return refuse(spellSystemError(error as NodeJS.ErrnoException));
    }
    return Effect.succeed(path);
  });
