// Hostile TLS clients and their first bytes: what isn't TLS, what is too much of it, and what comes too slowly or in too
// many pieces. What is allowed is answered; the rest ends soon, alone, and leaves nothing.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Random } from "../fuzz/random.ts";
import { recordedHellos } from "../fuzz/recorded-hellos.ts";
import { clientHelloMessage, inRecords } from "../support/client-hello.ts";
import type { RawClient } from "../support/raw-client.ts";
import { recordTypes } from "../support/tls13-client.ts";
import { changeCipherSpec, getRequest, hearEnd, kinds, onTlsGround, say, soundHello, warning } from "./tls-ground.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

/** Whether what came ends with a fatal alert in clear (RFC 8446 §6). */
const endsWithAlert = (client: RawClient): boolean => {
  const [type, , , , bytes, level] = client.peek().subarray(-7);
  return type === recordTypes.alert && bytes === 2 && level === 2;
};

describe("first bytes that are no ClientHello", () => {
  const hello = soundHello();
  const firsts: Readonly<Record<string, Uint8Array>> = {
    "plain HTTP": Buffer.from(getRequest()),
    "SSH's greeting": Buffer.from("SSH-2.0-OpenSSH_9.2\r\n"),
    "a PROXY header": Buffer.from("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
    zeros: new Uint8Array(1000),
    "all ones": new Uint8Array(1000).fill(255),
    "one byte": new Uint8Array([0]),
    "an SSL 2 ClientHello": new Uint8Array([
      0x80,
      0x2e,
      1,
      0,
      2,
      0,
      0x15,
      0,
      0,
      0,
      0x10,
      ...new Array<number>(37).fill(0),
    ]),
    "a ChangeCipherSpec": new Uint8Array(changeCipherSpec),
    "an alert": new Uint8Array(warning),
    "application data": new Uint8Array([recordTypes.applicationData, 3, 3, 0, 4, 1, 2, 3, 4]),
    "a version 2 record": new Uint8Array([22, 2, 0, 0, 4, 1, 0, 0, 0]),
    "a ServerHello": new Uint8Array([22, 3, 3, 0, 40, 2, 0, 0, 36, ...new Array<number>(36).fill(3)]),
    "a Finished": new Uint8Array([22, 3, 3, 0, 36, 20, 0, 0, 32, ...new Array<number>(32).fill(3)]),
    "a HelloRequest": new Uint8Array([22, 3, 1, 0, 4, 0, 0, 0, 0]),
  };
  for (const kind of kinds) {
    test(`${kind}: each is left at once, without an answer, and counted`, () =>
      onTlsGround({}, async ({ raw, serveGood, onlyGoodLeft, reasons }) => {
        const all = Object.values(firsts);
        const clients = await Promise.all(all.map(() => raw(kind)));
        await Promise.all(clients.map((client, index) => say(client, all[index] as Uint8Array)));
        await Promise.all(clients.map((client) => hearEnd(client)));
        await serveGood();
        for (const client of clients) expect([client.ending, client.receivedBytes]).toEqual(["eof", 0]);
        for (const client of clients) await client.close();
        await onlyGoodLeft();
        expect(reasons()).toEqual({ handshakeNotTls: all.length });
      }));
  }

  test("garbage behind a sound record header, or behind half a ClientHello, is answered with an alert", () =>
    onTlsGround({}, async ({ raw, onlyGoodLeft, reasons }) => {
      const random = new Random(7);
      const garbage = (length: number) => Array.from({ length }, () => random.below(256));
      const wires: ReadonlyArray<Uint8Array> = [
        new Uint8Array([22, 3, 1, 0, 200, 1, 0, 0, 196, ...garbage(196)]),
        new Uint8Array([22, 3, 1, 0, 104, 1, 0, 0, 100, ...garbage(100)]),
        new Uint8Array([22, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 0, 0]),
        new Uint8Array([22, 3, 1, 0, 4, 1, 0, 0, 0]),
        new Uint8Array([...hello.subarray(0, 60), ...garbage(hello.length - 60)]),
        // A record inside the message that is of another type.
        new Uint8Array([22, 3, 1, 0, 20, ...hello.subarray(5, 25), ...changeCipherSpec]),
      ];
      for (const wire of wires) {
        const client = await raw("HTTPS");
        await say(client, wire);
        await hearEnd(client);
        expect(endsWithAlert(client)).toBe(true);
      }
      await onlyGoodLeft();
      expect(reasons()).toEqual({ handshakeFailed: wires.length });
    }));

  test("a flood behind first bytes that aren't TLS costs no memory and ends with the linger", () =>
    onTlsGround({}, async ({ raw, serveGood, onlyGoodLeft }) => {
      const client = await raw("SSL");
      await say(client, getRequest());
      const rss = process.memoryUsage.rss();
      const junk = Buffer.alloc(MIB, 7);
      let sentMib = 0;
      // As much as it takes until elbow has gone.
      const endMs = performance.now() + 15_000;
      while (!client.isDone && performance.now() < endMs) {
        const isSent = await client.send(junk).then(
          () => true,
          () => false,
        );
        if (!isSent) break;
        sentMib++;
        // Loopback is fast: now and then the good ones come too.
        if (sentMib % 200 === 0) await serveGood();
        else await Bun.sleep(1);
      }
      expect(client.isDone).toBe(true);
      Bun.gc(true);
      expect(process.memoryUsage.rss() - rss).toBeLessThan(64 * MIB);
      await onlyGoodLeft();
    }));
});

describe("a ClientHello that comes in an odd way", () => {
  test("byte by byte, in 1-byte records, in 2-byte ones, byte by byte in 1-byte records: all shake hands", () =>
    onTlsGround({}, async ({ byHand, onlyGoodLeft, reasons }) => {
      for (const [fragmentBytes, pieceBytes] of [
        [1 << 14, 1],
        [1, 1 << 14],
        [2, 7],
        [1, 1],
        [100, 3],
      ] as const) {
        const client = await byHand("HTTPS");
        await client.raw.sendSlowly(inRecords(client.makeHello(), fragmentBytes), pieceBytes);
        await client.readFlight();
        await client.raw.send(Buffer.concat([client.makeFinished(), client.text(getRequest("/odd"))]));
        expect(await client.receiveText()).toContain("to /odd");
        client[Symbol.dispose]();
      }
      await onlyGoodLeft();
      expect(reasons()).toEqual({});
    }));

  test("a large one: up to 16 KiB it is answered; above, refused with its first record", () =>
    onTlsGround({}, async ({ raw, onlyGoodLeft, reasons }) => {
      const padded = (bytes: number) =>
        inRecords(
          clientHelloMessage({
            suites: [0x1301, 0xc02b],
            versions: [0x0303],
            extensions: [
              [10, [0, 4, 0, 29, 0, 23]],
              [13, [0, 6, 4, 3, 8, 4, 4, 1]],
              [21, new Array<number>(bytes).fill(0)],
            ],
          }),
        );
      const fits = await raw("HTTPS");
      await fits.send(padded(15_000));
      await fits.waitFor(() => fits.availableBytes > 10, "a ServerHello");
      expect([fits.peek()[0], fits.peek()[5]]).toEqual([recordTypes.handshake, 2]);
      fits.reset();
      const large = await raw("HTTPS");
      await say(large, padded(40_000));
      await hearEnd(large);
      const known = await raw("HTTPS");
      await say(
        known,
        Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0, 1, 255, 255, 255]), Buffer.alloc((1 << 14) - 4)]),
      );
      await hearEnd(known);
      for (const client of [large, known]) expect(client.peek()[0]).toBe(recordTypes.alert);
      await onlyGoodLeft();
      expect(reasons()).toEqual({ handshakeCut: 1, handshakeFailed: 2 });
    }));

  test("records that are too long are refused by their header alone", () =>
    onTlsGround({}, async ({ raw, onlyGoodLeft, reasons }) => {
      // A first record above 2^14 bytes whose message is no longer than a ClientHello may be, and one behind a fragment.
      for (const wire of [
        [22, 3, 1, 0xff, 0xff, 1, 0, 0x40, 1],
        [22, 3, 1, 0, 4, 1, 0, 1, 0, 22, 3, 1, 0xff, 0xff, 0],
      ]) {
        const client = await raw("HTTPS");
        await say(client, Buffer.concat([new Uint8Array(wire), Buffer.alloc(70_000, 1)]));
        await hearEnd(client);
        expect(client.peek()[0]).toBe(recordTypes.alert);
      }
      await onlyGoodLeft();
      expect(reasons()).toEqual({ handshakeFailed: 2 });
    }));

  test("a hundred clients that trickle endless ClientHellos hold little memory, and end with the deadline", () =>
    onTlsGround({ attributes: { handshakeTimeout: 2 } }, async ({ raw, serveGood, onlyGoodLeft, reasons }) => {
      const wire = inRecords(clientHelloMessage({ extensions: [[21, new Array<number>(16_000).fill(0)]] }), 4);
      const clients = await Promise.all(Array.from({ length: 100 }, () => raw("SSL")));
      Bun.gc(true);
      const rss = process.memoryUsage.rss();
      // Nine bytes for four that count, all but the last record of them.
      const slow = clients.map(async (client) => {
        for (let at = 0; at < wire.length - 9 && !client.isDone; at += 4000) {
          await say(client, wire.subarray(at, Math.min(at + 4000, wire.length - 9)));
          await Bun.sleep(10);
        }
      });
      await Promise.all(slow);
      await serveGood();
      Bun.gc(true);
      // 36 KB came of each, in a buffer that doubles as it grows.
      expect(process.memoryUsage.rss() - rss).toBeLessThan(40 * MIB);
      await Promise.all(clients.map((client) => hearEnd(client, 8_000)));
      await onlyGoodLeft();
      expect(reasons()).toEqual({ handshakeTimeout: 100 });
    }));
});

test("recorded ClientHellos of real clients, then silence: each is answered as it should be", () =>
  onTlsGround({ attributes: { handshakeTimeout: 1 } }, async ({ raw, onlyGoodLeft, reasons }) => {
    for (const [name, bytes] of Object.entries(recordedHellos)) {
      const client = await raw("HTTPS");
      await client.send(bytes);
      await client.waitFor(() => client.availableBytes > 10, `a ServerHello for ${name}`);
      expect([name, client.peek()[0], client.peek()[5]]).toEqual([name, recordTypes.handshake, 2]);
    }
    await onlyGoodLeft(5_000);
    expect(reasons()).toEqual({ handshakeTimeout: Object.keys(recordedHellos).length });
  }));
