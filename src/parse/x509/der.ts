// Walks DER, the encoding of certificates (X.690 §8, §10): where an element begins, what it is, where it ends.
//
// Offsets only, nothing is copied. Pure, and safe on any bytes: what isn't DER is answered by undefined, never by an
// error. Reads what certificates are made of; what they mean is for its callers.

/** An element of `bytes[start, end)`: its tag, and its content from `contentStart` on. */
export interface DerElement {
  /** The identifier octet: class, form and number (X.690 §8.1.2). */
  readonly tag: number;
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
}

/** Identifier octets (X.680 §8.6). */
export const Tag = {
  integer: 0x02,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** More than the length of any certificate that TLS can carry needs (RFC 8446 §4.4.2). */
const lengthMaxOctets = 3;

/** The element that begins at `start` and ends at or before `end`; undefined when there is none. */
export const readElement = (bytes: Uint8Array, start: number, end: number): DerElement | undefined => {
  if (start + 2 > end) return undefined;
  const tag = bytes[start] as number;
  // A number over 30 takes further octets; nothing in a certificate has one.
  if ((tag & 0x1f) === 0x1f) return undefined;
  const first = bytes[start + 1] as number;
  let contentStart = start + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first - 0x80;
    // None would be BER's indefinite length, which DER doesn't have.
    if (octets === 0 || octets > lengthMaxOctets || contentStart + octets > end) return undefined;
    length = 0;
    for (let index = 0; index < octets; index++) length = length * 256 + (bytes[contentStart + index] as number);
    contentStart += octets;
  }
  return contentStart + length > end ? undefined : { tag, start, contentStart, end: contentStart + length };
};

/** The elements that an element's content is made of; undefined when it isn't made of elements. */
export const readElements = (bytes: Uint8Array, parent: DerElement): ReadonlyArray<DerElement> | undefined => {
  const elements: Array<DerElement> = [];
  for (let at = parent.contentStart; at < parent.end; ) {
    const element = readElement(bytes, at, parent.end);
    if (element === undefined) return undefined;
    elements.push(element);
    at = element.end;
  }
  return elements;
};

/** `bytes[start, end)` in upper-case hexadecimal, two digits a byte. */
export const hexOf = (bytes: Uint8Array, start: number, end: number): string =>
  bytes.subarray(start, end).toHex().toUpperCase();
