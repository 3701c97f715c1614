// The flags that say which running elbow a command is for, and whether its answer is for a script. Part of the command
// line; what they come to is found by main/management-place.ts, loaded when a command has something to ask.

import { Flag } from "effect/cli";
import { makeFileFlag } from "./path-parameters.ts";

/** Flags of every command that asks a running elbow. */
export const managementFlags = {
  management: Flag.String("management").pipe(
    Flag.withMetavar("<url>"),
    Flag.withDescription("The running elbow: http://address:port, https://… or unix:/path; or ELBOW_MANAGEMENT"),
    Flag.optional,
  ),
  config: makeFileFlag("config").pipe(
    Flag.withAlias("c"),
    Flag.withDescription("Find it by `management` in this configuration (default ./elbow.config.ts where it exists)"),
    Flag.optional,
  ),
  tokenFile: makeFileFlag("token-file").pipe(
    Flag.withDescription("A file with the token, one line; or ELBOW_TOKEN, or as the configuration says"),
    Flag.optional,
  ),
  ca: makeFileFlag("ca").pipe(
    Flag.withDescription("The authority that its certificate must come from, PEM (default: the system's)"),
    Flag.optional,
  ),
};

/** The flag of every command whose answer a script may read. */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON instead of text for people"),
  Flag.withDefault(false),
);
