// The codings of a Transfer-Encoding line (RFC 9112 §6.1, §7), which frames a body when `chunked` is the last of them.
//
// Pure, and off the hot path: a line that says just `chunked` never comes here.
import { bytesOf, COMMA, equalsIgnoringCase, HTAB, SEMICOLON, SP } from "./bytes.ts";

/** One element of the list. */
export const Coding = { unknown: 0, chunked: 1, identity: 2, compress: 3, deflate: 4, gzip: 5 } as const;
/** One of {@link Coding}'s codes. */
export type Coding = (typeof Coding)[keyof typeof Coding];

/** The canonical names, by code. */
export const codingNames = ["", "chunked", "identity", "compress", "deflate", "gzip"] as const;
const names = codingNames.map(bytesOf);

/** Reads one element, `bytes[start, end)` without its commas; parameters behind `;` are passed over (RFC 9112 §7.1.1). */
const readCoding = (bytes: Uint8Array, start: number, end: number): Coding => {
  let from = start;
  let to = from;
  while (to < end && bytes[to] !== SEMICOLON) to++;
  while (from < to && (bytes[from] === SP || bytes[from] === HTAB)) from++;
  while (to > from && (bytes[to - 1] === SP || bytes[to - 1] === HTAB)) to--;
  for (let code = 1; code < names.length; code++) {
    if (equalsIgnoringCase(bytes, from, to, names[code] as Uint8Array)) return code as Coding;
  }
  return Coding.unknown;
};

/** The codings of one line's value, in order; an empty element is an unknown coding. */
export const readCodings = (bytes: Uint8Array, start: number, end: number): ReadonlyArray<Coding> => {
  const codings: Array<Coding> = [];
  for (let pos = start; ; ) {
    let stop = pos;
    while (stop < end && bytes[stop] !== COMMA) stop++;
    codings.push(readCoding(bytes, pos, stop));
    if (stop >= end) return codings;
    pos = stop + 1;
  }
};
