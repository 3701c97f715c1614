// The flags that say which running elbow a command is for, and whether its answer is for a script. Part of the command
// line; what they come to is found by main/management-place.ts, loaded when a command has something to ask.

import { Flag } from "effect/cli";

/** Flags of every command that asks a running elbow. */
export const managementFlags = {
  management: Flag.String("management").pipe(
    Flag.withMetavar("<url>"),
    Flag.withDescription("The running elbow: http://address:port, https://… or unix:/path; or ELBOW_MANAGEMENT"),
    Flag.optional,
  ),
  config: Flag.String("config").pipe(
    Flag.withAlias("c"),
    Flag.withMetavar("<file>"),
    Flag.withDescription("Find it by `management` in this configuration (default ./elbow.config.ts where it exists)"),
    Flag.optional,
  ),
  tokenFile: Flag.String("token-file").pipe(
    Flag.withMetavar("<file>"),
    Flag.withDescription("A file with the token, one line; or ELBOW_TOKEN, or as the configuration says"),
    Flag.optional,
  ),
  ca: Flag.String("ca").pipe(
    Flag.withMetavar("<file>"),
    Flag.withDescription("The authority that its certificate must come from, PEM (default: the system's)"),
    Flag.optional,
  ),
};

/** The flag of every command whose answer a script may read. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON instead of text for people"),
  Flag.withDefault(false),
);
