// Exit codes and last words: 0 for a good end, 1 for a refusal, 2 for a command line that can't be understood.
import { expect, test } from "bun:test";
import { Cause, Exit } from "effect";
import { CliError } from "effect/cli";
import { CommandFailure, makeUsageFailure } from "../../../src/main/command-failure.ts";
import { judgeExit } from "../../../src/main/run-main.ts";

test("a good end has nothing to say", () => {
  expect(judgeExit(Exit.void)).toEqual({ exitCode: 0, text: undefined });
});

test("a command's failure brings its own words and code", () => {
  const failure = new CommandFailure({ text: "elbow: one\ntwo", exitCode: 1 });
  expect(judgeExit(Exit.fail(failure))).toEqual({ exitCode: 1, text: "elbow: one\ntwo" });
  expect(judgeExit(Exit.fail(makeUsageFailure("no such thing")))).toEqual({
    exitCode: 2,
    text: "elbow: no such thing",
  });
});

test("mistakes that were shown with the help are not said again", () => {
  const mistake = new CliError.UnknownSubcommand({ subcommand: "foo", parent: ["elbow"], suggestions: [] });
  expect(judgeExit(Exit.fail(new CliError.ShowHelp({ commandPath: ["elbow"], errors: [mistake] })))).toEqual({
    exitCode: 2,
    text: undefined,
  });
  expect(judgeExit(Exit.fail(new CliError.ShowHelp({ commandPath: ["elbow"], errors: [] }))).exitCode).toBe(0);
});

test("a defect is an error in elbow itself, with its stack", () => {
  const { exitCode, text } = judgeExit(Exit.failCause(Cause.die(new Error("boom"))));
  expect(exitCode).toBe(1);
  expect(text).toContain("an error in elbow itself");
  expect(text).toContain("boom");
});
