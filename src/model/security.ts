/**
 * TLS on either side of a load balancer: what a listener shows its clients, and what it asks of its instances.
 * Part of a listener; owns the shape.
 * Never holds key material: only where it comes from.
 */
import type { CertificateSource, PemSource } from "./certificate-source.ts";
import type { PolicyUse } from "./policy-use.ts";
import type { SecurityPolicy } from "./security-policy.ts";

/** Certificates asked of clients. */
export interface ClientAuth {
  /** The authorities that issue them. */
  readonly ca: PemSource;
  /** `require` refuses clients without one; `optional` lets them in, but not with one that doesn't verify. */
  readonly mode: "require" | "optional";
}

/** How an HTTPS or SSL listener terminates TLS. */
export interface ListenerSecurity {
  /** At least one; the first serves clients whose server name (SNI, RFC 6066 §3) fits none. */
  readonly certificates: ReadonlyArray<CertificateSource>;
  readonly policy: SecurityPolicy;
  readonly clientAuth?: ClientAuth;
}

/** A public key that an instance may prove to have. */
export interface TrustedKey {
  /** The name of the PublicKeyPolicyType policy that has it. */
  readonly policy: string;
  /** SubjectPublicKeyInfo, DER (RFC 5280 §4.1.2.7). */
  readonly spki: Uint8Array;
}

/** A policy of the user's that decides by its key whether an instance gets traffic. */
export interface InstanceJudge {
  readonly use: PolicyUse;
  /** Those that the policy's `PublicKeyPolicyName` names. */
  readonly keys: ReadonlyArray<TrustedKey>;
}

/** What HTTPS and SSL instances must prove; with no member, any certificate will do. */
export interface InstanceSecurity {
  /** Its key is one of these. */
  readonly keys?: ReadonlyArray<TrustedKey>;
  /** Or one of these trusts its key. */
  readonly judges?: ReadonlyArray<InstanceJudge>;
  /** Its certificate is signed by this authority for `serverName`, or else for the instance's own host. */
  readonly authority?: { readonly ca: PemSource; readonly serverName?: string };
}
