// PROXY headers of version 1: what is read of a line, and all the ways in which one can be wrong. Every case is read at
// every split: the bytes that came so far give "partial" until they give what all of them give.
import { describe, expect, test } from "bun:test";
import type { ProxyHeaderRead } from "../../../../src/parse/proxy-protocol/header.ts";
import { readProxyHeader } from "../../../../src/parse/proxy-protocol/header-reader.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1");

/** Reads all at once, and checks that no split says otherwise. */
const read = (text: string): ProxyHeaderRead => {
  const bytes = bytesOf(text);
  const whole = readProxyHeader(bytes);
  let isJudged = false;
  for (let length = 0; length <= bytes.length; length++) {
    const soFar = readProxyHeader(bytes, length);
    if (soFar === "partial") expect([text, length, isJudged]).toEqual([text, length, false]);
    else {
      isJudged = true;
      expect<unknown>([text, length, soFar]).toEqual([text, length, whole]);
    }
  }
  return whole;
};

const endpoints = (clientAddress: string, proxyAddress: string, clientPort: number, proxyPort: number) => ({
  clientAddress,
  clientPort,
  proxyAddress,
  proxyPort,
});

const worst = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

describe("lines that are sound", () => {
  test.each<readonly [string, ReturnType<typeof endpoints> | undefined]>([
    // PROXY protocol §2.1, the example; then AWS's ("Configure proxy protocol with a Classic Load Balancer").
    ["PROXY TCP4 192.168.0.1 192.168.0.11 56324 443", endpoints("192.168.0.1", "192.168.0.11", 56324, 443)],
    ["PROXY TCP4 198.51.100.22 203.0.113.7 35646 80", endpoints("198.51.100.22", "203.0.113.7", 35646, 80)],
    // The longest of each family (§2.1).
    [
      "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535",
      endpoints("255.255.255.255", "255.255.255.255", 65535, 65535),
    ],
    [`PROXY TCP6 ${worst} ${worst} 65535 65535`, endpoints(worst, worst, 65535, 65535)],
    [`PROXY UNKNOWN ${worst} ${worst} 65535 65535`, undefined],
    ["PROXY TCP4 0.0.0.0 0.0.0.0 0 0", endpoints("0.0.0.0", "0.0.0.0", 0, 0)],
    ["PROXY TCP6 ::1 ::1 65533 65533", endpoints("::1", "::1", 65533, 65533)],
    // Upper and lower case, whole and compressed: one spelling comes out.
    ["PROXY TCP6 2001:DB8:0:0:0:0:0:A 2001:db8::000b 1 2", endpoints("2001:db8::a", "2001:db8::b", 1, 2)],
    ["PROXY TCP6 :: 1:: 1 2", endpoints("::", "1::", 1, 2)],
    // What senders on dual-stack sockets say of IPv4 clients.
    ["PROXY TCP6 ::ffff:127.0.0.1 ::ffff:c000:201 1 2", endpoints("127.0.0.1", "192.0.2.1", 1, 2)],
    ["PROXY TCP6 ::ffff:192.0.2.9 2001:db8::1 1 2", endpoints("192.0.2.9", "2001:db8::1", 1, 2)],
    ["PROXY UNKNOWN", undefined],
    ["PROXY UNKNOWN ", undefined],
    ["PROXY UNKNOWN 127.0.0.1 127.0.0.1 99999 99999", undefined],
    ["PROXY UNKNOWN \0\t\x7f\xff  anything", undefined],
  ])("%j", (line, ends) => {
    const header = { version: 1, bytesTaken: line.length + 2, endpoints: ends };
    expect(read(`${line}\r\n`)).toEqual(header as ProxyHeaderRead);
    // What follows is the client's, even if it looks like another header or a line end.
    for (const rest of ["GET / HTTP/1.1\r\n", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", "\n", "\r\n"]) {
      expect(read(`${line}\r\n${rest}`)).toEqual(header as ProxyHeaderRead);
    }
  });

  test("the longest are as long as the specification says", () => {
    expect("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n".length).toBe(56);
    expect(`PROXY TCP6 ${worst} ${worst} 65535 65535\r\n`.length).toBe(104);
    expect(`PROXY UNKNOWN ${worst} ${worst} 65535 65535\r\n`.length).toBe(107);
  });
});

const good = "PROXY TCP4 1.2.3.4 5.6.7.8 80 443";

describe("lines that are wrong", () => {
  test.each([
    // Line ends.
    `${good}\n`,
    `${good}\rGET / HTTP/1.1\r\n`,
    `${good}\n\r\n`,
    `${good}\r\r\n`,
    `${good} \r\n`,
    "PROXY UNKNOWN\n",
    "PROXY UNKNOWN\nGET / HTTP/1.1\r\n",
    "PROXY UNKNOWN a\rb\r\n",
    "PROXY \n",
    "PROXY \r\n",
    "PROXY\r\n",
    // Longer than a line may be.
    `PROXY UNKNOWN ${worst} ${worst} 65535 65535 \r\n`,
    `PROXY UNKNOWN ${"x".repeat(200)}`,
    `PROXY TCP4 ${"1".repeat(200)}`,
    // Names.
    "PROXYTCP4 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXYjunk TCP4 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY SOMETHING\r\n",
    "PROXY tcp4 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY unknown\r\n",
    "PROXY UNKNOWNS\r\n",
    "PROXY TCP 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP5 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP44 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY UDP4 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4\r\n",
    "PROXY TCP4 \r\n",
    // Blanks.
    "PROXY  TCP4 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4  1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.4  5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8  80 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 80  443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8  443\r\n",
    "PROXY\tTCP4 1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4\t1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 80\t443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 80\x0b443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 80\xa0443\r\n",
    // Too few words, too many.
    "PROXY TCP4 1.2.3.4 5.6.7.8 80\r\n",
    "PROXY TCP4 1.2.3.4 80 443\r\n",
    `${good} extra\r\n`,
    // IPv4.
    "PROXY TCP4 invalid invalid 80 443\r\n",
    "PROXY TCP4 01.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.04 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.256 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.4.5 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.4. 5.6.7.8 80 443\r\n",
    "PROXY TCP4 0x1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4 +1.2.3.4 5.6.7.8 80 443\r\n",
    "PROXY TCP4 1.2.3.4 16909060 80 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8\0 80 443\r\n",
    // The family says what addresses look like.
    "PROXY TCP4 ::1 ::1 80 443\r\n",
    "PROXY TCP4 ::ffff:127.0.0.1 ::ffff:127.0.0.1 80 443\r\n",
    "PROXY TCP4 1.2.3.4 ::1 80 443\r\n",
    "PROXY TCP6 192.0.2.1 192.0.2.2 80 443\r\n",
    "PROXY TCP6 2001:db8::1 192.0.2.1 80 443\r\n",
    "PROXY TCP6 192.0.2.1 2001:db8::1 80 443\r\n",
    // IPv6.
    "PROXY TCP6 not-an-ip ::1 80 443\r\n",
    "PROXY TCP6 fe80::1%eth0 fe80::2 80 443\r\n",
    "PROXY TCP6 fe80::1 fe80::2%eth0 80 443\r\n",
    "PROXY TCP6 [::1] ::1 80 443\r\n",
    "PROXY TCP6 1::2::3 ::1 80 443\r\n",
    "PROXY TCP6 1:2:3:4:5:6:7 ::1 80 443\r\n",
    "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 80 443\r\n",
    "PROXY TCP6 1:2:3:4:5:6:7:8:: ::1 80 443\r\n",
    "PROXY TCP6 12345::1 ::1 80 443\r\n",
    "PROXY TCP6 g::1 ::1 80 443\r\n",
    "PROXY TCP6 ::ffff:1.2.3.256 ::1 80 443\r\n",
    "PROXY TCP6 ::1/64 ::1 80 443\r\n",
    // Ports.
    "PROXY TCP4 1.2.3.4 5.6.7.8 65536 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 80 65536\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 080 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 00 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 +80 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 -1 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 0x50 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 80.0 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 8e1 443\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 80 443\0\r\n",
    "PROXY TCP4 1.2.3.4 5.6.7.8 99999999999999999999 443\r\n",
  ])("%j", (text) => {
    expect(read(text)).toBe("malformed");
  });

  test("a wrong name is told before the line ends", () => {
    expect([read("PROXY X"), read("PROXYX"), read("PROXY TCP4x"), read("PROXY UNKNOWNx")]).toEqual(
      new Array(4).fill("malformed"),
    );
  });
});

describe("lines that aren't all there", () => {
  test.each([
    "",
    "P",
    "PROXY",
    "PROXY ",
    "PROXY T",
    "PROXY TCP6",
    "PROXY UNKNOWN",
    "PROXY UNKNOWN  x",
    good,
    `${good}\r`,
  ])("%j", (text) => {
    expect(read(text)).toBe("partial");
  });

  test("no line is waited for beyond its longest", () => {
    const line = bytesOf(`PROXY UNKNOWN ${"x".repeat(93)}`);
    expect([line.length, readProxyHeader(line, 106), readProxyHeader(line, 107)]).toEqual([
      107,
      "partial",
      "malformed",
    ]);
    // The CR alone fits.
    expect(readProxyHeader(bytesOf(`${line.toString("latin1", 0, 106)}\r`))).toBe("malformed");
    expect(read(`${line.toString("latin1", 0, 105)}\r\n`)).toMatchObject({ bytesTaken: 107 });
  });
});

test.each([
  "G",
  "GET / HTTP/1.1\r\n",
  "PUT",
  "PRO\r\n",
  "proxy TCP4 1.2.3.4 5.6.7.8 80 443\r\n",
  " PROXY TCP4",
  "\x16\x03\x01",
  "\0",
])("%j is no header, and that is known at the first byte that can't be one's", (text) => {
  expect(read(text)).toBe("absent");
});
