// The edge between Effect and the process: runs the command line, prints what went wrong, and sets the exit code. It is
// the only place that ends the process in the normal way; it never knows what the commands do. Signals of a serving
// process are main/signals.ts; commands that only compute keep the system's own handling of signals.

import { Cause, type Effect, Exit, Runtime } from "effect";
import type { CliError } from "effect/cli";
import { printable } from "../observe/log.ts";
import { CommandFailure, usageExitCode } from "./command-failure.ts";

/** How long the last words may take to be read before the process ends anyway. */
const flushMs = 1_000;

/** The exit code of an exit, and what is left to say about it on standard error. */
export const judgeExit = (
  exit: Exit.Exit<void, CliError.CliError | CommandFailure>,
): { readonly exitCode: number; readonly text: string | undefined } => {
  if (Exit.isSuccess(exit)) return { exitCode: 0, text: undefined };
  const failure = exit.cause.reasons.find(Cause.isFailReason)?.error;
  if (failure instanceof CommandFailure) return { exitCode: failure.exitCode, text: failure.text };
  // The presenter of effect/cli has already said what is wrong; asking for help by giving no command is no error.
  if (failure?._tag === "ShowHelp") {
    return { exitCode: failure.errors.length === 0 ? 0 : usageExitCode, text: undefined };
  }
  if (failure !== undefined) return { exitCode: usageExitCode, text: `elbow: ${failure.message}` };
  return { exitCode: 1, text: `elbow: an error in elbow itself:\n${Cause.pretty(exit.cause)}` };
};

/** Runs the program to its end, prints its failure, and ends the process with its exit code. */
export const runMain = (program: Effect.Effect<void, CliError.CliError | CommandFailure>): void => {
  // A reader of the output that went away (`elbow | head`, a log collector that restarts) must not end a load balancer.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const run = Runtime.makeRunMain(({ fiber }) => {
    fiber.addObserver((exit) => {
      const { exitCode, text } = judgeExit(exit as Exit.Exit<void, CliError.CliError | CommandFailure>);
      if (text !== undefined) process.stderr.write(`${printable(text)}\n`);
      const end = () => process.exit(exitCode);
      // A pipe takes what was written only as fast as it is read, and process.exit would cut the rest off.
      process.stdout.write("", () => process.stderr.write("", end));
      setTimeout(end, flushMs);
    });
  });
  run(program, { disableErrorReporting: true });
};
