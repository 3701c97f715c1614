/**
 * The one way in which a configuration is refused: every problem at once.
 * Ends the start of a process, and leaves a running one as it is at a reload; owns the text that both print.
 * Never carries half a configuration.
 */
import { Data } from "effect";
import { maskKeys } from "../../model/key-text.ts";
import type { Problem } from "./problem.ts";

/** A configuration that can't be used; `file` is its path as given, or `command line` for flags. */
export class ConfigurationError extends Data.TaggedError("ConfigurationError")<{
  readonly file: string;
  readonly problems: ReadonlyArray<Problem>;
  /** There where the words of a command line are wrong themselves, and not only the files that they name. */
  readonly isUsage?: boolean;
}> {
  override get message(): string {
    return formatProblems(this);
  }
}

/**
 * One line for each problem: its place, what is wrong, and what would be right in brackets. No key is repeated: a text in
 * the wrong place may be one, and what an engine or a parser says of a text quotes it.
 */
export const formatProblems = (error: { readonly problems: ReadonlyArray<Problem> }): string =>
  error.problems
    .map(({ path, problem, expected }) =>
      maskKeys(`${path}: ${problem} (expected ${expected})`).replaceAll(/[\r\n]+/g, " "),
    )
    .join("\n");
