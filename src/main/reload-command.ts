// `elbow reload`: asks a running elbow to read its configuration again, and says how that ended. It never reads the
// configuration for itself, except to find where elbow is.

import { Effect } from "effect";
import { Command } from "effect/cli";
import { CommandFailure } from "./command-failure.ts";
import { json, managementFlags } from "./management-flags.ts";

/** A reload may wait for the names of new instances, and for their first health checks. */
const patienceMs = 120_000;

/** The command. */
export const reload = Command.make(
  "reload",
  { ...managementFlags, json },
  Effect.fnUntraced(function* (input) {
    const { findManagement } = yield* Effect.promise(() => import("./management-place.ts"));
    const { askManagement, unreachable } = yield* Effect.promise(() => import("./management-client.ts"));
    const { readReloadAnswer } = yield* Effect.promise(() => import("./status-answer.ts"));
    const place = yield* findManagement(input);
    const answer = yield* askManagement(place, "POST", "/api/v1/reload", { patienceMs });
    if ("refusal" in answer) {
      const { status, detail, problems } = answer.refusal;
      if (input.json) process.stdout.write(`${JSON.stringify({ status, detail, problems }, null, 2)}\n`);
      const lines =
        problems.length === 0
          ? [`elbow: ${detail}`]
          : ["elbow: reload refused, everything stays as it was", ...(input.json ? [] : problems)];
      return yield* new CommandFailure({ text: lines.join("\n"), exitCode: 1 });
    }
    const report = readReloadAnswer(answer.body);
    if (report === undefined) return yield* unreachable(place, "its answer isn't one that this elbow understands");
    process.stdout.write(
      input.json ? `${JSON.stringify(answer.body, null, 2)}\n` : `reloaded in ${Math.round(report.durationMs)} ms\n`,
    );
  }),
).pipe(
  Command.withDescription(
    "Have a running elbow read its configuration and policy modules again. Exit code 0 when they are in use, 1 when they " +
      "were refused and everything stays as it was; the problems are printed.",
  ),
  Command.withShortDescription("Have a running elbow read its configuration again"),
  Command.withExamples([
    { command: "elbow reload", description: "The elbow that ./elbow.config.ts configures, else the one on port 9090" },
    { command: "elbow check --config new.ts && cp new.ts elbow.config.ts && elbow reload" },
  ]),
);
