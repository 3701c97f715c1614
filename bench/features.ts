// The rows that hold elbow against itself: one thing that can be switched on, the same load without it and with it. One
// row does the same with nginx, for comparison. It owns
// what is switched and what is sent; bench/feature-row.ts does the work.
import { writeProxyHeader } from "../src/parse/proxy-protocol/header-writer.ts";

/** A load balancer with one listener, as it stands in a configuration file, and what is sent to it. */
export interface Side {
  readonly protocol: "HTTP" | "TCP";
  /** Further members of the listener. */
  readonly listener?: Readonly<Record<string, unknown>>;
  /** Further members of the load balancer, by the port of its instances. */
  readonly loadBalancer?: (instancePort: number) => Readonly<Record<string, unknown>>;
  /** It is nginx in elbow's place, its access log on or off. */
  readonly nginx?: { readonly isLogging: boolean };
  /** Files beside the configuration, by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** Its instances expect a PROXY header. */
  readonly isIntroduced?: boolean;
  /** What connections begin with, in front of the request. */
  readonly preamble?: Uint8Array;
}

/** One thing on against the same without it. */
export interface FeatureWorkload {
  readonly kind: "feature";
  readonly name: string;
  readonly title: string;
  readonly target: string;
  readonly off: Side;
  readonly on: Side;
  readonly connections: number;
  /** A new connection for each request. */
  readonly isShort: boolean;
  /** Both sides are sent the cookie that the answer of the one with the thing on brings. */
  readonly returnsCookie?: boolean;
  /** Clients' connections begin with what {@link Side.preamble} says, by bench/introductions.ts on either side: wrk can't. */
  readonly isIntroducing?: boolean;
  /** How many instances there are, each with an address of its own. */
  readonly instances: number;
  /** Nothing is sent: what counts is the process's own work. */
  readonly isIdle?: boolean;
  readonly isQuick: boolean;
  /** The highest ratio of the CPU time with it to that without that meets the target. */
  readonly ratioLimit?: number;
  /** The most of a core, 0–1, that it may take in a process with nothing else to do; the row's figure where it is set. */
  readonly busyLimit?: number;
}

/** Rounds of a row unless the command line says otherwise: differences are small. */
export const featureRounds = 15;

const http: Side = { protocol: "HTTP" };
const tcp: Side = { protocol: "TCP" };

const checkedEvery = (interval: number): Side => ({
  protocol: "HTTP",
  loadBalancer: (port) => ({ healthCheck: { target: `HTTP:${port}/100`, interval, timeout: 4 } }),
});

const sticky: Side = {
  protocol: "HTTP",
  listener: { policies: ["sticky"] },
  loadBalancer: () => ({
    policies: { sticky: { type: "LBCookieStickinessPolicyType", attributes: { CookieExpirationPeriod: 3600 } } },
  }),
};

const introducing = (version: 1 | 2): Side => ({
  protocol: "TCP",
  isIntroduced: true,
  loadBalancer: (port) => ({
    policies: {
      proxy: { type: "ProxyProtocolPolicyType", attributes: { ProxyProtocol: true, ProxyProtocolVersion: version } },
    },
    backendPolicies: { [port]: ["proxy"] },
  }),
});

const introduced = (version: 1 | 2): Side => ({
  protocol: "TCP",
  listener: { acceptProxyProtocol: true, trustedProxies: ["127.0.0.0/8"] },
  preamble: writeProxyHeader(version, {
    ...{ clientAddress: "198.51.100.22", clientPort: 35_646 },
    ...{ proxyAddress: "203.0.113.7", proxyPort: 443 },
  }),
});

const logging: Side = {
  protocol: "HTTP",
  loadBalancer: () => ({ attributes: { idleTimeout: 3600, accessLog: { enabled: true, file: "access.log" } } }),
};

const nginxLogging = (isLogging: boolean): Side => ({ protocol: "HTTP", nginx: { isLogging } });

const headerEdit = '{ set: { "X-Frame-Options": "DENY" } }';

