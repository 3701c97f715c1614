// The cookies that a response sets (RFC 6265 §4.1.1): the attributes of one, looked for by name.
//
// Asked only by a stickiness policy that follows an application's cookie; makes nothing where the response doesn't set it.
// Pure; a line is cut at its semicolons, whatever stands in quotes, as clients do (RFC 6265 §5.2).
import type { CookieAttribute } from "../../model/cookie-attribute.ts";
import { bytesOf, dropBlanks, equals, equalsIgnoringCase, SEMICOLON, skipBlanks, textOf } from "./bytes.ts";
import { fieldStride, type HeadFields } from "./head-fields.ts";

const setCookieName = bytesOf("set-cookie");
const EQUALS = 0x3d;

/**
 * The attributes of the cookie called `name`, as the response sets it; undefined where it doesn't.
 *
 * *Details*: of several the last counts, as it does for the client. One whose line ends in a semicolon doesn't count
 * (AWS, "Configure sticky sessions for your Classic Load Balancer").
 */
export const readSetCookie = (
  head: HeadFields,
  bytes: Uint8Array,
  name: Uint8Array,
): ReadonlyArray<CookieAttribute> | undefined => {
  const { spans } = head;
  for (let index = head.fieldCount - 1; index >= 0; index--) {
    const at = index * fieldStride;
    const start = spans[at] as number;
    const end = spans[at + 1] as number;
    if (end - start !== setCookieName.length || !equalsIgnoringCase(bytes, start, end, setCookieName)) continue;
    const attributes = readLine(bytes, spans[at + 2] as number, spans[at + 3] as number, name);
    if (attributes !== undefined) return attributes;
  }
  return undefined;
};

const readLine = (
  bytes: Uint8Array,
  start: number,
  end: number,
  name: Uint8Array,
): ReadonlyArray<CookieAttribute> | undefined => {
  const pairEnd = endOfPart(bytes, start, end);
  const nameStart = skipBlanks(bytes, start, pairEnd);
  const nameEnd = endOfName(bytes, nameStart, pairEnd);
  const isNamed = nameEnd < pairEnd && equals(bytes, nameStart, dropBlanks(bytes, nameStart, nameEnd), name);
  if (!isNamed || bytes[end - 1] === SEMICOLON) return undefined;
  const attributes: Array<CookieAttribute> = [];
  for (let pos = pairEnd + 1; pos < end; ) {
    const partEnd = endOfPart(bytes, pos, end);
    const from = skipBlanks(bytes, pos, partEnd);
    const to = dropBlanks(bytes, from, partEnd);
    const lower = textOf(bytes, from, dropBlanks(bytes, from, endOfName(bytes, from, to))).toLowerCase();
    if (lower !== "") attributes.push({ name: lower, text: textOf(bytes, from, to) });
    pos = partEnd + 1;
  }
  return attributes;
};

/** Where the part at `start` ends: at its semicolon or at `end`. */
const endOfPart = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  while (at < end && bytes[at] !== SEMICOLON) at++;
  return at;
};

/** Where the name at `start` ends: at its `=` or at `end`. */
const endOfName = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  while (at < end && bytes[at] !== EQUALS) at++;
  return at;
};
