// `elbow drain` and `elbow undrain`: their flags and help. They own the words of the command line alone;
// main/drain-request.ts does the work, and is loaded only when there is some.

import { Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { makeUsageFailure } from "./command-failure.ts";
import { json, managementFlags } from "./management-flags.ts";

const instance = Argument.String("instance").pipe(
  Argument.withDescription("An instance's id, as in the configuration and in `elbow status`"),
);

const loadBalancer = Flag.String("load-balancer").pipe(
  Flag.withMetavar("<name>"),
  Flag.withDescription("Only in this load balancer (default: in every one that has the instance)"),
  Flag.optional,
);

/** How long `--wait` waits at most, in seconds, unless told otherwise: the longest draining timeout that there is. */
const defaultTimeout = 3_600;

const load = Effect.all([
  Effect.promise(() => import("./management-place.ts")),
  Effect.promise(() => import("./drain-request.ts")),
]);

/** Sends nothing new to an instance. */
export const drain = Command.make(
  "drain",
  {
    instance,
    loadBalancer,
    wait: Flag.Boolean("wait").pipe(
      Flag.withDescription("Wait until nothing of it is in progress"),
      Flag.withDefault(false),
    ),
    timeout: Flag.Int("timeout").pipe(
      Flag.withMetavar("<seconds>"),
      Flag.withDescription(`How long --wait waits at most (default ${defaultTimeout})`),
      Flag.filter(
        (seconds) => seconds >= 1 && seconds <= 86_400,
        () => "a whole number of seconds from 1 to 86400",
      ),
      Flag.optional,
    ),
    ...managementFlags,
    json,
  },
  Effect.fnUntraced(function* (input) {
    if (Option.isSome(input.timeout) && !input.wait) {
      return yield* makeUsageFailure("--timeout says how long --wait waits, and there is no --wait");
    }
    const [{ findManagement }, { changeInstance }] = yield* load;
    return yield* changeInstance(yield* findManagement(input), "drain", {
      instance: input.instance,
      loadBalancer: Option.getOrUndefined(input.loadBalancer),
      isJson: input.json,
      waitMs: input.wait ? Option.getOrElse(input.timeout, () => defaultTimeout) * 1_000 : 0,
    });
  }),
).pipe(
  Command.withDescription(
    "Send nothing new to an instance of a running elbow; what is in progress goes on. It stays registered, and stays " +
      "drained over reloads, until `elbow undrain` or the end of the process.",
  ),
  Command.withShortDescription("Send nothing new to an instance"),
  Command.withExamples([
    { command: "elbow drain i-web1 --wait && ssh web1 systemctl restart web && elbow undrain i-web1" },
    { command: "elbow drain 10.0.0.5:3001 --load-balancer web" },
  ]),
);

/** Sends to an instance again. */
export const undrain = Command.make(
  "undrain",
  { instance, loadBalancer, ...managementFlags, json },
  Effect.fnUntraced(function* (input) {
    const [{ findManagement }, { changeInstance }] = yield* load;
    yield* changeInstance(yield* findManagement(input), "undrain", {
      instance: input.instance,
      loadBalancer: Option.getOrUndefined(input.loadBalancer),
      isJson: input.json,
      waitMs: 0,
    });
  }),
).pipe(
  Command.withDescription("Send to an instance again that `elbow drain` took out."),
  Command.withShortDescription("Send to a drained instance again"),
  Command.withExamples([{ command: "elbow undrain i-web1" }]),
);
