/**
 * The PROXY header between two IPv4 ends with nothing else to say, in either version (PROXY protocol 2.2): what most
 * connections get.
 * A short cut of the writer beside it, which has the general form: checked and written in one pass over the addresses, where
 * that one makes a dozen strings and arrays. Pure; never writes a byte that the general form wouldn't.
 */
import type { ProxiedConnection } from "../../model/proxied-connection.ts";
import { Family, fixedBytes, lineStart, proxyLineMaxBytes, signature, VersionAndCommand } from "./header.ts";

const LF = 10;
const CR = 13;
const SP = 32;
const DOT = 46;
const ZERO = 48;

/** Where a line is put together; each is copied out. */
const draft = new Uint8Array(proxyLineMaxBytes);
const lineBegin = Uint8Array.of(...lineStart, ...Array.from(" TCP4 ", (char) => char.charCodeAt(0)));
draft.set(lineBegin);

/** Two addresses and two ports, in bytes. */
const addressBytes = 12;
const blockBegin = Uint8Array.of(...signature, VersionAndCommand.proxy, Family.tcp4, 0, addressBytes);

/** The address that was read last. */
const octets = new Uint8Array(4);

/** A line of version 1; undefined where an end is no IPv4 address with a port. */
export const writeIPv4Line = (connection: ProxiedConnection): Uint8Array | undefined => {
  const { clientAddress, clientPort, proxyAddress, proxyPort } = connection;
  if (!isNumber16(clientPort) || !isNumber16(proxyPort)) return undefined;
  if (!readOctets(clientAddress) || !readOctets(proxyAddress)) return undefined;
  let at = putText(clientAddress, lineBegin.length);
  at = putText(proxyAddress, at);
  at = putDecimal(clientPort, at);
  draft[at++] = SP;
  at = putDecimal(proxyPort, at);
  draft[at++] = CR;
  draft[at++] = LF;
  return draft.slice(0, at);
};

/** A block of version 2; undefined where an end is no IPv4 address with a port, or there is more to say. */
export const writeIPv4Block = (connection: ProxiedConnection): Uint8Array | undefined => {
  const { clientAddress, clientPort, proxyAddress, proxyPort, tls, isLocal } = connection;
  if (tls !== undefined || isLocal === true || !isNumber16(clientPort) || !isNumber16(proxyPort)) return undefined;
  if (!readOctets(clientAddress)) return undefined;
  const block = new Uint8Array(fixedBytes + addressBytes);
  block.set(blockBegin);
  block.set(octets, fixedBytes);
  if (!readOctets(proxyAddress)) return undefined;
  block.set(octets, fixedBytes + 4);
  block[fixedBytes + 8] = clientPort >> 8;
  block[fixedBytes + 9] = clientPort & 255;
  block[fixedBytes + 10] = proxyPort >> 8;
  block[fixedBytes + 11] = proxyPort & 255;
  return block;
};

/** What a port can be. */
export const isNumber16 = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 65_535;

/** Four decimal numbers up to 255, without leading zeros; whether the text is that. */
const readOctets = (text: string): boolean => {
  let part = 0;
  let value = -1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (value < 0 || part === 3) return false;
      octets[part++] = value;
      value = -1;
      continue;
    }
    const digit = code - ZERO;
    if (digit < 0 || digit > 9 || value === 0) return false;
    value = value < 0 ? digit : value * 10 + digit;
    if (value > 255) return false;
  }
  octets[3] = value;
  return part === 3 && value >= 0;
};

/** An address that has been read, and a blank. */
const putText = (text: string, start: number): number => {
  for (let index = 0; index < text.length; index++) draft[start + index] = text.charCodeAt(index);
  draft[start + text.length] = SP;
  return start + text.length + 1;
};

const putDecimal = (value: number, start: number): number => {
  let end = start + 1;
  for (let rest = value; rest > 9; rest = Math.trunc(rest / 10)) end++;
  let rest = value;
  for (let at = end - 1; at >= start; at--) {
    draft[at] = ZERO + (rest % 10);
    rest = Math.trunc(rest / 10);
  }
  return end;
};
