// Hostile TLS clients behind their handshake: records that are broken, of no use, or too many. A connection ends like one
// that was reset, its instance is let go, and no other connection hears of it; what is allowed is served.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { readResponse } from "../support/http-message.ts";
import { findProgram, titleOf } from "../support/program.ts";
import { greet } from "../support/scripts.ts";
import { recordTypes, type Tls13Client } from "../support/tls13-client.ts";
import type { Tapped } from "../support/wiretap.ts";
import { getRequest, onTlsGround, say } from "./tls-ground.ts";

setDefaultTimeout(30_000);

const KIB = 1024;
const { alert, applicationData, changeCipherSpec, handshake } = recordTypes;
const warning = new Uint8Array([1, 90]);
const clearText = (type: number, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([type, 3, 3, content.length >> 8, content.length & 255]), content]);

/** What can be done to the client's next record on its way, or said in its place; needs no key. */
const tampers: Readonly<Record<string, (tapped: Tapped) => unknown>> = {
  "a bit of the sealed text": (tapped) => tamper(tapped, (bytes) => bytes.writeUInt8(bytes.readUInt8(8) ^ 1, 8)),
  "a bit of the tag": (tapped) =>
    tamper(tapped, (bytes) => bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 128, bytes.length - 1)),
  "the record's type": (tapped) => tamper(tapped, (bytes) => bytes.writeUInt8(99, 0)),
  "the record's version": (tapped) => tamper(tapped, (bytes) => bytes.writeUInt8(9, 1)),
  "the record's length, to nothing": (tapped) => tamper(tapped, (bytes) => bytes.writeUInt16BE(0, 3)),
  "the record's length, to too much": (tapped) => tamper(tapped, (bytes) => bytes.writeUInt16BE(0xffff, 3)),
  "the record, twice": (tapped) => {
    tapped.tamper = (bytes) => Buffer.concat([bytes, bytes]);
  },
  "HTTP in clear": (tapped) => say(tapped.server, getRequest()),
  "an alert in clear": (tapped) => say(tapped.server, clearText(alert, new Uint8Array([2, 40]))),
  "a ClientHello in clear": (tapped) => say(tapped.server, clearText(handshake, Buffer.alloc(200, 1))),
};

const tamper = (tapped: Tapped, change: (bytes: Buffer) => unknown): void => {
  tapped.tamper = (bytes) => {
    const changed = Buffer.from(bytes);
    change(changed);
    return changed;
  };
};

describe("records that were changed on their way", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${version}: each ends an HTTPS client's connection like a reset, in the midst of an answer too`, () => {
      const answering: Array<{ readonly receiveEnd: () => Promise<unknown> }> = [];
      return onTlsGround(
        {
          answer: async ({ target }, connection) => {
            if (target !== "/mid") return connection.send("HTTP/1.1 204 No Content\r\n\r\n");
            answering.push(connection);
            await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
          },
        },
        async ({ tapped, serveGood, onlyGoodLeft, reasons }) => {
          for (const [name, play] of Object.entries(tampers)) {
            for (const phase of ["idle", "answer"] as const) {
              const { client, tapped: tap } = await tapped("HTTPS", { maxVersion: version });
              await client.send(getRequest(phase === "idle" ? "/" : "/mid"));
              if (phase === "idle") await readResponse(client);
              else await client.takeUntil("half");
              await play(tap);
              if (tap.isTampering) await say(client, getRequest("/never"));
              await tap.server.waitFor(() => tap.server.ending !== "open", `the end after ${name}`);
              expect([name, phase, tap.server.ending]).toEqual([name, phase, "reset"]);
            }
            await serveGood();
          }
          // Those who were answering have been let go.
          expect(answering.length).toBe(Object.keys(tampers).length);
          for (const connection of answering) expect(await connection.receiveEnd()).toBe("reset");
          await onlyGoodLeft();
          // A replayed request is never served twice: each that was tampered with came to nothing.
          expect(reasons()).toEqual({ clientGone: Object.keys(tampers).length + 1 });
        },
      );
    });

    test(`${version}: each ends an SSL client's connection, and its instance sees a reset and no end`, () =>
      // An instance that answers might hear of the reset in its own send, and then see an end.
      onTlsGround({ relay: greet("hello") }, async ({ tapped, relayed, serveGood, onlyGoodLeft, reasons }) => {
        let count = 0;
        for (const [name, play] of Object.entries(tampers)) {
          const { client, tapped: tap } = await tapped("SSL", { maxVersion: version });
          const instance = await relayed(count++);
          expect((await client.takeBytes(5)).toString()).toBe("hello");
          await client.send("before");
          await instance.waitFor(() => instance.receivedBytes === 6, "the first record");
          await play(tap);
          if (tap.isTampering) await say(client, "behind");
          await tap.server.waitFor(() => tap.server.ending !== "open", `the end after ${name}`);
          expect([name, tap.server.ending, await instance.receiveEnd()]).toEqual([name, "reset", "reset"]);
          const came = Buffer.concat(instance.recorded).toString();
          // Of a record that came twice, the first is sound; whether it overtakes the reset is the network's affair.
          expect([name, "the record, twice" === name ? came.replace(/behind$/, "") : came]).toEqual([name, "before"]);
        }
        await serveGood();
        await onlyGoodLeft();
        expect(reasons()).toEqual({ clientReset: count });
      }));
  }
});

