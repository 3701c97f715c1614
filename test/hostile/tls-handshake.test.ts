// Hostile TLS clients between their ClientHello and the end of their handshake: what may not follow, ends in every phase,
// and handshakes that stall. Each ends soon, alone, and leaves nothing.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Random } from "../fuzz/random.ts";
import { clientHelloMessage, inRecords } from "../support/client-hello.ts";
import { eventually } from "../support/eventually.ts";
import { openSockets } from "../support/leaks.ts";
import { Outcomes } from "../support/outcomes.ts";
import type { RawClient } from "../support/raw-client.ts";
import { recordTypes } from "../support/tls13-client.ts";
import {
  changeCipherSpec,
  getRequest,
  hearEnd,
  type Kind,
  kinds,
  onTlsGround,
  say,
  soundHello,
  type TlsGround,
  warning,
} from "./tls-ground.ts";

setDefaultTimeout(30_000);

/** The same record many times over. */
const repeated = (bytes: ReadonlyArray<number>, count: number): Uint8Array =>
  new Uint8Array(Array.from({ length: count }, () => bytes).flat());

describe("behind the ClientHello", () => {
  const behind: Readonly<Record<string, (ground: TlsGround, kind: Kind) => Promise<RawClient>>> = {
    garbage: async ({ raw }, kind) => {
      const client = await raw(kind);
      await say(client, Buffer.concat([soundHello(), Buffer.from("garbage ".repeat(500))]));
      return client;
    },
    "what looks like early data": async ({ raw }, kind) => {
      const client = await raw(kind);
      await say(
        client,
        Buffer.concat([soundHello(), new Uint8Array([recordTypes.applicationData, 3, 3, 1, 0]), Buffer.alloc(256, 7)]),
      );
      return client;
    },
    "a second ClientHello in clear": async ({ raw }, kind) => {
      const client = await raw(kind);
      await say(client, Buffer.concat([soundHello(), soundHello()]));
      return client;
    },
    "a flood of warnings": async ({ raw }, kind) => {
      const client = await raw(kind);
      await say(client, soundHello());
      for (let count = 0; count < 200 && !client.isDone; count++) await say(client, repeated(warning, 5));
      return client;
    },
    "a flood of ChangeCipherSpecs": async ({ raw }, kind) => {
      const client = await raw(kind);
      await say(client, Buffer.concat([soundHello(), repeated(changeCipherSpec, 1000)]));
      return client;
    },
    "a flood of empty records": async ({ raw }, kind) => {
      const client = await raw(kind);
      await say(client, Buffer.concat([soundHello(), repeated([22, 3, 3, 0, 0], 1000)]));
      return client;
    },
    "a fatal alert": async ({ raw }, kind) => {
      const client = await raw(kind);
      await say(client, Buffer.concat([soundHello(), new Uint8Array([recordTypes.alert, 3, 3, 0, 2, 2, 40])]));
      return client;
    },
    "a key share withheld, when asked for it too": async ({ raw }, kind) => {
      const client = await raw(kind);
      const hello = inRecords(
        clientHelloMessage({
          suites: [0x1301],
          versions: [0x0304],
          extensions: [
            [10, [0, 2, 0, 29]],
            [13, [0, 6, 4, 3, 8, 4, 4, 1]],
            [51, [0, 0]],
          ],
        }),
      );
      await say(client, hello);
      // HelloRetryRequest (RFC 8446 §4.1.4).
      await client.waitFor(() => client.availableBytes > 50, "to be asked for a key share");
      expect(client.peek()[5]).toBe(2);
      for (let count = 0; count < 5; count++) await say(client, hello);
      return client;
    },
    "a Finished that is wrong": async ({ byHand }, kind) => {
      const client = await byHand(kind);
      await client.sendHello();
      await client.readFlight();
      const finished = client.makeFinished();
      finished.writeUInt8(finished.readUInt8(12) ^ 1, 12);
      await say(client.raw, finished);
      return client.raw;
    },
    "a handshake message without an end": async ({ byHand }, kind) => {
      const client = await byHand(kind);
      await client.sendHello();
      await client.readFlight();
      await say(client.raw, client.seal(recordTypes.handshake, new Uint8Array([20, 255, 255, 255])));
      for (let count = 0; count < 200 && !client.raw.isDone; count++) {
        await say(client.raw, client.seal(recordTypes.handshake, Buffer.alloc(16_000, 3)));
      }
      return client.raw;
    },
    "application data before Finished": async ({ byHand }, kind) => {
      const client = await byHand(kind);
      await client.sendHello();
      await client.readFlight();
      await say(client.raw, client.text(getRequest()));
      return client.raw;
    },
  };
  for (const [name, play] of Object.entries(behind)) {
    test(`${name}: the connection ends at once, no instance hears of it`, () =>
      onTlsGround({}, async (ground) => {
        for (const kind of kinds) await hearEnd(await play(ground, kind));
        await ground.onlyGoodLeft(3_000);
        expect(ground.reasons()).toEqual({ handshakeFailed: 2 });
        expect(ground.relay()).toEqual([]);
      }));
  }

  test("Finished, a request and the end in one piece: the request is answered, with close_notify or without", () =>
    onTlsGround({}, async ({ byHand, onlyGoodLeft, reasons }) => {
      for (const hasNotify of [true, false]) {
        const client = await byHand("HTTPS");
        await client.sendHello();
        await client.readFlight();
        const pieces = [client.makeFinished(), client.text(getRequest("/at-once"))];
        if (hasNotify) pieces.push(client.seal(recordTypes.alert, new Uint8Array([1, 0])));
        await client.raw.send(Buffer.concat(pieces));
        await client.raw.halfClose();
        expect(await client.receiveText()).toContain("to /at-once");
        expect(await client.raw.receiveEnd()).toBe("eof");
      }
      await onlyGoodLeft();
      expect(reasons()).toEqual({});
    }));

  test("the same on SSL: bytes and end reach the instance, and its answer comes back whole", () =>
    onTlsGround({}, async ({ byHand, onlyGoodLeft, reasons, relayed }) => {
      for (const [index, hasNotify] of [true, false].entries()) {
        const client = await byHand("SSL");
        await client.sendHello();
        await client.readFlight();
        const pieces = [client.makeFinished(), client.text("to and fro")];
        if (hasNotify) pieces.push(client.seal(recordTypes.alert, new Uint8Array([1, 0])));
        await client.raw.send(Buffer.concat(pieces));
        await client.raw.halfClose();
        expect(await client.receiveText()).toBe("to and fro");
        expect(await client.raw.receiveEnd()).toBe("eof");
        expect((await relayed(index)).ending).toBe("eof");
      }
      await onlyGoodLeft();
      expect(reasons()).toEqual({});
    }));
});

