// How WebSocket tunnels end: FINs and resets of either side, silence, shutdown; and what a stalled reader costs. Whatever
// happens, the lease is given back, the instance's connection is gone, and there is one account.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import type { ByteEnd } from "../support/byte-end.ts";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { stalls } from "../support/stalls.ts";
import { isDeserted, left, openTunnel, pass, startTunnelGround } from "../support/tunnels.ts";
import { formatHandshake, relayedSwitching, serveWebSocket, shakeHands } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
/** Several times what the kernel may hold of one connection. */
const totalBytes = 256 * MIB;

describe("the ends", () => {
  test("a FIN of the client's, and the instance goes on until its own", async () => {
    await using at = await startTunnelGround();
    const { client, instance } = await openTunnel(at);
    await client.send("last");
    await client.halfClose();
    expect((await instance.takeToEnd()).toString()).toBe("last");
    await pass(instance, client, "still here");
    await instance.close();
    expect(await client.receiveEnd()).toBe("eof");
    expect(await at.outcomes.at(0)).toMatchObject({ status: 101, reason: undefined });
    await isDeserted(at.elbow);
  });

  test("a FIN of the instance's, and the client goes on until its own", async () => {
    await using at = await startTunnelGround();
    const { client, instance } = await openTunnel(at);
    await instance.send("last");
    await instance.halfClose();
    expect((await client.takeToEnd()).toString()).toBe("last");
    await pass(client, instance, "still here");
    await client.close();
    expect(await instance.receiveEnd()).toBe("eof");
    expect(await at.outcomes.at(0)).toMatchObject({ status: 101, reason: undefined });
    await isDeserted(at.elbow);
  });

  test("a handshake with a FIN behind it: the server speaks to the end", async () => {
    await using at = await startTunnelGround(
      serveWebSocket(async (connection) => {
        await connection.takeToEnd();
        await connection.send("spoken");
        await connection.close();
      }),
    );
    using client = await at.connect();
    await client.send(formatHandshake());
    await client.halfClose();
    expect((await client.takeToEnd()).toString()).toBe(`${relayedSwitching}spoken`);
    await isDeserted(at.elbow);
  });

  test("101, a frame and FIN in one", async () => {
    await using at = await startTunnelGround(async (connection) => {
      await connection.takeUntil("\r\n\r\n");
      await connection.send(`${relayedSwitching}bye`);
      await connection.close();
    });
    using client = await at.connect();
    await client.send(formatHandshake());
    expect((await client.takeToEnd()).toString()).toBe(`${relayedSwitching}bye`);
    await client.close();
    await isDeserted(at.elbow);
  });

  const resets = [
    ["client", "nobody"],
    ["instance", "nobody"],
    ["client", "the client"],
    ["instance", "the instance"],
    ["client", "the instance"],
    ["instance", "the client"],
  ] as const;
  describe.each([false, true])("(the other end speaks: %p)", (isSpeaking) => {
    test.each(resets)(
      "a reset of the %s, behind a FIN of %s: the other is reset, and all is accounted",
      async (who, first) => {
        await using at = await startTunnelGround();
        const { client, instance } = await openTunnel(at);
        const [from, to] = who === "client" ? [client, instance] : [instance, client];
        if (first !== "nobody") {
          const [ending, hearing] = first === "the client" ? [client, instance] : [instance, client];
          await ending.halfClose();
          expect(await hearing.receiveEnd()).toBe("eof");
        }
        from.reset();
        const speaking = (async () => {
          for (let count = 0; isSpeaking && count < 1000 && to.ending !== "reset"; count++) {
            await to.send("x").catch(() => {});
            await Bun.sleep(1);
          }
        })();
        const reason = who === "client" ? "clientReset" : "responseCut";
        expect(await at.outcomes.at(0)).toMatchObject({ status: 101, reason });
        await eventually(() => to.ending === "reset" || to.isDone, { what: "a reset" });
        await speaking;
        await isDeserted(at.elbow);
      },
    );
  });

  test("a reset in the middle of much data, each way, while the other end doesn't read", async () => {
    await using at = await startTunnelGround();
    for (const who of ["client", "instance"] as const) {
      const { client, instance } = await openTunnel(at);
      const [from, to] = who === "client" ? [client, instance] : [instance, client];
      to.pauseReading();
      const sending = sendStream(from, 16 * MIB, 5).catch(() => {});
      await eventually(() => from.sentBytes > MIB);
      from.reset();
      await isDeserted(at.elbow);
      to.resumeReading();
      expect(await to.receiveEnd()).toBe("reset");
      await sending;
      client.dispose();
    }
    expect(at.outcomes.all.map(({ reason }) => reason)).toEqual(["clientReset", "responseCut"]);
  });
});

