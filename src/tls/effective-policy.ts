/**
 * What of a security policy the TLS library can do, and what it can't and why.
 * Stands between the policies and the contexts that server-contexts.ts makes; `check`, the start-up log and
 * `elbow policy show` tell what is left out. Owns the comparison; a name that the library doesn't know never gets past it.
 */
import { type NegotiationTerms, type TlsProtocol, tlsProtocols } from "../model/security-policy.ts";
import { type CipherSuite, findCipherSuite, hasCipherSuite, suites13 } from "./cipher-suites.ts";

/** What a listener really offers. */
export interface EffectivePolicy {
  /** The versions on offer, oldest first: the library has them, and at least one suite is left for each. */
  readonly protocols: ReadonlyArray<TlsProtocol>;
  /** The suites up to TLS 1.2 on offer, in the policy's order; empty when no version up to TLS 1.2 is on offer. */
  readonly ciphers: ReadonlyArray<string>;
  /** The suites of TLS 1.3, when that is on offer; which is used is always the client's choice. */
  readonly suites13: ReadonlyArray<string>;
  /** For suites up to TLS 1.2. */
  readonly hasServerOrder: boolean;
  /** Named by the policy and not on offer; policy-remarks.ts says why. */
  readonly missingProtocols: ReadonlyArray<TlsProtocol>;
  /** Named by the policy and not on offer, in its order; policy-remarks.ts says why. */
  readonly missingCiphers: ReadonlyArray<string>;
  /** No handshake can succeed: such a policy is refused. */
  readonly isEmpty: boolean;
}

/** SSL 2.0 and 3.0 are gone from the library (RFC 6176, RFC 7568). */
const libraryProtocols: ReadonlySet<TlsProtocol> = new Set<TlsProtocol>(["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]);

const ageOf = (protocol: TlsProtocol): number => tlsProtocols.indexOf(protocol);

/** Whether a suite up to TLS 1.2 can be used in a version. */
const fits = (suite: CipherSuite, protocol: TlsProtocol): boolean =>
  protocol !== "TLSv1.3" && ageOf(suite.minProtocol) <= ageOf(protocol);

/** Compares a policy with the library; costs a few lookups, and never fails. */
export const effectivePolicy = (policy: NegotiationTerms): EffectivePolicy => {
  const named = tlsProtocols.filter((protocol) => policy.protocols.includes(protocol));
  const possible = named.filter((protocol) => libraryProtocols.has(protocol));
  const namedCiphers = [...new Set(policy.ciphers)];
  const ciphers = namedCiphers.filter((name) => {
    const suite = findCipherSuite(name);
    return suite !== undefined && hasCipherSuite(suite) && possible.some((protocol) => fits(suite, protocol));
  });
  const left = ciphers.map((name) => findCipherSuite(name) as CipherSuite);
  const protocols = possible.filter(
    (protocol) => protocol === "TLSv1.3" || left.some((suite) => fits(suite, protocol)),
  );
  return {
    protocols,
    ciphers,
    suites13: protocols.includes("TLSv1.3") ? suites13 : [],
    hasServerOrder: policy.hasServerOrder,
    missingProtocols: named.filter((protocol) => !protocols.includes(protocol)),
    missingCiphers: namedCiphers.filter((name) => !ciphers.includes(name)),
    isEmpty: protocols.length === 0,
  };
};

/** The kinds of keys that certificates have. */
export type CertificateKeyType = "RSA" | "ECDSA" | "Ed25519";

/**
 * The suites up to TLS 1.2 on offer that a server with certificates of these kinds can use.
 *
 * *Details*: ECDHE-ECDSA suites need an ECDSA key, or in TLS 1.2 an Ed25519 one (RFC 8422 §2.2); all others on offer an RSA
 * key. Suites of TLS 1.3 do with any.
 */
export const usableCiphers = (
  { ciphers, protocols }: EffectivePolicy,
  keyTypes: ReadonlyArray<CertificateKeyType>,
): ReadonlyArray<string> =>
  ciphers.filter((name) => {
    const isForRsa = findCipherSuite(name)?.authentication === "RSA";
    if (isForRsa) return keyTypes.includes("RSA");
    return keyTypes.includes("ECDSA") || (keyTypes.includes("Ed25519") && protocols.includes("TLSv1.2"));
  });

/** Whether any handshake can succeed with certificates of these kinds. */
export const isUsableWith = (policy: EffectivePolicy, keyTypes: ReadonlyArray<CertificateKeyType>): boolean =>
  policy.suites13.length > 0 || usableCiphers(policy, keyTypes).length > 0;