/** What a client may say that has all the keys. */
type Saying = (client: Tls13Client) => Promise<unknown>;

const repeat = async (client: Tls13Client, count: number, make: () => Uint8Array): Promise<void> => {
  for (let done = 0; done < count && !client.raw.isDone; done++) await say(client.raw, make());
};

const ask = async (client: Tls13Client): Promise<unknown> => {
  await client.raw.send(client.text(getRequest("/after")));
  let text = "";
  while (!text.includes("to /after")) text += await client.receiveText();
  return text;
};

describe("records that a client with keys sends", () => {
  const served: Readonly<Record<string, Saying>> = {
    "20 empty records": (client) => repeat(client, 20, () => client.text("")),
    "three warnings": (client) => repeat(client, 3, () => client.seal(alert, warning)),
    "300 key updates that want an answer, a request behind each": async (client) => {
      for (let count = 0; count < 300; count++) {
        await client.raw.send(client.keyUpdate(true));
        await ask(client);
      }
    },
    "300 key updates that want none, a request behind each": async (client) => {
      for (let count = 0; count < 300; count++) {
        await client.raw.send(client.keyUpdate(false));
        await ask(client);
      }
    },
    "a request in records of one byte": async (client) => {
      const bytes = Buffer.from(getRequest("/after"));
      await client.raw.send(Buffer.concat([...bytes].map((byte) => client.seal(applicationData, Buffer.from([byte])))));
      expect(await client.receiveText()).toContain("to /after");
    },
    "a request with 10 KiB of padding": async (client) => {
      await client.raw.send(client.seal(applicationData, Buffer.from(getRequest("/after")), 10 * KIB));
      expect(await client.receiveText()).toContain("to /after");
    },
  };
  for (const [name, saying] of Object.entries(served)) {
    test(`${name}: served`, () =>
      onTlsGround({}, async ({ secureByHand, onlyGoodLeft, reasons }) => {
        const client = await secureByHand("HTTPS");
        await saying(client);
        await ask(client);
        client[Symbol.dispose]();
        await onlyGoodLeft();
        expect(reasons()).toEqual({});
      }));
  }

  const refused: Readonly<Record<string, Saying>> = {
    "300 empty records": (client) => repeat(client, 300, () => client.text("")),
    "300 warnings": (client) => repeat(client, 300, () => client.seal(alert, warning)),
    "300 key updates and nothing else": (client) => repeat(client, 300, () => client.keyUpdate(true)),
    "300 key updates that want no answer, and nothing else": (client) =>
      repeat(client, 300, () => client.keyUpdate(false)),
    "a fatal alert": (client) => say(client.raw, client.seal(alert, new Uint8Array([2, 40]))),
    "an alert of three bytes": (client) => say(client.raw, client.seal(alert, new Uint8Array([1, 90, 0]))),
    "a record of a type that nobody knows": (client) => say(client.raw, client.seal(99, Buffer.alloc(10))),
    "a record of padding alone": (client) => say(client.raw, client.seal(0, Buffer.alloc(0), 100)),
    "a record above 2^14 bytes": (client) => say(client.raw, client.seal(applicationData, Buffer.alloc((1 << 14) + 1))),
    "a flood of ChangeCipherSpecs": (client) =>
      repeat(client, 1000, () => clearText(changeCipherSpec, new Uint8Array([1]))),
    "a sealed ChangeCipherSpec": (client) => say(client.raw, client.seal(changeCipherSpec, new Uint8Array([1]))),
    "another ClientHello": (client) => say(client.raw, client.seal(handshake, client.makeHello())),
    "a Finished again": (client) =>
      say(client.raw, client.seal(handshake, Buffer.concat([Buffer.from([20, 0, 0, 32]), Buffer.alloc(32)]))),
    "a handshake message without an end": async (client) => {
      await say(client.raw, client.seal(handshake, new Uint8Array([24, 255, 255, 255])));
      await repeat(client, 200, () => client.seal(handshake, Buffer.alloc(16_000)));
    },
    "a key update with something behind it in its record": (client) =>
      say(client.raw, client.seal(handshake, new Uint8Array([24, 0, 0, 1, 0, 24, 0, 0]))),
    "the same keys after a key update": (client) =>
      say(
        client.raw,
        Buffer.concat([client.seal(handshake, new Uint8Array([24, 0, 0, 1, 0])), client.text(getRequest())]),
      ),
  };
  for (const kind of ["HTTPS", "SSL"] as const) {
    test(`${kind}: each that isn't allowed, or is too much, ends the connection like a reset`, () =>
      onTlsGround({}, async ({ secureByHand, serveGood, onlyGoodLeft, relay }) => {
        for (const [name, saying] of Object.entries(refused)) {
          const client = await secureByHand(kind);
          if (kind === "SSL") {
            await client.raw.send(client.text("x"));
            expect(await client.receiveText()).toBe("x");
          }
          await saying(client);
          const { raw } = client;
          await raw.waitFor(() => raw.ending !== "open" || raw.isDone, `the end after ${name}`);
          expect([name, raw.ending]).toEqual([name, "reset"]);
        }
        await serveGood();
        await onlyGoodLeft();
        for (const instance of relay()) expect(await instance.receiveEnd()).toBe("reset");
      }));
  }

  test("what follows a close_notify is thrown away: it is no request, and costs no memory", () =>
    onTlsGround({ relay: () => {} }, async ({ secureByHand, relayed, serveGood, onlyGoodLeft }) => {
      const client = await secureByHand("SSL");
      await client.raw.send(Buffer.concat([client.text("all of it"), client.seal(alert, new Uint8Array([1, 0]))]));
      const instance = await relayed();
      expect((await instance.takeToEnd()).toString()).toBe("all of it");
      const rss = process.memoryUsage.rss();
      for (let count = 0; count < 100; count++) {
        await say(client.raw, count % 2 === 0 ? Buffer.alloc(1 << 20, 7) : client.text("more"));
        if (count % 20 === 0) await serveGood();
      }
      expect(process.memoryUsage.rss() - rss).toBeLessThan(64 * KIB * KIB);
      expect(instance.receivedBytes).toBe(9);
      await instance.close();
      client[Symbol.dispose]();
      await onlyGoodLeft();
    }));
});

