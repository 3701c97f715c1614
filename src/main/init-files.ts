// The work of `elbow init`: a commented configuration and the types that editors want, in the working directory. All or
// nothing: where one of the files is there, neither is written. It never overwrites.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { Effect } from "effect";
import { CommandFailure } from "./command-failure.ts";
import { editorTypes } from "./editor-types.ts";
import configuration from "./init-configuration.txt" with { type: "text" };
import { spellSystemError } from "./system-error.ts";

/** Prints the configuration. */
export const printInitial = Effect.sync(() => {
  process.stdout.write(configuration);
});

/** Writes the files and names them; fails with exit code 1 where one is there, or can't be written. */
export const writeInitial = Effect.fnUntraced(function* (isJson: boolean): Effect.fn.Return<void, CommandFailure> {
  const files = [
    ["elbow.config.ts", configuration],
    ["elbow.d.ts", editorTypes()],
  ] as const;
  const taken = files.map(([name]) => name).filter((name) => existsSync(name));
  if (taken.length > 0) {
    const are = taken.length === 1 ? "is" : "are";
    return yield* refuse(`${taken.join(" and ")} ${are} there already; nothing was written`);
  }
  const written: Array<string> = [];
  for (const [name, text] of files) {
    try {
      // `wx`: what somebody else has made since isn't overwritten either.
      writeFileSync(name, text, { flag: "wx" });
      written.push(name);
    } catch (error) {
      for (const other of written) rmSync(other, { force: true });
      return yield* refuse(`${name} can't be written: ${spellSystemError(error as NodeJS.ErrnoException)}`);
    }
  }
  const next = ["elbow check", "elbow run"];
  process.stdout.write(
    isJson
      ? `${JSON.stringify({ written, next }, null, 2)}\n`
      : `wrote ${written.join(" and ")}; next: ${next.join(", then ")}\n`,
  );
});

const refuse = (problem: string) => new CommandFailure({ text: `elbow: ${problem}`, exitCode: 1 });