/** `hook` is what the policy does with each response's head. */
const editing = (hook: string): Side => ({
  protocol: "HTTP",
  listener: { policies: ["edit"] },
  loadBalancer: () => ({ policies: { edit: { module: "./edit.ts", attributes: {} } } }),
  files: {
    "edit.ts": `import { definePolicy, Schema } from "elbow";

const edit = ${headerEdit};

export default definePolicy({
  type: "BenchPolicyType",
  attributes: Schema.Struct({}),
  responseHead: ${hook},
});
`,
  },
});

const plain = {
  kind: "feature",
  target: "/100",
  connections: 64,
  isShort: false,
  instances: 1,
  isQuick: false,
} as const;

const row = { ...plain, ratioLimit: 1.03 } as const;

const introducingClients = { isShort: true, isIntroducing: true } as const;

/** Every row of this kind, in the order of their table. */
export const features: ReadonlyArray<FeatureWorkload> = [
  {
    ...row,
    name: "on-checks",
    title: "health checks, 3 instances at 5 s",
    off: http,
    on: checkedEvery(5),
    instances: 3,
  },
  { ...row, name: "on-access-log", title: "access log to a file", off: http, on: logging, ratioLimit: 1.06 },
  {
    ...{ ...plain, name: "on-access-log-nginx", title: "the same in nginx, its own log" },
    ...{ off: nginxLogging(false), on: nginxLogging(true) },
  },
  { ...row, name: "on-policy", title: "a policy that sets a header", off: http, on: editing("() => edit") },
  {
    ...{ ...plain, name: "on-policy-new", title: "the same, its edit made anew each time" },
    ...{ off: http, on: editing(`() => (${headerEdit})`) },
  },
  {
    ...{ ...plain, name: "on-policy-context", title: "the same, where it looks at the response" },
    ...{ off: http, on: editing("(_attributes, { status }) => (status < 500 ? edit : undefined)") },
  },
  { ...row, name: "on-cookie-back", title: "stickiness, cookie sent back", off: http, on: sticky, returnsCookie: true },
  { ...row, name: "on-cookie-new", title: "stickiness, new cookie", off: http, on: sticky },
  { ...row, name: "on-proxy1", title: "PROXY 1 to instances, kept alive", off: tcp, on: introducing(1) },
  { ...row, name: "on-proxy2", title: "PROXY 2 to instances, kept alive", off: tcp, on: introducing(2) },
  {
    ...row,
    name: "on-proxy1-short",
    title: "PROXY 1 to instances, short",
    off: tcp,
    on: introducing(1),
    isShort: true,
  },
  {
    ...row,
    name: "on-proxy2-short",
    title: "PROXY 2 to instances, short",
    off: tcp,
    on: introducing(2),
    isShort: true,
  },
  {
    ...row,
    name: "on-accept1-short",
    title: "PROXY 1 from clients, short",
    off: tcp,
    on: introduced(1),
    ...introducingClients,
  },
  {
    ...row,
    name: "on-accept2-short",
    title: "PROXY 2 from clients, short",
    off: tcp,
    on: introduced(2),
    ...introducingClients,
  },
  {
    ...{
      kind: "feature",
      target: "/100",
      name: "on-checks-1000",
      title: "health checks, 1000 instances at 30 s, no traffic",
    },
    ...{ off: http, on: checkedEvery(30), connections: 0, isShort: false, instances: 1000, isIdle: true },
    ...{ isQuick: false, busyLimit: 0.05 },
  },
];

/** What is sent to a side on each connection, again and again, where it isn't wrk's own GET. */
export function makeRequest(
  { isShort, isIntroducing, returnsCookie }: FeatureWorkload,
  { preamble }: Side,
  cookie: string | undefined,
  host: string,
): Uint8Array | undefined {
  if (isIntroducing !== true && returnsCookie !== true) return undefined;
  const lines = [
    ...["GET /100 HTTP/1.1", `Host: ${host}`, ...(isShort ? ["Connection: close"] : [])],
    ...(cookie === undefined ? [] : [`Cookie: ${cookie}`]),
  ];
  return Buffer.concat([preamble ?? new Uint8Array(), Buffer.from(`${lines.join("\r\n")}\r\n\r\n`)]);
}
