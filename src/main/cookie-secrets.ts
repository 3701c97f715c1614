// The secrets of stickiness cookies, for a configuration that needs some and says none: those in the state directory.
// Between a source's load and what is applied, at the start and at every reload. It owns when the directory is asked for;
// what lies there is control/cookie-secret.ts's affair.

import { Effect } from "effect";
import { keepCookieSecrets } from "../control/cookie-secret.ts";
import type { Configuration } from "../model/configuration.ts";
import { CommandFailure } from "./command-failure.ts";
import { ensureStateDirectory, type StateEnvironment } from "./state-directory.ts";

/**
 * The configuration with the secrets that its stickiness policies need. *Fails with*: the words to print where there are
 * none and none can be kept.
 */
export const withCookieSecrets = (
  configuration: Configuration,
  environment?: StateEnvironment,
): Effect.Effect<Configuration, CommandFailure> => {
  const { loadBalancers, cookieSecrets } = configuration;
  const isSticky = loadBalancers.some(({ listeners }) => listeners.some(({ stickiness }) => stickiness !== undefined));
  if (!isSticky || cookieSecrets !== undefined) return Effect.succeed(configuration);
  return ensureStateDirectory(environment).pipe(
    Effect.flatMap(keepCookieSecrets),
    Effect.map((kept) => ({ ...configuration, cookieSecrets: kept })),
    Effect.mapError(({ message }) => {
      const text = `elbow: a stickiness policy needs a secret: ${message}; or write one as \`cookieSecret\``;
      return new CommandFailure({ text, exitCode: 1 });
    }),
  );
};
