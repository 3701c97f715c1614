// What people and pages are shown of one listener: a plain reading of its counters.
//
// A part of status.ts, which reads load balancers. Owns what is shown and what it is made of; it counts nothing.
import { reasons as allReasons } from "../errors.ts";
import type { Listener } from "../model/listener.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { isLayer7, type Protocol } from "../model/protocol.ts";
import { ListenerCounters } from "../observe/counters.ts";
import { type Histogram, quantile } from "../observe/histogram.ts";
import type { RunningListener } from "./running-listener.ts";

/** One listener, with its live counts. */
export interface ListenerStatus {
  readonly protocol: Protocol;
  /** The port that is bound. */
  readonly port: number;
  /** The address that it is bound to; `*` stands for every address. */
  readonly address: string;
  readonly instanceProtocol: Protocol;
  readonly instancePort: number;
  readonly openConnections: number;
  readonly acceptedConnections: number;
  /** HTTP exchanges, or layer-4 connections, ended ones included. */
  readonly requests: number;
  /** How often elbow had to answer with a status from 500 up by itself; there for HTTP and HTTPS. */
  readonly ownErrors: number;
  /** From a request sent to its response head; at layer 4, the time to connect. Null before the first. */
  readonly latency: LatencyStatus | null;
  /** The names of those that work on it, in order. */
  readonly policies: ReadonlyArray<string>;
}

/** How long instances take; quantiles are estimates from ranges. */
interface LatencyStatus {
  readonly count: number;
  readonly sumSeconds: number;
  readonly p50Seconds: number;
  readonly p90Seconds: number;
  readonly p99Seconds: number;
}

/** Reads a listener of a configuration; `open` is the one that runs, where it does. */
export const describeListener = (
  { address = "*" }: LoadBalancer,
  listener: Listener,
  open: RunningListener | undefined,
): ListenerStatus => ({
  // One by one: a listener also has keys that nobody may read.
  protocol: listener.protocol,
  port: open?.port ?? listener.port,
  instanceProtocol: listener.instanceProtocol,
  instancePort: listener.instancePort,
  address,
  openConnections: open?.service.connections.size ?? 0,
  acceptedConnections: open?.counters.acceptedConnections ?? 0,
  ...describeTraffic(listener, open?.counters ?? new ListenerCounters()),
  policies: namePolicies(listener),
});

const describeTraffic = (
  { protocol }: Listener,
  { answers, acceptedConnections, reasons, latency }: ListenerCounters,
) => {
  const requests = isLayer7(protocol) ? answers.reduce((sum, count) => sum + count, 0) : acceptedConnections;
  let ownErrors = 0;
  if (isLayer7(protocol)) {
    for (const [reason, count] of reasons) if (allReasons[reason].status >= 500) ownErrors += count;
  }
  return { requests, ownErrors, latency: describeLatency(latency) };
};

const describeLatency = (latency: Histogram): LatencyStatus | null => {
  if (latency.count === 0) return null;
  const at = (share: number): number => quantile(latency, share) ?? 0;
  const { count, sum } = latency;
  return { count, sumSeconds: sum, p50Seconds: at(0.5), p90Seconds: at(0.9), p99Seconds: at(0.99) };
};

/** Security first, since its policy is the first to work on a connection; then in the order of the configuration. */
const namePolicies = ({ security, stickiness, balancer, policies = [] }: Listener): ReadonlyArray<string> => [
  ...new Set(
    [security?.policy.name, balancer?.name, stickiness?.name, ...policies.map(({ name }) => name)].filter(
      (name) => name !== undefined,
    ),
  ),
];
