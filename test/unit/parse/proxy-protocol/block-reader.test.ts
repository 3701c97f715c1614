// PROXY headers of version 2: every family and command, the bounds of lengths, vectors and their checksum; each read at
// every split of its bytes. Blocks that other programs have sent stand beside those that are put together here.
import { describe, expect, test } from "bun:test";
import { crc32c } from "../../../../src/parse/proxy-protocol/crc32c.ts";
import { type ProxyHeaderRead, proxyHeaderMaxBytes } from "../../../../src/parse/proxy-protocol/header.ts";
import { readProxyHeader } from "../../../../src/parse/proxy-protocol/header-reader.ts";
import { ends4, ends6, endsUnix, proxyBlock, proxySignature, proxyVector } from "../../../support/proxy-header.ts";

/** Reads all at once, and checks that no split says otherwise, and that what follows changes nothing. */
const read = (bytes: Uint8Array): ProxyHeaderRead => {
  const whole = readProxyHeader(bytes);
  let isJudged = false;
  for (let length = 0; length <= bytes.length; length++) {
    const soFar = readProxyHeader(bytes, length);
    if (soFar === "partial") expect([length, isJudged]).toEqual([length, false]);
    else {
      isJudged = true;
      expect<unknown>([length, soFar]).toEqual([length, whole]);
    }
  }
  if (whole !== "partial") expect(readProxyHeader(Buffer.concat([bytes, proxySignature, ends6]))).toEqual(whole);
  return whole;
};

const headerOf = (bytes: Uint8Array, endpoints?: object): ProxyHeaderRead =>
  ({ version: 2, bytesTaken: bytes.length, endpoints }) as ProxyHeaderRead;

const ipv4 = { clientAddress: "192.168.0.1", clientPort: 56324, proxyAddress: "192.168.0.11", proxyPort: 443 };
const ipv6 = { clientAddress: "2001:db8::1", clientPort: 56324, proxyAddress: "2001:db8::b", proxyPort: 443 };

/** The block with a vector of type 3 that holds its checksum. */
const summed = (family: number, addresses: Uint8Array, ...others: ReadonlyArray<Uint8Array>): Buffer => {
  const bytes = proxyBlock({ family, addresses, vectors: [...others, proxyVector(3, [0, 0, 0, 0])] });
  bytes.writeUInt32BE(crc32c(bytes), bytes.length - 4);
  return bytes;
};

describe("families", () => {
  test.each<readonly [string, number, Uint8Array, object | undefined]>([
    ["TCP over IPv4", 0x11, ends4, ipv4],
    ["TCP over IPv6", 0x21, ends6, ipv6],
    // No TCP connection has such ends: the real ones count.
    ["UDP over IPv4", 0x12, ends4, undefined],
    ["UDP over IPv6", 0x22, ends6, undefined],
    ["UNIX stream", 0x31, endsUnix, undefined],
    ["UNIX datagram", 0x32, endsUnix, undefined],
    ["unspecified", 0x00, new Uint8Array(0), undefined],
    ["unspecified with something behind", 0x00, Buffer.from("anything"), undefined],
    ["unspecified transport", 0x10, ends4, undefined],
    ["unspecified transport without addresses", 0x20, new Uint8Array(0), undefined],
    ["unspecified family", 0x01, ends4, undefined],
    ["unspecified family of datagrams", 0x02, new Uint8Array(1), undefined],
    ["unspecified transport of UNIX", 0x30, new Uint8Array(5), undefined],
  ])("%s", (_, family, addresses, endpoints) => {
    const bytes = proxyBlock({ family, addresses });
    expect(read(bytes)).toEqual(headerOf(bytes, endpoints));
    // LOCAL says that none of it counts (§2.2).
    const local = proxyBlock({ command: 0x20, family, addresses });
    expect(read(local)).toEqual(headerOf(local));
  });

  test("no other is accepted, whatever comes with it; LOCAL ignores it", () => {
    const isKnown = (family: number) => family >> 4 <= 3 && (family & 15) <= 2;
    let unknown = 0;
    for (let family = 0; family < 256; family++) {
      if (isKnown(family)) continue;
      unknown++;
      expect([family, readProxyHeader(proxyBlock({ family, addresses: endsUnix }))]).toEqual([family, "malformed"]);
      const local = proxyBlock({ command: 0x20, family });
      expect(readProxyHeader(local)).toEqual(headerOf(local));
    }
    expect(unknown).toBe(256 - 12);
  });

  test("no version but 2, no command but LOCAL and PROXY", () => {
    for (let command = 0; command < 256; command++) {
      const isKnown = command === 0x20 || command === 0x21;
      const bytes = proxyBlock({ command, family: 0x11, addresses: ends4 });
      expect([command, readProxyHeader(bytes) !== "malformed"]).toEqual([command, isKnown]);
      // It is known at once.
      expect([command, readProxyHeader(bytes, 13)]).toEqual([command, isKnown ? "partial" : "malformed"]);
    }
  });

  test("IPv4-mapped addresses come out as IPv4, others in the one spelling of RFC 5952", () => {
    const addresses = Buffer.from("00000000000000000000ffffc000020100000000000000000000000000000000ffff0000", "hex");
    const bytes = proxyBlock({ family: 0x21, addresses });
    expect(read(bytes)).toEqual(
      headerOf(bytes, { clientAddress: "192.0.2.1", clientPort: 65535, proxyAddress: "::", proxyPort: 0 }),
    );
  });
});

