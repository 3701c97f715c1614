/**
 * A security policy: the protocols and cipher suites that a TLS listener offers.
 * Named by listeners, defined by the modules in policies/tls/ or by a configuration's attributes; owns the shape.
 * Never knows what the TLS library can do: `tls/effective-policy.ts` does.
 */

/** Protocol versions, oldest first, by the names that `Protocol-…` attributes have. */
export const tlsProtocols = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;

/** A protocol version. */
export type TlsProtocol = (typeof tlsProtocols)[number];

/** What a listener negotiates with its clients. */
export interface NegotiationTerms {
  /** The versions offered; a set, so it may have a hole. */
  readonly protocols: ReadonlyArray<TlsProtocol>;
  /** The listener's order decides which suite is used (`Server-Defined-Cipher-Order`), not the client's. */
  readonly hasServerOrder: boolean;
  /**
   * OpenSSL names of the suites up to TLS 1.2, best first. Those of TLS 1.3 aren't listed: the protocol brings all
   * three of them, and clients choose (RFC 8446 §B.4).
   */
  readonly ciphers: ReadonlyArray<string>;
}

/** Negotiation terms under a name. */
export interface SecurityPolicy extends NegotiationTerms {
  readonly name: string;
  /** Other names for the same policy. */
  readonly aliases?: ReadonlyArray<string>;
}
