// Blocks of addresses: what is one, what is in it, and what is nearly one.
import { describe, expect, test } from "bun:test";
import { isInBlocks, parseAddressBlock } from "../../../src/model/address-block.ts";

const isIn = (block: string, address: string): boolean => isInBlocks([parseAddressBlock(block)!], address);

test.each<readonly [string, first: string, last: string, before: string | undefined, after: string | undefined]>([
  ["10.0.0.0/8", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
  ["172.16.0.0/12", "172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"],
  ["192.168.1.128/25", "192.168.1.128", "192.168.1.255", "192.168.1.127", "192.168.2.0"],
  ["192.0.2.6/31", "192.0.2.6", "192.0.2.7", "192.0.2.5", "192.0.2.8"],
  ["127.0.0.1/32", "127.0.0.1", "127.0.0.1", "127.0.0.0", "127.0.0.2"],
  ["127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.0", "127.0.0.2"],
  ["128.0.0.0/1", "128.0.0.0", "255.255.255.255", "127.255.255.255", undefined],
  ["0.0.0.0/0", "0.0.0.0", "255.255.255.255", undefined, undefined],
  ["fd00::/8", "fd00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fcff::", "fe00::"],
  ["2001:db8:8000::/33", "2001:db8:8000::", "2001:db8:ffff:ffff::", "2001:db8:7fff::", "2001:db9::"],
  ["2001:DB8::1", "2001:db8::1", "2001:db8:0:0:0:0:0:1", "2001:db8::", "2001:db8::2"],
  ["::1/128", "::1", "::1", "::", "::2"],
  ["::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", undefined, undefined],
  // IPv4-mapped, block and address: they are IPv4.
  ["::ffff:10.0.0.0/104", "10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
  ["::ffff:127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", "127.0.0.0", "127.0.0.2"],
  ["10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:aff:ffff", "::10.0.0.1", "::ffff:11.0.0.0"],
])("%s", (block, first, last, before, after) => {
  expect([isIn(block, first), isIn(block, last)]).toEqual([true, true]);
  for (const outside of [before, after])
    if (outside !== undefined) expect([outside, isIn(block, outside)]).toEqual([outside, false]);
});

test("families are apart, and what is no address is nowhere", () => {
  expect(isIn("0.0.0.0/0", "::1")).toBe(false);
  expect(isIn("::/0", "127.0.0.1")).toBe(false);
  for (const text of ["", "localhost", "10.0.0.1/32", "fe80::1%eth0"]) {
    expect([text, isIn("0.0.0.0/0", text), isIn("::/0", text)]).toEqual([text, false, false]);
  }
  expect(isInBlocks([], "127.0.0.1")).toBe(false);
});

test("one of several will do", () => {
  const blocks = ["10.0.0.0/8", "127.0.0.1", "::1"].map((text) => parseAddressBlock(text)!);
  expect(["10.1.2.3", "127.0.0.1", "::1"].every((text) => isInBlocks(blocks, text))).toBe(true);
  expect(["11.0.0.0", "127.0.0.2", "::2"].some((text) => isInBlocks(blocks, text))).toBe(false);
});

describe("no block", () => {
  test.each([
    ["", ""],
    ["a name", "proxy.internal"],
    ["no address", "/8"],
    ["no prefix", "10.0.0.0/"],
    ["a mask", "10.0.0.0/255.0.0.0"],
    ["two prefixes", "10.0.0.0/8/8"],
    ["a negative prefix", "10.0.0.0/-8"],
    ["a leading zero", "10.0.0.0/08"],
    ["a blank", "10.0.0.0/ 8"],
    ["a part of a bit", "10.0.0.0/8.5"],
    ["more bits than an IPv4 address has", "10.0.0.0/33"],
    ["more bits than an IPv6 address has", "fd00::/129"],
    ["a mapped address with an IPv4 prefix", "::ffff:10.0.0.0/8"],
    ["bits behind the prefix", "10.0.0.1/8"],
    ["the last bit behind the prefix", "192.168.1.1/31"],
    ["bits behind the prefix, IPv6", "fd00::1/64"],
    ["bits behind no prefix at all", "0.0.0.1/0"],
    ["brackets", "[::1]/128"],
  ])("%s", (_, text) => expect(parseAddressBlock(text)).toBeUndefined());
});
