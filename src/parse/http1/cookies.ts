// The cookies of a request (RFC 6265 §4.2.1), looked for by name in the bytes of its Cookie lines.
//
// Runs on every request of a listener with a stickiness policy, so it makes nothing: a visitor is told offsets. Pairs that
// nobody asked for cost a pass over their bytes. Pure; whether a value is any good is the visitor's affair.
import { bytesOf, dropBlanks, equals, equalsIgnoringCase, SEMICOLON, skipBlanks } from "./bytes.ts";
import { fieldStride, type HeadFields } from "./head-fields.ts";

const cookieName = bytesOf("cookie");
const EQUALS = 0x3d;
const DQUOTE = 0x22;

/** Who is told of cookies. */
export interface CookieVisitor {
  /** `bytes[start, end)` is the value of a cookie with the name `names[index]`; true ends the visit. */
  onCookie(index: number, bytes: Uint8Array, start: number, end: number): boolean;
}

/**
 * Tells `visitor` of each cookie that has one of these names, in the order in which they came.
 *
 * *Details*: names are compared with their case (RFC 6265 §5.3). Several Cookie lines count as one (RFC 9113 §8.2.3
 * makes some). A value in quotes is told without them; a pair without `=` is no cookie.
 */
export const visitCookies = (
  head: HeadFields,
  bytes: Uint8Array,
  names: ReadonlyArray<Uint8Array>,
  visitor: CookieVisitor,
): void => {
  const { spans, fieldCount } = head;
  for (let index = 0; index < fieldCount; index++) {
    const at = index * fieldStride;
    const start = spans[at] as number;
    const end = spans[at + 1] as number;
    if (end - start !== cookieName.length || !equalsIgnoringCase(bytes, start, end, cookieName)) continue;
    if (visitLine(bytes, spans[at + 2] as number, spans[at + 3] as number, names, visitor)) return;
  }
};

/** One line's value; whether the visit is over. */
const visitLine = (
  bytes: Uint8Array,
  start: number,
  end: number,
  names: ReadonlyArray<Uint8Array>,
  visitor: CookieVisitor,
): boolean => {
  for (let pos = start; pos < end; pos++) {
    const nameStart = skipBlanks(bytes, pos, end);
    pos = nameStart;
    while (pos < end && bytes[pos] !== EQUALS && bytes[pos] !== SEMICOLON) pos++;
    if (bytes[pos] !== EQUALS || pos === end) continue;
    const index = indexOfName(bytes, nameStart, dropBlanks(bytes, nameStart, pos), names);
    const valueStart = pos + 1;
    pos = endOfValue(bytes, valueStart, end);
    if (index >= 0 && tellValue(bytes, valueStart, pos, index, visitor)) return true;
  }
  return false;
};

/** Where the value at `start` ends: at its semicolon or at `end`. Four at a time: most of a line is values. */
const endOfValue = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  for (const last = end - 4; at <= last; at += 4) {
    if (
      bytes[at] === SEMICOLON ||
      bytes[at + 1] === SEMICOLON ||
      bytes[at + 2] === SEMICOLON ||
      bytes[at + 3] === SEMICOLON
    ) {
      break;
    }
  }
  while (at < end && bytes[at] !== SEMICOLON) at++;
  return at;
};

const indexOfName = (bytes: Uint8Array, start: number, end: number, names: ReadonlyArray<Uint8Array>): number => {
  for (let index = 0; index < names.length; index++) {
    if (equals(bytes, start, end, names[index] as Uint8Array)) return index;
  }
  return -1;
};

const tellValue = (bytes: Uint8Array, from: number, to: number, index: number, visitor: CookieVisitor): boolean => {
  const start = skipBlanks(bytes, from, to);
  const end = dropBlanks(bytes, start, to);
  const isQuoted = end - start >= 2 && bytes[start] === DQUOTE && bytes[end - 1] === DQUOTE;
  return isQuoted ? visitor.onCookie(index, bytes, start + 1, end - 1) : visitor.onCookie(index, bytes, start, end);
};
