// TLS clients that end behind their handshake, in every phase and every way: what was said before an end arrives whole, and
// what wasn't said to its end never looks whole.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import type { InstanceConnection } from "../support/fake-instance.ts";
import { readResponse } from "../support/http-message.ts";
import { recordTypes } from "../support/tls13-client.ts";
import { getRequest, onTlsGround, say } from "./tls-ground.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const closeNotify = new Uint8Array([1, 0]);
const versions = ["TLSv1.2", "TLSv1.3"] as const;

describe("ends in each phase of a request", () => {
  const phases: Readonly<Record<string, { readonly wire: string }>> = {
    "before a byte": { wire: "" },
    "half a head": { wire: "GET / HTTP/1.1\r\nHo" },
    "half a body": {
      wire: "POST /body HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\nhalf",
    },
    "a whole request": { wire: getRequest("/hang") },
    "half an answer": { wire: getRequest("/half") },
  };

  for (const version of versions) {
    test(`${version}: RST: 20 in each phase, every instance is let go by a reset`, () => {
      const busy: Array<InstanceConnection> = [];
      return onTlsGround(
        {
          answer: async ({ target }, connection) => {
            busy.push(connection);
            if (target === "/half") await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
            await connection.receiveEnd(20_000);
          },
        },
        async ({ secure, serveGood, onlyGoodLeft, reasons }) => {
          for (const [phase, { wire }] of Object.entries(phases)) {
            const clients = await Promise.all(
              Array.from({ length: 20 }, () => secure("HTTPS", { maxVersion: version })),
            );
            const wanted = busy.length + 20;
            await Promise.all(clients.map((client) => client.send(wire)));
            if (phase === "half an answer") await Promise.all(clients.map((client) => client.takeUntil("half")));
            else if (phase === "a whole request") await eventually(() => busy.length === wanted);
            else await serveGood();
            for (const client of clients) client.reset();
            await onlyGoodLeft();
            await serveGood();
          }
          expect(busy.length).toBe(40);
          for (const connection of busy) expect(await connection.receiveEnd()).toBe("reset");
          expect(Object.keys(reasons())).toEqual(["clientGone"]);
        },
      );
    });

    test(`${version}: the end of what a client sends, in each phase: an answer where one is owed`, () =>
      onTlsGround(
        {
          answer: async (_request, connection) => {
            await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            await Bun.sleep(20);
            await connection.send("half");
          },
        },
        async ({ secure, onlyGoodLeft }) => {
          const statuses: Record<string, number> = {};
          for (const [phase, { wire }] of Object.entries(phases)) {
            const client = await secure("HTTPS", { maxVersion: version });
            await client.send(wire);
            await client.halfClose();
            if (phase === "before a byte") expect((await client.takeToEnd()).length).toBe(0);
            else {
              const { status, body } = await readResponse(client);
              statuses[phase] = status;
              if (status === 200) expect(body.toString()).toBe("halfhalf");
              expect(await client.receiveEnd()).toBe("eof");
            }
          }
          expect(statuses).toEqual({
            "half a head": 408,
            "half a body": 408,
            "a whole request": 200,
            "half an answer": 200,
          });
          await onlyGoodLeft();
        },
      ));
  }
});

