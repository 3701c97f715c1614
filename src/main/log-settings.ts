// How the log of the process is to look: the flags `--log-format` and `--log-level`, and the variables of the environment
// that stand in for them. Part of the command line, asked before anything is served; the lines are observe/log.ts's.

import { Cause, Effect, Logger, Option } from "effect";
import { type Command, Flag } from "effect/cli";
import { configureLog, type LogLevel, log, logFormats, logLevels } from "../observe/log.ts";
import { type CommandFailure, makeUsageFailure } from "./command-failure.ts";

/** The flags of the commands that serve. */
export const logFlags = {
  logFormat: Flag.Literals("log-format", logFormats).pipe(
    Flag.withMetavar(`<${logFormats.join("|")}>`),
    Flag.withDescription("Log lines: for people or JSON (default auto: for people on a terminal); or ELBOW_LOG_FORMAT"),
    Flag.optional,
  ),
  logLevel: Flag.Literals("log-level", logLevels).pipe(
    Flag.withMetavar(`<${logLevels.join("|")}>`),
    Flag.withDescription("The least level that is logged (default info); or ELBOW_LOG_LEVEL"),
    Flag.optional,
  ),
};

/** Takes the flags, else the environment, into use; fails where a variable has a value that there isn't. */
export const applyLogSettings = Effect.fnUntraced(function* (
  flags: Command.Command.Config.Infer<typeof logFlags>,
): Effect.fn.Return<void, CommandFailure> {
  configureLog(
    Option.getOrUndefined(flags.logFormat) ?? (yield* readVariable("ELBOW_LOG_FORMAT", logFormats)) ?? "auto",
    Option.getOrUndefined(flags.logLevel) ?? (yield* readVariable("ELBOW_LOG_LEVEL", logLevels)) ?? "info",
  );
});

const readVariable = <Choice extends string>(
  name: string,
  choices: ReadonlyArray<Choice>,
): Effect.Effect<Choice | undefined, CommandFailure> => {
  const value = process.env[name] ?? "";
  const choice = choices.find((one) => one === value);
  if (choice !== undefined || value === "") return Effect.succeed(choice);
  return Effect.fail(
    makeUsageFailure(`${name}: there is no ${JSON.stringify(value)} (expected one of ${choices.join(", ")})`),
  );
};

/** What Effect itself has to say, such as a defect of a fiber that nobody waits for, goes into the same log. */
export const layerLogger = Logger.layer([
  Logger.make(({ logLevel, message, cause }) => {
    const text = (Array.isArray(message) ? message : [message]).map(String).join(" ");
    log(
      levels[logLevel] ?? "info",
      cause.reasons.length === 0 ? text : `${text}: ${Cause.pretty(cause)}`.replace(/^: /, ""),
    );
  }),
]);

const levels: Readonly<Record<string, LogLevel>> = {
  Trace: "debug",
  Debug: "debug",
  Info: "info",
  Warn: "warn",
  Error: "error",
  Fatal: "error",
};
