// Mutations of real clients' ClientHellos against a real listener: whatever comes, elbow answers or closes, nobody else
// notices, nothing is left, and no defect is reported. And against the reader alone, many more of them: it never throws,
// and judges the same bytes the same way however they were cut.
import { expect, setDefaultTimeout, test } from "bun:test";
import { ClientHelloReader, type FirstBytes } from "../../src/parse/tls/client-hello.ts";
import { onTlsGround, say } from "../hostile/tls-ground.ts";
import { inlineSource, issueTestCertificate } from "../support/certificates.ts";
import { clientHelloMessage, inRecords } from "../support/client-hello.ts";
import { securityOf } from "../support/secure-listener.ts";
import { forSeeds, Random } from "./random.ts";
import { recordedHellos } from "./recorded-hellos.ts";

setDefaultTimeout(30_000);

const hellos = Object.values(recordedHellos);

const readClientHello = (bytes: Uint8Array, length?: number): FirstBytes => new ClientHelloReader().read(bytes, length);
const headerBytes = 5;

/** One hostile change. */
const mutations: ReadonlyArray<(bytes: Uint8Array, random: Random) => Uint8Array> = [
  // Bits and bytes anywhere.
  (bytes, random) => {
    for (let count = 1 + random.below(4); count > 0; count--) {
      const at = random.below(bytes.length);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
    }
    return bytes;
  },
  (bytes, random) => {
    bytes[random.below(bytes.length)] = random.pick([0, 1, 2, 3, 4, 20, 21, 22, 23, 127, 128, 254, 255]);
    return bytes;
  },
  // Lengths, which stand in two bytes: too short, too long, nothing, all.
  (bytes, random) => {
    const at = random.below(bytes.length - 1);
    const length = ((bytes[at] as number) << 8) + (bytes[at + 1] as number);
    const changed = random.pick([0, 1, length - 1, length + 1, length * 2, 0xffff, bytes.length, bytes.length - at]);
    bytes[at] = (changed >> 8) & 255;
    bytes[at + 1] = changed & 255;
    return bytes;
  },
  // Pieces left out, said twice, or put elsewhere; with the record's length mended half the time.
  (bytes, random) => {
    const from = random.below(bytes.length);
    const to = Math.min(bytes.length, from + random.below(100));
    const way = random.below(3);
    const pieces =
      way === 0
        ? [bytes.subarray(0, from), bytes.subarray(to)]
        : way === 1
          ? [bytes.subarray(0, to), bytes.subarray(from)]
          : [bytes.subarray(to), bytes.subarray(0, to)];
    const joined = new Uint8Array(Buffer.concat(pieces));
    return random.chance(0.5) ? mended(joined) : joined;
  },
  // Cut short, or with something behind.
  (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1)),
  (bytes, random) => new Uint8Array(Buffer.concat([bytes, random.pick(hellos).subarray(0, random.below(200))])),
  // In records of another size.
  (bytes, random) => inRecords(bytes.subarray(Math.min(headerBytes, bytes.length)), 1 + random.below(200)),
  // Another client's second half.
  (bytes, random) => {
    const other = random.pick(hellos);
    const at = random.below(Math.min(bytes.length, other.length));
    return mended(new Uint8Array(Buffer.concat([bytes.subarray(0, at), other.subarray(at)])));
  },
];

/** The lengths of the record and of the message put right. */
const mended = (bytes: Uint8Array): Uint8Array => {
  if (bytes.length < 9) return bytes;
  const length = bytes.length - headerBytes;
  bytes.set([(length >> 8) & 255, length & 255], 3);
  bytes.set([0, ((length - 4) >> 8) & 255, (length - 4) & 255], 6);
  return bytes;
};

const mutate = (random: Random): Uint8Array => {
  let bytes = new Uint8Array(random.pick(hellos));
  for (let count = 1 + random.below(3); count > 0 && bytes.length > 1; count--) {
    bytes = new Uint8Array(random.pick(mutations)(bytes, random));
  }
  return bytes;
};

test("the recorded ones are read whole, and ask for what they asked for", () => {
  for (const [client, bytes] of Object.entries(recordedHellos)) {
    const read = readClientHello(bytes);
    if (typeof read === "string") throw new Error(`${client}: ${read}`);
    expect([client, read.isFallback]).toEqual([client, false]);
    expect([undefined, "localhost"]).toContain(read.serverName as "localhost");
  }
});

