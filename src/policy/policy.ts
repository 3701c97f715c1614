/**
 * The contract of a policy type: a named kind of policy, the attributes that one is made of, and hooks by phase.
 * Implemented by policies/tls/ssl-negotiation.ts, policies/backend-auth/, policies/proxy-protocol/ and policies/stickiness/;
 * called by control/, tls/ and pipeline/.
 * Owns no state. Hooks get read-only values and answer by returning; all are synchronous but `admit` and `pick`, which may
 * name a deadline.
 */
import type { Schema } from "effect";
import type { CookieAttribute } from "../model/cookie-attribute.ts";
import type { ProxiedConnection } from "../model/proxied-connection.ts";
import type { NegotiationTerms, SecurityPolicy } from "../model/security-policy.ts";
import type {
  Answer,
  ConnectionContext,
  FaultContext,
  HeadEdit,
  LogContext,
  Refusal,
  RequestContext,
  RequestEdit,
  ResponseContext,
  Selection,
} from "./traffic.ts";

/** A public key as an instance offers it, or as it is trusted. */
export interface PublicKey {
  /** SubjectPublicKeyInfo, DER (RFC 5280 §4.1.2.7). */
  readonly spki: Uint8Array;
  /** SHA-256 of `spki` in base64, as `elbow cert show` prints it (RFC 7469 §2.4). */
  readonly pin: string;
}

/** What `negotiate` may ask. */
export interface NegotiateContext {
  /** The predefined security policy of this name or alias. */
  readonly findSecurityPolicy: (name: string) => SecurityPolicy | undefined;
}

/** What `backendPreamble` may ask. */
export interface BackendPreambleContext {
  /** The header of PROXY protocol 2.2 that tells of a connection: version 1 is a line of text, 2 is binary. */
  readonly writeProxyHeader: (version: 1 | 2, connection: ProxiedConnection) => Uint8Array;
}

/** A request as a stickiness policy sees it. */
export interface StickRequest {
  /**
   * It brings a cookie that elbow gave out for the instances of its listener; that of an instance that has gone counts where
   * {@link hasApplicationCookie}. A cookie that is forged, or was given out for other instances, is none.
   */
  readonly hasSession: boolean;
  /** It brings the cookie that {@link Stickiness.applicationCookie} names. */
  readonly hasApplicationCookie: boolean;
}

/** The answer to a request, on its way to the client. */
export interface StickResponse extends StickRequest {
  /** It comes from the instance that the request's cookie names, the first where it brings several. */
  readonly isWithItsInstance: boolean;
  /**
   * The attributes that put a cookie in the place of the request's in its client's store: path, domain, SECURE, HTTPONLY and
   * SAMESITE. `PATH=/` where the request brings none.
   */
  readonly placeAttributes: string;
  /** What it says of the cookie that {@link Stickiness.applicationCookie} names, in its order; undefined if it doesn't set it. */
  readonly applicationAttributes: ReadonlyArray<CookieAttribute> | undefined;
}

/** How the clients of one listener stay with their instances. Its arguments are good for the call only. */
export interface Stickiness {
  /** A cookie of the application's that is looked for; undefined where none matters. */
  readonly applicationCookie?: string | undefined;
  /** Whether a request goes to the instance that its cookie names. Called for each that names one, before it is routed. */
  readonly follows: (request: StickRequest) => boolean;
  /**
   * The attributes with which the answer sets the cookie, such as `PATH=/;MAX-AGE=60`; undefined where it doesn't. Called
   * for each answer of an instance. The same text each time costs least.
   */
  readonly renew: (response: StickResponse) => string | undefined;
}

/** What a policy may answer with at once, or later where it names a deadline. */
type Awaitable<T> = T | Promise<T>;

/** What happens to a request when a hook throws or is too late. */
export type OnError = "open" | "closed";

