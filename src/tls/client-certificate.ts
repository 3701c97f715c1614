// What an HTTP instance is told of a client's certificate, as header lines.
//
// Between the handshake, which verified the certificate, and the session, which sends the lines with each of its requests.
// Made once per connection. It never verifies: whoever calls says by calling that the certificate was verified.
import type { X509Certificate } from "node:crypto";
import { readCertificateText } from "../parse/x509/certificate-text.ts";

/**
 * A client's certificate as the values of its headers, in the formats of "Mutual authentication with TLS in Application
 * Load Balancer" (AWS). Each is visible ASCII with blanks between.
 */
export interface ClientCertificate {
  /** Upper-case hexadecimal, such as `03A5B1`. */
  readonly serialNumber: string;
  /** RFC 2253, such as `CN=Example authority,O=Example,C=US`. */
  readonly issuer: string;
  readonly subject: string;
  /** `NotBefore=2023-09-21T01:50:17Z;NotAfter=2024-09-20T01:50:17Z`. */
  readonly validity: string;
  /** PEM, with line ends and blanks percent-encoded, and `+`, `=` and `/` as they are. */
  readonly leaf: string;
}

/**
 * Reads a verified certificate; undefined when it can't be said in these words, as with a time that RFC 5280 §4.1.2.5
 * doesn't allow. Such a client must be treated as one whose certificate was refused.
 */
export const readClientCertificate = (certificate: X509Certificate | Uint8Array): ClientCertificate | undefined => {
  const der = certificate instanceof Uint8Array ? certificate : certificate.raw;
  const text = readCertificateText(der);
  if (text === undefined) return undefined;
  const { serialNumber, issuer, subject, notBefore, notAfter } = text;
  return {
    serialNumber,
    issuer,
    subject,
    validity: `NotBefore=${notBefore};NotAfter=${notAfter}`,
    leaf: encodePem(der),
  };
};

/**
 * Whether a certificate is valid at `nowMs`, in milliseconds since 1970. A handshake that shows it verifies that; one that
 * resumes a session doesn't look again (RFC 8446 §4.6.1 leaves it to the server).
 */
export const isValidAt = ({ validity }: ClientCertificate, nowMs: number): boolean => {
  const [notBeforeMs = Number.NaN, notAfterMs = Number.NaN] = validity
    .split(";")
    .map((end) => Date.parse(end.slice(end.indexOf("=") + 1)));
  // The last second counts to its end (RFC 5280 §4.1.2.5).
  return nowMs >= notBeforeMs && nowMs < notAfterMs + 1000;
};

/** The subject's Common Name (RFC 5280 §4.1.2.6), the first of several; undefined without one. */
export const commonNameOf = (certificate: X509Certificate | undefined): string | undefined => {
  const names: unknown = certificate?.toLegacyObject().subject?.CN;
  return Array.isArray(names) ? names[0] : (names as string | undefined);
};

/** Characters of base64 in a line of PEM (RFC 7468 §2). */
const pemLineLength = 64;

const encodePem = (der: Uint8Array): string => {
  const base64 = der.toBase64();
  let body = "";
  for (let at = 0; at < base64.length; at += pemLineLength) body += `${base64.slice(at, at + pemLineLength)}%0A`;
  return `-----BEGIN%20CERTIFICATE-----%0A${body}-----END%20CERTIFICATE-----%0A`;
};

/**
 * A longer line is left out: no instance takes one, and it would refuse the request with it. Elbow's own limit for one
 * header of a client is the same.
 */
export const certificateLineMaxBytes = 16_384;

/** The headers of a certificate as whole lines, for `joinLastLines` in `parse/http1/serialise.ts`. */
export const makeClientCertificateLines = (certificate: ClientCertificate): Uint8Array => {
  const lines = [
    `X-Amzn-Mtls-Clientcert-Serial-Number: ${certificate.serialNumber}\r\n`,
    `X-Amzn-Mtls-Clientcert-Issuer: ${certificate.issuer}\r\n`,
    `X-Amzn-Mtls-Clientcert-Subject: ${certificate.subject}\r\n`,
    `X-Amzn-Mtls-Clientcert-Validity: ${certificate.validity}\r\n`,
    `X-Amzn-Mtls-Clientcert-Leaf: ${certificate.leaf}\r\n`,
  ];
  return new TextEncoder().encode(lines.filter((line) => line.length <= certificateLineMaxBytes).join(""));
};
