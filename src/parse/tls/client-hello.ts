// Reads the first message of a TLS client, as far as a listener must know it before it can answer: the server name, the
// protocol versions, and whether the client has fallen back to an older one.
//
// Pure, and run on every byte that a stranger sends first: it never reads beyond what came and never throws. It judges
// no more than whether this is TLS at all; what is wrong inside a ClientHello, the TLS library tells the client.

/** Versions as bits, so that sets of them can be compared. */
export const Version = { ssl3: 1, tls10: 2, tls11: 4, tls12: 8, tls13: 16 } as const;

/** What a client offers, as far as it chooses how it is answered. */
export interface ClientHello {
  /** The host that the client asked for (RFC 6066 §3), in lower case without a final dot; undefined without one. */
  readonly serverName: string | undefined;
  /** Every version that the client would take, as bits of {@link Version}. */
  readonly versions: number;
  /** The client has tried a newer version in vain and tells so (TLS_FALLBACK_SCSV, RFC 7507). */
  readonly isFallback: boolean;
  /** The cipher suites that the client offers, its favourite first, by number (IANA, "TLS Cipher Suites"). */
  readonly suites: ReadonlyArray<number>;
}

/** What the first bytes of a connection are. */
export type FirstBytes = ClientHello | "partial" | "not TLS";

/** More than this the TLS library takes of no client, in bytes. */
const clientHelloMaxBytes = 16 * 1024;

const recordHeaderBytes = 5;
const messageHeaderBytes = 4;
const handshakeRecord = 22;
const clientHelloMessage = 1;
const serverNameExtension = 0;
const supportedVersionsExtension = 43;
const hostNameType = 0;
const fallbackSuite = 0x5600;
const everyVersion = 31;

/** A ClientHello that can't be read: the library gets it with the listener's first certificate, and says what is wrong. */
const unreadable: ClientHello = { serverName: undefined, versions: everyVersion, isFallback: false, suites: [] };

/**
 * Reads the bytes that a connection began with (RFC 8446 §4.1.2, §5.1; the same up to TLS 1.2, RFC 5246 §7.4.1.2).
 *
 * *Details*: asked again whenever more has come, it goes on where it stopped, so that a message which comes byte by byte
 * costs no more than its bytes.
 */
export class ClientHelloReader {
  /** Where the first record stands that isn't all there. */
  private recordAt = 0;
  /** How much of the message lies in the records before it, in bytes. */
  private have = 0;
  /** The length of the message with its header, in bytes; 0 until the header has come. */
  private messageBytes = 0;

  /** `bytes[0, length)` is all that has come so far, what was there at the last call included. */
  read(bytes: Uint8Array, length = bytes.length): FirstBytes {
    if (length === 0) return "partial";
    // The version of the record says nothing but that this is SSL 3 or later (RFC 8446 §5.1).
    if (bytes[0] !== handshakeRecord || (length > 1 && bytes[1] !== 3)) return "not TLS";
    for (;;) {
      const at = this.recordAt;
      // So many records for one message are no client's; the library reads what is left of it, and keeps less.
      if (at > 2 * clientHelloMaxBytes) return unreadable;
      if (at < length && bytes[at] !== handshakeRecord) return unreadable;
      if (at + recordHeaderBytes > length) return "partial";
      const fragmentBytes = recordLength(bytes, at);
      // RFC 8446 §5.1: no empty fragments, none longer than 2^14.
      if (fragmentBytes === 0 || fragmentBytes > 1 << 14) return unreadable;
      const start = at + recordHeaderBytes;
      if (at === 0 && start < length && bytes[start] !== clientHelloMessage) return "not TLS";
      if (this.messageBytes === 0 && this.have + Math.min(fragmentBytes, length - start) >= messageHeaderBytes) {
        this.messageBytes = messageHeaderBytes + uint24(joinRecords(bytes, messageHeaderBytes), 1);
        if (this.messageBytes - messageHeaderBytes > clientHelloMaxBytes) return unreadable;
      }
      const missing = this.messageBytes - this.have;
      if (this.messageBytes > 0 && missing <= fragmentBytes) {
        const end = start + missing;
        if (length < end) return "partial";
        return this.have === 0
          ? readBody(bytes, start + messageHeaderBytes, end)
          : readBody(joinRecords(bytes, this.messageBytes), messageHeaderBytes, this.messageBytes);
      }
      if (start + fragmentBytes > length) return "partial";
      this.have += fragmentBytes;
      this.recordAt = start + fragmentBytes;
    }
  }
}