describe("lengths", () => {
  test.each<readonly [string, number, number]>([
    ["TCP over IPv4", 0x11, 12],
    ["UDP over IPv4", 0x12, 12],
    ["TCP over IPv6", 0x21, 36],
    ["UDP over IPv6", 0x22, 36],
    ["UNIX stream", 0x31, 216],
    ["UNIX datagram", 0x32, 216],
  ])("%s doesn't go without its addresses", (_, family, needed) => {
    for (const length of [0, 1, needed - 1]) {
      const bytes = proxyBlock({ family, addresses: new Uint8Array(length) });
      expect(read(bytes)).toBe("malformed");
      // Known as soon as the length is: nothing is waited for.
      expect(readProxyHeader(bytes, 16)).toBe("malformed");
      expect(read(proxyBlock({ command: 0x20, family, addresses: new Uint8Array(length) }))).toMatchObject({
        version: 2,
      });
    }
    expect(read(proxyBlock({ family, addresses: new Uint8Array(needed) }))).toMatchObject({ bytesTaken: 16 + needed });
  });

  test("up to the limit, and no byte beyond", () => {
    const room = proxyHeaderMaxBytes - 16 - ends4.length - 3;
    const longest = proxyBlock({ family: 0x11, addresses: ends4, vectors: [proxyVector(4, new Uint8Array(room))] });
    expect(longest.length).toBe(4096);
    expect(readProxyHeader(longest)).toEqual(headerOf(longest, ipv4));
    expect(readProxyHeader(longest, 4095)).toBe("partial");
    for (const command of [0x20, 0x21]) {
      for (const length of [4081, 0x2000, 0xffff]) {
        const bytes = proxyBlock({ command, family: 0x11, addresses: ends4, length });
        expect([length, readProxyHeader(bytes, 16)]).toEqual([length, "malformed"]);
      }
    }
  });

  test("one that isn't all there is waited for, and not looked into", () => {
    const bytes = proxyBlock({ family: 0x11, addresses: ends4, vectors: [proxyVector(3, [1, 2, 3, 4])] });
    for (let length = 0; length < bytes.length; length++) expect(readProxyHeader(bytes, length)).toBe("partial");
    expect(readProxyHeader(bytes)).toBe("malformed");
  });
});

