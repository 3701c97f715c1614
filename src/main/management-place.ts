// Where the management server of a running elbow is, and what has to be shown to it: by flag, environment, the
// configuration file that it runs, or the default. It sits before main/management-client.ts; it never connects.

import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { Effect, Option, Predicate } from "effect";
import { parseAddress } from "../model/address.ts";
import { defaultManagement, isToken, tokenExpectation } from "../model/management.ts";
import { formatAddress } from "../net/endpoint.ts";
import { CommandFailure, makeUsageFailure } from "./command-failure.ts";
import type { managementFlags } from "./management-flags.ts";

/** A management server, and how it is to be asked. */
export interface ManagementPlace {
  /** As it is named to people: `http://127.0.0.1:9090` or `unix:/run/elbow.sock`. */
  readonly name: string;
  /** What requests begin with, without a slash at the end. */
  readonly url: string;
  /** The Unix socket that stands for the URL's host. */
  readonly socket?: string;
  readonly token?: string;
  /** Authorities that its certificate may come from, PEM; the system's without any. */
  readonly authorities?: string;
}

type Given = { readonly [Name in keyof typeof managementFlags]: Option.Option<string> };

const defaultConfigurationPath = "./elbow.config.ts";

/** Finds it: flag, environment, configuration, default, in that order. Fails where one of them can't be used. */
export const findManagement = Effect.fnUntraced(function* (
  given: Given,
): Effect.fn.Return<ManagementPlace, CommandFailure> {
  const flag = Option.getOrUndefined(given.management);
  const named = flag ?? (process.env.ELBOW_MANAGEMENT || undefined);
  const place =
    named === undefined
      ? yield* findConfigured(Option.getOrUndefined(given.config))
      : yield* parsePlace(named, flag === undefined ? "ELBOW_MANAGEMENT" : "--management");
  const token = (yield* findToken(Option.getOrUndefined(given.tokenFile))) ?? place.token;
  const ca = Option.getOrUndefined(given.ca);
  const authorities = ca === undefined ? undefined : yield* readAuthorities(ca);
  if (token !== undefined && isOpenToOthers(place)) {
    return yield* makeUsageFailure(
      `${place.name}: the token would be sent in clear (expected https://… or unix:/path)`,
    );
  }
  return {
    ...place,
    ...(token === undefined ? {} : { token }),
    ...(authorities === undefined ? {} : { authorities }),
  };
});

const findToken = Effect.fnUntraced(function* (
  file: string | undefined,
): Effect.fn.Return<string | undefined, CommandFailure> {
  const token =
    file === undefined ? process.env.ELBOW_TOKEN || undefined : (yield* readText(file, "--token-file")).trim();
  if (token === undefined || isToken(token)) return token;
  // What it is stays unsaid: it is a secret, or something that should have been one.
  return yield* makeUsageFailure(
    `${file === undefined ? "ELBOW_TOKEN" : `--token-file ${file}`}: that is no token (expected ${tokenExpectation})`,
  );
});

/** Whether what is sent can be read on a network. */
const isOpenToOthers = ({ url, socket }: ManagementPlace): boolean => {
  if (socket !== undefined || url.startsWith("https:")) return false;
  const { hostname } = new URL(url);
  return !(hostname === "localhost" || hostname === "[::1]" || /^127\.[\d.]+$/.test(hostname));
};

/** Reads `http://host:port`, `https://host:port` or `unix:/path`. */
const parsePlace = (text: string, where: string): Effect.Effect<ManagementPlace, CommandFailure> => {
  const refuse = (problem: string) =>
    Effect.fail(
      makeUsageFailure(`${where} ${problem} (expected http://address:port, https://address:port or unix:/path)`),
    );
  const [, path] = /^unix:(?:\/\/(?=\/))?(.+)$/.exec(text) ?? [];
  if (path !== undefined) return Effect.succeed(onSocket(resolve(path)));
  const parsed = URL.parse(text);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return refuse(`is ${JSON.stringify(text)}`);
  if (parsed.username !== "" || parsed.password !== "") return refuse("has a user or a password in it");
  if (parsed.pathname !== "/" || parsed.search !== "" || parsed.hash !== "") {
    return refuse(`has something behind its port: ${JSON.stringify(text)}`);
  }
  return Effect.succeed({ name: parsed.origin, url: parsed.origin });
};

