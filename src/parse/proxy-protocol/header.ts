/**
 * The PROXY header (PROXY protocol 2.2): what is read of one, and the figures that its two forms are made of.
 * Shared by the readers and the writer beside it; pure.
 * Owns the numbers of the protocol; never reads or writes a byte.
 */
import type { ProxiedEndpoints } from "../../model/proxied-connection.ts";

/** The forms of a header: 1 is a line of text, 2 is binary. */
export type ProxyVersion = 1 | 2;

/** A header that is whole and sound. */
export interface ProxyHeader {
  readonly version: ProxyVersion;
  /** How many bytes the header takes; what follows is the client's. */
  readonly bytesTaken: number;
  /**
   * The ends of the client's connection, addresses in canonical spelling. Undefined when the header names none that a
   * TCP connection can have (`UNKNOWN`, LOCAL, AF_UNSPEC, AF_UNIX, datagrams): the real ends count then (§2.1, §2.2).
   */
  readonly endpoints: ProxiedEndpoints | undefined;
}

/**
 * What the first bytes of a connection are: a header; `partial`, which may become one; `absent`, which can't;
 * `malformed`, which began as one and isn't.
 */
export type ProxyHeaderRead = ProxyHeader | "partial" | "malformed" | "absent";

/** The longest line of version 1, its line end included, in bytes (PROXY protocol §2.1). */
export const proxyLineMaxBytes = 107;

/**
 * The longest header of version 2, in bytes. Its length could say up to 64 KiB; addresses and the facts of TLS take a few
 * hundred, and a client's whole certificate, which some senders add, one or two thousand.
 */
export const proxyHeaderMaxBytes = 4096;

/** What a line of version 1 begins with (§2.1). */
export const lineStart = Uint8Array.from("PROXY", (char) => char.charCodeAt(0));

/** What a header of version 2 begins with (§2.2): `\r\n\r\n\0\r\nQUIT\n`. */
export const signature = Uint8Array.of(13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10);

/** Signature, version and command, family and transport, and the length of the rest, in bytes. */
export const fixedBytes = 16;

/** The 13th byte (§2.2): the version in its upper half, and who the connection is for. */
export const VersionAndCommand = { local: 0x20, proxy: 0x21 } as const;

/** The 14th byte (§2.2): the address family in its upper half, the transport in the lower. */
export const Family = {
  unspecified: 0x00,
  tcp4: 0x11,
  udp4: 0x12,
  tcp6: 0x21,
  udp6: 0x22,
  unixStream: 0x31,
  unixDatagram: 0x32,
} as const;

/** Types of the vectors behind the addresses (§2.2): a type, a length in two bytes, a value. */
export const VectorType = {
  applicationProtocol: 0x01,
  authority: 0x02,
  crc32c: 0x03,
  tls: 0x20,
  tlsVersion: 0x21,
  tlsCommonName: 0x22,
  tlsCipher: 0x23,
} as const;

/** A vector's type and length, in bytes. */
export const vectorHeaderBytes = 3;

/** What the client of a TLS connection has shown, as bits (§2.2.6). */
export const TlsClient = { tls: 1, certificateOnConnection: 2, certificateInSession: 4 } as const;
