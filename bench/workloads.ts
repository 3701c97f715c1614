// The bench's rows: what is asked of every proxy, over how many connections, and the target that elbow is held to.
// It owns names and sizes only; bench/traffic.ts and bench/idle.ts do the work.

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
  readonly isQuick: boolean;
  /** The highest ratio of elbow's CPU per request to the better rival's that meets the target. */
  readonly ratioLimit?: number;
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

export type Workload = TrafficWorkload | IdleWorkload;

const traffic = { kind: "traffic", connections: 64, isShort: false, isQuick: true } as const;
const idle = { kind: "idle", target: "/100", connections: 3000, isQuick: true, kibLimit: 4 } as const;

// Few connections for 1 MiB: what is in flight when the load stops was paid for and not counted.
const few = 16;

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
  { ...traffic, name: "http-100", title: "HTTP 100 B, kept alive", layer: "http", target: "/100", ratioLimit: 1.1 },
  { ...traffic, name: "http-10k", title: "HTTP 10 KiB", layer: "http", target: "/10k" },
  { ...traffic, name: "http-1m", title: "HTTP 1 MiB", layer: "http", target: "/1m", connections: few, isQuick: false },
  { ...traffic, name: "tcp-short", title: "TCP short", layer: "tcp", target: "/100", isShort: true, isQuick: false },
  { ...traffic, name: "http-short", title: "HTTP short", layer: "http", target: "/100", isShort: true },
  { ...idle, name: "idle-http", title: "HTTP, idle", layer: "http" },
  { ...idle, name: "idle-tcp", title: "TCP, idle", layer: "tcp" },
];
