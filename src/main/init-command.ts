// `elbow init`: its flags and help. It owns the words of the command line alone; main/init-files.ts does the work, and is
// loaded only when there is some.

import { Effect } from "effect";
import { Command, Flag } from "effect/cli";
import { json } from "./management-flags.ts";

/** The command. */
export const init = Command.make(
  "init",
  {
    stdout: Flag.Boolean("stdout").pipe(
      Flag.withDescription("Print the configuration and write nothing"),
      Flag.withDefault(false),
    ),
    json,
  },
  Effect.fnUntraced(function* (input) {
    const { printInitial, writeInitial } = yield* Effect.promise(() => import("./init-files.ts"));
    yield* (input.stdout ? printInitial : writeInitial)(input.json);
  }),
).pipe(
  Command.withDescription(
    "Write a configuration to start from, elbow.config.ts, and beside it elbow.d.ts and, where there is none, tsconfig.json, " +
      "by which editors know its types. A file that is there is never overwritten.",
  ),
  Command.withShortDescription("Write a configuration to start from"),
  Command.withExamples([
    { command: "elbow init && elbow check && elbow run" },
    { command: "elbow init --stdout > /etc/elbow/elbow.config.ts", description: "Elsewhere, without the types" },
  ]),
);
