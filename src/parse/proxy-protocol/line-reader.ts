/**
 * Reads a PROXY header of version 1, a line of text (PROXY protocol §2.1).
 * Between the reader that tells the versions apart and the addresses' grammar; pure, and never reads beyond what came.
 * Owns the line's grammar: what doesn't match it exactly is malformed, as §2.1 demands, since a line that two programs
 * read differently hides who a client is.
 */

import { parseAddress } from "../../model/address.ts";
import type { ProxiedEndpoints } from "../../model/proxied-connection.ts";
import { lineStart, type ProxyHeaderRead, proxyLineMaxBytes } from "./header.ts";
import { readIPv4Endpoints } from "./ipv4-line.ts";

const LF = 10;
const CR = 13;
const SP = 32;

/** `PROXY` and the blank behind it, in bytes. */
const familyAt = lineStart.length + 1;

/** What can stand behind the first blank. */
const familyNames = ["TCP4", "TCP6", "UNKNOWN"] as const;

/** `bytes[0, length)` is all that has come; it begins with `PROXY`, as far as it goes. */
export const readLine = (bytes: Uint8Array, length: number): ProxyHeaderRead => {
  if (length < familyAt) return "partial";
  if (bytes[lineStart.length] !== SP) return "malformed";
  const end = Math.min(length, proxyLineMaxBytes);
  let lineEnd = familyAt;
  while (lineEnd < end && bytes[lineEnd] !== CR && bytes[lineEnd] !== LF) lineEnd++;
  const isWhole = lineEnd + 1 < end && bytes[lineEnd] === CR && bytes[lineEnd + 1] === LF;
  const plain = isWhole ? readIPv4Endpoints(bytes, familyAt, lineEnd) : undefined;
  if (plain !== undefined) return { version: 1, bytesTaken: lineEnd + 2, endpoints: plain };
  const text = textOf(bytes, familyAt, lineEnd);
  if (lineEnd + 1 >= end) {
    // Neither end of a line may stand alone, also where the rest is to be ignored: receivers that take one would differ.
    const isHopeless = end === proxyLineMaxBytes || (lineEnd < end && bytes[lineEnd] === LF) || !canBegin(text);
    return isHopeless ? "malformed" : "partial";
  }
  if (!isWhole) return "malformed";
  // "The receiver must ignore anything presented before the CRLF is found."
  const isUnknown = text === "UNKNOWN" || text.startsWith("UNKNOWN ");
  const endpoints = isUnknown ? undefined : readEndpoints(text);
  if (endpoints === undefined && !isUnknown) return "malformed";
  return { version: 1, bytesTaken: lineEnd + 2, endpoints };
};

/** Whether more bytes could make a family's name of what there is of one. */
const canBegin = (text: string): boolean => {
  const [name = ""] = text.split(" ", 1);
  const isWhole = name.length < text.length;
  return familyNames.some((family) => (isWhole ? family === name : family.startsWith(name)));
};

/** `TCP4 client proxy clientPort proxyPort` or the same with `TCP6`, one blank between each. */
const readEndpoints = (text: string): ProxiedEndpoints | undefined => {
  const words = text.split(" ");
  if (words.length !== 5) return undefined;
  const [family = "", client = "", proxy = "", clientPortText = "", proxyPortText = ""] = words;
  if (family !== "TCP4" && family !== "TCP6") return undefined;
  const clientAddress = readAddress(client, family === "TCP6");
  const proxyAddress = readAddress(proxy, family === "TCP6");
  const clientPort = readPort(clientPortText);
  const proxyPort = readPort(proxyPortText);
  if (clientAddress === undefined || proxyAddress === undefined) return undefined;
  if (clientPort === undefined || proxyPort === undefined) return undefined;
  return { clientAddress, clientPort, proxyAddress, proxyPort };
};

/** "The advertised protocol family dictates what format to use"; an IPv4-mapped address is an IPv6 one on the wire. */
const readAddress = (text: string, isIPv6: boolean): string | undefined =>
  text.includes(":") === isIPv6 ? parseAddress(text)?.text : undefined;

/** Decimal, 0–65535, "heading zeroes are not permitted". */
const readPort = (text: string): number | undefined => {
  const port = /^(?:0|[1-9]\d{0,4})$/.test(text) ? Number(text) : 65_536;
  return port <= 65_535 ? port : undefined;
};

const textOf = (bytes: Uint8Array, start: number, end: number): string => {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(bytes[at] as number);
  return text;
};
