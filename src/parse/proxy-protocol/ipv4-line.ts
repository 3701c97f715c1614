/**
 * Reads the ends in a PROXY header's line that are IPv4 (PROXY protocol 2.2 §2.1), as those of most connections are.
 * A short cut of the line reader beside it, which has the whole grammar: one pass over the bytes, where that one makes a dozen
 * strings. Pure; takes nothing that the other wouldn't, and says of nothing that it is malformed.
 */
import type { ProxiedEndpoints } from "../../model/proxied-connection.ts";

const SP = 32;
const DOT = 46;
const ZERO = 48;

const family = Uint8Array.from("TCP4 ", (char) => char.charCodeAt(0));

/** Without a view and without a decoder: both cost more than the address. */
const textOf = Buffer.prototype.latin1Slice as unknown as {
  call(bytes: Uint8Array, start: number, end: number): string;
};

/** The number that was read last. */
let number = 0;

/** What `bytes[start, end)` says, when that is `TCP4 client proxy clientPort proxyPort`; undefined when it is anything else. */
export const readIPv4Endpoints = (bytes: Uint8Array, start: number, end: number): ProxiedEndpoints | undefined => {
  for (let index = 0; index < family.length; index++) if (bytes[start + index] !== family[index]) return undefined;
  const clientAt = start + family.length;
  const clientEnd = skipAddress(bytes, clientAt, end);
  if (clientEnd < 0 || bytes[clientEnd] !== SP) return undefined;
  const proxyEnd = skipAddress(bytes, clientEnd + 1, end);
  if (proxyEnd < 0 || bytes[proxyEnd] !== SP) return undefined;
  const portEnd = readNumber(bytes, proxyEnd + 1, end, 65_535);
  if (portEnd < 0 || bytes[portEnd] !== SP) return undefined;
  const clientPort = number;
  if (readNumber(bytes, portEnd + 1, end, 65_535) !== end) return undefined;
  return {
    clientAddress: textOf.call(bytes, clientAt, clientEnd),
    clientPort,
    proxyAddress: textOf.call(bytes, clientEnd + 1, proxyEnd),
    proxyPort: number,
  };
};

/** Where the address at `start` ends; less than 0 when there is none. Its only spelling is the canonical one. */
const skipAddress = (bytes: Uint8Array, start: number, end: number): number => {
  let at = readNumber(bytes, start, end, 255);
  for (let part = 1; part < 4 && at >= 0; part++) {
    at = bytes[at] === DOT ? readNumber(bytes, at + 1, end, 255) : -1;
  }
  return at;
};

/** Where the number at `start` ends, which has no leading zeros and is `most` at most; less than 0 when there is none. */
const readNumber = (bytes: Uint8Array, start: number, end: number, most: number): number => {
  let value = -1;
  let at = start;
  for (; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) break;
    if (value === 0) return -1;
    value = value < 0 ? digit : value * 10 + digit;
    if (value > most) return -1;
  }
  number = value;
  return value < 0 ? -1 : at;
};
