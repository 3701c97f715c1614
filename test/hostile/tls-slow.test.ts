// TLS clients that don't read, or send and send: they are held, cost no memory, lose no byte, and are let go with their
// instances when they leave.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import type { InstanceConnection } from "../support/fake-instance.ts";
import type { SecureClient } from "../support/secure-client.ts";
import { stalls } from "../support/stalls.ts";
import { getRequest, onTlsGround, say } from "./tls-ground.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const versions = ["TLSv1.2", "TLSv1.3"] as const;

/** How much the process has grown since `rss`, in bytes, garbage apart. */
const grownSince = (rss: number): number => {
  Bun.gc(true);
  return process.memoryUsage.rss() - rss;
};

const rssNow = (): number => grownSince(0);

describe("clients that don't read", () => {
  for (const version of versions) {
    test(`${version}: 64 MiB for one that doesn't: its instance waits, memory stays, then every byte arrives`, () => {
      let answering: InstanceConnection | undefined;
      return onTlsGround(
        {
          answer: async (_request, connection) => {
            answering = connection;
            await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
            await sendStream(connection, 64 * MIB, 4);
          },
          relay: async (connection) => {
            await sendStream(connection, 64 * MIB, 5);
            await connection.halfClose();
          },
        },
        async ({ secure, relayed, serveGood, onlyGoodLeft, reasons }) => {
          const web = await secure("HTTPS", { maxVersion: version });
          const relay = await secure("SSL", { maxVersion: version });
          relay.pauseReading();
          await web.send(getRequest("/large"));
          await web.takeUntil("\r\n\r\n");
          web.pauseReading();
          await eventually(() => answering !== undefined);
          const behind = await relayed();
          const rss = rssNow();
          const sent = await Promise.all([stalls(answering as InstanceConnection), stalls(behind)]);
          for (const bytes of sent) expect(bytes).toBeLessThan(32 * MIB);
          // What waits is in the kernel, which isn't this process.
          expect(grownSince(rss)).toBeLessThan(32 * MIB);
          await serveGood();
          web.resumeReading();
          expect(await web.digest(64 * MIB)).toEqual(digestOf(64 * MIB, 4));
          relay.resumeReading();
          expect(await relay.digest()).toEqual(digestOf(64 * MIB, 5));
          await relay.close();
          await web.close();
          await onlyGoodLeft();
          expect(reasons()).toEqual({});
        },
      );
    });
  }

  test("20 that stall in a large answer are dropped after the idle timeout, with a reset: nothing looks whole", () =>
    onTlsGround(
      {
        attributes: { idleTimeout: 1 },
        answer: async (_request, connection) => {
          await connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
          await sendStream(connection, 64 * MIB, 6).catch(() => {});
        },
      },
      async ({ secure, elbow }) => {
        const clients = await Promise.all(Array.from({ length: 20 }, () => secure("HTTPS")));
        for (const client of clients) {
          await client.send(getRequest("/large"));
          await client.takeUntil("\r\n\r\n");
          client.pauseReading();
        }
        // The good ones idle out as well here.
        await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0, { timeoutMs: 15_000 });
        for (const client of clients) {
          client.resumeReading();
          expect(await client.receiveEnd()).toBe("reset");
        }
      },
      false,
    ));
});

describe("a reset while somebody waits", () => {
  for (const version of versions) {
    test(`${version}: of a client that doesn't read its answer, and of one that an instance doesn't read`, () => {
      const busy: Array<InstanceConnection> = [];
      return onTlsGround(
        {
          answer: async ({ target }, connection) => {
            busy.push(connection);
            await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
            if (target === "/large") await sendStream(connection, 64 * MIB, 9).catch(() => {});
          },
          relay: (connection) => connection.pauseReading(),
        },
        async ({ secure, relayed, serveGood, onlyGoodLeft, reasons }) => {
          const deaf = await secure("HTTPS", { maxVersion: version });
          await deaf.send(getRequest("/large"));
          await deaf.takeUntil("\r\n\r\n");
          deaf.pauseReading();
          await stalls(busy[0] as InstanceConnection);
          deaf.reset();
          expect(await (busy[0] as InstanceConnection).receiveEnd()).toBe("reset");
          const loud = await secure("SSL", { maxVersion: version });
          const sending = sendStream(loud, 64 * MIB, 9).catch(() => {});
          await stalls(loud);
          loud.reset();
          await sending;
          await serveGood();
          await onlyGoodLeft();
          (await relayed()).resumeReading();
          expect(reasons()).toEqual({ clientGone: 1, clientReset: 1 });
        },
      );
    });
  }
});

describe("clients that send and send", () => {
  for (const version of versions) {
    test(`${version}: to an instance that doesn't read: the client is held, memory stays, then every byte arrives`, () => {
      let busy: InstanceConnection | undefined;
      const start = Promise.withResolvers<void>();
      return onTlsGround(
        {
          relay: async (connection) => {
            connection.pauseReading();
            await start.promise;
            connection.resumeReading();
            busy = connection;
          },
        },
        async ({ secure, relayed, serveGood, onlyGoodLeft }) => {
          const client = await secure("SSL", { maxVersion: version });
          await relayed();
          const rss = rssNow();
          const sending = sendStream(client, 64 * MIB, 7);
          expect(await stalls(client)).toBeLessThan(32 * MIB);
          expect(grownSince(rss)).toBeLessThan(32 * MIB);
          await serveGood();
          start.resolve();
          await eventually(() => busy !== undefined);
          expect(await (busy as InstanceConnection).digest(64 * MIB)).toEqual(digestOf(64 * MIB, 7));
          await sending;
          client.reset();
          await onlyGoodLeft();
        },
      );
    });

    test(`${version}: behind a request that is being served: held, and forgotten with its client`, () =>
      onTlsGround(
        { answer: async (_request, connection) => void (await connection.receiveEnd(20_000)) },
        async ({ secure, serveGood, onlyGoodLeft }) => {
          const clients = await Promise.all(Array.from({ length: 4 }, () => secure("HTTPS", { maxVersion: version })));
          const rss = rssNow();
          const sending = clients.map(async (client: SecureClient) => {
            await client.send(getRequest("/hang"));
            await sendStream(client, 64 * MIB, 8).catch(() => {});
          });
          for (const client of clients) expect(await stalls(client)).toBeLessThan(16 * MIB);
          expect(grownSince(rss)).toBeLessThan(32 * MIB);
          await serveGood();
          for (const client of clients) client.reset();
          await Promise.all(sending);
          await onlyGoodLeft();
        },
      ));
  }

  test("pipelined requests that are never read: the instance is asked no more than the buffers hold", () =>
    onTlsGround(
      { attributes: { idleTimeout: 5 }, answer: (_request, connection) => answerLarge(connection) },
      async (ground) => {
        const client = await ground.secure("HTTPS");
        client.pauseReading();
        const rss = rssNow();
        const sending = (async () => {
          for (let count = 0; count < 20_000 && !client.isDone; count++)
            await say(client, getRequest("/many").repeat(20));
        })();
        await stalls(client);
        expect(grownSince(rss)).toBeLessThan(32 * MIB);
        await ground.serveGood();
        client.reset();
        await sending;
        await ground.onlyGoodLeft();
      },
    ));

  const answerLarge = (connection: InstanceConnection): Promise<void> =>
    connection.send(
      Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), Buffer.alloc(100_000)]),
    );
});
