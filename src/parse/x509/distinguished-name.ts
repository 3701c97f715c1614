// Writes a distinguished name as text, the way of RFC 2253: `CN=app,OU=edge,O=Example,C=US`, the last part first.
//
// What stands in a name is for its owner to choose, and the text goes into header lines: only visible ASCII and blanks
// between come out, anything else as `\XX`. Exactly what `openssl x509 -nameopt RFC2253` prints, but for a blank at the
// end of a value, which would be lost where a header's value ends. Pure.
import { type DerElement, hexOf, readElements, Tag } from "./der.ts";

/** Attribute types by their short names, which are OpenSSL's; RFC 2253 §2.3 has nine of them. */
const shortNames: ReadonlyMap<string, string> = new Map([
  // 2.5.4.x (X.520).
  ["550403", "CN"],
  ["550404", "SN"],
  ["550405", "serialNumber"],
  ["550406", "C"],
  ["550407", "L"],
  ["550408", "ST"],
  ["550409", "street"],
  ["55040A", "O"],
  ["55040B", "OU"],
  ["55040C", "title"],
  ["55040D", "description"],
  ["55040F", "businessCategory"],
  ["550411", "postalCode"],
  ["550412", "postOfficeBox"],
  ["550414", "telephoneNumber"],
  ["550429", "name"],
  ["55042A", "GN"],
  ["55042B", "initials"],
  ["55042C", "generationQualifier"],
  ["55042D", "x500UniqueIdentifier"],
  ["55042E", "dnQualifier"],
  ["550441", "pseudonym"],
  ["550448", "role"],
  ["550461", "organizationIdentifier"],
  // 0.9.2342.19200300.100.1.x (RFC 4519).
  ["0992268993F22C640101", "UID"],
  ["0992268993F22C640103", "mail"],
  ["0992268993F22C640119", "DC"],
  // 1.2.840.113549.1.9.x (RFC 2985).
  ["2A864886F70D010901", "emailAddress"],
  ["2A864886F70D010902", "unstructuredName"],
  ["2A864886F70D010908", "unstructuredAddress"],
  // 1.3.6.1.4.1.311.60.2.1.x (CA/Browser Forum, EV Guidelines).
  ["2B0601040182373C020101", "jurisdictionL"],
  ["2B0601040182373C020102", "jurisdictionST"],
  ["2B0601040182373C020103", "jurisdictionC"],
]);

/** Longer object identifiers are nobody's; to write one out takes time that grows with its length squared. */
const oidMaxBytes = 64;

/** The text of a Name (RFC 5280 §4.1.2.4), or undefined when `name` isn't one. */
export const formatName = (bytes: Uint8Array, name: DerElement): string | undefined => {
  if (name.tag !== Tag.sequence) return undefined;
  const parts = readElements(bytes, name)?.map((part) => formatPart(bytes, part));
  return parts === undefined || parts.includes(undefined) ? undefined : parts.reverse().join(",");
};

/** One part: usually one attribute, several are joined by `+` (RFC 2253 §2.2). */
const formatPart = (bytes: Uint8Array, part: DerElement): string | undefined => {
  if (part.tag !== Tag.set) return undefined;
  const attributes = readElements(bytes, part)?.map((attribute) => formatAttribute(bytes, attribute));
  if (attributes === undefined || attributes.length === 0 || attributes.includes(undefined)) return undefined;
  return attributes.reverse().join("+");
};

const formatAttribute = (bytes: Uint8Array, attribute: DerElement): string | undefined => {
  const [type, value, ...more] = attribute.tag === Tag.sequence ? (readElements(bytes, attribute) ?? []) : [];
  if (type?.tag !== Tag.oid || value === undefined || more.length > 0) return undefined;
  const shortName = shortNames.get(hexOf(bytes, type.contentStart, type.end));
  const text = shortName === undefined ? undefined : readText(bytes, value);
  // RFC 2253 §2.4: what has no text is written as the hexadecimal of its DER.
  const written = text === undefined ? `#${hexOf(bytes, value.start, value.end)}` : escapeText(text);
  const name = shortName ?? formatOid(bytes, type);
  return name === undefined ? undefined : `${name}=${written}`;
};

/** An object identifier as numbers with dots (X.690 §8.19), or undefined when it isn't one. */
const formatOid = (bytes: Uint8Array, { contentStart, end }: DerElement): string | undefined => {
  if (contentStart === end || end - contentStart > oidMaxBytes || (bytes[end - 1] as number) >= 0x80) return undefined;
  const arcs: Array<bigint> = [];
  let arc = 0n;
  for (let at = contentStart; at < end; at++) {
    const byte = bytes[at] as number;
    arc = (arc << 7n) | BigInt(byte & 0x7f);
    if (byte >= 0x80) continue;
    // The first number holds two arcs, of which the first is 0, 1 or 2.
    if (arcs.length > 0) arcs.push(arc);
    else arcs.push(...(arc < 40n ? [0n, arc] : arc < 80n ? [1n, arc - 40n] : [2n, arc - 80n]));
    arc = 0n;
  }
  return arcs.join(".");
};

/** Bytes to a character of each string type (X.680 §8.6); UTF8String has them as they are. */
const characterBytes: ReadonlyMap<number, number> = new Map([
  [0x12, 1], // NumericString
  [0x13, 1], // PrintableString
  [0x14, 1], // TeletexString, Latin-1 by custom
  [0x16, 1], // IA5String
  [0x1a, 1], // VisibleString
  [0x1c, 4], // UniversalString
  [0x1e, 2], // BMPString
]);

const utf8String = 0x0c;

/** The value's characters in UTF-8; undefined where it is no string, or has something else than characters. */
export const readText = (bytes: Uint8Array, { tag, contentStart, end }: DerElement): Uint8Array | undefined => {
  if (tag === utf8String) return bytes.subarray(contentStart, end);
  const width = characterBytes.get(tag);
  if (width === undefined || (end - contentStart) % width !== 0) return undefined;
  let text = "";
  for (let at = contentStart; at < end; at += width) {
    let codePoint = 0;
    for (let index = 0; index < width; index++) codePoint = codePoint * 256 + (bytes[at + index] as number);
    if (codePoint > 0x10ffff || (codePoint >= 0xd800 && codePoint <= 0xdfff)) return undefined;
    text += String.fromCodePoint(codePoint);
  }
  return new TextEncoder().encode(text);
};

const SP = 0x20;
const special = new Set([...',+"\\<>;'].map((character) => character.charCodeAt(0)));
const hash = 0x23;

/** RFC 2253 §2.4; bytes that aren't ASCII are escaped too, which it allows and a header needs. */
const escapeText = (text: Uint8Array): string => {
  let escaped = "";
  const last = text.length - 1;
  for (let at = 0; at <= last; at++) {
    const byte = text[at] as number;
    const isInHex = byte < SP || byte > 0x7e || (byte === SP && at === last);
    const hasSlash = isInHex || special.has(byte) || (at === 0 && (byte === SP || byte === hash));
    if (hasSlash) escaped += "\\";
    escaped += isInHex ? hexOf(text, at, at + 1) : String.fromCharCode(byte);
  }
  return escaped;
};
