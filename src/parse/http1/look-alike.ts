// Tells how near a field name comes to `Transfer-Encoding` or `Content-Length`: names that another reader may take for
// one of them are how requests are smuggled.
//
// A port of `determine_similarity` of AWS's http-desync-guardian (src/http_token_utils.rs, Apache-2.0), with its
// peculiarities: the letters must come in order, whatever isn't a letter or digit between them is forgiven.
import { bytesOf, isAlphanumeric, SP } from "./bytes.ts";

/** The same name ignoring case; another spelling of it; another name. */
export const Likeness = { same: 0, alike: 1, distant: 2 } as const;
/** One of {@link Likeness}'s codes. */
export type Likeness = (typeof Likeness)[keyof typeof Likeness];

/** The framing fields' names, in lower case. */
export const transferEncodingName = bytesOf("transfer-encoding");
export const contentLengthName = bytesOf("content-length");

const HYPHEN = 0x2d;
const LETTER_I = 0x69;
const LETTER_S = 0x73;

/** The first letter or digit at or behind `at`, or `end`. */
const nextAlphanumeric = (bytes: Uint8Array, at: number, end: number): number => {
  while (at < end && !isAlphanumeric(bytes[at] as number)) at++;
  return at;
};

/** The first byte at or behind `at` that is no blank or control byte, or `end`. */
const nextVisible = (bytes: Uint8Array, at: number, end: number): number => {
  while (at < end && (bytes[at] as number) <= SP) at++;
  return at;
};

/**
 * How many bytes at `at` stand for `letter`, or 0. U+017F and U+0131 in UTF-8 count as s and i: they become those
 * letters for a reader that turns a name to upper case.
 */
const letterBytes = (letter: number, bytes: Uint8Array, at: number, end: number): number => {
  const byte = bytes[at] as number;
  if (byte === letter || (byte >= 0x41 && byte <= 0x5a && (byte | 0x20) === letter)) return 1;
  if (at + 1 === end) return 0;
  const next = bytes[at + 1];
  if (letter === LETTER_S && byte === 0xc5 && next === 0xbf) return 2;
  return letter === LETTER_I && byte === 0xc4 && next === 0xb1 ? 2 : 0;
};

/** How like `bytes[start, end)` is to `lower`, a name of lower-case letters and hyphens. */
export const likenessTo = (lower: Uint8Array, bytes: Uint8Array, start: number, end: number): Likeness => {
  if (end - start < lower.length) return Likeness.distant;
  let at = nextAlphanumeric(bytes, start, end);
  let isSame = at === start && end - start === lower.length;
  for (let index = 0; index < lower.length; index++) {
    if (at === end) return Likeness.distant;
    const letter = lower[index] as number;
    const taken = letterBytes(letter, bytes, at, end);
    if (letter === HYPHEN) {
      if (taken === 0) isSame = false;
      at = nextAlphanumeric(bytes, at + 1, end);
    } else {
      if (taken === 0) break;
      at = nextVisible(bytes, at + taken, end);
    }
  }
  if (at === end && isSame) return Likeness.same;
  return nextAlphanumeric(bytes, at, end) === end ? Likeness.alike : Likeness.distant;
};

/** Whether a name is one of the two, or could be taken for one. */
export const likensFraming = (bytes: Uint8Array, start: number, end: number): boolean =>
  likenessTo(contentLengthName, bytes, start, end) !== Likeness.distant ||
  likenessTo(transferEncodingName, bytes, start, end) !== Likeness.distant;

/** Whether a field name looks like one of the framing fields without being it. */
export const isLookAlike = (bytes: Uint8Array, start: number, end: number): boolean =>
  likenessTo(transferEncodingName, bytes, start, end) === Likeness.alike ||
  likenessTo(contentLengthName, bytes, start, end) === Likeness.alike;