describe("half-close with data in flight", () => {
  for (const version of versions) {
    test(`${version}: 4 MiB each way on SSL, each side ends behind its own; every byte arrives`, () =>
      onTlsGround(
        {
          relay: async (connection) => {
            const sending = sendStream(connection, 4 * MIB, 1).then(() => connection.halfClose());
            received.push(await connection.digest());
            await sending;
          },
        },
        async ({ secure, onlyGoodLeft, reasons }) => {
          for (let round = 0; round < 3; round++) {
            const client = await secure("SSL", { maxVersion: version });
            const sending = sendStream(client, 4 * MIB, 2).then(() => client.halfClose());
            expect(await client.digest()).toEqual(digestOf(4 * MIB, 1));
            await sending;
            await client.close();
          }
          await onlyGoodLeft();
          await eventually(() => received.length === 3, { what: "three digests" });
          expect(received.splice(0)).toEqual(Array.from({ length: 3 }, () => digestOf(4 * MIB, 2)));
          expect(reasons()).toEqual({});
        },
      ));

    test(`${version}: a client that sends, ends and leaves at once: its instance gets all of it and a clean end`, () =>
      onTlsGround(
        {
          relay: async (connection) => {
            received.push(await connection.digest());
            await connection.close();
          },
        },
        async ({ secure, onlyGoodLeft }) => {
          for (let round = 0; round < 3; round++) {
            const client = await secure("SSL", { maxVersion: version });
            await sendStream(client, 4 * MIB, 3);
            await client.close();
          }
          await eventually(() => received.length === 3, { what: "three digests" });
          await onlyGoodLeft();
          expect(received.splice(0)).toEqual(Array.from({ length: 3 }, () => digestOf(4 * MIB, 3)));
        },
      ));
  }

  const received: Array<unknown> = [];

  test("a FIN in the midst of a record: what was whole arrives, what wasn't doesn't, and the connection ends", () =>
    onTlsGround({}, async ({ secureByHand, relayed, onlyGoodLeft }) => {
      const client = await secureByHand("SSL");
      await client.raw.send(Buffer.concat([client.text("whole"), client.text("cut off").subarray(0, 20)]));
      await client.raw.halfClose();
      const instance = await relayed();
      await instance.receiveEnd();
      expect(Buffer.concat(instance.recorded).toString()).toBe("whole");
      await client.raw.receiveEnd();
      await onlyGoodLeft();
    }));

  test("a request body cut by a FIN in the midst of a record is never whole at its instance", () =>
    onTlsGround({}, async ({ secureByHand, onlyGoodLeft, reasons }) => {
      const client = await secureByHand("HTTPS");
      const head = client.text("POST /cut HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n12345");
      await client.raw.send(Buffer.concat([head, client.text("67890").subarray(0, 15)]));
      await client.raw.halfClose();
      expect(await client.receiveText()).toStartWith("HTTP/1.1 408 ");
      expect(await client.raw.receiveEnd()).toBe("eof");
      await onlyGoodLeft();
      expect(reasons()).toEqual({ requestBodyCut: 1 });
    }));
});

describe("WebSockets over TLS", () => {
  const upgrade =
    "GET /chat HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  const accept =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

  test("a broken record resets both ends; a close_notify ends one way, behind every byte", () => {
    const busy: Array<InstanceConnection> = [];
    return onTlsGround(
      {
        answer: async (_request, connection) => {
          busy.push(connection);
          await connection.send(accept);
          await connection.receiveEnd(20_000);
        },
      },
      async ({ secureByHand, onlyGoodLeft }) => {
        const broken = await secureByHand("HTTPS");
        await broken.raw.send(broken.text(upgrade));
        expect(await broken.receiveText()).toContain("101");
        const record = broken.text("never");
        record.writeUInt8(record.readUInt8(9) ^ 1, 9);
        await say(broken.raw, record);
        expect(await broken.raw.receiveEnd()).toBe("reset");
        expect(await (busy[0] as InstanceConnection).receiveEnd()).toBe("reset");
        const sound = await secureByHand("HTTPS");
        // The handshake of the WebSocket, what is sent ahead of its answer, and the end, all in one piece.
        const texts = [sound.text(upgrade), sound.text("ahead")];
        await sound.raw.send(Buffer.concat([...texts, sound.seal(recordTypes.alert, closeNotify)]));
        await sound.raw.halfClose();
        expect(await sound.receiveText()).toContain("101");
        const second = await eventually(() => busy[1]);
        expect((await second.takeToEnd()).toString()).toBe("ahead");
        await second.close();
        expect(await sound.raw.receiveEnd()).toBe("eof");
        await onlyGoodLeft();
      },
    );
  });
});