describe("vectors", () => {
  test("any that fill the block are skipped", () => {
    const vectors = [
      proxyVector(1, "h2"),
      proxyVector(2, "app.test"),
      proxyVector(4, []),
      proxyVector(5, new Uint8Array(128)),
      proxyVector(0x20, [1, 0, 0, 0, 0]),
      proxyVector(0x30, "blue"),
      proxyVector(0xee, new Uint8Array(300)),
      proxyVector(0xff, []),
      proxyVector(0, []),
    ];
    for (const [family, addresses, endpoints] of [
      [0x11, ends4, ipv4],
      [0x21, ends6, ipv6],
      [0x31, endsUnix, undefined],
    ] as const) {
      const bytes = proxyBlock({ family, addresses, vectors });
      expect(read(bytes)).toEqual(headerOf(bytes, endpoints));
    }
  });

  test.each<readonly [string, Uint8Array]>([
    ["a byte too many", Uint8Array.of(0)],
    ["half a length", Uint8Array.of(4, 0)],
    ["a length without a value", Uint8Array.of(4, 0, 1)],
    ["a value that is cut", Uint8Array.of(4, 0, 3, 1, 2)],
    ["a length beyond everything", Uint8Array.of(4, 0xff, 0xff, 1)],
    ["a second that is cut", Buffer.concat([proxyVector(4, [1]), Uint8Array.of(4, 0, 9)])],
  ])("%s makes the block malformed", (_, rest) => {
    expect(read(proxyBlock({ family: 0x11, addresses: ends4, vectors: [rest] }))).toBe("malformed");
    // Nobody looks where it isn't said how long addresses are.
    expect(read(proxyBlock({ family: 0x00, vectors: [rest] }))).toMatchObject({ version: 2, endpoints: undefined });
    expect(read(proxyBlock({ command: 0x20, family: 0x11, addresses: ends4, vectors: [rest] }))).toMatchObject({
      endpoints: undefined,
    });
  });

  test("a checksum is verified, wherever it stands, and every bit of the header counts", () => {
    for (const bytes of [summed(0x11, ends4), summed(0x21, ends6, proxyVector(2, "app.test")), summed(0x12, ends4)]) {
      expect(read(bytes)).toMatchObject({ bytesTaken: bytes.length });
      for (let bit = 16 * 8; bit < bytes.length * 8; bit++) {
        const broken = Buffer.from(bytes);
        broken[bit >> 3] = (broken[bit >> 3] as number) ^ (1 << (bit & 7));
        // A flipped bit may turn the checksum's type into one that nobody knows: then there is no checksum.
        const isType = bit >> 3 === bytes.length - 7;
        if (!isType) expect([bit, readProxyHeader(broken)]).toEqual([bit, "malformed"]);
      }
    }
  });

  test("a checksum of another length, or two of them, are malformed", () => {
    for (const value of [[], [0], [0, 0, 0], [0, 0, 0, 0, 0]]) {
      expect(read(proxyBlock({ family: 0x11, addresses: ends4, vectors: [proxyVector(3, value)] }))).toBe("malformed");
    }
    const twice = proxyBlock({
      family: 0x11,
      addresses: ends4,
      vectors: [proxyVector(3, [0, 0, 0, 0]), proxyVector(3, [0, 0, 0, 0])],
    });
    twice.writeUInt32BE(crc32c(twice), twice.length - 4);
    expect(read(twice)).toBe("malformed");
  });
});

describe("blocks that HAProxy 2.6.12 has sent, with checksum, ALPN, server name and the facts of TLS", () => {
  const start = "0d0a0d0a000d0a515549540a2111";
  const names = "010008687474702f312e310200096c6f63616c686f7374";
  test.each<readonly [string, string, number]>([
    [
      "TLS 1.2 with a client certificate",
      `${start}00707f0000017f000001bf9ead8303000476ceeb6e${names}2000430700000000210007544c5376312e32220011436c69656e74206f662` +
        "0612070726f787923001d45434448452d45434453412d4145533235362d47434d2d534841333834",
      0xbf9e,
    ],
    [
      "TLS 1.3 with a client certificate",
      `${start}00697f0000017f000001bfa8ad830300047269ed71${names}20003c0700000000210007544c5376312e33220011436c69656e74206f662` +
        "0612070726f7879230016544c535f4145535f3235365f47434d5f534841333834",
      0xbfa8,
    ],
    [
      "TLS 1.3 without",
      `${start}00557f0000017f000001bfb8ad83030004bdb57a2a${names}2000280100000000210007544c5376312e33230016544c535f4145535f323` +
        "5365f47434d5f534841333834",
      0xbfb8,
    ],
  ])("%s", (_, hex, clientPort) => {
    const bytes = Buffer.from(hex, "hex");
    const ends = { clientAddress: "127.0.0.1", clientPort, proxyAddress: "127.0.0.1", proxyPort: 0xad83 };
    expect(read(bytes)).toEqual(headerOf(bytes, ends));
    bytes[20] = 0;
    expect(readProxyHeader(bytes)).toBe("malformed");
  });
});

describe("what is no block", () => {
  test.each(["\r\n\r\nGET / HTTP/1.1\r\n", "\rx", "\r\n\r\n\0\r\nQUIX", "\r\n\r\n\0\r\nquit\n", "QUIT\n"])(
    "%j",
    (text) => {
      expect(read(Buffer.from(text, "latin1"))).toBe("absent");
    },
  );
});
