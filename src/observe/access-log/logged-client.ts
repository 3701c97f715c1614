// Who a client is to an access log: its end of the connection and its TLS, with the texts that all its lines share.
//
// Made once for a connection, with its first request that is logged: a closed connection forgets port and TLS.
import { FixedText } from "./fixed-text.ts";

/** What a client's TLS handshake settled, as a log names it. */
export interface LoggedTls {
  /** OpenSSL's name of the cipher suite. */
  readonly cipher: string;
  /** Such as `TLSv1.2`. */
  readonly protocol: string;
}

export class LoggedClient {
  /** Such as `192.0.2.1:2817`, an IPv6 address bare. */
  readonly end: FixedText;
  /** Cipher and protocol as they end a line in the CLB format. */
  readonly lineEnd: FixedText;

  constructor(
    readonly address: string,
    readonly port: number,
    readonly tls: LoggedTls | undefined,
  ) {
    this.end = new FixedText(`${address}:${port}`);
    this.lineEnd = tls === undefined ? plainLineEnd : secureLineEnd(tls);
  }
}

const plainLineEnd = new FixedText(" - -\n");

/** Bounded by what the TLS library knows. */
const secureLineEnds = new Map<string, FixedText>();

/**
 * The suites of TLS 1.3, which no Classic Load Balancer has, get hyphens for their underscores: the table that AWS documents
 * for these logs in Athena takes no others.
 */
const secureLineEnd = ({ cipher, protocol }: LoggedTls): FixedText => {
  const text = ` ${cipher} ${protocol}\n`.replaceAll("_", "-");
  const known = secureLineEnds.get(text) ?? new FixedText(text);
  secureLineEnds.set(text, known);
  return known;
};

/** A client of which nothing is known. */
export const nobody = new LoggedClient("-", 0, undefined);
