/**
 * A health check: what every instance of a load balancer is asked, how often, and what counts as an answer.
 * Part of a load balancer, named as in the Elastic Load Balancing API (`HealthCheck`); owns its shape, ranges, defaults
 * and the rules between its members. Never asks anybody: `health/` does.
 */
import { Schema, SchemaIssue } from "effect";
import { parseAddress } from "./address.ts";
import { type Description, described } from "./described.ts";
import { parseHost, splitHostAndPort } from "./host.ts";
import { isPort } from "./port.ts";
import { isLayer7, type Protocol } from "./protocol.ts";

/** Where and how an instance is asked: a connection (TCP), a TLS handshake (SSL), or a GET of `path` (HTTP, HTTPS). */
export interface HealthCheckTarget {
  readonly protocol: Protocol;
  readonly port: number;
  /** Begins with a slash; there for HTTP and HTTPS, and only for those. */
  readonly path?: string;
}

/** Status codes from `first` to `last`. */
export interface StatusRange {
  readonly first: number;
  readonly last: number;
}

/** A health check with every member known; times are in seconds. */
export interface HealthCheck {
  readonly target: HealthCheckTarget;
  /** From the beginning of one check to that of the next. */
  readonly interval: number;
  /** For a whole check: connection, handshake, response and body. */
  readonly timeout: number;
  /** Checks failed in a row that take an instance out of service. */
  readonly unhealthyThreshold: number;
  /** Checks passed in a row that bring it back. */
  readonly healthyThreshold: number;
  readonly successCodes: ReadonlyArray<StatusRange>;
  /** The Host field; the instance's address and port when left out. */
  readonly host?: string;
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** A text that the body must have within its first 64 KiB. */
  readonly expectBody?: string;
  /** A check begins with a PROXY protocol header, before its TLS handshake too. */
  readonly proxyProtocol: boolean;
}

/** 16-bit units of a path ("Configure health checks for your Classic Load Balancer", AWS). */
const pathMaxLength = 1024;

/**
 * Reads `TCP:port`, `SSL:port`, `HTTP:port/path` or `HTTPS:port/path`, the protocol in any case; undefined when it is
 * none. A path has no blank, control character or fragment (RFC 3986 §3.3).
 */
export const parseHealthCheckTarget = (text: string): HealthCheckTarget | undefined => {
  const [, name = "", digits = "", path = ""] = /^(HTTPS?|TCP|SSL):([1-9]\d{0,4})(\/.*)?$/is.exec(text) ?? [];
  const protocol = name.toUpperCase() as Protocol;
  const port = Number(digits);
  if (name === "" || !isPort(port)) return undefined;
  if (!isLayer7(protocol)) return path === "" ? { protocol, port } : undefined;
  return isPath(path) ? { protocol, port, path } : undefined;
};

