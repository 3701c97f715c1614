/**
 * Writes the PROXY header that tells an instance whose connection it gets, in either version (PROXY protocol 2.2).
 * Asked once per connection of a client, through the `backendPreamble` of a policy; its bytes go out before all others.
 * Owns the two forms; pure. It never decides whether a header is sent.
 */
import { type Address, parseAddress, parseIpv6 } from "../../model/address.ts";
import type { ProxiedConnection, ProxiedTls } from "../../model/proxied-connection.ts";
import { ByteWriter } from "../byte-writer.ts";
import {
  Family,
  fixedBytes,
  type ProxyVersion,
  signature,
  TlsClient,
  VectorType,
  VersionAndCommand,
} from "./header.ts";
import { isNumber16, writeIPv4Block, writeIPv4Line } from "./ipv4-header.ts";

/**
 * A longer value is left out. No name that a host, a protocol or a suite can have is longer; a header must stay short
 * enough to arrive at once (§2), and half a name would be another's.
 */
const valueMaxBytes = 255;

const encoder = new TextEncoder();

/**
 * The header for a connection. Version 1 is AWS's line ("Configure proxy protocol with a Classic Load Balancer"); version 2
 * adds what TLS settled.
 *
 * *Details*: IPv4-mapped addresses are shown as IPv4; where one end is IPv4 and the other IPv6, both are shown as IPv6.
 * Ends that can't be said make version 1 `UNKNOWN` and version 2 AF_UNSPEC. For a connection of the proxy's own, version 2
 * says LOCAL and nothing else; version 1 has no word for it, and names the ends as §2.1 recommends for health checks.
 */
export const writeProxyHeader = (version: ProxyVersion, connection: ProxiedConnection): Uint8Array => {
  const plain = version === 1 ? writeIPv4Line(connection) : writeIPv4Block(connection);
  if (plain !== undefined) return plain;
  const ends = readEnds(connection);
  return version === 1 ? writeLine(connection, ends) : writeBlock(connection, ends);
};

/** Both addresses. */
interface Ends {
  readonly client: Address;
  readonly proxy: Address;
  readonly areIPv4: boolean;
}

const readEnds = (connection: ProxiedConnection): Ends | undefined => {
  const client = parseAddress(connection.clientAddress);
  const proxy = parseAddress(connection.proxyAddress);
  if (client === undefined || proxy === undefined) return undefined;
  if (!isNumber16(connection.clientPort) || !isNumber16(connection.proxyPort)) return undefined;
  return { client, proxy, areIPv4: client.family === 4 && proxy.family === 4 };
};

const writeLine = ({ clientPort, proxyPort }: ProxiedConnection, ends: Ends | undefined): Uint8Array => {
  if (ends === undefined) return encoder.encode("PROXY UNKNOWN\r\n");
  const { client, proxy, areIPv4 } = ends;
  const addresses = areIPv4 ? `TCP4 ${client.text} ${proxy.text}` : `TCP6 ${spellIPv6(client)} ${spellIPv6(proxy)}`;
  return encoder.encode(`PROXY ${addresses} ${clientPort} ${proxyPort}\r\n`);
};

/** An IPv4 address as a mapped one (RFC 4291 §2.5.5.2) in hexadecimal alone, since §2.1 knows no dots in IPv6. */
const spellIPv6 = ({ family, text }: Address): string =>
  family === 6
    ? text
    : `::ffff:${parseIpv6(`::${text}`)!
        .slice(6)
        .map((group) => group.toString(16))
        .join(":")}`;

const writeBlock = (connection: ProxiedConnection, ends: Ends | undefined): Uint8Array => {
  const writer = new ByteWriter(128);
  writer.put(signature);
  if (connection.isLocal === true) {
    // §2.2: no family, no address.
    putNumber(writer, VersionAndCommand.local, 1);
    putNumber(writer, Family.unspecified, 1);
    putNumber(writer, 0, 2);
    return writer.view();
  }
  putNumber(writer, VersionAndCommand.proxy, 1);
  const lengthAt = writer.length + 1;
  putNumber(writer, ends === undefined ? Family.unspecified : ends.areIPv4 ? Family.tcp4 : Family.tcp6, 1);
  putNumber(writer, 0, 2);
  if (ends !== undefined) {
    putAddress(writer, ends.client, ends.areIPv4);
    putAddress(writer, ends.proxy, ends.areIPv4);
    putNumber(writer, connection.clientPort, 2);
    putNumber(writer, connection.proxyPort, 2);
  }
  if (connection.tls !== undefined) putTls(writer, connection.tls);
  setNumber16(writer, lengthAt, writer.length - fixedBytes);
  return writer.view();
};

const putAddress = (writer: ByteWriter, { family, text }: Address, isIPv4: boolean): void => {
  if (isIPv4) for (const part of text.split(".")) putNumber(writer, Number(part), 1);
  else for (const group of parseIpv6(family === 4 ? `::ffff:${text}` : text)!) putNumber(writer, group, 2);
};

/** ALPN, the name that was asked for, and the vector that holds the others (§2.2.1, §2.2.2, §2.2.6). */
const putTls = (writer: ByteWriter, tls: ProxiedTls): void => {
  putVector(writer, VectorType.applicationProtocol, tls.applicationProtocol);
  putVector(writer, VectorType.authority, tls.serverName);
  const { clientCertificate, isResumed } = tls;
  let client: number = TlsClient.tls;
  if (clientCertificate !== undefined) {
    client |= TlsClient.certificateInSession;
    if (isResumed !== true) client |= TlsClient.certificateOnConnection;
  }
  putNumber(writer, VectorType.tls, 1);
  const lengthAt = writer.length;
  putNumber(writer, 0, 2);
  putNumber(writer, client, 1);
  // Zero "if the client presented a certificate and it was successfully verified, and non-zero otherwise".
  putNumber(writer, clientCertificate?.isVerified === true ? 0 : 1, 4);
  putVector(writer, VectorType.tlsVersion, tls.version);
  putVector(writer, VectorType.tlsCipher, tls.cipher);
  putVector(writer, VectorType.tlsCommonName, clientCertificate?.commonName);
  setNumber16(writer, lengthAt, writer.length - lengthAt - 2);
};

/** A vector with a text; nothing for one that is empty or too long. */
const putVector = (writer: ByteWriter, type: number, text: string | undefined): void => {
  if (text === undefined || text === "") return;
  const value = encoder.encode(text);
  if (value.length > valueMaxBytes) return;
  putNumber(writer, type, 1);
  putNumber(writer, value.length, 2);
  writer.put(value);
};

/** A number in `count` bytes, the highest first. */
const putNumber = (writer: ByteWriter, value: number, count: number): void => {
  writer.reserve(count);
  for (let shift = (count - 1) * 8; shift >= 0; shift -= 8) {
    writer.bytes[writer.length++] = (value >>> shift) & 255;
  }
};

const setNumber16 = ({ bytes }: ByteWriter, at: number, value: number): void => {
  bytes[at] = value >> 8;
  bytes[at + 1] = value & 255;
};
