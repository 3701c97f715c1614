/**
 * The configuration of `elbow serve --from http://127.0.0.1:8080 --to 127.0.0.1:3001`: no file at all.
 * Writes the configuration that the flags mean and has it checked like any other; owns the flags' syntax and their
 * defaults. Every problem is told in terms of the flags.
 */
import { Effect } from "effect";
import { parseAddress } from "../../model/address.ts";
import type { Configuration, WrittenConfiguration } from "../../model/configuration.ts";
import { parseHost, splitHostAndPort } from "../../model/host.ts";
import { isPort } from "../../model/port.ts";
import { isSecure, type Protocol } from "../../model/protocol.ts";
import { missingPassphrase } from "../../tls/private-key.ts";
import { type CheckOptions, examineConfiguration, spellFindings } from "./check.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { findSourceProblems } from "./load-sources.ts";
import { type Finding, type Problem, spellChoice } from "./problem.ts";

/** What was given on the command line, in order. */
export interface Flags {
  readonly from: ReadonlyArray<string>;
  readonly to: ReadonlyArray<string>;
  /** The certificate's file, for every `https` and `ssl` in `from`. */
  readonly cert?: string | undefined;
  /** The file of its private key. */
  readonly key?: string | undefined;
  /** Moves the management server; its address stays 127.0.0.1. */
  readonly managementPort?: number | undefined;
}

/** One `--from`, read. */
interface Front {
  readonly flag: string;
  readonly protocol: Protocol;
  /** What instances speak: the same in clear. */
  readonly behind: Protocol;
  readonly address: string | undefined;
  readonly port: number;
}

/** One `--to`, read. */
interface Server {
  readonly flag: string;
  readonly text: string;
  readonly port: number;
}

/** The schemes of `--from`: what clients speak, what instances speak, and the port where none is written. */
const schemes: Readonly<
  Record<string, { readonly protocol: Protocol; readonly behind: Protocol; readonly port?: number }>
> = {
  http: { protocol: "HTTP", behind: "HTTP", port: 80 },
  https: { protocol: "HTTPS", behind: "HTTP", port: 443 },
  tcp: { protocol: "TCP", behind: "TCP" },
  ssl: { protocol: "SSL", behind: "TCP" },
};

const defaultInstancePort = 80;
const fromExample = "one such as http://127.0.0.1:8080, https://:8443 or tcp://[::1]:5432";
const toExample = "one such as 127.0.0.1:3001, [::1]:3001 or app.internal:3001";

/** Reads the flags of `serve`. Each bind address becomes one load balancer, and each has every `--to`. */
export const fromFlags = Effect.fnUntraced(function* (
  flags: Flags,
  options: CheckOptions = {},
): Effect.fn.Return<Configuration, ConfigurationError> {
  const problems: Array<Problem> = [];
  const keep = <T>(read: T | Problem): ReadonlyArray<T> => {
    if (typeof read !== "object" || read === null || !("problem" in read)) return [read as T];
    problems.push(read);
    return [];
  };
  const fronts = flags.from.flatMap((text) => keep(readFrom(text, options)));
  if (flags.from.length === 0) problems.push({ path: "--from", problem: "is missing", expected: fromExample });
  problems.push(...findCertificateProblems(flags));
  const isAllHttp = flags.from.every((text) => /^https?:/i.test(text));
  const servers = flags.to.flatMap((text) => keep(readTo(text, isAllHttp)));
  if (flags.to.length === 0) problems.push({ path: "--to", problem: "is missing", expected: toExample });

  const { written, labels } = write(fronts, servers, flags);
  let isUsage = problems.length > 0;
  if (fronts.length > 0) {
    const examined = examineConfiguration(written, options);
    const sourceFindings = (yield* findSourceProblems(examined.sources)).map((one) => tellKey(one, flags));
    const findings = [...examined.findings, ...sourceFindings];
    isUsage ||= examined.findings.length > 0;
    if (findings.length === 0 && problems.length === 0) return examined.configuration();
    // A listener without its certificate has been told as a flag that is missing.
    const isWhole = flags.cert !== undefined && flags.key !== undefined;
    const told = findings.filter(({ place }) => isWhole || place.at(-1) !== "certificate");
    problems.push(...relabel(spellFindings(told, written), labels));
  }
  return yield* new ConfigurationError({ file: "command line", problems, isUsage });
});

/** What is wrong with the key's file is told of `--key`; and there is no flag for a passphrase, which would be seen by all. */
const tellKey = (finding: Finding, { cert, key }: Flags): Finding => {
  const isPassphraseMissing = finding.expected === missingPassphrase;
  const isOfKey = finding.problem.startsWith(`${key}: `) && (isPassphraseMissing || cert !== key);
  if (!isOfKey) return finding;
  const expected = isPassphraseMissing
    ? "a key that isn't encrypted; `passphrase` in a configuration file opens one that is"
    : finding.expected;
  return { ...finding, place: [...finding.place, "key"], expected };
};

const isSecureText = (text: string): boolean => /^(?:https|ssl):/i.test(text);

/** Certificate and key belong together, and to a listener that shows them. */
const findCertificateProblems = ({ from, cert, key }: Flags): ReadonlyArray<Problem> => {
  const secure = from.find(isSecureText);
  const flags = [
    ["--cert", cert, "the file of a certificate in PEM"],
    ["--key", key, "the file of the certificate's private key"],
  ] as const;
  return flags.flatMap(([path, value, what]) => {
    if (secure !== undefined) {
      return value === undefined ? [{ path, problem: `is missing, and ${secure} needs it`, expected: what }] : [];
    }
    if (value === undefined) return [];
    const problem = "is for https and ssl, and no --from has one of them";
    return [{ path: `${path} ${value}`, problem, expected: "a --from such as https://:8443" }];
  });
};