describe("ends in each phase of the handshake", () => {
  const phases: Readonly<Record<string, (ground: TlsGround, kind: Kind) => Promise<RawClient>>> = {
    "before a byte": ({ raw }, kind) => raw(kind),
    "one byte": async ({ raw }, kind) => {
      const client = await raw(kind);
      await client.send(new Uint8Array([22]));
      return client;
    },
    "half a ClientHello": async ({ raw }, kind) => {
      const client = await raw(kind);
      await client.send(soundHello().subarray(0, 70));
      return client;
    },
    "a ClientHello": async ({ raw }, kind) => {
      const client = await raw(kind);
      await client.send(soundHello());
      return client;
    },
    "the server's flight": async ({ byHand }, kind) => {
      const client = await byHand(kind);
      await client.sendHello();
      await client.readFlight();
      return client.raw;
    },
    "half a Finished": async ({ byHand }, kind) => {
      const client = await byHand(kind);
      await client.sendHello();
      await client.readFlight();
      await client.raw.send(client.makeFinished().subarray(0, 30));
      return client.raw;
    },
  };
  const ends: Readonly<Record<string, (client: RawClient) => unknown>> = {
    FIN: async (client) => {
      await client.halfClose();
      await hearEnd(client);
    },
    close: (client) => client.close(),
    RST: (client) => client.reset(),
  };
  for (const [end, doEnd] of Object.entries(ends)) {
    test(`${end}: a hundred in each phase, all forgotten`, () =>
      onTlsGround({}, async (ground) => {
        for (const [phase, play] of Object.entries(phases)) {
          const clients = await Promise.all(
            Array.from({ length: 100 }, (_, index) => play(ground, kinds[index % 2] as Kind)),
          );
          await Promise.all(clients.map(doEnd));
          await ground.onlyGoodLeft();
          await ground.serveGood();
          expect([phase, ground.relay().length]).toEqual([phase, 0]);
        }
        // Who says nothing has failed at nothing.
        expect(ground.reasons()).toEqual({ handshakeCut: 500 });
      }));
  }

  test("hundreds of handshakes, each cut at a random byte in a random way", () =>
    onTlsGround({}, async ({ byHand, serveGood, onlyGoodLeft }) => {
      const random = new Random(20_260);
      for (let round = 0; round < 12; round++) {
        const many = Array.from({ length: 50 }, async () => {
          const client = await byHand(random.pick(kinds));
          const hello = inRecords(client.makeHello(), random.pick([1, 50, 1 << 14]));
          // Up to the end of a request behind the handshake: everything that the client says is one row of bytes.
          const end = random.below(hello.length + 58 + 60 + 1);
          const way = random.below(3);
          await say(client.raw, hello.subarray(0, end));
          if (end >= hello.length) {
            await client.readFlight();
            const rest = Buffer.concat([client.makeFinished(), client.text(getRequest("/random"))]);
            await say(client.raw, rest.subarray(0, end - hello.length));
          }
          if (way === 0) client.raw.reset();
          else if (way === 1) await client.raw.close();
          else {
            await client.raw.halfClose();
            await hearEnd(client.raw);
            client.raw.dispose();
          }
        });
        await Promise.all(many);
        await serveGood();
      }
      await onlyGoodLeft();
    }));
});

