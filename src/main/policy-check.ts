// The work of `elbow policy check`: imports a module as a configuration that names it would, and says what it is, or what is
// wrong with it and where. All of that is the command's data and goes to standard output. It calls no hook.

import { relative, resolve } from "node:path";
import { Effect, Result } from "effect";
import { importPolicy } from "../control/configuration/policy-modules.ts";
import { printableLine } from "../observe/log.ts";
import { CommandFailure } from "./command-failure.ts";
import { describeContract, spellDescription } from "./policy-description.ts";

/** Checks a module; fails with exit code 1 after printing its problems. */
export const checkPolicy = Effect.fnUntraced(function* (
  path: string,
  isJson: boolean,
): Effect.fn.Return<void, CommandFailure> {
  const file = relative(".", resolve(path));
  const imported = yield* importPolicy(file, new Map());
  if (Result.isFailure(imported)) {
    const problems = imported.failure.map(({ problem, expected }) => `${problem} (expected ${expected})`);
    process.stdout.write(
      isJson ? `${JSON.stringify({ file, problems }, null, 2)}\n` : `${problems.map(printableLine).join("\n")}\n`,
    );
    const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
    return yield* new CommandFailure({ text: `elbow: ${file} has ${count}`, exitCode: 1 });
  }
  const description = describeContract(imported.success.contract);
  process.stdout.write(
    isJson
      ? `${JSON.stringify({ file, ...description }, null, 2)}\n`
      : `${[`${file} is sound`, ...spellDescription(description)].join("\n")}\n`,
  );
});
