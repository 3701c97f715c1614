// Every way in which a connection or a request can fail, in one table: whose side, in which phase, what the client is
// told, what is counted, and how loudly.
//
// Sits at the end of every import chain. It decides nothing by itself: the pipeline takes a status and a side from here,
// counters and logs the rest; whether a request may be sent again depends on what was sent of it, see pipeline/exchange.ts.
import { Data } from "effect";

/** Whose doing it is: the client's, the instance's (or the network to it), or elbow's own. */
export type Side = "client" | "backend" | "proxy";

/** How far the connection or exchange had come. */
export type Phase =
  | "accept"
  | "handshake"
  | "requestHead"
  | "requestBody"
  | "policy"
  | "balance"
  | "dial"
  | "responseHead"
  | "responseBody";

/** What is known of one reason. */
export interface ReasonFacts {
  readonly side: Side;
  readonly phase: Phase;
  /** The status an HTTP client gets when no byte of an answer was sent yet; 0 where none can be sent. */
  readonly status: 0 | 400 | 403 | 405 | 408 | 500 | 502 | 503 | 504;
  /** How loudly whoever observes outcomes and keeps a log of them should tell it. */
  readonly level: "debug" | "info" | "warn" | "error";
}

const reason = (side: Side, phase: Phase, status: ReasonFacts["status"], level: ReasonFacts["level"]): ReasonFacts => ({
  side,
  phase,
  status,
  level,
});

/**
 * The table. Status codes follow "Troubleshoot a Classic Load Balancer: HTTP errors" (AWS) and, where that is silent,
 * `docs/decisions/0003-answers-of-our-own.md`.
 */
export const reasons = {
  connectionCapReached: reason("proxy", "accept", 0, "warn"),
  idle: reason("client", "accept", 0, "debug"),
  proxyHeaderMissing: reason("client", "accept", 0, "debug"),
  proxyHeaderMalformed: reason("client", "accept", 0, "debug"),
  handshakeTimeout: reason("client", "handshake", 0, "debug"),
  handshakeCut: reason("client", "handshake", 0, "debug"),
  handshakeNotTls: reason("client", "handshake", 0, "debug"),
  handshakeFailed: reason("client", "handshake", 0, "debug"),
  noSharedProtocol: reason("client", "handshake", 0, "debug"),
  noSharedCipher: reason("client", "handshake", 0, "debug"),
  noSharedApplication: reason("client", "handshake", 0, "debug"),
  clientCertificateMissing: reason("client", "handshake", 0, "debug"),
  clientCertificateRefused: reason("client", "handshake", 0, "debug"),
  clientReset: reason("client", "requestHead", 0, "debug"),
  badRequest: reason("client", "requestHead", 400, "debug"),
  requestHeadTooLarge: reason("client", "requestHead", 400, "debug"),
  connectMethod: reason("client", "requestHead", 400, "debug"),
  desyncBlocked: reason("client", "requestHead", 400, "debug"),
  methodTooLong: reason("client", "requestHead", 405, "debug"),
  requestHeadTimeout: reason("client", "requestHead", 408, "debug"),
  requestHeadCut: reason("client", "requestHead", 408, "debug"),
  badRequestBody: reason("client", "requestBody", 400, "debug"),
  requestBodyTimeout: reason("client", "requestBody", 408, "debug"),
  requestBodyCut: reason("client", "requestBody", 408, "debug"),
  policyRefused: reason("proxy", "policy", 403, "debug"),
  policyFailed: reason("proxy", "policy", 500, "error"),
  policyTimeout: reason("proxy", "policy", 500, "error"),
  noInstance: reason("proxy", "balance", 503, "warn"),
  surgeQueueOverflow: reason("proxy", "balance", 503, "warn"),
  clientLeftQueue: reason("client", "balance", 408, "debug"),
  surgeQueueTimeout: reason("proxy", "balance", 503, "warn"),
  connectRefused: reason("backend", "dial", 503, "warn"),
  connectTimeout: reason("backend", "dial", 504, "warn"),
  descriptorsExhausted: reason("proxy", "dial", 503, "error"),
  backendHandshakeFailed: reason("backend", "dial", 502, "warn"),
  backendUntrusted: reason("backend", "dial", 502, "error"),
  backendClosed: reason("backend", "responseHead", 504, "info"),
  backendTimeout: reason("backend", "responseHead", 504, "info"),
  instanceDeregistered: reason("proxy", "responseHead", 504, "info"),
  instanceOutOfService: reason("proxy", "responseHead", 504, "info"),
  badResponse: reason("backend", "responseHead", 502, "warn"),
  responseHeadTooLarge: reason("backend", "responseHead", 502, "warn"),
  responseCut: reason("backend", "responseBody", 0, "warn"),
  responseTimeout: reason("backend", "responseBody", 0, "warn"),
  badResponseBody: reason("backend", "responseBody", 502, "warn"),
  clientGone: reason("client", "responseBody", 0, "debug"),
  shutdown: reason("proxy", "responseBody", 0, "info"),
} as const satisfies Record<string, ReasonFacts>;

/** The name of one way to fail. */
export type Reason = keyof typeof reasons;

/** No connection to any instance: what the slow path fails with. */
export class ConnectError extends Data.TaggedError("ConnectError")<{
  readonly reason: Extract<
    Reason,
    | "noInstance"
    | "surgeQueueOverflow"
    | "surgeQueueTimeout"
    | "connectRefused"
    | "connectTimeout"
    | "descriptorsExhausted"
    | "backendHandshakeFailed"
    | "backendUntrusted"
  >;
}> {}

/** A listening address that the system refused. */
export class BindError extends Data.TaggedError("BindError")<{
  readonly address: string;
  readonly port: number;
  /** The system's own code: `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`… */
  readonly code: string;
  readonly loadBalancer: string;
  /** Where the port is written, such as `loadBalancers.web.listeners[0].port`. */
  readonly setting: string;
}> {}
