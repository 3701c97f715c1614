// What is counted: plain numbers on plain objects, added to on the data path and read when somebody asks.
//
// One object per load balancer, per listener and per instance; they live as long as what they count, across reloads. No
// label is ever a client's: the number of series is bounded by the configuration.
import type { Reason } from "../errors.ts";
import type { DesyncReason } from "../parse/http1/desync.ts";
import { Histogram, latencyBounds } from "./histogram.ts";

/** Counts of one listener. */
export class ListenerCounters {
  acceptedConnections = 0;
  /** Turned away at the door: the cap on connections was reached. */
  refusedConnections = 0;
  /** TLS handshakes that were begun, with a whole ClientHello. */
  handshakes = 0;
  /** Those that were done, and resumed an earlier session. */
  resumedHandshakes = 0;
  /** Those that were done, by what they settled, such as `TLSv1.3 TLS_AES_128_GCM_SHA256`: ours to offer, so ours to bound. */
  readonly settledHandshakes = new Map<string, number>();
  /** Bytes read from clients; behind TLS, of the application. */
  receivedBytes = 0;
  /** Bytes handed to clients' sockets; before TLS, of the application. */
  sentBytes = 0;
  /** HTTP answers by the first digit of their status; index 0 counts exchanges that ended without one. */
  readonly answers = new Float64Array(6);
  /** Of these, answers that elbow made in an instance's place; the others are the instances'. */
  readonly ownAnswers = new Float64Array(6);
  /** HTTP requests that were sent to an instance, each once; at layer 4, connections made to one for a client. */
  routed = 0;
  /** Seconds that those who waited for room on an instance have waited, however that ended. */
  readonly queueWaits = new Histogram(latencyBounds);
  /** Seconds from a request sent to its response head; at layer 4, to connect to an instance (CloudWatch's Latency). */
  readonly latency = new Histogram(latencyBounds);
  /** How often a request was sent again, since its connection to an instance died before an answer. */
  retries = 0;
  /** How often each thing went wrong. */
  readonly reasons = new Map<Reason, number>();
  /** Requests that weren't compliant, by reason (CloudWatch's DesyncMitigationMode_NonCompliant_Request_Count). */
  readonly desync = new Map<DesyncReason, number>();

  countReason(reason: Reason): void {
    this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  countDesync(reason: DesyncReason): void {
    this.desync.set(reason, (this.desync.get(reason) ?? 0) + 1);
  }

  /** Counts a handshake that was done, by what it settled. */
  countHandshake(version: string, cipher: string): void {
    const terms = `${version} ${cipher}`;
    this.settledHandshakes.set(terms, (this.settledHandshakes.get(terms) ?? 0) + 1);
  }

  /** Counts an answer of our own with this status. */
  countOwnAnswer(status: number): void {
    const statusClass = Math.floor(status / 100);
    if (statusClass >= 1 && statusClass <= 5) this.ownAnswers[statusClass]!++;
  }
}

/** So many listeners that were removed are kept apart, since connections that they left behind still count. */
const removedMaxCount = 16;

/** Counts of one load balancer as long as it is configured, whichever listeners and instances come and go. */
export class LoadBalancerCounters {
  /** Attempts to connect to an instance that failed, for clients, ahead of demand and for health checks. */
  connectionErrors = 0;
  /** Of the listeners that were removed. */
  private readonly removed: Array<ListenerCounters> = [];

  /** The counts of all listeners that are gone. */
  get removedListeners(): ReadonlyArray<ListenerCounters> {
    return this.removed;
  }

  /** A listener is gone; what it has counted stays. */
  keep(counters: ListenerCounters): void {
    this.removed.push(counters);
    if (this.removed.length <= removedMaxCount) return;
    const [oldest, next] = this.removed as [ListenerCounters, ListenerCounters];
    addTotals(next, oldest);
    this.removed.shift();
  }
}

/** Adds what a load balancer's totals are made of. */
const addTotals = (to: ListenerCounters, from: ListenerCounters): void => {
  for (let index = 0; index < to.answers.length; index++) {
    to.answers[index]! += from.answers[index]!;
    to.ownAnswers[index]! += from.ownAnswers[index]!;
  }
  to.routed += from.routed;
  to.latency.add(from.latency);
  for (const [reason, count] of from.desync) to.desync.set(reason, (to.desync.get(reason) ?? 0) + count);
};

/** Counts of one instance behind one load balancer. */
export class InstanceCounters {
  openConnections = 0;
  /** Connections to the instance that were made. */
  connections = 0;
  /** Attempts that failed: refused, no answer in time, no TLS, no trust (CloudWatch's BackendConnectionErrors). */
  connectionErrors = 0;
  /** Of these, those where the instance didn't prove what it must (its key, or an authority's word for it). */
  authenticationErrors = 0;
  /** Response heads that came from it; at layer 4, connections that were made to it for a client. */
  answers = 0;
  /** How long these took in all, in seconds: what a listener's latency is made of. */
  answerSeconds = 0;

  constructor(
    /** The load balancer's, which outlive the instance. */
    private readonly totals?: Pick<LoadBalancerCounters, "connectionErrors"> | undefined,
  ) {}

  countAnswer(seconds: number): void {
    this.answers++;
    this.answerSeconds += seconds;
  }

  countFailure(isUntrusted: boolean): void {
    this.connectionErrors++;
    if (this.totals !== undefined) this.totals.connectionErrors++;
    if (isUntrusted) this.authenticationErrors++;
  }
}
