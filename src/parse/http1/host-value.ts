// What may stand in Host and in a target's authority: `uri-host [":" port]` (RFC 9110 §7.2, RFC 3986 §3.2.2). Pure.
import { COLON, hexValue, isRegisteredNameByte } from "./bytes.ts";

const bracket = 0x5b;
const closingBracket = 0x5d;
const dot = 0x2e;

/** Whether `bytes[start, end)` can name a host; nothing at all can (RFC 9110 §7.2). */
export const isHostValue = (bytes: Uint8Array, start: number, end: number): boolean => {
  let pos = start;
  if (bytes[pos] === bracket && pos < end) {
    pos++;
    const first = pos;
    while (pos < end && isAddressByte(bytes[pos] as number)) pos++;
    if (pos === first || pos === end || bytes[pos] !== closingBracket) return false;
    pos++;
  } else {
    while (pos < end && isRegisteredNameByte[bytes[pos] as number] === 1) pos++;
  }
  if (pos === end) return true;
  if (bytes[pos] !== COLON) return false;
  for (pos++; pos < end; pos++) {
    const digit = (bytes[pos] as number) - 0x30;
    if (digit < 0 || digit > 9) return false;
  }
  return true;
};

/** A byte of an IPv6 address, its IPv4 tail included. */
const isAddressByte = (byte: number): boolean => hexValue[byte] !== 255 || byte === COLON || byte === dot;