const onSocket = (path: string): ManagementPlace => ({ name: `unix:${path}`, url: "http://localhost", socket: path });

/**
 * What a configuration says of its management server. Only that part is looked at: a file with problems elsewhere is
 * exactly what somebody may be asking about.
 */
const findConfigured = Effect.fnUntraced(function* (
  named: string | undefined,
): Effect.fn.Return<ManagementPlace, CommandFailure> {
  const path = named ?? (existsSync(defaultConfigurationPath) ? defaultConfigurationPath : undefined);
  if (path === undefined) return onDefault();
  const read = readConfigured(path);
  const written = named === undefined ? yield* Effect.orElseSucceed(read, () => undefined) : yield* read;
  if (written === undefined) {
    // Nobody has named this file, and one that can't be read is when somebody wants to know what still runs.
    process.stderr.write(
      `elbow: ${path} can't say where elbow is (elbow check says why); asking ${onDefault().name}\n`,
    );
    return onDefault();
  }
  const text = (name: string): string | undefined => {
    const value = written[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const [socket, tokenFile] = [text("socket"), text("tokenFile")];
  const token =
    tokenFile === undefined
      ? text("token")
      : (yield* readText(resolve(dirname(path), tokenFile), `management.tokenFile in ${path}`)).trim();
  const port = written.port ?? defaultManagement.port;
  if (socket === undefined && (typeof port !== "number" || port < 1)) {
    return yield* makeUsageFailure(
      `${path} doesn't say on which port the management server is; name it with --management <url>`,
    );
  }
  const place =
    socket === undefined
      ? onAddress(text("address") ?? defaultManagement.address, Number(port), written.tls !== undefined)
      : onSocket(resolve(dirname(path), socket));
  return { ...place, ...(token === undefined ? {} : { token }) };
});

const readConfigured = Effect.fnUntraced(function* (
  path: string,
): Effect.fn.Return<Readonly<Record<string, unknown>>, CommandFailure> {
  const { readWritten } = yield* Effect.promise(() => import("../control/configuration/load.ts"));
  const written = yield* readWritten(path).pipe(
    Effect.mapError(
      (error) =>
        new CommandFailure({
          text: `elbow: ${path} can't say where elbow is; name it with --management <url>\n${error.message}`,
          exitCode: 1,
        }),
    ),
  );
  const management = Predicate.hasProperty(written, "management") ? written.management : undefined;
  return typeof management === "object" && management !== null ? { ...management } : {};
});

const onDefault = (): ManagementPlace => onAddress(defaultManagement.address, defaultManagement.port, false);

/** An address that listens; a wildcard is where elbow listens, not where one can connect to. */
const onAddress = (address: string, port: number, isSecure: boolean): ManagementPlace => {
  const bare = parseAddress(address)?.text ?? address;
  const dialled = bare === "0.0.0.0" || bare === "*" ? "127.0.0.1" : bare === "::" ? "::1" : bare;
  const url = `${isSecure ? "https" : "http"}://${formatAddress(dialled, port)}`;
  return { name: url, url };
};

/** Certificates alone: with anything else as its authority, `fetch` may trust whoever answers. */
const readAuthorities = Effect.fnUntraced(function* (path: string): Effect.fn.Return<string, CommandFailure> {
  const text = yield* readText(path, "--ca");
  const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (found.length > 0 && found.every(isCertificate)) return `${found.join("\n")}\n`;
  return yield* new CommandFailure({
    text: `elbow: --ca: ${path} has no certificate that can be read (expected certificates in PEM)`,
    exitCode: 1,
  });
});

const isCertificate = (pem: string): boolean => {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
};

const readText = (path: string, where: string): Effect.Effect<string, CommandFailure> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) =>
      new CommandFailure({
        text: `elbow: ${where}: ${path}: ${spellReading(error as NodeJS.ErrnoException)}`,
        exitCode: 1,
      }),
  });

const spellReading = ({ code, message }: NodeJS.ErrnoException): string =>
  code === undefined ? message : `${readingCodes[code] ?? "it can't be read"} (${code})`;

const readingCodes: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
};
