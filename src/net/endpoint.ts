// Addresses: an IP address with a port, ready to be dialled, and the spellings that people and headers use.
//
// Pure: no socket is opened here.
import { isIPv4, isIPv6 } from "node:net";
import { parseIpv6 } from "../model/address.ts";

const AF_INET = 2;
const AF_INET6 = 10;

/** An IP address and port, with the `sockaddr` that the system's `connect` takes, made once. */
export class Endpoint {
  readonly isIPv6: boolean;
  /** `struct sockaddr_in` or `sockaddr_in6`, in network byte order (ip(7), ipv6(7)). */
  readonly sockaddr: Uint8Array;

  constructor(
    /** IPv4, or IPv6 bare in lower case. */
    readonly address: string,
    readonly port: number,
  ) {
    this.isIPv6 = isIPv6(address);
    if (!this.isIPv6 && !isIPv4(address)) throw new TypeError(`not an IP address: ${address}`);
    this.sockaddr = this.isIPv6 ? sockaddr6(address, port) : sockaddr4(address, port);
  }

  /** `10.0.0.5:80` or `[::1]:80`. */
  toString(): string {
    return formatAddress(this.address, this.port);
  }
}

const sockaddr4 = (address: string, port: number): Uint8Array => {
  const bytes = new Uint8Array(16);
  new Uint16Array(bytes.buffer, 0, 1)[0] = AF_INET;
  new DataView(bytes.buffer).setUint16(2, port);
  bytes.set(address.split(".").map(Number), 4);
  return bytes;
};

const sockaddr6 = (address: string, port: number): Uint8Array => {
  const bytes = new Uint8Array(28);
  new Uint16Array(bytes.buffer, 0, 1)[0] = AF_INET6;
  new DataView(bytes.buffer).setUint16(2, port);
  bytes.set(parseIPv6(address), 8);
  return bytes;
};

/** The 16 bytes of an IPv6 address, a zone (RFC 4007 §11) left out; the caller has checked that it is one. */
export const parseIPv6 = (address: string): Uint8Array => {
  const [text = ""] = address.split("%");
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  parseIpv6(text)?.forEach((group, index) => {
    view.setUint16(index * 2, group);
  });
  return bytes;
};

/** `address:port`, an IPv6 address in brackets (RFC 3986 §3.2.2). */
export const formatAddress = (address: string, port: number): string =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

/** An IPv4 client on a dual-stack listener shows as `::ffff:a.b.c.d` (RFC 4291 §2.5.5.2); users mean `a.b.c.d`. */
export const plainAddress = (address: string): string =>
  address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
