// `elbow policy`: its subcommands, their arguments and help. It owns the words of the command line alone; policy-show.ts,
// policy-check.ts, policy-new.ts and editor-types.ts do the work, and are loaded only when there is some.

import { Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { json } from "./management-flags.ts";
import { makeFileArgument, makeFileFlag } from "./path-parameters.ts";

const loadWork = Effect.promise(() => import("./policy-show.ts"));

const list = Command.make(
  "list",
  { json },
  Effect.fnUntraced(function* (input) {
    const { listPolicies } = yield* loadWork;
    yield* listPolicies(input.json);
  }),
).pipe(
  Command.withDescription(
    "Print the names of all predefined security policies, one a line, and their aliases. With --json, the built-in policy " +
      "types too, with their hooks and attributes.",
  ),
  Command.withShortDescription("Print the names of the security policies"),
  Command.withExamples([
    { command: "elbow policy list" },
    { command: "elbow policy list --json | jq -r '.securityPolicies[].name'" },
  ]),
);

const show = Command.make(
  "show",
  {
    name: Argument.String("name").pipe(
      Argument.withDescription(
        "A security policy, such as ELBSecurityPolicy-TLS13-1-2-Res-2021-06, or a policy type, such as ProxyProtocolPolicyType",
      ),
    ),
    config: makeFileFlag("config").pipe(
      Flag.withAlias("c"),
      Flag.withDescription("Look among the load balancers' own policies in this configuration, too"),
      Flag.optional,
    ),
    json,
  },
  Effect.fnUntraced(function* (input) {
    const { showPolicy } = yield* loadWork;
    yield* showPolicy(input.name, { path: Option.getOrUndefined(input.config), isJson: input.json });
  }),
).pipe(
  Command.withDescription(
    "Print the protocols and cipher suites that a security policy offers here, in order, and what it can't and why; or the " +
      "hooks and attributes of a policy type.",
  ),
  Command.withShortDescription("Print what a policy offers"),
  Command.withExamples([
    { command: "elbow policy show ELBSecurityPolicy-2016-08" },
    { command: "elbow policy show mine --config elbow.config.ts", description: "A policy of your own" },
  ]),
);

const check = Command.make(
  "check",
  {
    file: makeFileArgument("file").pipe(Argument.withDescription("A policy module, such as policies/geo.ts")),
    json,
  },
  Effect.fnUntraced(function* (input) {
    const { checkPolicy } = yield* Effect.promise(() => import("./policy-check.ts"));
    yield* checkPolicy(input.file, input.json);
  }),
).pipe(
  Command.withDescription(
    "Import a policy module and print its type, hooks and attributes, or what is wrong with it, with file, line and column. " +
      "Exit code 0 when it is sound, 1 when it is not.",
  ),
  Command.withShortDescription("Look at a policy module of your own"),
  Command.withExamples([{ command: "elbow policy check policies/geo.ts" }]),
);

const makeNew = Command.make(
  "new",
  {
    name: Argument.String("name").pipe(Argument.withDescription("Letters, digits and hyphens, such as geo-block")),
    stdout: Flag.Boolean("stdout").pipe(
      Flag.withDescription("Print the policy and write nothing"),
      Flag.withDefault(false),
    ),
    json,
  },
  Effect.fnUntraced(function* (input) {
    const { writePolicy } = yield* Effect.promise(() => import("./policy-new.ts"));
    yield* writePolicy(input.name, { isPrinted: input.stdout, isJson: input.json });
  }),
).pipe(
  Command.withDescription(
    "Write a commented policy to start from, policies/NAME.ts. A file that is there stays as it is.",
  ),
  Command.withShortDescription("Write a policy to start from"),
  Command.withExamples([
    { command: "elbow policy new geo-block" },
    { command: "elbow policy new geo-block --stdout > /etc/elbow/geo-block.ts", description: "Elsewhere" },
  ]),
);

const types = Command.make(
  "types",
  {},
  Effect.fnUntraced(function* () {
    const { editorTypes } = yield* Effect.promise(() => import("./editor-types.ts"));
    process.stdout.write(editorTypes());
  }),
).pipe(
  Command.withDescription(
    'Print elbow.d.ts: the types of the module "elbow", for editors and tsc. They need nothing else to be installed.',
  ),
  Command.withShortDescription("Print the types of policies and configurations"),
  Command.withExamples([{ command: "elbow policy types > elbow.d.ts", description: "Beside elbow.config.ts" }]),
);

/** The command with its subcommands. */
export const policy = Command.make("policy").pipe(
  Command.withDescription("Look at policies, predefined ones and your own, and begin new ones."),
  Command.withShortDescription("Look at policies, and begin new ones"),
  Command.withSubcommands([list, show, check, makeNew, types]),
  Command.withExamples([
    { command: "elbow policy show ELBSecurityPolicy-TLS13-1-2-Res-2021-06" },
    {
      command: "elbow policy new geo-block && elbow policy check policies/geo-block.ts",
      description: "One of your own",
    },
  ]),
);
