// How a command says that it could not do its work: the text a person reads and the exit code a script reads. Every
// expected failure of the command line ends as one of these; main/run-main.ts alone prints it. It never holds a stack.

import { Data } from "effect";

/** Exit code of a command line that can't be understood; what else fails is 1. */
export const usageExitCode = 2;

/** Exit code where the running elbow that was to be asked can't be reached: EX_UNAVAILABLE of sysexits.h. */
export const unreachableExitCode = 69;

/** An expected failure of a command, in words for the person who typed it. */
export class CommandFailure extends Data.TaggedError("CommandFailure")<{
  /** One or more lines, without the final newline; printed on standard error as they are. */
  readonly text: string;
  readonly exitCode: number;
  /** What is wrong, one line each, where that isn't the text itself. */
  readonly problems?: ReadonlyArray<string>;
}> {
  override get message(): string {
    return this.text;
  }
}

/** A failure of the command line itself: a flag that doesn't belong, a file that must be named. */
export const makeUsageFailure = (text: string): CommandFailure =>
  new CommandFailure({ text: `elbow: ${text}`, exitCode: usageExitCode });
