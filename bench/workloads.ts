// The bench's rows: what is asked of every proxy, over how many connections, and the target that elbow is held to.
// It owns names and sizes only; bench/traffic.ts, bench/parser-row.ts and bench/idle.ts do the work. The rows of elbow
// against itself stand in bench/features.ts.
import { type FeatureWorkload, features } from "./features.ts";
import type { WrittenRequest } from "./load.ts";
import { makeBrowserGet, makePipelined, makePost } from "./messages.ts";
import { chunkedTarget } from "./requests.ts";

/**
 * Which listener of a proxy a workload goes through: layer 7 or layer 4, with TLS in front or without. `https` has an
 * ECDSA certificate, `https-rsa` an RSA one; `https-https` speaks TLS to the back end, too.
 */
export type Front = "http" | "tcp" | "https" | "https-rsa" | "https-https" | "ssl";

/** Whether clients speak TLS to a front. */
export const isSecure = (front: Front): boolean => front !== "http" && front !== "tcp";

/** Whether a front is layer 7: it reads requests and adds headers. */
export const isHttp = (front: Front): boolean => front !== "tcp" && front !== "ssl";

/** A TLS handshake with every request. */
export interface Handshake {
  readonly version: "1.2" | "1.3";
  /** With a session of an earlier connection (RFC 5077, RFC 8446 §2.2); otherwise always in full. */
  readonly isResumed: boolean;
  /** Whether the client sets TCP_NODELAY. */
  readonly hasNoDelay: boolean;
}

/** Requests as fast as they are answered; the proxy's CPU time per request is the figure. */
export interface TrafficWorkload {
  readonly kind: "traffic";
  readonly name: string;
  readonly title: string;
  readonly front: Front;
  readonly target: string;
  readonly connections: number;
  /** A new connection for each request. */
  readonly isShort: boolean;
  /** What is sent, where it isn't a plain GET of the target. */
  readonly written?: WrittenRequest;
  /** A new connection and a handshake for each request, by bench/handshakes.ts instead of wrk. */
  readonly handshake?: Handshake;
  readonly isQuick: boolean;
  /** The highest ratio of elbow's CPU per request to the better rival's that meets the target. */
  readonly ratioLimit?: number;
  /** The most ms by which elbow's median answer may come later than the faster rival's; the row's figure where it is set. */
  readonly delayLimitMs?: number;
}

/** elbow's request parser alone, against a loop that looks at the same bytes; time per head is the figure. */
export interface ParserWorkload {
  readonly kind: "parser";
  readonly name: string;
  readonly title: string;
  readonly isQuick: boolean;
  /** The highest ratio of the parser's time to the bare loop's that meets the target. */
  readonly ratioLimit: number;
}

/** Connections that made one exchange and then stay open; memory per connection is the figure. */
export interface IdleWorkload {
  readonly kind: "idle";
  readonly name: string;
  readonly title: string;
  readonly front: Front;
  readonly target: string;
  readonly connections: number;
  readonly isQuick: boolean;
  /** The most KiB per connection that meets the target. */
  readonly kibLimit: number;
}

export type Workload = TrafficWorkload | ParserWorkload | IdleWorkload | FeatureWorkload;

const traffic = { kind: "traffic", connections: 64, isShort: false, isQuick: true } as const;
const http = { ...traffic, front: "http" } as const;
const https = { ...traffic, front: "https" } as const;
const idle = { kind: "idle", target: "/100", connections: 3000, isQuick: true } as const;

// Few connections for 1 MiB: what is in flight when the load stops was paid for and not counted.
const few = 16;

// A few handshakes under way at once keep the proxy's core busy; more would only wait.
const handshaking = { ...https, connections: 16, target: "/100", isQuick: false } as const;
const full = (version: Handshake["version"]): Handshake => ({ version, isResumed: false, hasNoDelay: true });
const resumed = (version: Handshake["version"]): Handshake => ({ version, isResumed: true, hasNoDelay: true });

/** Requests that the pipelined row sends at once. */
export const pipelinedCount = 8;

/** What the browser of the 30-header row asks for; the query is what a real one would carry. */
export const browserTarget = "/100?section=garden&page=2&sort=price-asc&stock=yes";