/** A kind of policy, `A` being the attributes of one, and `S` what one keeps. Each hook may be left out, and then costs nothing. */
export interface Policy<A, S = undefined> {
  /** As in the Elastic Load Balancing API, such as `SSLNegotiationPolicyType`; of your own, any name of letters, digits and hyphens. */
  readonly type: string;
  readonly attributes: Schema.Codec<A, unknown>;
  /**
   * When a hook of traffic throws, answers with what can't be carried out, or is too late: `open` lets the request or connection
   * go on as if the hook weren't there, `closed` (the default) fails it with 500, or closes it at layer 4.
   */
  readonly onError?: OnError;
  /** How long `admit` and `pick` may take together where they answer with a promise, in milliseconds; required then. */
  readonly deadlineMs?: number;
  /**
   * What a policy keeps, given to each of its hooks of traffic: made once where it is first used, and kept by reloads that change
   * neither its module nor its attributes.
   */
  readonly state?: (attributes: A) => S;
  /** Ends what {@link Policy.state} has begun, such as a timer. Called when no listener has the policy any more, and no request or layer-4 connection that began under it is left; at elbow's end in any case. */
  readonly dispose?: (attributes: A, state: S) => void;

  // ——— hooks of listeners and back ends ———

  /** What a listener with this policy negotiates with its clients. Called when the policy is loaded. */
  readonly negotiate?: (attributes: A, context: NegotiateContext) => NegotiationTerms;
  /**
   * Whether an instance that has proved to own `offered` may get traffic, `trusted` being the keys of the
   * PublicKeyPolicyType policies that this one names. Called on each connection to an instance, before a byte goes out.
   */
  readonly authenticateBackend?: (trusted: ReadonlyArray<PublicKey>, offered: PublicKey) => boolean;
  /**
   * What an instance is told of a TCP or SSL connection before the client's first byte, and before TLS; undefined for
   * nothing. Called once for each client's connection; the next instance is told the same when one can't be reached.
   *
   * *Owns*: the bytes are the caller's from then on; they go out as they are.
   */
  readonly backendPreamble?: (
    attributes: A,
    connection: ProxiedConnection,
    context: BackendPreambleContext,
  ) => Uint8Array | undefined;
  /**
   * How the clients of a listener with this policy stay with their instances; HTTP and HTTPS listeners only. Called once
   * for each listener that has the policy.
   */
  readonly stick?: (attributes: A) => Stickiness;

  // ——— hooks of traffic, in the order in which they are called; of several policies, in the order of the listener's list ———

  /** Lets a request or a layer-4 connection in by returning nothing, or turns it away, or answers it. */
  readonly admit?: (
    attributes: A,
    context: RequestContext | ConnectionContext,
    state: S,
  ) => Awaitable<Answer | Refusal | undefined>;
  /** Narrows the instances that it may go to; returning nothing leaves all. The last policy that narrows them decides. */
  readonly pick?: (
    attributes: A,
    context: RequestContext | ConnectionContext,
    state: S,
  ) => Awaitable<Selection | undefined>;
  /** Changes the head of a request before it goes to an instance, or answers it, or turns it away. */
  readonly requestHead?: (
    attributes: A,
    request: RequestContext,
    state: S,
  ) => RequestEdit | Answer | Refusal | undefined;
  /**
   * Changes the head of a final response before it goes to the client; those of policies' answers too, but not elbow's own
   * error answers. Of several policies, in the reverse order of the listener's list.
   */
  readonly responseHead?: (attributes: A, response: ResponseContext, state: S) => HeadEdit | undefined;
  /** Sees what went wrong. */
  readonly onFault?: (attributes: A, fault: FaultContext, state: S) => void;
  /** Adds fields to the log record; they are in JSON access logs. Called only where an access log is kept. */
  readonly log?: (
    attributes: A,
    outcome: LogContext,
    state: S,
  ) => Readonly<Record<string, string | number | boolean | undefined>> | undefined;
}

/** Gives its argument back, typed: the default export of a policy module. */
export const definePolicy = <A, S = undefined>(policy: Policy<A, S>): Policy<A, S> => policy;
