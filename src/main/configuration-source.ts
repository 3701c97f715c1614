// Where a configuration comes from: a file, the flags of `serve`, or demo mode. Each source loads the same decoded shape
// and knows in which words its user moves a setting. It sits between the command line and main/serve.ts; it never
// applies anything.

import { Effect, type Scope } from "effect";
import { type ConfigurationError, formatProblems } from "../control/configuration/configuration-error.ts";
import type { ReadFiles } from "../control/configuration/read-files.ts";
import type { Configuration } from "../model/configuration.ts";
import { CommandFailure, usageExitCode } from "./command-failure.ts";
import { type DemoPorts, demoFlags } from "./demo-ports.ts";

/** One place that a configuration comes from. */
export interface ConfigurationSource {
  /** What the start-up table says about it. */
  readonly title: string;
  /** Loads and validates everything; what the load starts (demo instances) lives as long as the scope. */
  readonly load: Effect.Effect<Configuration, CommandFailure, Scope.Scope>;
  /** Whether loading again can give something new. */
  readonly isReloadable: boolean;
  /** What the last load has read, whether it was good or not; left out where no file is read. */
  readonly files?: () => ReadFiles;
  /** Whether the start-up table ends with a command to try. */
  readonly hasTrial: boolean;
  /** Once loaded: the file of the authority behind the certificates, where elbow made them itself and keeps it. */
  readonly findAuthorityFile?: () => string | undefined;
  /** The words for the place where a setting, named by its path in the configuration, is changed. */
  readonly nameSetting: (setting: string) => string;
}

// Loaders are imported only when their source is used: demo mode needs no YAML parser, a file no demo.
const loadFile = Effect.promise(() => import("../control/configuration/load.ts"));
const loadFlags = Effect.promise(() => import("../control/configuration/flags.ts"));
const loadDemo = Effect.promise(() => import("./demo.ts"));

const refuse = (what: string) => (error: ConfigurationError) =>
  new CommandFailure({
    text: `elbow: ${what} can't be used:\n${error.message}`,
    exitCode: error.isUsage === true ? usageExitCode : 1,
    problems: error.problems.map((problem) => formatProblems({ problems: [problem] })),
  });

/** A configuration file, read anew at every load. */
export const makeFileSource = (path: string): ConfigurationSource => {
  let files: ReadFiles = new Map();
  return {
    title: `configuration ${path}`,
    load: Effect.flatMap(loadFile, ({ loadConfiguration }) => {
      files = new Map();
      return loadConfiguration(path, { files });
    }).pipe(Effect.mapError(refuse(path))),
    isReloadable: true,
    files: () => files,
    hasTrial: false,
    nameSetting: (setting) => `${setting} in ${path}`,
  };
};

/** The flags of `serve`. */
export const makeFlagSource = (flags: {
  readonly from: ReadonlyArray<string>;
  readonly to: ReadonlyArray<string>;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly managementPort: number | undefined;
}): ConfigurationSource => ({
  title: "configuration from the command line",
  load: Effect.flatMap(loadFlags, ({ fromFlags }) => fromFlags(flags)).pipe(
    Effect.mapError(refuse("the command line")),
  ),
  isReloadable: false,
  hasTrial: true,
  nameSetting: (setting) => (setting === "management.port" ? "--management-port" : "--from"),
});

// `npm start` passes flags on only after a `--`; the binary takes them as they are.
const demoCommand = Bun.isStandaloneExecutable ? "elbow" : "npm start --";

/** Suggested where a port can't be had. */
const exampleDemoPort = 18_080;

/** Demo mode on these ports. */
export const makeDemoSource = (ports: DemoPorts): ConfigurationSource => {
  let authorityFile: string | undefined;
  return {
    title: "demo mode, no configuration: two instances of its own behind one load balancer",
    load: Effect.flatMap(loadDemo, ({ acquireDemo }) => acquireDemo(ports)).pipe(
      Effect.map(({ configuration, certificate }) => {
        authorityFile = certificate.authorityFile;
        return configuration;
      }),
    ),
    isReloadable: false,
    hasTrial: true,
    findAuthorityFile: () => authorityFile,
    nameSetting: (setting) => {
      const flag = demoFlags[setting] ?? setting;
      const other = Object.values(ports).includes(exampleDemoPort) ? exampleDemoPort + 100 : exampleDemoPort;
      return `${flag}, as in: ${demoCommand} ${flag} ${other}`;
    },
  };
};