const isPath = (path: string): boolean =>
  path.startsWith("/") && path.length <= pathMaxLength && path.isWellFormed() && !/[\s\p{Cc}#]/u.test(path);

/** `HTTP:80/ping`: the one spelling of a target. */
export const spellHealthCheckTarget = ({ protocol, port, path = "" }: HealthCheckTarget): string =>
  `${protocol}:${port}${path}`;

/** Reads `200`, `200-299` or `200-299,404`; undefined when it is no such list. Interim responses (1xx) are none. */
export const parseSuccessCodes = (text: string): ReadonlyArray<StatusRange> | undefined => {
  if (text.length > 255) return undefined;
  const ranges: Array<StatusRange> = [];
  for (const part of text.split(",")) {
    const [, first, last = first] = /^\s*([2-5]\d\d)(?:-([2-5]\d\d))?\s*$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return undefined;
    ranges.push({ first: Number(first), last: Number(last) });
  }
  return ranges;
};

const whole = (title: string, least: number, most: number, unit: string) =>
  described(
    Schema.Number,
    { title, expected: `a whole number of ${unit} from ${least} to ${most}` },
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );

/** Fields that the check writes itself, or that would change what is asked (RFC 9110 §7.6.1, RFC 9112 §6). */
const reservedFields: ReadonlySet<string> = new Set([
  ...["host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect"],
  ...["keep-alive", "proxy-connection"],
]);

const fieldsMaxCount = 32;
const valueMaxLength = 4096;

const headersDescription: Description = {
  title: "a set of headers",
  expected: `at most ${fieldsMaxCount} such as { "X-Check": "yes" }, each name once`,
};

/** What is wrong with the names of headers, one by one; each problem stands at its name. */
const findFieldNameProblems = (headers: object): ReadonlyArray<Schema.FilterIssue> => {
  const issues: Array<Schema.FilterIssue> = [];
  const seen = new Map<string, string>();
  for (const [index, name] of Object.keys(headers).entries()) {
    const refuse = (problem: string, expected: string) =>
      issues.push({ path: [name], issue: new SchemaIssue.InvalidValue({ problem, expected }) });
    const lowerName = name.toLowerCase();
    const earlier = seen.get(lowerName);
    if (index === fieldsMaxCount) refuse(`is header ${index + 1}`, `at most ${fieldsMaxCount}`);
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/.test(lowerName)) {
      refuse("is no header's name", "1 to 128 letters, digits and signs without blanks (RFC 9110 §5.6.2)");
    } else if (lowerName === "host") {
      refuse("is not set here", "`host`, beside `headers`");
    } else if (reservedFields.has(lowerName)) {
      refuse("is not for a configuration to set", "another header: a check has no body, and a connection of its own");
    } else if (earlier !== undefined) {
      refuse(`is \`${earlier}\` again`, "each name once, in any case");
    }
    seen.set(lowerName, earlier ?? name);
  }
  return issues;
};

/** A header may be a key to the instance: it is not repeated. */
const headerDescription = {
  title: "a header's value",
  expected: `a text of at most ${valueMaxLength} ASCII characters without line ends`,
  isSecret: true,
};

const WrittenHeaders = Schema.Record(
  Schema.String,
  Schema.String.annotate(headerDescription).check(
    Schema.makeFilter((text) => text.length <= valueMaxLength && /^[\t\x20-\x7e]*$/.test(text), headerDescription),
  ),
)
  .annotate({ ...headersDescription })
  .check(Schema.makeFilter(findFieldNameProblems));

/** A health check as it stands in a configuration: each member may be left out. */
export const WrittenHealthCheck = Schema.Struct({
  target: Schema.optional(
    described(
      Schema.String,
      {
        title: "a health check target",
        expected:
          'one such as "TCP:80", "SSL:443", "HTTP:80/ping" or "HTTPS:443/ping": a port from 1 to 65535, and for HTTP and ' +
          `HTTPS a path that begins with a slash, of at most ${pathMaxLength} characters without blanks`,
      },
      (text) => parseHealthCheckTarget(text) !== undefined,
    ),
  ),
  interval: Schema.optional(whole("a health check interval", 5, 300, "seconds")),
  timeout: Schema.optional(whole("a health check timeout", 2, 60, "seconds")),
  unhealthyThreshold: Schema.optional(whole("an unhealthy threshold", 2, 10, "checks")),
  healthyThreshold: Schema.optional(whole("a healthy threshold", 2, 10, "checks")),
  successCodes: Schema.optional(
    described(
      Schema.String,
      { title: "a list of success codes", expected: 'status codes from 200 to 599 such as "200-299,404"' },
      (text) => parseSuccessCodes(text) !== undefined,
    ),
  ),
  host: Schema.optional(
    described(
      Schema.String,
      { title: "a Host", expected: 'a host name or address such as "app.internal" or "app.internal:8080"' },
      (text) => parseHost(splitHostAndPort(text)?.host ?? "") !== undefined,
    ),
  ),
  headers: Schema.optional(WrittenHeaders),
  expectBody: Schema.optional(
    described(
      Schema.String,
      { title: "a body's text", expected: "a text of 1 to 1024 characters" },
      (text) => text.length >= 1 && text.length <= 1024,
    ),
  ),
  proxyProtocol: Schema.optional(described(Schema.Boolean, { title: "a switch", expected: "true or false" })),
}).annotate({
  title: "a health check",
  expected: 'one such as { target: "HTTP:80/ping", interval: 30, timeout: 5 }',
});

