// The codings of a Transfer-Encoding line (RFC 9112 §6.1, §7), which frames a body when `chunked` is the last of them.
//
// Pure, and off the hot path: a line that says just `chunked` is asked for first (`isChunkedAlone`), and no list is made.
import { bytesOf, dropBlanks, equalsIgnoringCase, SEMICOLON, skipBlanks } from "./bytes.ts";
import { elementEnd } from "./list.ts";

/** One element of the list. */
export const Coding = { unknown: 0, chunked: 1, identity: 2, compress: 3, deflate: 4, gzip: 5 } as const;
/** One of {@link Coding}'s codes. */
export type Coding = (typeof Coding)[keyof typeof Coding];

/** The canonical names, by code. */
export const codingNames = ["", "chunked", "identity", "compress", "deflate", "gzip"] as const;
const names = codingNames.map(bytesOf);

/** Reads one element, `bytes[start, end)` without its commas; parameters behind `;` are passed over (RFC 9112 §7.1.1). */
const readCoding = (bytes: Uint8Array, start: number, end: number): Coding => {
  let nameEnd = start;
  while (nameEnd < end && bytes[nameEnd] !== SEMICOLON) nameEnd++;
  const from = skipBlanks(bytes, start, nameEnd);
  const to = dropBlanks(bytes, from, nameEnd);
  for (let code = 1; code < names.length; code++) {
    if (equalsIgnoringCase(bytes, from, to, names[code] as Uint8Array)) return code as Coding;
  }
  return Coding.unknown;
};

/** The codings of one line's value, in order; an empty element is an unknown coding. */
export const readCodings = (bytes: Uint8Array, start: number, end: number): ReadonlyArray<Coding> => {
  const codings: Array<Coding> = [];
  for (let pos = start; ; ) {
    const stop = elementEnd(bytes, pos, end);
    codings.push(readCoding(bytes, pos, stop));
    if (stop >= end) return codings;
    pos = stop + 1;
  }
};

/** Whether a Transfer-Encoding line says `chunked` and nothing else. */
export const isChunkedAlone = (bytes: Uint8Array, start: number, end: number): boolean =>
  equalsIgnoringCase(bytes, start, end, names[Coding.chunked] as Uint8Array);
