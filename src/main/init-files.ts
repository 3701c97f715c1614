// The work of `elbow init`: a commented configuration and what editors want to know its types by, in the working directory.
// All or nothing: where the configuration or its types are there, nothing is written. It never overwrites.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { Effect } from "effect";
import { CommandFailure } from "./command-failure.ts";
import { editorTypes } from "./editor-types.ts";
import configuration from "./init-configuration.txt" with { type: "text" };
import { spellSystemError } from "./system-error.ts";

/** What has editors find elbow.d.ts beside a file that they open alone; docs/policies.md shows the same. */
const compilerSettings = {
  compilerOptions: {
    strict: true,
    noEmit: true,
    target: "ESNext",
    module: "Preserve",
    allowImportingTsExtensions: true,
  },
};

/** Prints the configuration. */
export const printInitial = (isJson: boolean) =>
  Effect.sync(() => {
    const answer = { written: [], text: configuration };
    process.stdout.write(isJson ? `${JSON.stringify(answer, null, 2)}\n` : configuration);
  });

/**
 * Writes the files and names them; fails with exit code 1 where one is there, or can't be written. A tsconfig.json that is
 * there says what its project wants, and stays.
 */
export const writeInitial = Effect.fnUntraced(function* (isJson: boolean): Effect.fn.Return<void, CommandFailure> {
  const files: Array<readonly [name: string, text: string]> = [
    ["elbow.config.ts", configuration],
    ["elbow.d.ts", editorTypes()],
  ];
  const taken = files.map(([name]) => name).filter((name) => existsSync(name));
  if (taken.length > 0) {
    const are = taken.length === 1 ? "is" : "are";
    return yield* refuse(`${taken.join(" and ")} ${are} there already; nothing was written`);
  }
  if (!existsSync("tsconfig.json")) files.push(["tsconfig.json", `${JSON.stringify(compilerSettings, null, 2)}\n`]);
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
      : `wrote ${written.join(", ").replace(/, (?=[^,]*$)/, " and ")}; next: ${next.join(", then ")}\n`,
  );
});

const refuse = (problem: string) => new CommandFailure({ text: `elbow: ${problem}`, exitCode: 1 });