/** A health check of the right shape, before defaults. */
export type WrittenHealthCheck = typeof WrittenHealthCheck.Type;

/** What holds where a configuration says nothing (`ConfigureHealthCheck`, Elastic Load Balancing API; AWS's page above). */
export const defaultHealthCheck = {
  interval: 30,
  timeout: 5,
  unhealthyThreshold: 2,
  healthyThreshold: 10,
  successCodes: [{ first: 200, last: 200 }],
  headers: [],
  proxyProtocol: false,
} as const satisfies Omit<HealthCheck, "target">;

/**
 * Fills in defaults; without a target, instances are asked for a TCP connection to `defaultPort`, the instance port of
 * the first listener. The timeout's default gives way to a shorter interval.
 */
export const settleHealthCheck = (written: WrittenHealthCheck, defaultPort: number): HealthCheck => {
  const target = written.target === undefined ? undefined : parseHealthCheckTarget(written.target);
  const interval = written.interval ?? defaultHealthCheck.interval;
  const codes = written.successCodes === undefined ? undefined : parseSuccessCodes(written.successCodes);
  return {
    target: target ?? { protocol: "TCP", port: defaultPort },
    interval,
    timeout: written.timeout ?? Math.min(defaultHealthCheck.timeout, interval - 1),
    unhealthyThreshold: written.unhealthyThreshold ?? defaultHealthCheck.unhealthyThreshold,
    healthyThreshold: written.healthyThreshold ?? defaultHealthCheck.healthyThreshold,
    successCodes: codes ?? defaultHealthCheck.successCodes,
    ...(written.host !== undefined && { host: spellHostField(written.host) }),
    headers: Object.entries(written.headers ?? {}),
    ...(written.expectBody !== undefined && { expectBody: written.expectBody }),
    proxyProtocol: written.proxyProtocol ?? defaultHealthCheck.proxyProtocol,
  };
};

/** An IPv6 address stands in brackets in a Host field (RFC 3986 §3.2.2). */
const spellHostField = (host: string): string => (isBareIpv6(host) ? `[${host}]` : host);

const isBareIpv6 = (host: string): boolean => !host.startsWith("[") && parseAddress(host)?.family === 6;

/** A member of a written health check that doesn't go with the others. */
export interface HealthCheckProblem {
  readonly key: keyof WrittenHealthCheck;
  readonly problem: string;
  readonly expected: string;
}

/** What only a response can have. */
const httpMembers = ["successCodes", "host", "headers", "expectBody"] as const;

/** What is wrong between the members of a health check, each of which is right by itself. */
export const findHealthCheckProblems = (written: WrittenHealthCheck): ReadonlyArray<HealthCheckProblem> => {
  const problems: Array<HealthCheckProblem> = [];
  const { timeout, interval = defaultHealthCheck.interval } = written;
  if (timeout !== undefined && timeout >= interval) {
    problems.push({
      key: "timeout",
      problem: `${timeout} is not less than \`interval\`, which is ${interval}${written.interval === undefined ? " by default" : ""}`,
      expected: `${interval - 1} or less, or a greater \`interval\``,
    });
  }
  const { protocol } = settleHealthCheck(written, 1).target;
  for (const key of isLayer7(protocol) ? [] : httpMembers) {
    if (written[key] === undefined) continue;
    problems.push({
      key,
      problem: `\`${key}\` says nothing about a target of ${protocol}`,
      expected: `a target such as "HTTP:80/ping", or no \`${key}\``,
    });
  }
  return problems;
};
