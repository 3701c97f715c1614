// PROXY headers, sound ones and mutations of them: what is written is read back whole; whatever comes, the reader never
// throws, never reads on, says the same however the bytes were cut, and takes no line that another grammar refuses.
import { expect, test } from "bun:test";
import { isIPv4, isIPv6 } from "node:net";
import { parseAddress } from "../../src/model/address.ts";
import type { ProxiedConnection } from "../../src/model/proxied-connection.ts";
import { type ProxyHeaderRead, proxyHeaderMaxBytes } from "../../src/parse/proxy-protocol/header.ts";
import { readProxyHeader } from "../../src/parse/proxy-protocol/header-reader.ts";
import { writeProxyHeader } from "../../src/parse/proxy-protocol/header-writer.ts";
import { endsUnix, proxyBlock, proxyVector } from "../support/proxy-header.ts";
import { forSeeds, isReplay, type Random } from "./random.ts";

const ipv4 = (random: Random): string => Array.from({ length: 4 }, () => random.below(256)).join(".");

const ipv6 = (random: Random): string => {
  const groups = Array.from({ length: 8 }, () => (random.chance(0.4) ? 0 : random.below(65_536)));
  return parseAddress(groups.map((group) => group.toString(16)).join(":"))!.text;
};

const port = (random: Random): number => random.pick([0, 1, 80, 65_535, random.below(65_536)]);

/** A connection with addresses in canonical spelling. */
const connectionOf = (random: Random): ProxiedConnection => {
  const address = random.chance(0.5) ? ipv4 : ipv6;
  const ends = { clientAddress: address(random), clientPort: port(random), proxyAddress: address(random) };
  const text = (): string => random.text("ab.-é*", 1, 300);
  return {
    ...ends,
    proxyPort: port(random),
    ...(random.chance(0.5)
      ? {
          tls: {
            version: "TLSv1.3",
            cipher: random.text("ABC_123", 1, 40),
            ...(random.chance(0.5) ? { serverName: text(), applicationProtocol: text() } : {}),
            ...(random.chance(0.5)
              ? {
                  clientCertificate: { commonName: text(), isVerified: random.chance(0.5) },
                  isResumed: random.chance(0.5),
                }
              : {}),
          },
        }
      : {}),
  };
};

/** A block of any family with any vectors. */
const blockOf = (random: Random): Uint8Array => {
  const vectors = Array.from({ length: random.below(4) }, () =>
    proxyVector(
      random.pick([0, 1, 2, 3, 4, 5, 0x20, 0xea]),
      new Uint8Array(random.pick([0, 1, 4, 4, random.below(600)])),
    ),
  );
  const addresses = endsUnix.subarray(0, random.pick([0, 12, 36, 216, random.below(217)]));
  const family = random.chance(0.8) ? random.pick([0, 0x11, 0x12, 0x21, 0x22, 0x31, 0x32]) : random.below(256);
  return proxyBlock({ command: random.pick([0x20, 0x21, 0x21, 0x21]), family, addresses, vectors });
};

