// The command line: `run`, `check`, `serve`, and the flags of each. It turns words into a configuration source and hands
// it to main/serve.ts; it owns the texts of --help. It never loads or validates a configuration itself.

import { existsSync } from "node:fs";
import { Effect, Layer, Option } from "effect";
import { Command, Flag } from "effect/cli";
import { cert } from "./cert-command.ts";
import { makeUsageFailure } from "./command-failure.ts";
import type { ConfigurationSource } from "./configuration-source.ts";
import { defaultDemoPorts } from "./demo-ports.ts";
import { drain, undrain } from "./drain-command.ts";
import { init } from "./init-command.ts";
import { applyLogSettings, layerLogger, logFlags } from "./log-settings.ts";
import { json } from "./management-flags.ts";
import { makeFileFlag } from "./path-parameters.ts";
import { policy } from "./policy-command.ts";
import { reload } from "./reload-command.ts";
import { status } from "./status-command.ts";
import { layerCommandLine } from "./terminal.ts";
import { version } from "./version.ts";

/** The file that `run` and `check` read when none is named. */
export const defaultConfigurationPath = "./elbow.config.ts";

const port = (name: string, description: string) =>
  Flag.Int(name).pipe(
    Flag.withMetavar("<port>"),
    Flag.withDescription(description),
    Flag.filter(
      (value) => value >= 0 && value <= 65_535,
      () => "a port from 1 to 65535, or 0 for any free one",
    ),
    Flag.optional,
  );

const config = makeFileFlag("config").pipe(
  Flag.withAlias("c"),
  Flag.withDescription(`Configuration: .ts, .js, .json or .yaml (default ${defaultConfigurationPath} where it exists)`),
  Flag.optional,
);

const managementPort = port("management-port", "Port of /healthz, /metrics and the API on 127.0.0.1 (default 9090)");

const runFlags = {
  config,
  httpPort: port("http-port", "Demo mode: port of the HTTP listener (default 8080)"),
  tcpPort: port("tcp-port", "Demo mode: port of the TCP listener (default 8081)"),
  httpsPort: port("https-port", "Demo mode: port of the HTTPS listener (default 8443)"),
  sslPort: port("ssl-port", "Demo mode: port of the SSL listener (default 8444)"),
  managementPort,
  ...logFlags,
};

type RunInput = Command.Command.Config.Infer<typeof runFlags>;

const findDefaultConfiguration = (): string | undefined =>
  existsSync(defaultConfigurationPath) ? defaultConfigurationPath : undefined;

// What serving needs is loaded only when something is served: `check`, --help and --version stay quick.
const serveSource = (
  flags: Parameters<typeof applyLogSettings>[0],
  makeSource: (sources: typeof import("./configuration-source.ts")) => ConfigurationSource,
) =>
  Effect.gen(function* () {
    yield* applyLogSettings(flags);
    const { serve, layerServing } = yield* Effect.promise(() => import("./serving.ts"));
    const sources = yield* Effect.promise(() => import("./configuration-source.ts"));
    yield* serve(makeSource(sources)).pipe(Effect.provide(layerServing));
  });

const runConfiguration = Effect.fnUntraced(function* (input: RunInput) {
  const path = Option.getOrUndefined(input.config) ?? findDefaultConfiguration();
  if (path === undefined) {
    return yield* serveSource(input, ({ makeDemoSource }) =>
      makeDemoSource({
        http: Option.getOrElse(input.httpPort, () => defaultDemoPorts.http),
        tcp: Option.getOrElse(input.tcpPort, () => defaultDemoPorts.tcp),
        https: Option.getOrElse(input.httpsPort, () => defaultDemoPorts.https),
        ssl: Option.getOrElse(input.sslPort, () => defaultDemoPorts.ssl),
        management: Option.getOrElse(input.managementPort, () => defaultDemoPorts.management),
      }),
    );
  }
  const strays = [
    [input.httpPort, "--http-port"],
    [input.tcpPort, "--tcp-port"],
    [input.httpsPort, "--https-port"],
    [input.sslPort, "--ssl-port"],
    [input.managementPort, "--management-port"],
  ] as const;
  for (const [value, name] of strays) {
    if (Option.isSome(value)) {
      return yield* makeUsageFailure(`${name} is for demo mode; with a configuration, set the port in ${path}`);
    }
  }
  return yield* serveSource(input, ({ makeFileSource }) => makeFileSource(path));
});