describe("handshakes that stall", () => {
  const stages: ReadonlyArray<(ground: TlsGround, kind: Kind) => Promise<RawClient>> = [
    ({ raw }, kind) => raw(kind),
    async ({ raw }, kind) => {
      const client = await raw(kind);
      await client.send(soundHello().subarray(0, 100));
      return client;
    },
    async ({ raw }, kind) => {
      const client = await raw(kind);
      await client.send(soundHello());
      return client;
    },
    // The library waits for more of a record that holds nothing.
    async ({ raw }, kind) => {
      const client = await raw(kind);
      await client.send(new Uint8Array([22, 3, 1, 0, 0]));
      return client;
    },
  ];

  test("400 of them: others are served at usual speed, and the deadline frees them all", () =>
    onTlsGround({ attributes: { handshakeTimeout: 2 } }, async (ground) => {
      const median = async (): Promise<number> => {
        const times: Array<number> = [];
        for (let round = 0; round < 9; round++) times.push(await ground.serveGood());
        return times.sort((a, b) => a - b)[4] as number;
      };
      await median();
      const usualMs = await median();
      const stalled = await Promise.all(
        Array.from({ length: 400 }, (_, index) => stages[index % 4]!(ground, kinds[(index >> 2) % 2] as Kind)),
      );
      await eventually(() => stalled.every((client, index) => index % 4 !== 2 || client.receivedBytes > 0));
      expect(await median()).toBeLessThan(3 * usualMs + 20);
      expect(stalled.every((client) => client.ending === "open")).toBe(true);
      await Promise.all(stalled.map((client) => hearEnd(client, 8_000)));
      await ground.onlyGoodLeft();
      expect(ground.reasons()).toEqual({ handshakeTimeout: 400 });
    }));

  test("one that trickles all the time has no longer than one that says nothing", () =>
    onTlsGround({ attributes: { handshakeTimeout: 1 } }, async ({ raw, onlyGoodLeft, reasons }) => {
      const client = await raw("HTTPS");
      const startedMs = performance.now();
      const wire = inRecords(clientHelloMessage({ extensions: [[21, new Array<number>(9_000).fill(0)]] }));
      const sending = (async () => {
        for (let at = 0; at < wire.length && !client.isDone; at++) {
          await say(client, wire.subarray(at, at + 1));
          await Bun.sleep(5);
        }
      })();
      await hearEnd(client, 5_000);
      expect(performance.now() - startedMs).toBeLessThan(2_500);
      client.dispose();
      await sending;
      await onlyGoodLeft();
      expect(reasons()).toEqual({ handshakeTimeout: 1 });
    }));

  test("one whose flight isn't read, and one that is read but never finished, are freed as well", () =>
    onTlsGround({ attributes: { handshakeTimeout: 1 } }, async ({ byHand, onlyGoodLeft, reasons }) => {
      const before = openSockets().length;
      const deaf = await byHand("HTTPS");
      deaf.raw.pauseReading();
      await deaf.sendHello();
      const mute = await byHand("HTTPS");
      await mute.sendHello();
      await mute.readFlight();
      await onlyGoodLeft(5_000);
      // Theirs are still open; elbow's are closed, also of the one that takes no close_notify.
      await eventually(() => openSockets().length === before + 2, { what: "elbow's descriptors closed" });
      expect([deaf.raw.isDone, mute.raw.isDone]).toEqual([false, false]);
      expect(reasons()).toEqual({ handshakeTimeout: 2 });
    }));

  test("the end of elbow takes those that stall with it, and they are accounted as that", async () => {
    using outcomes = new Outcomes();
    await onTlsGround(
      { attributes: { handshakeTimeout: 60 } },
      async (ground) => {
        const stalled = await Promise.all(
          Array.from({ length: 40 }, (_, index) => stages[index % 4]!(ground, kinds[(index >> 2) % 2] as Kind)),
        );
        await eventually(() => ground.elbow.openConnections() === 42);
        await eventually(() => stalled.every((client, index) => index % 4 !== 2 || client.receivedBytes > 0));
        await ground.elbow.shutdown(100);
        for (const client of stalled) expect(["reset", "eof"]).toContain(await client.receiveEnd());
        expect(ground.elbow.openConnections()).toBe(0);
      },
      false,
    );
    expect(outcomes.all.filter(({ reason }) => reason === "handshakeCut")).toEqual([]);
    expect(outcomes.all.filter(({ reason }) => reason === "shutdown").length).toBeGreaterThanOrEqual(40);
  });
});
