/**
 * What one proxy tells the next about a connection that it relays: whose it is, and what TLS settled.
 * Known when a client's connection is ready to be relayed; written as a PROXY header by parse/proxy-protocol/, read from
 * one, and given to the `backendPreamble` of policies.
 * Owns the shape; never knows how it is written.
 */

/** The two ends of a client's connection. */
export interface ProxiedEndpoints {
  /** The client's IP address. */
  readonly clientAddress: string;
  /** 0–65535. */
  readonly clientPort: number;
  /** The IP address that the client's connection came in on. */
  readonly proxyAddress: string;
  /** The port that it came in on, the listener's: 0–65535. */
  readonly proxyPort: number;
}

/** A certificate that a client has shown. */
export interface ProxiedCertificate {
  /** The subject's Common Name (RFC 5280 §4.1.2.6), when it has one. */
  readonly commonName?: string;
  /** It was verified, and the client has proved that it is its own. */
  readonly isVerified: boolean;
}

/** What a TLS handshake with a client settled. */
export interface ProxiedTls {
  /** Such as `TLSv1.3`. */
  readonly version: string;
  /** OpenSSL's name of the cipher suite, such as `ECDHE-RSA-AES128-GCM-SHA256`. */
  readonly cipher: string;
  /** The host that the client asked for (RFC 6066 §3). */
  readonly serverName?: string;
  /** What was agreed upon to be spoken (RFC 7301), such as `h2`. */
  readonly applicationProtocol?: string;
  /** Undefined when the client showed none. */
  readonly clientCertificate?: ProxiedCertificate;
  /** An earlier session was resumed: a certificate was shown then, not on this connection. */
  readonly isResumed?: boolean;
}

/** A connection as a proxy describes it to whom it connects. */
export interface ProxiedConnection extends ProxiedEndpoints {
  /** Undefined when the client's bytes came in clear. */
  readonly tls?: ProxiedTls;
  /** The connection is no client's but the proxy's own, as a health check is; both ends are then its own. */
  readonly isLocal?: boolean;
}
