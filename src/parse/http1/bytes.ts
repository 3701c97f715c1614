// Byte classes, constants and comparisons of HTTP/1 messages (RFC 9110 §5.6, RFC 9112 §2–5).
//
// Classes are tables, so that a parser asks one question per byte. Pure; what a byte means where is the parsers' affair.

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;

const table = (isMember: (byte: number) => boolean): Uint8Array => {
  const bytes = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) bytes[byte] = isMember(byte) ? 1 : 0;
  return bytes;
};

/** A letter or digit of ASCII. */
export const isAlphanumeric = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);

/** `tchar` (RFC 9110 §5.6.2): what methods and field names are made of. */
export const isTokenByte = table(
  (byte) => isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".includes(String.fromCharCode(byte)),
);

/** What a field value may hold (RFC 9110 §5.5): HTAB, SP, VCHAR and obs-text. */
export const isValueByte = table((byte) => byte === HTAB || (byte >= SP && byte !== 0x7f));

/** What a request target may hold on the wire: no blank, no control byte. */
export const isTargetByte = table((byte) => byte > SP && byte !== 0x7f);

/** Visible ASCII, the blank not among it (`VCHAR`, RFC 5234 §B.1). */
export const isVisibleByte = table((byte) => byte > SP && byte < 0x7f);

/** What a host's name or IPv4 address may hold: `reg-name` (RFC 3986 §3.2.2). */
export const isRegisteredNameByte = table(
  (byte) => isAlphanumeric(byte) || "-._~!$&'()*+,;=%".includes(String.fromCharCode(byte)),
);

/** The value of a hexadecimal digit, 255 for any other byte. */
export const hexValue = ((): Uint8Array => {
  const bytes = new Uint8Array(256).fill(255);
  for (let digit = 0; digit < 10; digit++) bytes[0x30 + digit] = digit;
  for (let digit = 10; digit < 16; digit++) {
    bytes[0x41 + digit - 10] = digit;
    bytes[0x61 + digit - 10] = digit;
  }
  return bytes;
})();

/** SP or HTAB: what `OWS` and `BWS` are made of (RFC 9110 §5.6.3). */
export const isBlank = (byte: number | undefined): boolean => byte === SP || byte === HTAB;

/** The first byte of `bytes[start, end)` that is no blank, or `end`. */
export const skipBlanks = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  while (at < end && isBlank(bytes[at])) at++;
  return at;
};

/** Where `bytes[start, end)` ends without the blanks behind it. */
export const dropBlanks = (bytes: Uint8Array, start: number, end: number): number => {
  let at = end;
  while (at > start && isBlank(bytes[at - 1])) at--;
  return at;
};

/** ASCII (or Latin-1) text as bytes. */
export const bytesOf = (text: string): Uint8Array => {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
};

/** Whether `bytes[start, end)` is `exact`, byte by byte. */
export const equals = (bytes: Uint8Array, start: number, end: number, exact: Uint8Array): boolean => {
  if (end - start !== exact.length) return false;
  for (let index = 0; index < exact.length; index++) if (bytes[start + index] !== exact[index]) return false;
  return true;
};

/** Whether `bytes[start, end)` is `lower` (given in lower case), ignoring ASCII case. */
export const equalsIgnoringCase = (bytes: Uint8Array, start: number, end: number, lower: Uint8Array): boolean => {
  const length = end - start;
  if (length !== lower.length) return false;
  for (let index = 0; index < length; index++) {
    const byte = bytes[start + index] as number;
    const expected = lower[index] as number;
    if (byte === expected) continue;
    // Only letters have a second case; 0x20 apart, and never a letter against another kind of byte.
    if (byte < 0x41 || byte > 0x5a || (byte | 0x20) !== expected) return false;
  }
  return true;
};

/** `bytes[start, end)` as text, a character per byte (Latin-1), as RFC 9110 §5.5 asks for obs-text. */
export const textOf = (bytes: Uint8Array, start: number, end: number): string => {
  let text = "";
  for (let index = start; index < end; index++) text += String.fromCharCode(bytes[index] as number);
  return text;
};