const run = Command.make("run", runFlags, runConfiguration).pipe(
  Command.withDescription(
    "Run the load balancers of a configuration file; without one, demo mode. A saved change, elbow reload and SIGHUP read " +
      "the file again.",
  ),
  Command.withShortDescription("Run a configuration file, or demo mode without one"),
  Command.withExamples([
    { command: "elbow run", description: `${defaultConfigurationPath} where it exists, else demo mode` },
    { command: "elbow run --config production.yaml", description: "Another file" },
    { command: "elbow run --http-port 8090", description: "Demo mode, when port 8080 is taken" },
  ]),
);

const check = Command.make(
  "check",
  { config, json },
  Effect.fnUntraced(function* (input) {
    const path = Option.getOrUndefined(input.config) ?? findDefaultConfiguration();
    if (path === undefined) {
      return yield* makeUsageFailure(`there is no ${defaultConfigurationPath} here; name a file with --config <file>`);
    }
    const { checkFile } = yield* Effect.promise(() => import("./check-file.ts"));
    return yield* checkFile(path, input.json);
  }),
).pipe(
  Command.withDescription(
    "Validate a configuration file and print every problem at once. Exit code 0 when it is sound, 1 when it is not.",
  ),
  Command.withShortDescription("Validate a configuration file"),
  Command.withExamples([
    { command: "elbow check", description: defaultConfigurationPath },
    { command: "elbow check --config production.yaml" },
    { command: "elbow check --json | jq -r '.problems[].path'" },
  ]),
);

const serve = Command.make(
  "serve",
  {
    from: Flag.String("from").pipe(
      Flag.withMetavar("<url>"),
      Flag.withDescription("Where to listen: http, https, tcp or ssl, as in http://address:port; may be repeated"),
      Flag.atLeast(1),
    ),
    to: Flag.String("to").pipe(
      Flag.withMetavar("<address:port>"),
      Flag.withDescription("An instance to send to; may be repeated"),
      Flag.atLeast(1),
    ),
    cert: makeFileFlag("cert").pipe(
      Flag.withDescription("The certificate of https and ssl listeners, PEM, its intermediates behind it"),
      Flag.optional,
    ),
    key: makeFileFlag("key").pipe(Flag.withDescription("The private key of --cert, PEM"), Flag.optional),
    managementPort,
    ...logFlags,
  },
  (input) =>
    serveSource(input, ({ makeFlagSource }) =>
      makeFlagSource({
        from: input.from,
        to: input.to,
        cert: Option.getOrUndefined(input.cert),
        key: Option.getOrUndefined(input.key),
        managementPort: Option.getOrUndefined(input.managementPort),
      }),
    ),
).pipe(
  Command.withDescription("Balance from listeners to instances without a configuration file."),
  Command.withShortDescription("Balance without a file, from --from to --to"),
  Command.withExamples([
    { command: "elbow serve --from http://127.0.0.1:8080 --to 127.0.0.1:3001 --to 127.0.0.1:3002" },
    { command: "elbow serve --from https://:8443 --cert certs/site.pem --key certs/site.key --to 127.0.0.1:3001" },
    { command: "elbow serve --from tcp://127.0.0.1:5432 --to 127.0.0.1:5433" },
  ]),
);

/** The whole command; without a subcommand it does what `run` does. */
export const elbow = Command.make("elbow", runFlags, runConfiguration).pipe(
  Command.withDescription("The Classic Load Balancer that you run yourself. Without a subcommand: run."),
  Command.withSubcommands([run, check, serve, init, status, reload, drain, undrain, policy, cert]),
  Command.withExamples([
    { command: "elbow", description: "Demo mode, or ./elbow.config.ts where it exists" },
    { command: "elbow init && elbow check && elbow run", description: "A first configuration" },
    { command: "elbow status", description: "What it does, on another terminal" },
    { command: "elbow help drain", description: "Help of a command, as elbow drain --help" },
  ]),
);

/** Runs the command line on these arguments (without the program's own name). */
export const runCommandLine = (args: ReadonlyArray<string>) =>
  Command.run(elbow, { version }).pipe(Effect.provide(Layer.merge(layerCommandLine(spellHelp(args)), layerLogger)));

/** `elbow help drain` is `elbow drain --help`; a name that there isn't goes on alone, to be answered with the nearest. */
const spellHelp = (args: ReadonlyArray<string>): ReadonlyArray<string> => {
  if (args[0] !== "help") return args;
  const path: Array<string> = [];
  let group: Pick<typeof elbow, "subcommands"> = elbow;
  for (const word of args.slice(1)) {
    const all = group.subcommands.flatMap(({ commands }) => commands);
    // What stands behind a command is an argument of it, of which there is no help, and which must not be run.
    if (all.length === 0 || word.startsWith("-")) break;
    path.push(word);
    const found = all.find(({ name }) => name === word);
    if (found === undefined) return path;
    group = found;
  }
  return [...path, "--help"];
};
