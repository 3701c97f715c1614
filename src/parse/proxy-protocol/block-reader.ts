/**
 * Reads a PROXY header of version 2, a binary block (PROXY protocol §2.2).
 * Behind the reader that tells the versions apart; pure, and never reads beyond what came.
 * Owns the block's rules, its checksum among them. What TLS settled with the client is skipped, as a receiver may.
 */

import { parseAddress } from "../../model/address.ts";
import type { ProxiedEndpoints } from "../../model/proxied-connection.ts";
import { crc32c } from "./crc32c.ts";
import {
  Family,
  fixedBytes,
  type ProxyHeaderRead,
  proxyHeaderMaxBytes,
  signature,
  VectorType,
  VersionAndCommand,
  vectorHeaderBytes,
} from "./header.ts";

const commandAt = signature.length;
const familyAt = commandAt + 1;
const lengthAt = familyAt + 1;

/** The largest known address family (AF_UNIX) and transport (datagrams). */
const lastFamily = 3;
const lastTransport = 2;

const checksumBytes = 4;

/** `bytes[0, length)` is all that has come; it begins with the signature, as far as it goes. */
export const readBlock = (bytes: Uint8Array, length: number): ProxyHeaderRead => {
  if (length <= commandAt) return "partial";
  const isLocal = bytes[commandAt] === VersionAndCommand.local;
  if (!isLocal && bytes[commandAt] !== VersionAndCommand.proxy) return "malformed";
  if (length <= familyAt) return "partial";
  const family = bytes[familyAt] as number;
  // LOCAL has its block discarded "including the family which is ignored".
  if (!isLocal && (family >> 4 > lastFamily || (family & 15) > lastTransport)) return "malformed";
  if (length < fixedBytes) return "partial";
  const bytesTaken = fixedBytes + uint16(bytes, lengthAt);
  if (bytesTaken > proxyHeaderMaxBytes) return "malformed";
  // Without a family it isn't said where addresses would end.
  const addressBytes = isLocal ? undefined : addressBytesOf(family);
  if (addressBytes !== undefined && fixedBytes + addressBytes > bytesTaken) return "malformed";
  // "The receiver must not start to parse an address before the whole address block is received."
  if (length < bytesTaken) return "partial";
  if (addressBytes !== undefined && !areVectorsSound(bytes, fixedBytes + addressBytes, bytesTaken)) return "malformed";
  return { version: 2, bytesTaken, endpoints: isLocal ? undefined : readEndpoints(bytes, family) };
};

/** How long the addresses and ports of a family are, in bytes; undefined for those that are as good as unspecified. */
const addressBytesOf = (family: number): number | undefined => {
  switch (family) {
    case Family.tcp4:
    case Family.udp4:
      return 12;
    case Family.tcp6:
    case Family.udp6:
      return 36;
    case Family.unixStream:
    case Family.unixDatagram:
      return 216;
    default:
      return undefined;
  }
};

/** Whether the vectors fill `bytes[start, end)` to its end, and a checksum, if there is one, is that of the header. */
const areVectorsSound = (bytes: Uint8Array, start: number, end: number): boolean => {
  let checksumAt = -1;
  for (let at = start; at < end; ) {
    const valueAt = at + vectorHeaderBytes;
    if (valueAt > end) return false;
    const valueEnd = valueAt + uint16(bytes, at + 1);
    if (valueEnd > end) return false;
    if (bytes[at] === VectorType.crc32c) {
      // Each of two sums would have to take the other as it is and as zero.
      if (checksumAt >= 0 || valueEnd - valueAt !== checksumBytes) return false;
      checksumAt = valueAt;
    }
    at = valueEnd;
  }
  return checksumAt < 0 || crc32c(bytes, end, checksumAt) === uint32(bytes, checksumAt);
};

/** Datagrams and AF_UNIX have no ends that a TCP connection can have: such a header is as good as an unspecified one. */
const readEndpoints = (bytes: Uint8Array, family: number): ProxiedEndpoints | undefined => {
  if (family !== Family.tcp4 && family !== Family.tcp6) return undefined;
  const oneBytes = family === Family.tcp4 ? 4 : 16;
  const proxyAt = fixedBytes + oneBytes;
  const portsAt = proxyAt + oneBytes;
  return {
    clientAddress: spellAddress(bytes, fixedBytes, oneBytes),
    clientPort: uint16(bytes, portsAt),
    proxyAddress: spellAddress(bytes, proxyAt, oneBytes),
    proxyPort: uint16(bytes, portsAt + 2),
  };
};

/** In canonical spelling, an IPv4-mapped address as the IPv4 one. */
const spellAddress = (bytes: Uint8Array, start: number, count: number): string => {
  if (count === 4) return `${bytes[start]}.${bytes[start + 1]}.${bytes[start + 2]}.${bytes[start + 3]}`;
  const groups: Array<string> = [];
  for (let at = start; at < start + count; at += 2) groups.push(uint16(bytes, at).toString(16));
  return parseAddress(groups.join(":"))!.text;
};

const uint16 = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

const uint32 = (bytes: Uint8Array, at: number): number => ((uint16(bytes, at) << 16) | uint16(bytes, at + 2)) >>> 0;
