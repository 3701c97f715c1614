/**
 * Settles the management server's settings: what it shows clients, what they must show it, and whether that is enough.
 * The second half of a check. Owns the rule that nobody gets in from another machine in clear or unknown; the port's
 * clashes are bind-rules.ts's, and a token's file is read by token-file.ts.
 */
import { resolve } from "node:path";
import { isLoopback } from "../../model/address.ts";
import { defaultManagement, type Management, socketPathMaxBytes } from "../../model/management.ts";
import { describeUndefined, type Finding, type Place, spellChoice } from "./problem.ts";
import type { SiftedManagement } from "./sift.ts";
import { type PlacedSource, toCertificateSource } from "./sources.ts";

/** A file that holds a token, and where the configuration names it. */
export interface TokenFile {
  readonly place: Place;
  /** As written, for messages. */
  readonly file: string;
  /** Absolute. */
  readonly path: string;
}

/** The settings, what must be read for them, and what is wrong with them. */
export interface SettledManagement {
  /** Without the token of {@link tokenFile}, which nobody has read yet. */
  readonly management: Management;
  readonly tokenFile: TokenFile | undefined;
  readonly sources: ReadonlyArray<PlacedSource>;
  readonly findings: ReadonlyArray<Finding>;
}

/** Settles `management`; relative paths are relative to `directory`. */
export const settleManagement = (management: SiftedManagement, directory: string): SettledManagement => {
  const { bind, port, socket, tls, token, tokenFile } = management;
  const certificate = tls && toCertificateSource(tls, directory);
  const socketPath = socket === undefined ? undefined : resolve(directory, socket);
  return {
    management: {
      address: (bind.isKnown ? bind.address?.text : undefined) ?? defaultManagement.address,
      port: port ?? defaultManagement.port,
      ...(socketPath === undefined ? {} : { socket: socketPath }),
      ...(certificate === undefined ? {} : { tls: certificate }),
      ...(token === undefined ? {} : { token }),
    },
    tokenFile:
      tokenFile === undefined
        ? undefined
        : { place: ["management", "tokenFile"], file: tokenFile, path: resolve(directory, tokenFile) },
    sources: certificate === undefined ? [] : [{ place: ["management", "tls"], certificate }],
    findings: [
      ...management.undefinedKeys.map((key) => describeUndefined(["management", key])),
      ...findOpenness(management),
      ...findTwoTokens(management),
      ...findLongPath(socketPath),
    ],
  };
};

/** Whoever can reach it can change everything: from elsewhere only with the token, and the token only encrypted. */
const findOpenness = ({ bind, written }: SiftedManagement): ReadonlyArray<Finding> => {
  if (!bind.isKnown || bind.address === undefined || isLoopback(bind.address)) return [];
  const missing = [
    ...(written.has("tls") ? [] : ["`tls`"]),
    ...(written.has("token") || written.has("tokenFile") ? [] : ["`token` or `tokenFile`"]),
  ];
  if (missing.length === 0) return [];
  return [
    {
      place: ["management", "address"],
      problem: `${bind.address.text} can be reached from other machines, and there is no ${missing.join(", and no ")}`,
      expected: `${missing.join(" and ")} beside it, or a loopback address such as ${spellChoice(["127.0.0.1", "::1"])}`,
    },
  ];
};

const findTwoTokens = ({ written }: SiftedManagement): ReadonlyArray<Finding> =>
  written.has("token") && written.has("tokenFile")
    ? [{ place: ["management", "tokenFile"], problem: "stands beside `token`", expected: "one of the two" }]
    : [];

/** A path may be short as it is written, and too long from the configuration's folder. */
const findLongPath = (path: string | undefined): ReadonlyArray<Finding> => {
  const length = new TextEncoder().encode(path ?? "").length;
  if (path === undefined || length <= socketPathMaxBytes) return [];
  return [
    {
      place: ["management", "socket"],
      problem: `the path from here, ${path}, has ${length} bytes`,
      expected: `one of at most ${socketPathMaxBytes} bytes, such as "/run/elbow/management.sock"`,
    },
  ];
};
