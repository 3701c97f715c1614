// `elbow policy`: its subcommands, their arguments and help. It owns the words of the command line alone; policy-show.ts
// does the work, and is loaded only when there is some.

import { Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";

const loadWork = Effect.promise(() => import("./policy-show.ts"));

const list = Command.make(
  "list",
  {},
  Effect.fnUntraced(function* () {
    const { listPolicies } = yield* loadWork;
    yield* listPolicies;
  }),
).pipe(Command.withDescription("Print the names of all predefined security policies, one a line, and their aliases."));

const show = Command.make(
  "show",
  {
    name: Argument.String("name").pipe(
      Argument.withDescription("A policy, such as ELBSecurityPolicy-TLS13-1-2-Res-2021-06"),
    ),
    config: Flag.String("config").pipe(
      Flag.withAlias("c"),
      Flag.withMetavar("<file>"),
      Flag.withDescription("Look among the load balancers' own policies in this configuration, too"),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* ({ name, config }) {
    const { showPolicy } = yield* loadWork;
    yield* showPolicy(name, Option.getOrUndefined(config));
  }),
).pipe(
  Command.withDescription(
    "Print the protocols and cipher suites that a security policy offers here, in order, and what it can't and why.",
  ),
  Command.withShortDescription("Print what a security policy offers"),
  Command.withExamples([
    { command: "elbow policy show ELBSecurityPolicy-2016-08" },
    { command: "elbow policy show mine --config elbow.config.ts", description: "A policy of your own" },
  ]),
);

/** The command with its subcommands. */
export const policy = Command.make("policy").pipe(
  Command.withDescription("Look at the security policies of HTTPS and SSL listeners."),
  Command.withShortDescription("Look at security policies"),
  Command.withSubcommands([list, show]),
);
