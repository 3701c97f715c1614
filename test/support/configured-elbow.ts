// elbow inside the test process, from a configuration file in a folder of the test's own, as `run --config` would have it:
// with policy modules beside it that the test writes and rewrites.
import { Effect, Result } from "effect";
import type { ConfigurationError } from "../../src/control/configuration/configuration-error.ts";
import { loadConfiguration } from "../../src/control/configuration/load.ts";
import type { ReadFiles } from "../../src/control/configuration/read-files.ts";
import type { Configuration } from "../../src/model/configuration.ts";
import { toCookieSecret } from "../../src/model/cookie-secret.ts";
import { type RunningElbow, startElbow } from "./elbow.ts";

/** Loads a file; listeners may have port 0. */
export const loadFile = (
  file: string,
  files: ReadFiles = new Map(),
): Promise<Result.Result<Configuration, ConfigurationError>> =>
  Effect.runPromise(Effect.result(loadConfiguration(file, { allowEphemeralPorts: true, files })));

/** The configuration in a file; throws the words of `elbow check` where it is refused. */
export const readConfiguration = async (file: string): Promise<Configuration> => {
  const configuration = Result.getOrThrow(await loadFile(file));
  return { cookieSecrets: [toCookieSecret("0123456789abcdef0123456789abcdef")], ...configuration };
};

/** The lines with which a file is refused; none for a sound one. */
export const findProblems = async (file: string): Promise<ReadonlyArray<string>> => {
  const loaded = await loadFile(file);
  return Result.isSuccess(loaded) ? [] : loaded.failure.message.split("\n");
};

/** A configuration with one load balancer `web` on one listener; members go over the defaults. */
export const writeWeb = (
  loadBalancer: Readonly<Record<string, unknown>>,
  listener: Readonly<Record<string, unknown>> = {},
): object => ({
  loadBalancers: {
    web: {
      address: "127.0.0.1",
      listeners: [{ protocol: "HTTP", port: 0, instancePort: 80, ...listener }],
      instances: [],
      attributes: { minIdleConnections: 0 },
      ...loadBalancer,
    },
  },
});

/** Starts elbow with what a file says. */
export const startConfigured = async (file: string): Promise<RunningElbow> => startElbow(await readConfiguration(file));

/** Reads a file again and applies it. */
export const reapply = async (elbow: RunningElbow, file: string): Promise<void> =>
  elbow.apply(await readConfiguration(file));