/** The first `messageBytes` that lie in records, all of which are there. */
const joinRecords = (bytes: Uint8Array, messageBytes: number): Uint8Array => {
  const message = new Uint8Array(messageBytes);
  let have = 0;
  for (let at = 0; have < messageBytes; ) {
    const start = at + recordHeaderBytes;
    const taken = Math.min(messageBytes - have, recordLength(bytes, at));
    message.set(bytes.subarray(start, start + taken), have);
    have += taken;
    at = start + taken;
  }
  return message;
};

/** The message's body, `bytes[start, end)`, which is all there. */
const readBody = (bytes: Uint8Array, start: number, end: number): ClientHello => {
  const fixedBytes = 34;
  let at = start + fixedBytes;
  if (at >= end) return unreadable;
  const legacyVersion = uint16(bytes, start);
  at += 1 + (bytes[at] as number);
  if (at + 2 > end) return unreadable;
  const suitesEnd = at + 2 + uint16(bytes, at);
  if (suitesEnd >= end) return unreadable;
  const suites: Array<number> = [];
  for (at += 2; at + 2 <= suitesEnd; at += 2) suites.push(uint16(bytes, at));
  at = suitesEnd + 1 + (bytes[suitesEnd] as number);
  let serverName: string | undefined;
  let versions = versionsUpTo(legacyVersion);
  if (at + 2 <= end) {
    const extensionsEnd = at + 2 + uint16(bytes, at);
    if (extensionsEnd > end) return unreadable;
    for (at += 2; at + 4 <= extensionsEnd; ) {
      const type = uint16(bytes, at);
      const dataStart = at + 4;
      const dataEnd = dataStart + uint16(bytes, at + 2);
      if (dataEnd > extensionsEnd) return unreadable;
      if (type === serverNameExtension) serverName = readServerName(bytes, dataStart, dataEnd);
      else if (type === supportedVersionsExtension) versions = readVersions(bytes, dataStart, dataEnd);
      at = dataEnd;
    }
  }
  return { serverName, versions, isFallback: suites.includes(fallbackSuite), suites };
};

/** RFC 6066 §3: a list with one host name. */
const readServerName = (bytes: Uint8Array, start: number, end: number): string | undefined => {
  const nameStart = start + 5;
  if (nameStart > end || bytes[start + 2] !== hostNameType) return undefined;
  const nameEnd = nameStart + uint16(bytes, start + 3);
  if (nameEnd > end) return undefined;
  let name = "";
  for (let at = nameStart; at < nameEnd; at++) name += String.fromCharCode(bytes[at] as number);
  if (name.endsWith(".")) name = name.slice(0, -1);
  return name === "" ? undefined : name.toLowerCase();
};

/** RFC 8446 §4.2.1; versions that nobody knows, GREASE among them (RFC 8701), have no bit. */
const readVersions = (bytes: Uint8Array, start: number, end: number): number => {
  let versions = 0;
  for (let at = start + 1; at + 2 <= end; at += 2) versions |= bitOf(uint16(bytes, at));
  return versions;
};

/** Before TLS 1.3, a client offers its newest version and takes any older one. */
const versionsUpTo = (legacyVersion: number): number => {
  const newest = bitOf(Math.min(legacyVersion, 0x0303));
  return newest === 0 ? 0 : 2 * newest - 1;
};

const bitOf = (version: number): number => (version >= 0x0300 && version <= 0x0304 ? 1 << (version - 0x0300) : 0);

const recordLength = (bytes: Uint8Array, at: number): number => uint16(bytes, at + 3);

const uint16 = (bytes: Uint8Array, at: number): number => ((bytes[at] as number) << 8) | (bytes[at + 1] as number);

const uint24 = (bytes: Uint8Array, at: number): number => (uint16(bytes, at) << 8) | (bytes[at + 2] as number);