const once = (make: (host: string) => Uint8Array): WrittenRequest => ({ make, count: 1 });
const post = once((host) => makePost("/100", host, 1024));
const browser = once((host) => makeBrowserGet(browserTarget, host));
const pipelined: WrittenRequest = {
  make: (host) => makePipelined("/100", host, pipelinedCount),
  count: pipelinedCount,
};

/** Every row, in the order of the table. */
export const workloads: ReadonlyArray<Workload> = [
  { ...traffic, name: "tcp-100", title: "TCP 100 B, kept alive", front: "tcp", target: "/100", ratioLimit: 1.1 },
  {
    ...traffic,
    name: "tcp-1m",
    title: "TCP 1 MiB",
    front: "tcp",
    target: "/1m",
    connections: few,
    ratioLimit: 0.9,
  },
  { ...http, name: "http-100", title: "HTTP 100 B, kept alive", target: "/100", ratioLimit: 1 },
  { ...http, name: "http-30", title: "HTTP 30 headers", target: "/100", written: browser, ratioLimit: 1 },
  { ...http, name: "http-10k", title: "HTTP 10 KiB", target: "/10k", ratioLimit: 1.1 },
  { ...http, name: "http-chunked", title: "HTTP 10 KiB chunked", target: chunkedTarget, isQuick: false },
  {
    ...http,
    name: "http-1m",
    title: "HTTP 1 MiB",
    target: "/1m",
    connections: few,
    isQuick: false,
    ratioLimit: 0.9,
  },
  { ...http, name: "http-post", title: "HTTP POST 1 KiB", target: "/100", written: post, isQuick: false },
  {
    ...http,
    name: "http-pipelined",
    title: `HTTP pipelined × ${pipelinedCount}`,
    target: "/100",
    written: pipelined,
    isQuick: false,
  },
  { ...traffic, name: "tcp-short", title: "TCP short", front: "tcp", target: "/100", isShort: true, isQuick: false },
  { ...http, name: "http-short", title: "HTTP short", target: "/100", isShort: true },
  { ...https, name: "https-100", title: "HTTPS 100 B, kept alive", target: "/100", ratioLimit: 0.95 },
  {
    ...https,
    name: "https-https",
    title: "HTTPS to HTTPS 100 B, kept alive",
    front: "https-https",
    target: "/100",
    isQuick: false,
  },
  { ...https, name: "ssl-1m", title: "SSL 1 MiB", front: "ssl", target: "/1m", connections: few, ratioLimit: 0.85 },
  {
    ...handshaking,
    name: "tls13-ecdsa",
    title: "TLS 1.3 handshake, ECDSA",
    handshake: full("1.3"),
    isQuick: true,
    ratioLimit: 0.8,
  },
  { ...handshaking, name: "tls12-ecdsa", title: "TLS 1.2 handshake, ECDSA", handshake: full("1.2"), ratioLimit: 0.8 },
  {
    ...handshaking,
    name: "tls13-rsa",
    title: "TLS 1.3 handshake, RSA",
    front: "https-rsa",
    handshake: full("1.3"),
    ratioLimit: 1.4,
  },
  {
    ...handshaking,
    name: "tls12-rsa",
    title: "TLS 1.2 handshake, RSA",
    front: "https-rsa",
    handshake: full("1.2"),
    ratioLimit: 1.4,
  },
  {
    ...handshaking,
    name: "tls13-resumed",
    title: "TLS 1.3 resumed",
    handshake: resumed("1.3"),
    isQuick: true,
    ratioLimit: 0.95,
  },
  { ...handshaking, name: "tls12-resumed", title: "TLS 1.2 resumed", handshake: resumed("1.2"), ratioLimit: 0.95 },
  {
    ...handshaking,
    name: "tls13-first",
    title: "TLS 1.3 first answer, no TCP_NODELAY",
    connections: 1,
    handshake: { ...full("1.3"), hasNoDelay: false },
    delayLimitMs: 2,
  },
  { kind: "parser", name: "parser", title: "parser alone, 30 headers", isQuick: true, ratioLimit: 1.6 },
  { ...idle, name: "idle-http", title: "HTTP, idle", front: "http", kibLimit: 4 },
  { ...idle, name: "idle-tcp", title: "TCP, idle", front: "tcp", kibLimit: 4 },
  { ...idle, name: "idle-https", title: "HTTPS, idle", front: "https", isQuick: false, kibLimit: 12 },
  ...features,
];
