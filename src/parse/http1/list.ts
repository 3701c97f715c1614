// Comma-separated lists in field values (RFC 9110 §5.6.1): where their elements begin and end.
//
// Pure; offsets only. An empty element is skipped, as a recipient must; who judges one (Transfer-Encoding's classifier)
// walks by `elementEnd` alone.
import { COMMA, equalsIgnoringCase, isBlank, SEMICOLON } from "./bytes.ts";

/** Where the next element of `bytes[start, end)` begins, behind commas and blanks; `end` when there is none. */
export const nextElement = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  while (at < end && (bytes[at] === COMMA || isBlank(bytes[at]))) at++;
  return at;
};

/** Where the element at `start` ends: at its comma or at `end`, the blanks behind it included. */
export const elementEnd = (bytes: Uint8Array, start: number, end: number): number => {
  let at = start;
  while (at < end && bytes[at] !== COMMA) at++;
  return at;
};

/** Whether the list has an element that is `lower` (given in lower case), parameters apart. */
export const hasElement = (bytes: Uint8Array, start: number, end: number, lower: Uint8Array): boolean => {
  for (let pos = nextElement(bytes, start, end); pos < end; pos = nextElement(bytes, pos, end)) {
    const stop = elementEnd(bytes, pos, end);
    let last = pos;
    while (last < stop && bytes[last] !== SEMICOLON && !isBlank(bytes[last])) last++;
    if (equalsIgnoringCase(bytes, pos, last, lower)) return true;
    pos = stop;
  }
  return false;
};