const readFrom = (text: string, options: CheckOptions): Front | Problem => {
  const refuse = (problem: string, expected = fromExample): Problem => ({ path: `--from ${text}`, problem, expected });
  const match = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/i.exec(text);
  if (match === null) return refuse("has no scheme");
  const scheme = match[1]!.toLowerCase();
  const known = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (known === undefined) return refuse(`${scheme} is not a scheme`, spellChoice(Object.keys(schemes)));
  if (match[3] !== "" && match[3] !== "/") {
    return refuse(`${match[3]} can't be told apart by a listener`, `${scheme}://${match[2]}`);
  }
  const [, host, digits] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(match[2]!) ?? [];
  if (host === undefined) return refuse(`${match[2]} is not an address and a port`);
  const address = readBindAddress(host);
  if (address === "unknown")
    return refuse(`${host} is not an IP address`, "127.0.0.1, [::1], another one or * for all");
  if (digits === undefined && known.port === undefined) {
    return refuse("has no port", `${scheme}://${host}:5432 with your port`);
  }
  const port = digits === undefined ? known.port! : /^\d{1,5}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!isPort(port) && !(port === 0 && options.allowEphemeralPorts)) {
    return refuse(`${digits === "" ? "an empty text" : digits} is not a port`, "a whole number from 1 to 65535");
  }
  return { flag: `--from ${text}`, protocol: known.protocol, behind: known.behind, address, port };
};

/** `localhost` is 127.0.0.1 here, as in every example that people copy; `*` and nothing at all are every address. */
const readBindAddress = (host: string): string | undefined | "unknown" => {
  if (host === "" || host === "*") return undefined;
  if (host.toLowerCase() === "localhost") return "127.0.0.1";
  const isBracketed = host.startsWith("[");
  const address = parseAddress(isBracketed ? host.slice(1, -1) : host);
  return address === undefined || host.includes(":") !== isBracketed ? "unknown" : address.text;
};

const readTo = (text: string, isAllHttp: boolean): Server | Problem => {
  const flag = `--to ${text}`;
  if (text.includes("://")) {
    const bare = text.slice(text.indexOf("://") + 3).replace(/\/$/, "");
    return { path: flag, problem: "has a scheme, which --from decides", expected: bare };
  }
  const split = splitHostAndPort(text);
  const host = split === undefined ? undefined : parseHost(split.host);
  if (split === undefined || host === undefined) {
    return { path: flag, problem: `${text} is not an address or host name with a port`, expected: toExample };
  }
  if (/^i-/.test(host)) {
    return { path: flag, problem: "is an instance id, and flags have no inventory to find it in", expected: toExample };
  }
  const bracketed = host.includes(":") ? `[${host}]` : host;
  const port = split.port ?? (isAllHttp ? defaultInstancePort : undefined);
  if (port === undefined) return { path: flag, problem: "has no port", expected: `${bracketed}:5432 with your port` };
  return { flag, text: `${bracketed}:${port}`, port };
};

/** Every server carries its port; the instance port of the listeners is only there to be overridden. */
const write = (fronts: ReadonlyArray<Front>, servers: ReadonlyArray<Server>, flags: Flags) => {
  const { cert, key, managementPort } = flags;
  const certificate = cert === undefined || key === undefined ? undefined : { cert, key };
  const labels = new Map<string, string>([["management.port", "--management-port"]]);
  const instancePort = servers[0]?.port ?? defaultInstancePort;
  const addresses = [...new Set(fronts.map(({ address }) => address))];
  const loadBalancers: Record<string, WrittenConfiguration["loadBalancers"][string]> = {};
  for (const [position, address] of addresses.entries()) {
    const name = addresses.length === 1 ? "serve" : `serve-${position + 1}`;
    const mine = fronts.filter((front) => front.address === address);
    for (const [index, { flag }] of mine.entries()) {
      const place = `loadBalancers.${name}.listeners[${index}]`;
      labels
        .set(`${place}.certificate.key`, "--key")
        .set(`${place}.certificate.cert`, "--cert")
        .set(`${place}.certificate`, "--cert")
        .set(place, flag);
    }
    for (const [index, { flag }] of servers.entries()) labels.set(`loadBalancers.${name}.instances[${index}]`, flag);
    loadBalancers[name] = {
      address,
      listeners: mine.map(({ protocol, behind, port }) => ({
        protocol,
        port,
        instanceProtocol: behind,
        instancePort,
        certificate: isSecure(protocol) ? certificate : undefined,
      })),
      instances: servers.map(({ text }) => text),
    };
  }
  const written: WrittenConfiguration = { management: { port: managementPort }, loadBalancers };
  return { written, labels };
};

/** The same servers stand behind every load balancer, so what is wrong with them is told once. */
const relabel = (problems: ReadonlyArray<Problem>, labels: ReadonlyMap<string, string>): ReadonlyArray<Problem> => {
  const translate = (text: string) =>
    [...labels].reduce((known, [place, flag]) => known.replaceAll(`${place}.port`, flag).replaceAll(place, flag), text);
  const told = new Map<string, Problem>();
  for (const { path, problem, expected } of problems) {
    const translated = { path: translate(path), problem: translate(problem), expected };
    told.set(`${translated.path}: ${translated.problem}`, translated);
  }
  return [...told.values()];
};