test("the reader never throws, never reads on, and says the same however the bytes come", () => {
  const kinds = { read: 0, partial: 0, "not TLS": 0 };
  forSeeds(20_000, 4_000, (random) => {
    const bytes = mutate(random);
    const whole = readClientHello(bytes);
    kinds[typeof whole === "string" ? whole : "read"]++;
    // It goes on where it stopped, and has judged once it wants no more: what follows changes nothing.
    const reader = new ClientHelloReader();
    const steps = 1 + random.below(bytes.length + 1);
    let read: FirstBytes = "partial";
    for (let step = 1; step <= steps && read === "partial"; step++) {
      read = reader.read(bytes, Math.floor((bytes.length * step) / steps));
    }
    expect(read).toEqual(whole);
    const behind = new Uint8Array(bytes.length + 50).fill(255);
    behind.set(bytes);
    expect(readClientHello(behind, bytes.length)).toEqual(whole);
  });
  if (process.env.FUZZ_SEED === undefined) for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(100);
});

test("one that comes in 1-byte records, record by record, costs about as much as its bytes", () => {
  const message = clientHelloMessage({ extensions: [[21, new Array<number>(16_000).fill(0)]] });
  // The first record holds the message's header; behind it, one byte in each.
  const wire = new Uint8Array(Buffer.concat([inRecords(message.subarray(0, 4)), inRecords(message.subarray(4), 1)]));
  const before = process.cpuUsage();
  const reader = new ClientHelloReader();
  let looks = 0;
  // A listener looks at all that has come whenever something comes, until it knows enough.
  for (let length = 15; length < wire.length && reader.read(wire, length) === "partial"; length += 6) looks++;
  const { user, system } = process.cpuUsage(before);
  // 96 KB in 16,000 packets: joining them anew at each would take some seconds.
  expect({ looks, isCheap: user + system < 1_500_000 }).toEqual({ looks, isCheap: true });
});

test("a listener with several certificates answers or closes each, and forgets it", async () => {
  const seed =
    process.env.FUZZ_SEED === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(process.env.FUZZ_SEED);
  const certificates = [
    inlineSource(await issueTestCertificate({ names: ["localhost"] })),
    inlineSource(await issueTestCertificate({ names: ["localhost"], keyType: "RSA" })),
    inlineSource(await issueTestCertificate({ names: ["*.test", "test"] })),
  ];
  const security = await securityOf({ certificates, policy: "ELBSecurityPolicy-2016-08" });
  try {
    await onTlsGround({ security, attributes: { handshakeTimeout: 2 } }, async ({ raw, serveGood, onlyGoodLeft }) => {
      const random = new Random(seed);
      const answers = { hello: 0, alert: 0, nothing: 0 };
      const endMs = performance.now() + 8_000;
      for (let round = 0; round < 40 && performance.now() < endMs; round++) {
        await Promise.all(
          Array.from({ length: 50 }, async () => {
            const bytes = mutate(random);
            const pieces = random.cut(bytes, 3);
            const way = random.below(4);
            using client = await raw(random.pick(["HTTPS", "SSL"]));
            for (const piece of pieces) await say(client, piece);
            if (way === 0) {
              client.reset();
              return;
            }
            if (way === 1) await client.halfClose();
            else if (way === 2) await say(client, new Uint8Array(random.below(600)).fill(random.below(256)));
            // An answer, an end, or (a part of something longer) silence: then this end goes.
            await client
              .waitFor(() => client.availableBytes > 6 || client.ending !== "open" || client.isDone, "a reaction", 30)
              .catch(() => {});
            const first = client.peek()[0];
            if (first !== undefined) expect([21, 22]).toContain(first);
            answers[first === undefined ? "nothing" : first === 21 ? "alert" : "hello"]++;
          }),
        );
        if (round % 4 === 3) await serveGood();
      }
      await onlyGoodLeft();
      if (process.env.FUZZ_SEED === undefined) {
        for (const count of Object.values(answers)) expect(count).toBeGreaterThan(20);
      }
    });
  } catch (error) {
    process.stderr.write(`\nseed ${seed}: run again with FUZZ_SEED=${seed}\n`);
    throw error;
  }
});
