/**
 * The contract of a policy type: a named kind of policy, the attributes that one is made of, and hooks by phase.
 * Implemented by policies/tls/ssl-negotiation.ts and policies/backend-auth/; called by control/ and tls/.
 * Owns no state. Hooks are synchronous, get read-only values and answer by returning.
 */
import type { Schema } from "effect";
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
}

/** Gives its argument back, typed: the default export of a policy type. */
export const definePolicyType = <A>(type: PolicyType<A>): PolicyType<A> => type;
