// The bench's rows: what is asked of every proxy, over how many connections, and the target that elbow is held to.
// It owns names and sizes only; bench/traffic.ts, bench/parser-row.ts and bench/idle.ts do the work.
import type { WrittenRequest } from "./load.ts";
import { makeBrowserGet, makePipelined, makePost } from "./messages.ts";
import { chunkedTarget } from "./requests.ts";

/** Which listener of a proxy a workload goes through: layer 7 or layer 4. */
export type Layer = "http" | "tcp";

/** Requests as fast as they are answered; the proxy's CPU time per request is the figure. */
export interface TrafficWorkload {
  readonly kind: "traffic";
  readonly name: string;
  readonly title: string;
  readonly layer: Layer;
  readonly target: string;
  readonly connections: number;
  /** A new connection for each request. */
  readonly isShort: boolean;
  /** What is sent, where it isn't a plain GET of the target. */
  readonly written?: WrittenRequest;
  readonly isQuick: boolean;
  /** The highest ratio of elbow's CPU per request to the better rival's that meets the target. */
  readonly ratioLimit?: number;
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
  readonly layer: Layer;
  readonly target: string;
  readonly connections: number;
  readonly isQuick: boolean;
  /** The most KiB per connection that meets the target. */
  readonly kibLimit: number;
}

export type Workload = TrafficWorkload | ParserWorkload | IdleWorkload;

const traffic = { kind: "traffic", connections: 64, isShort: false, isQuick: true } as const;
const http = { ...traffic, layer: "http" } as const;
const idle = { kind: "idle", target: "/100", connections: 3000, isQuick: true, kibLimit: 4 } as const;

// Few connections for 1 MiB: what is in flight when the load stops was paid for and not counted.
const few = 16;

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
  { ...traffic, name: "tcp-100", title: "TCP 100 B, kept alive", layer: "tcp", target: "/100", ratioLimit: 1.1 },
  {
    ...traffic,
    name: "tcp-1m",
    title: "TCP 1 MiB",
    layer: "tcp",
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
  { ...traffic, name: "tcp-short", title: "TCP short", layer: "tcp", target: "/100", isShort: true, isQuick: false },
  { ...http, name: "http-short", title: "HTTP short", target: "/100", isShort: true },
  { kind: "parser", name: "parser", title: "parser alone, 30 headers", isQuick: true, ratioLimit: 1.6 },
  { ...idle, name: "idle-http", title: "HTTP, idle", layer: "http" },
  { ...idle, name: "idle-tcp", title: "TCP, idle", layer: "tcp" },
];