describe("time", () => {
  test("a silent tunnel is closed in good order, and accounted as idle", async () => {
    await using at = await startTunnelGround(left, { idleTimeout: 1 });
    const { client, instance } = await openTunnel(at);
    const startedAt = performance.now();
    expect([await client.receiveEnd(), await instance.receiveEnd()]).toEqual(["eof", "eof"]);
    expect(performance.now() - startedAt).toBeGreaterThan(800);
    expect(await at.outcomes.at(0)).toMatchObject({ status: 101, reason: "idle" });
    expect(client.availableBytes + instance.availableBytes).toBe(0);
    await client.close();
    await isDeserted(at.elbow);
  });

  test("it keeps the idle timeout that it began with", async () => {
    using instance = FakeInstance.start(left);
    const port = freePort();
    const written = (idleTimeout: number) =>
      configurationOf([{ protocol: "HTTP", port, instances: [instance], attributes: { idleTimeout } }]);
    await using elbow = await startElbow(written(1));
    using client = await RawClient.connect(port);
    await shakeHands(client);
    await elbow.apply(written(60));
    expect(await client.receiveEnd()).toBe("eof");
  });

  test.each(["client", "instance"] as const)("bytes of the %s alone keep it open", async (who) => {
    await using at = await startTunnelGround(left, { idleTimeout: 1 });
    const { client, instance } = await openTunnel(at);
    const [from, to] = who === "client" ? [client, instance] : [instance, client];
    const startedAt = performance.now();
    while (performance.now() - startedAt < 3000) {
      await pass(from, to, "x");
      await Bun.sleep(200);
    }
    expect([client.ending, instance.ending]).toEqual(["open", "open"]);
    await client.close();
  });

  test("it lives on through a shutdown's grace, and is cut at its end", async () => {
    await using at = await startTunnelGround();
    const { client, instance } = await openTunnel(at);
    const ended = at.elbow.shutdown(1000);
    await expect(at.connect()).rejects.toThrow();
    await pass(client, instance, "in the grace");
    await pass(instance, client, "and back");
    expect([await client.receiveEnd(), await instance.receiveEnd()]).toEqual(["reset", "reset"]);
    expect(await at.outcomes.at(0)).toMatchObject({ status: 101, reason: "shutdown" });
    await ended;
  });

  test("one that ends in the grace lets the shutdown end at once", async () => {
    await using at = await startTunnelGround();
    const { client, instance } = await openTunnel(at);
    const ended = at.elbow.shutdown(20_000);
    await pass(client, instance, "bye");
    await instance.close();
    expect(await client.receiveEnd()).toBe("eof");
    await client.close();
    const startedAt = performance.now();
    await ended;
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(await at.outcomes.at(0)).toMatchObject({ status: 101, reason: undefined });
  });
});

test.each(["client", "instance"] as const)(
  "256 MiB to a %s that doesn't read: bounded memory, and nothing is lost",
  async (stalled) => {
    using instance = FakeInstance.start(left);
    const port = freePort();
    await using elbow = await ElbowProcess.start({
      loadBalancers: {
        test: {
          address: "127.0.0.1",
          listeners: [{ protocol: "HTTP", port, instancePort: instance.port }],
          instances: ["127.0.0.1"],
          attributes: { minIdleConnections: 0 },
        },
      },
    });
    using client = await RawClient.connect(port);
    await shakeHands(client);
    const connection = await instance.connection();
    const [reader, sender]: readonly [ByteEnd, ByteEnd] =
      stalled === "client" ? [client, connection] : [connection, client];
    const warm = await Promise.all([sendStream(sender, 8 * MIB, 1), reader.digest(8 * MIB)]);
    expect(warm[1]).toEqual(warm[0]);
    const baseline = elbow.memory();

    reader.pauseReading();
    const sending = sendStream(sender, totalBytes, 2).then(() => sender.halfClose());
    expect((await stalls(sender)) - 8 * MIB).toBeLessThan(totalBytes / 2);
    expect(elbow.memory().residentBytes - baseline.residentBytes).toBeLessThan(24 * MIB);
    // Meanwhile the other way flows.
    await pass(reader, sender, "not stalled");

    reader.resumeReading();
    expect(await reader.digest()).toEqual(digestOf(totalBytes, 2));
    await sending;
    expect(elbow.memory().peakBytes - baseline.peakBytes).toBeLessThan(96 * MIB);
  },
);

test("two hundred tunnels that end in every way leave nothing behind", async () => {
  const sockets = openSockets();
  const deadlines = countArmedDeadlines();
  {
    await using at = await startTunnelGround();
    // A small round first, so that what is made once is there.
    for (const count of [20, 200]) {
      const known = at.instance.connections.length;
      const clients = await Promise.all(Array.from({ length: count }, () => at.connect()));
      await Promise.all(clients.map((client) => shakeHands(client)));
      const ends = at.instance.connections.slice(known);
      const [instance] = at.elbow.status()[0]!.instances;
      expect([ends.length, instance!.outstanding, instance!.openConnections]).toEqual([count, count, count]);
      // A half is ended by its clients, the other by the instance; which of its connections is whose doesn't matter.
      const half = clients.slice(0, count / 2);
      await Promise.all(half.map((client, index) => (index % 2 === 0 ? client.close() : client.reset())));
      await eventually(() => ends.filter(({ ending }) => ending === "open").length === count / 2);
      const others = ends.filter(({ ending }) => ending === "open");
      await Promise.all(others.map((end, index) => (index % 2 === 0 ? end.close() : end.reset())));
      // A FIN is answered by one.
      await Promise.all(clients.slice(count / 2).map((client) => client.receiveEnd()));
      await Promise.all([...clients, ...ends].filter(({ ending }) => ending === "eof").map((end) => end.close()));
      await isDeserted(at.elbow);
    }
    const tunnels = at.outcomes.all.filter(({ status }) => status === 101);
    const countOf = (reason: string | undefined) => tunnels.filter((one) => one.reason === reason).length;
    expect([countOf(undefined), countOf("clientReset"), countOf("responseCut")]).toEqual([110, 55, 55]);
    await at.elbow.shutdown(500);
  }
  await eventually(() => countArmedDeadlines() <= deadlines, { what: "no timer left" });
  await noNewSockets(sockets);
});
