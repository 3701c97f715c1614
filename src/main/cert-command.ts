// The words of `elbow cert`: its flags, and what is checked of them before anything is issued. Part of the command line;
// the work is main/cert-issue.ts's and main/cert-show.ts's, loaded only when asked for.

import { Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { parseAddress } from "../model/address.ts";
import { makeUsageFailure } from "./command-failure.ts";
import { json } from "./management-flags.ts";
import { makeFileArgument, makeFolderFlag } from "./path-parameters.ts";

/** A DNS name (RFC 1123 §2.1), or one with a wildcard as its first label. */
const dnsName =
  /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

/** The longest life of a certificate that browsers accept, in days (Apple, "About upcoming limits on trusted certificates"). */
const longestDays = 398;

const issue = Command.make(
  "issue",
  {
    names: Flag.String("name").pipe(
      Flag.withMetavar("<name>"),
      Flag.withDescription("A DNS name, such as localhost or '*.test'; may be repeated"),
      Flag.filter(
        (name) => dnsName.test(name) && parseAddress(name) === undefined,
        () => "a DNS name such as localhost or '*.test'",
      ),
      Flag.atLeast(0),
    ),
    ips: Flag.String("ip").pipe(
      Flag.withMetavar("<address>"),
      Flag.withDescription("An address, such as 127.0.0.1 or ::1; may be repeated"),
      Flag.filter(
        (ip) => parseAddress(ip) !== undefined,
        () => "an address such as 127.0.0.1 or ::1",
      ),
      Flag.atLeast(0),
    ),
    keyType: Flag.Literals("key-type", ["ecdsa", "rsa"]).pipe(
      Flag.withDescription("ECDSA on P-256 (the default), or RSA with 2048 bits"),
      Flag.optional,
    ),
    days: Flag.Int("days").pipe(
      Flag.withMetavar("<days>"),
      Flag.withDescription(`How long it is valid: 365 days by default, ${longestDays} at most`),
      Flag.filter(
        (days) => days >= 1 && days <= longestDays,
        () => `a number of days from 1 to ${longestDays}, the most that browsers accept`,
      ),
      Flag.optional,
    ),
    client: Flag.Boolean("client").pipe(
      Flag.withDescription("For clients too, not for servers only"),
      Flag.withDefault(false),
    ),
    out: makeFolderFlag("out").pipe(
      Flag.withDescription("Where the files go (default ./certs, made where it isn't there)"),
      Flag.optional,
    ),
    authority: makeFolderFlag("authority").pipe(
      Flag.withDescription("Where the authority's files are, or will be (default: the same folder)"),
      Flag.optional,
    ),
  },
  Effect.fnUntraced(function* (input) {
    if (input.names.length + input.ips.length === 0) {
      return yield* makeUsageFailure("name what the certificate is for, with --name or --ip");
    }
    const { issueFiles } = yield* Effect.promise(() => import("./cert-issue.ts"));
    const directory = Option.getOrElse(input.out, () => "certs");
    yield* issueFiles({
      directory,
      authorityDirectory: Option.getOrElse(input.authority, () => directory),
      names: input.names.map((name) => name.toLowerCase()),
      ips: input.ips.map((ip) => parseAddress(ip)!.text),
      keyType: Option.getOrUndefined(input.keyType) === "rsa" ? "RSA" : "ECDSA",
      days: Option.getOrUndefined(input.days),
      usages: input.client ? ["server", "client"] : ["server"],
    });
  }),
).pipe(
  Command.withDescription(
    "Issue a certificate for development, signed by a local authority that is made at the first call.",
  ),
  Command.withShortDescription("Issue a certificate for development"),
  Command.withExamples([
    { command: "elbow cert issue --name localhost --name '*.test' --ip 127.0.0.1" },
    { command: "elbow cert issue --name localhost --key-type rsa", description: "RSA beside it, for old clients" },
  ]),
);

const show = Command.make(
  "show",
  {
    files: makeFileArgument("file").pipe(
      Argument.withDescription("A PEM file: certificates, or a key"),
      Argument.atLeast(1),
    ),
    json,
  },
  Effect.fnUntraced(function* ({ files, json: isJson }) {
    const { showFiles } = yield* Effect.promise(() => import("./cert-show.ts"));
    yield* showFiles(files, isJson);
  }),
).pipe(
  Command.withDescription(
    "Print what certificates say: names, issuer, end, key, fingerprint, and the pin of their key.",
  ),
  Command.withShortDescription("Print what certificates say"),
  Command.withExamples([
    { command: "elbow cert show certs/site.pem" },
    { command: "elbow cert show certs/*.pem --json | jq '.[] | select(.isValidNow | not)'" },
  ]),
);

/** `elbow cert` and its subcommands. */
export const cert = Command.make("cert").pipe(
  Command.withDescription("Issue certificates for development, and look at any."),
  Command.withShortDescription("Issue and look at certificates"),
  Command.withSubcommands([issue, show]),
  Command.withExamples([
    { command: "elbow cert issue --name localhost" },
    { command: "elbow cert show certs/site.pem" },
  ]),
);
