/**
 * The contract of a policy type: a named kind of policy, the attributes that one is made of, and hooks by phase.
 * Implemented by policies/tls/ssl-negotiation.ts, policies/backend-auth/, policies/proxy-protocol/ and policies/stickiness/;
 * called by control/, tls/ and pipeline/.
 * Owns no state. Hooks are synchronous, get read-only values and answer by returning.
 */
import type { Schema } from "effect";
import type { CookieAttribute } from "../model/cookie-attribute.ts";
import type { ProxiedConnection } from "../model/proxied-connection.ts";
import type { NegotiationTerms, SecurityPolicy } from "../model/security-policy.ts";

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

/** A kind of policy, `A` being the attributes of one. */
export interface PolicyType<A> {
  /** As in the Elastic Load Balancing API, such as `SSLNegotiationPolicyType`. */
  readonly type: string;
  readonly attributes: Schema.Codec<A, unknown>;
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
}

/** Gives its argument back, typed: the default export of a policy type. */
export const definePolicyType = <A>(type: PolicyType<A>): PolicyType<A> => type;