const mutations: ReadonlyArray<(bytes: Buffer, random: Random) => Uint8Array> = [
  (bytes, random) => {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    return bytes;
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.pick(Buffer.from("\0\r\n\t 0123:.PTU\x20\x21\xff", "latin1"));
    return bytes;
  },
  // Left out, said twice.
  (bytes, random) => {
    const from = random.below(bytes.length);
    const to = Math.min(bytes.length, from + 1 + random.below(5));
    return random.chance(0.5)
      ? Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
      : Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => Buffer.concat([bytes, Buffer.alloc(random.below(300), random.below(256))]),
];

const headerOf = (random: Random): Uint8Array =>
  random.chance(0.3) ? blockOf(random) : writeProxyHeader(random.pick([1, 2]), connectionOf(random));

const mutate = (random: Random): Uint8Array => {
  let bytes = Buffer.from(headerOf(random));
  for (let count = random.below(4); count > 0 && bytes.length > 0; count--) {
    bytes = Buffer.from(random.pick(mutations)(bytes, random));
  }
  return bytes;
};

test("what is written is read back, and what follows it is left alone", () => {
  forSeeds(5_000, 3_000, (random) => {
    const connection = connectionOf(random);
    const version = random.pick([1, 2] as const);
    const bytes = writeProxyHeader(version, connection);
    const { tls: _, ...endpoints } = connection;
    const header: ProxyHeaderRead = { version, bytesTaken: bytes.length, endpoints };
    expect(readProxyHeader(bytes)).toEqual(header);
    const rest = Buffer.alloc(random.below(300), random.below(256));
    expect(readProxyHeader(Buffer.concat([bytes, rest]))).toEqual(header);
    for (let length = 0; length < bytes.length; length++) expect(readProxyHeader(bytes, length)).toBe("partial");
  });
});

test("the reader never throws, never reads on, waits for no more than a header, and says the same at every split", () => {
  const kinds = { header: 0, partial: 0, malformed: 0, absent: 0 };
  forSeeds(10_000, 4_000, (random) => {
    const bytes = mutate(random);
    const whole = readProxyHeader(bytes);
    kinds[typeof whole === "string" ? whole : "header"]++;
    let judged: ProxyHeaderRead | undefined;
    for (let length = 0; length <= bytes.length; length++) {
      const soFar = readProxyHeader(bytes, length);
      if (judged !== undefined) expect(soFar).toEqual(judged);
      else if (soFar !== "partial") judged = soFar;
    }
    expect(judged ?? "partial").toEqual(whole);
    // What lies behind the bytes that came isn't seen.
    const behind = Buffer.concat([bytes, Buffer.alloc(50, random.below(256))]);
    expect(readProxyHeader(behind, bytes.length)).toEqual(whole);
    if (typeof whole !== "string") expect(whole.bytesTaken).toBeLessThanOrEqual(bytes.length);
    if (whole === "partial") expect(bytes.length).toBeLessThan(proxyHeaderMaxBytes);
  });
  if (!isReplay) for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(100);
});

/** §2.1 once more, as one expression and the system's own idea of addresses. */
const isSoundLine = (bytes: Uint8Array): boolean => {
  const text = Buffer.from(bytes).toString("latin1");
  const end = text.search(/[\r\n]/);
  if (end < 0 || end + 2 > 107 || text.slice(end, end + 2) !== "\r\n") return false;
  const line = text.slice(0, end);
  if (/^PROXY UNKNOWN(?: .*)?$/s.test(line)) return true;
  const match = /^PROXY TCP([46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) (0|[1-9]\d*) (0|[1-9]\d*)$/.exec(line);
  if (match === null) return false;
  const [, family, client = "", proxy = "", clientPort, proxyPort] = match;
  const isAddress = family === "4" ? isIPv4 : isIPv6;
  return isAddress(client) && isAddress(proxy) && Number(clientPort) < 65_536 && Number(proxyPort) < 65_536;
};

test("it takes exactly the lines that another grammar takes", () => {
  const kinds = { sound: 0, wrong: 0 };
  forSeeds(20_000, 4_000, (random) => {
    let bytes = Buffer.from(
      writeProxyHeader(1, random.chance(0.1) ? { ...connectionOf(random), clientPort: -1 } : connectionOf(random)),
    );
    for (let count = random.below(3); count > 0 && bytes.length > 0; count--) {
      bytes = Buffer.from(random.pick(mutations)(bytes, random));
    }
    const isSound = isSoundLine(bytes);
    kinds[isSound ? "sound" : "wrong"]++;
    expect([bytes.toString("latin1"), typeof readProxyHeader(bytes) !== "string"]).toEqual([
      bytes.toString("latin1"),
      isSound,
    ]);
  });
  if (!isReplay) for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(1_000);
});
