// Reads what a certificate says of itself as text: its number, its two names, its time (RFC 5280 §4.1).
//
// Pure, and safe on any bytes. Every text is visible ASCII with blanks between, so that it fits into a header's line. It
// verifies nothing.
import { type DerElement, hexOf, readElement, readElements, Tag } from "./der.ts";
import { formatName } from "./distinguished-name.ts";

/** What a certificate says. */
export interface CertificateText {
  /** Upper-case hexadecimal, two digits a byte, without zero bytes in front. */
  readonly serialNumber: string;
  /** As RFC 2253 writes names. */
  readonly issuer: string;
  readonly subject: string;
  /** `2026-09-21T01:50:17Z` (RFC 3339), as is {@link notAfter}. */
  readonly notBefore: string;
  readonly notAfter: string;
}

/** An explicit version, in front of the serial number where there is one. */
const versionTag = 0xa0;

/** Reads a certificate in DER; undefined when it isn't one. */
export const readCertificateText = (der: Uint8Array): CertificateText | undefined => {
  const certificate = readElement(der, 0, der.length);
  if (certificate?.tag !== Tag.sequence) return undefined;
  const signed = readElements(der, certificate)?.[0];
  if (signed?.tag !== Tag.sequence) return undefined;
  const members = readElements(der, signed) ?? [];
  const [serial, , issuerName, validity, subjectName] = members[0]?.tag === versionTag ? members.slice(1) : members;
  if (serial?.tag !== Tag.integer || validity?.tag !== Tag.sequence || !issuerName || !subjectName) return undefined;
  const [from, to] = readElements(der, validity) ?? [];
  const serialNumber = formatSerial(der, serial);
  const issuer = formatName(der, issuerName);
  const subject = formatName(der, subjectName);
  const notBefore = from && formatTime(der, from);
  const notAfter = to && formatTime(der, to);
  if (
    serialNumber === undefined ||
    issuer === undefined ||
    subject === undefined ||
    notBefore === undefined ||
    notAfter === undefined
  ) {
    return undefined;
  }
  return { serialNumber, issuer, subject, notBefore, notAfter };
};

/** RFC 5280 §4.1.2.2 wants it positive; some issuers make negative ones, of which the magnitude stands behind a `-`. */
const formatSerial = (der: Uint8Array, { contentStart, end }: DerElement): string | undefined => {
  if (contentStart === end) return undefined;
  const isNegative = (der[contentStart] as number) >= 0x80;
  const bytes = der.slice(contentStart, end);
  if (isNegative) negate(bytes);
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  return `${isNegative ? "-" : ""}${hexOf(bytes, start, bytes.length)}`;
};

/** Two's complement, in place. */
const negate = (bytes: Uint8Array): void => {
  let carry = 1;
  for (let at = bytes.length - 1; at >= 0; at--) {
    const sum = (~(bytes[at] as number) & 0xff) + carry;
    bytes[at] = sum & 0xff;
    carry = sum >> 8;
  }
};

const utcTime = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const generalizedTime = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** RFC 5280 §4.1.2.5: to the second, in UTC; a year of two digits is one from 1950 to 2049. */
const formatTime = (der: Uint8Array, { tag, contentStart, end }: DerElement): string | undefined => {
  if (end - contentStart > 15) return undefined;
  const text = String.fromCharCode(...der.subarray(contentStart, end));
  const match =
    tag === Tag.utcTime ? utcTime.exec(text) : tag === Tag.generalizedTime ? generalizedTime.exec(text) : null;
  if (match === null) return undefined;
  const [, year = "", month, day, hour, minute, second] = match;
  const century = year.length === 4 ? "" : Number(year) < 50 ? "20" : "19";
  return `${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
};
