// Addresses: the sockaddr bytes of every spelling, and the spellings that people and headers use.
import { describe, expect, test } from "bun:test";
import { Endpoint, formatAddress, parseIPv6, plainAddress } from "../../../src/net/endpoint.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** `sa_family_t` is in the machine's own order (ip(7)); all machines that elbow runs on are little-endian. */
const family4 = "0200";
const family6 = "0a00";

test.each([
  ["127.0.0.1", 80, `${family4}00507f0000010000000000000000`],
  ["0.0.0.0", 0, `${family4}0000000000000000000000000000`],
  ["255.254.1.2", 65_535, `${family4}fffffffe01020000000000000000`],
  ["10.0.0.5", 443, `${family4}01bb0a0000050000000000000000`],
])("%s:%d as sockaddr_in", (address, port, expected) => {
  const endpoint = new Endpoint(address, port);
  expect(endpoint.isIPv6).toBe(false);
  expect(hex(endpoint.sockaddr)).toBe(expected);
});

test.each([
  ["::", "00000000000000000000000000000000"],
  ["::1", "00000000000000000000000000000001"],
  ["1::", "00010000000000000000000000000000"],
  ["2001:db8::7", "20010db8000000000000000000000007"],
  ["2001:DB8:0:0:8:800:200C:417A", "20010db80000000000080800200c417a"],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
  ["::2:3:4:5:6:7:8", "00000002000300040005000600070008"],
  ["1:2:3::6:7:8", "00010002000300000000000600070008"],
  ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffffffffffffffffffffffffffffffff"],
  ["::ffff:192.0.2.128", "00000000000000000000ffffc0000280"],
  ["::192.0.2.128", "000000000000000000000000c0000280"],
  ["64:ff9b::10.0.0.5", "0064ff9b00000000000000000a000005"],
  ["1:2:3:4:5:6:255.255.0.1", "000100020003000400050006ffff0001"],
  ["::ffff:0.0.0.0", "00000000000000000000ffff00000000"],
])("%s as sockaddr_in6", (address, expected) => {
  expect(hex(parseIPv6(address))).toBe(expected);
  const endpoint = new Endpoint(address, 8080);
  expect(endpoint.isIPv6).toBe(true);
  expect(hex(endpoint.sockaddr)).toBe(`${family6}1f9000000000${expected}00000000`);
});

test.each(["", "localhost", "127.1", "1.2.3.4.5", "1.2.3", "256.0.0.1", "[::1]", "::1::", "1:2:3", ":::", "::1:80:"])(
  "%p is no address",
  (address) => {
    expect(() => new Endpoint(address, 80)).toThrow(TypeError);
  },
);

describe("spellings", () => {
  test.each([
    ["127.0.0.1", 80, "127.0.0.1:80"],
    ["::1", 80, "[::1]:80"],
    ["2001:db8::7", 65_535, "[2001:db8::7]:65535"],
  ])("%s and %d", (address, port, expected) => {
    expect(formatAddress(address, port)).toBe(expected);
    expect(String(new Endpoint(address, port))).toBe(expected);
  });

  test.each([
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["192.0.2.7", "192.0.2.7"],
    ["::1", "::1"],
    ["2001:db8::7", "2001:db8::7"],
    ["::ffff:c000:207", "::ffff:c000:207"],
    ["64:ff9b::192.0.2.7", "64:ff9b::192.0.2.7"],
    ["", ""],
  ])("%p is plainly %p", (address, expected) => {
    expect(plainAddress(address)).toBe(expected);
  });
});
