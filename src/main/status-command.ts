// `elbow status`: its flags and help. It owns the words of the command line alone; main/status-view.ts does the work, and
// is loaded only when there is some.

import { Effect } from "effect";
import { Command, Flag } from "effect/cli";
import { json, managementFlags } from "./management-flags.ts";

/** The command. */
export const status = Command.make(
  "status",
  {
    ...managementFlags,
    once: Flag.Boolean("once").pipe(
      Flag.withDescription("Print one table and end, on a terminal too"),
      Flag.withDefault(false),
    ),
    json,
  },
  Effect.fnUntraced(function* (input) {
    const { findManagement } = yield* Effect.promise(() => import("./management-place.ts"));
    const { printStatus, showStatus, watchStatus } = yield* Effect.promise(() => import("./status-view.ts"));
    const place = yield* findManagement(input);
    if (input.json) return yield* printStatus(place);
    return yield* input.once || process.stdout.isTTY !== true ? showStatus(place) : watchStatus(place);
  }),
).pipe(
  Command.withDescription(
    "Show what a running elbow does: listeners with their rates and latency, instances and why they are down, the last " +
      "reload. On a terminal the table is renewed every second until Ctrl-C; elsewhere it is printed once.",
  ),
  Command.withShortDescription("Show what a running elbow does"),
  Command.withExamples([
    { command: "elbow status", description: "By ./elbow.config.ts where it exists, else on port 9090" },
    { command: "elbow status --management unix:/run/elbow/management.sock --once" },
    { command: "elbow status --json | jq '.loadBalancers[].instances[] | select(.phase != \"inService\")'" },
  ]),
);
