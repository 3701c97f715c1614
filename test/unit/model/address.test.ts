// IP addresses as text: what is one, and that each has exactly one spelling.
import { describe, expect, test } from "bun:test";
import { isLoopback, parseAddress } from "../../../src/model/address.ts";

describe("an address has one spelling", () => {
  test.each([
    ["127.0.0.1", 4, "127.0.0.1"],
    ["0.0.0.0", 4, "0.0.0.0"],
    ["255.255.255.255", 4, "255.255.255.255"],
    ["::", 6, "::"],
    ["::1", 6, "::1"],
    ["0:0:0:0:0:0:0:1", 6, "::1"],
    ["2001:DB8::21F:5BFF:FEBF:CE22:8A2E", 6, "2001:db8:0:21f:5bff:febf:ce22:8a2e"],
    ["2001:db8:0:0:1:0:0:1", 6, "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", 6, "2001:db8:0:1:1:1:1:1"],
    ["1:0:0:2:0:0:0:3", 6, "1:0:0:2::3"],
    ["1::", 6, "1::"],
    ["1:2:3:4:5:6:7::", 6, "1:2:3:4:5:6:7:0"],
    ["64:ff9b::192.0.2.33", 6, "64:ff9b::c000:221"],
    ["::ffff:127.0.0.1", 4, "127.0.0.1"],
    ["::FFFF:7f00:1", 4, "127.0.0.1"],
  ] as const)("%s", (text, family, spelling) => {
    expect(parseAddress(text)).toEqual({ family, text: spelling });
  });
});

describe("not an address", () => {
  test.each([
    "",
    "localhost",
    "127.0.0",
    "127.0.0.256",
    "127.0.0.01",
    "010.0.0.1",
    "127.0.0.1.",
    "127.0.0.1:80",
    "1.2.3.4.5",
    " 127.0.0.1",
    ":",
    ":::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "1::2::3",
    "12345::",
    "g::",
    "[::1]",
    "fe80::1%eth0",
    "1.2.3.4::",
    "::1.2.3.256",
    "1:2:3:4:5:6:7:1.2.3.4",
  ])("%j", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

test.each([
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["10.0.0.1", false],
] as const)("%s is loopback: %p", (text, expected) => {
  expect(isLoopback(parseAddress(text)!)).toBe(expected);
});