const openssl = findProgram("openssl");

describe.skipIf(openssl === undefined)(titleOf("openssl"), () => {
  /** `s_client` with a command letter as its whole second input; gives how it ended and what it said. */
  const play = async (port: number, version: string, letter: string, count = 1) => {
    const child = Bun.spawn([openssl as string, "s_client", "-connect", `127.0.0.1:${port}`, `-${version}`], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    let said = "";
    const reading = (async () => {
      for await (const piece of child.stdout) said += Buffer.from(piece).toString();
    })();
    let complained = "";
    const listening = (async () => {
      for await (const piece of child.stderr) complained += Buffer.from(piece).toString();
    })();
    try {
      await eventually(() => said.includes("Verify return code"), {
        what: "openssl's handshake",
        timeoutMs: 10_000,
      });
      for (let done = 1; done <= count; done++) {
        child.stdin.write(`${letter}\n`);
        await child.stdin.flush();
        // It reads a letter as a command only when that comes alone.
        await eventually(() => complained.split(/RENEGOTIATING|KEYUPDATE/).length > done || child.exitCode !== null);
      }
      try {
        child.stdin.write(getRequest("/behind"));
        await child.stdin.flush();
      } catch {
        // It has ended already.
      }
      await eventually(() => child.exitCode !== null || said.includes("to /behind"), { what: "an answer or the end" });
      return { hasEnded: child.exitCode !== null, said, complained };
    } finally {
      child.kill("SIGKILL");
      await Promise.allSettled([child.exited, reading, listening]);
    }
  };

  test("renegotiation in TLS 1.2 is refused, and ends the connection", () =>
    onTlsGround({}, async ({ port, onlyGoodLeft }) => {
      const { hasEnded, said, complained } = await play(port("HTTPS"), "tls1_2", "R");
      expect([hasEnded, said.includes("to /behind")]).toEqual([true, false]);
      expect(complained).toContain("no renegotiation");
      await onlyGoodLeft();
    }));

  test("key updates in TLS 1.3 are made", () =>
    onTlsGround({}, async ({ port, onlyGoodLeft, reasons }) => {
      const { said } = await play(port("HTTPS"), "tls1_3", "K", 10);
      expect(said).toContain("to /behind");
      await onlyGoodLeft();
      expect(reasons()).toEqual({});
    }));
});
