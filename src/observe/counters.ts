// What is counted: plain numbers on plain objects, added to on the data path and read when somebody asks.
//
// One object per listener and per instance; they live as long as what they count, across reloads. No label is ever a
// client's: the number of series is bounded by the configuration.
import type { Reason } from "../errors.ts";
import type { DesyncReason } from "../parse/http1/desync.ts";

/** Counts of one listener. */
export class ListenerCounters {
  acceptedConnections = 0;
  /** Turned away at the door: the cap on connections was reached. */
  refusedConnections = 0;
  /** TLS handshakes that were begun, with a whole ClientHello. */
  handshakes = 0;
  /** Those that were done, and resumed an earlier session. */
  resumedHandshakes = 0;
  /** Bytes read from clients; behind TLS, of the application. */
  receivedBytes = 0;
  /** Bytes handed to clients' sockets; before TLS, of the application. */
  sentBytes = 0;
  /** HTTP answers by the first digit of their status; index 0 counts exchanges that ended without one. */
  readonly answers = new Float64Array(6);
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
}

/** Counts of one instance behind one load balancer. */
export class InstanceCounters {
  openConnections = 0;
  /** Connections to the instance that were made. */
  connections = 0;
  /** Attempts that failed: refused, no answer in time, no TLS, no trust (CloudWatch's BackendConnectionErrors). */
  connectionErrors = 0;
  /** Of these, those where the instance didn't prove what it must (its key, or an authority's word for it). */
  authenticationErrors = 0;

  countFailure(isUntrusted: boolean): void {
    this.connectionErrors++;
    if (isUntrusted) this.authenticationErrors++;
  }
}
