// How SSL connections end: close_notify (RFC 8446 §6.1) is to TLS what FIN is to TCP. Each direction ends by itself, keeps
// every byte before its end, and leaves the other open.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ByteEnd } from "../support/byte-end.ts";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, silence } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { faultsOf } from "../support/tls-counts.ts";
import { carry, startWire } from "../support/wire.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

const start = async (instance: FakeInstance): Promise<RunningElbow> =>
  startElbow({ listeners: [await secureListener("SSL")], instances: [instance] });

const isEmpty = (elbow: RunningElbow): Promise<true> =>
  eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0, { what: "an empty elbow" });

/** How many encrypted records there are: the end of a TLS 1.3 handshake, data and alerts; ChangeCipherSpec isn't one. */
const countRecords = (bytes: Uint8Array): number => {
  let count = 0;
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes[at + 3]! * 256 + bytes[at + 4]!) {
    if (bytes[at] !== 20) count++;
  }
  return count;
};

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  const only = { minVersion: version, maxVersion: version };

  test("a client's half-close reaches the instance, which goes on sending", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await start(instance);
    using client = await SecureClient.connect(elbow.port(), only);
    const connection = await instance.connection();
    const sent = await sendStream(client, 3 * MIB, 1);
    await client.halfClose();
    expect(await connection.digest()).toEqual(sent);
    await connection.sendSlowly("an answer in pieces", 5, 2);
    expect((await client.takeBytes(19)).toString()).toBe("an answer in pieces");
    expect(client.ending).toBe("open");
    expect(elbow.openConnections()).toBe(1);
    const [answer] = await Promise.all([sendStream(connection, 3 * MIB, 2), client.digest(3 * MIB)]);
    expect(answer.bytes).toBe(3 * MIB);
    await connection.halfClose();
    expect(await client.receiveEnd()).toBe("eof");
    await isEmpty(elbow);
    expect(faultsOf(elbow.port())).toEqual({});
  });

  test("an instance's half-close reaches the client, which goes on sending", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await start(instance);
    using client = await SecureClient.connect(elbow.port(), only);
    const connection = await instance.connection();
    await connection.send("done");
    await connection.halfClose();
    expect((await client.takeToEnd()).toString()).toBe("done");
    const [sent, heard] = await Promise.all([
      sendStream(client, 3 * MIB, 3).then(async (digest) => {
        await client.halfClose();
        return digest;
      }),
      connection.digest(),
    ]);
    expect(heard).toEqual(sent);
    await isEmpty(elbow);
    expect(faultsOf(elbow.port())).toEqual({});
  });

  test("both directions at once end with their last bytes", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await start(instance);
    using client = await SecureClient.connect(elbow.port(), only);
    const connection = await instance.connection();
    const send = async (end: ByteEnd, seed: number) => {
      const digest = await sendStream(end, 16 * MIB + seed, seed);
      await end.halfClose();
      return digest;
    };
    const [toBackend, toClient, atInstance, atClient] = await Promise.all([
      send(client, 1),
      send(connection, 2),
      connection.digest(),
      client.digest(),
    ]);
    expect(atInstance).toEqual(toBackend);
    expect(atClient).toEqual(toClient);
    await isEmpty(elbow);
  });

  test("an instance that speaks and leaves at once is heard, every time", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.send("only this");
      await connection.close();
    });
    await using elbow = await start(instance);
    for (let round = 0; round < 5; round++) {
      const heard = await Promise.all(
        Array.from({ length: 20 }, async () => {
          using client = await SecureClient.connect(elbow.port(), only);
          return (await client.takeToEnd()).toString();
        }),
      );
      expect(new Set(heard)).toEqual(new Set(["only this"]));
    }
    await isEmpty(elbow);
  });

  test("a client that speaks and leaves at once is heard, every time", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.takeToEnd();
      await connection.close();
    });
    await using elbow = await start(instance);
    const rounds = 40;
    for (let round = 0; round < rounds; round++) {
      const client = await SecureClient.connect(elbow.port(), only);
      await client.send(`only this ${round}`);
      await (round % 2 === 0 ? client.close() : client.halfClose());
    }
    await isEmpty(elbow);
    const heard = instance.connections.map(({ recorded, ending }) => `${Buffer.concat(recorded)} ${ending}`);
    expect(heard.sort()).toEqual(Array.from({ length: rounds }, (_, round) => `only this ${round} eof`).sort());
  });

  test("what comes before the instance is connected arrives, its end too", async () => {
    using instance = FakeInstance.start(echo);
    await using elbow = await start(instance);
    for (let round = 0; round < 20; round++) {
      using client = await SecureClient.connect(elbow.port(), only);
      await client.send(`early ${round}`);
      await client.halfClose();
      expect((await client.takeToEnd()).toString()).toBe(`early ${round}`);
    }
  });

  test("the last bytes aren't lost behind a slow reader, on either side", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await start(instance);
    // More than the kernel's buffers on the way can hold.
    const size = 64 * MIB;
    for (const slow of ["client", "instance"] as const) {
      using client = await SecureClient.connect(elbow.port(), only);
      const connection = await instance.connection(instance.connections.length === 0 ? 0 : slow === "client" ? 0 : 1);
      const [reader, writer] = slow === "client" ? [client, connection] : [connection, client];
      reader.pauseReading();
      const sending = sendStream(writer, size, 4).then(() => writer.halfClose());
      let before = -1;
      await eventually(
        async () => {
          before = writer.sentBytes;
          await Bun.sleep(100);
          return before > 0 && writer.sentBytes === before;
        },
        { what: "a writer that has to wait" },
      );
      expect(before).toBeLessThan(size);
      reader.resumeReading();
      expect(await reader.digest()).toEqual(digestOf(size, 4));
      await sending;
      await reader.halfClose();
      expect(await writer.receiveEnd()).toBe("eof");
      await isEmpty(elbow);
    }
  });

  test("FIN without close_notify: what came before it arrives", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await start(instance);
    using wire = startWire(elbow.port());
    using client = await SecureClient.connect(wire.port, only);
    const connection = await instance.connection();
    await client.send("to the last byte");
    await connection.takeBytes(16);
    const sent = await sendStream(client, MIB, 5);
    await eventually(() => connection.receivedBytes >= 16 + MIB);
    await wire.far[0]!.halfClose();
    expect(await connection.digest()).toEqual(sent);
    await connection.close();
    await isEmpty(elbow);
  });

  test("FIN of the client without close_notify, right behind its bytes", async () => {
    using instance = FakeInstance.start(async (connection) => {
      const { bytes } = await connection.digest();
      await connection.send(`heard ${bytes}`);
      await connection.close();
    });
    await using elbow = await start(instance);
    for (let round = 0; round < 10; round++) {
      using wire = startWire(elbow.port());
      using client = await SecureClient.connect(wire.port, only);
      const far = await eventually(() => wire.far[0]);
      await client.send(new Uint8Array(100_000 + round));
      // The records are on the wire as a whole, and FIN comes behind the last of them.
      await eventually(() => far.sentBytes > 100_000 + round);
      await far.halfClose();
      const connection = await instance.connection(round);
      await connection.receiveEnd();
      expect([connection.ending, connection.receivedBytes]).toEqual(["eof", 100_000 + round]);
    }
    await isEmpty(elbow);
  });

  test("a handshake's last word, bytes and the end in one piece", async () => {
    using instance = FakeInstance.start(echo);
    await using elbow = await start(instance);
    for (const end of ["halfClose", "close"] as const) {
      const rounds = 3;
      for (let round = 0; round < rounds; round++) {
        const held = Promise.withResolvers<void>();
        // The ClientHello goes through at once; all that follows it in one write, with the FIN behind.
        using wire = FakeInstance.start(async (near) => {
          const far = await RawClient.connect(elbow.port());
          await near.waitFor(() => near.availableBytes > 0, "a ClientHello");
          await far.send(near.takeAvailable());
          const back = carry(far, near);
          if (version === "TLSv1.2") {
            // The client waits for the server's last word before it says anything.
            await near.waitFor(() => near.availableBytes > 0, "the client's keys");
            await far.send(near.takeAvailable());
          }
          await held.promise;
          await far.send(near.takeAvailable());
          await far.halfClose();
          await back;
        });
        using client = await SecureClient.connect(wire.port, only);
        await client.send("all at once");
        await client[end]();
        const near = await wire.connection();
        await near.waitFor(
          () => countRecords(near.peek()) === (version === "TLSv1.2" ? 2 : 3),
          "the client's last words",
        );
        held.resolve();
        if (end === "halfClose") expect((await client.takeToEnd()).toString()).toBe("all at once");
        const connection = await instance.connection((end === "halfClose" ? 0 : rounds) + round);
        await connection.receiveEnd();
        expect(Buffer.concat(connection.recorded).toString()).toBe("all at once");
      }
    }
    await isEmpty(elbow);
  });

  test("a client that says goodbye and doesn't wait for ours has done nothing wrong", async () => {
    using instance = FakeInstance.start(echo);
    await using elbow = await start(instance);
    // A wire whose far end closes as soon as it has passed the client's goodbye on: ours meets a closed socket.
    using wire = FakeInstance.start(async (near) => {
      const far = await RawClient.connect(elbow.port());
      const back = carry(far, near).catch(() => {});
      await near.waitFor(() => near.ending === "eof" || near.availableBytes > 0, "a ClientHello");
      while (near.ending === "open" || near.availableBytes > 0) {
        const bytes = near.takeAvailable();
        if (bytes.length > 0) await far.send(bytes);
        else await near.waitFor(() => near.availableBytes > 0 || near.ending !== "open", "more");
      }
      await far.close();
      await back;
    });
    for (let round = 0; round < 5; round++) {
      using client = await SecureClient.connect(wire.port, only);
      await client.send("hello");
      await client.takeBytes(5);
      await client.halfClose();
      await client.receiveEnd();
    }
    await isEmpty(elbow);
    expect(faultsOf(elbow.port())).toEqual({});
  });

  test("a reset goes through as a reset, both ways", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await start(instance);
    {
      using client = await SecureClient.connect(elbow.port(), only);
      const connection = await instance.connection(0);
      client.reset();
      expect(await connection.receiveEnd()).toBe("reset");
    }
    using client = await SecureClient.connect(elbow.port(), only);
    const connection = await instance.connection(1);
    await client.send("x");
    await connection.takeBytes(1);
    connection.reset();
    expect(await client.receiveEnd()).toBe("reset");
    await isEmpty(elbow);
  });
});
