// Instances that speak TLS badly or in bad faith, and somebody between elbow and them: no client gets a byte that the
// instance didn't send, no byte of a client's gets out, and what was held for them is given back.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import { descriptors } from "../../src/net/descriptors.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import { Random } from "../fuzz/random.ts";
import { seededBytes } from "../support/byte-stream.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { liveObjects, noNewSockets, openSockets } from "../support/leaks.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, greet, serveHttp, silence } from "../support/scripts.ts";
import { encryptTo, TlsInstance, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const versions = ["TLSv1.2", "TLSv1.3"] as const;
const right = await issueTestCertificate({ tag: "right" });
const bodyBytes = 200_000;

/** Stands between elbow and an instance and passes bytes on as `change` has them; undefined cuts both ends. */
const standBetween = (
  to: { readonly port: number },
  change: (chunk: Buffer, sentBytes: number, isToBackend: boolean) => Uint8Array | undefined,
): FakeInstance => {
  const pass = async (
    from: InstanceConnection | RawClient,
    into: InstanceConnection | RawClient,
    isToBackend: boolean,
  ) => {
    for (let sentBytes = 0; ; ) {
      await from.waitFor(() => from.availableBytes > 0 || from.ending !== "open", "bytes", 60_000);
      const chunk = from.takeAvailable();
      if (chunk.length === 0) return from.ending === "eof" ? into.halfClose() : into.reset();
      const changed = change(chunk, sentBytes, isToBackend);
      sentBytes += chunk.length;
      if (changed === undefined) {
        from.dispose();
        into.dispose();
        return;
      }
      await into.send(changed);
    }
  };
  return FakeInstance.start(async (connection) => {
    using onward = await RawClient.connect(to.port);
    await Promise.all([pass(connection, onward, true), pass(onward, connection, false)]).catch(() => {});
  });
};

describe.each(versions)("%s", (version) => {
  test.each([
    ["an answer", false],
    ["a request", true],
  ])("a byte changed in the middle of %s: nobody takes it for the real one", async (_, isToBackend) => {
    const body = seededBytes(bodyBytes, 5);
    using instance = await TlsInstance.secure(
      serveHttp(({ body: got }) => formatResponse(isToBackend ? String(got.length) : body)),
      { version, certificate: right },
    );
    let hasChanged = false;
    using between = standBetween(instance, (chunk, sentBytes, isThatWay) => {
      // Behind any handshake, in front of the end.
      if (isThatWay !== isToBackend || hasChanged || sentBytes + chunk.length < 20_000) return chunk;
      hasChanged = true;
      chunk[chunk.length - 1]! ^= 1;
      return chunk;
    });
    await using elbow = await startElbow({
      listeners: [encryptTo("HTTP", trustKeysOf(right))],
      instances: [between],
    });
    using client = await RawClient.connect(elbow.port());
    if (isToBackend) {
      const answer = await exchange(client, "/", { method: "PUT", body }).catch(() => undefined);
      expect([instance.requests, answer?.status === 200]).toEqual([[], false]);
    } else {
      await client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
      await client.takeUntil("\r\n\r\n");
      expect(await client.receiveEnd()).toBe("reset");
      // What came before the change may have gone through; not one byte of it is another than the instance's.
      const got = client.takeAvailable();
      expect(got.length).toBeLessThan(bodyBytes);
      expect(got.equals(body.subarray(0, got.length))).toBe(true);
    }
    expect(hasChanged).toBe(true);
    await eventually(() => elbow.outstanding() === 0);
  });

  test("a cut in the middle of an answer, by a reset or in good order: the client gets no whole answer", async () => {
    for (const how of ["reset", "close"] as const) {
      using instance = await TlsInstance.secure(
        async (connection) => {
          await connection.readRequest();
          await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes}\r\n\r\n`);
          await connection.send(seededBytes(bodyBytes / 2, 6));
          if (how === "reset") connection.reset();
          else await connection.close();
        },
        { version },
      );
      await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
      using client = await RawClient.connect(elbow.port());
      await expect(exchange(client, "/")).rejects.toThrow();
      expect(await client.receiveEnd()).toBe("reset");
      await eventually(() => elbow.outstanding() === 0);
    }
  });

  test("cut at many places of the handshake: 502, or a request that is served", async () => {
    using instance = await TlsInstance.secure(answerText("served"), { version });
    let cutAt = 0;
    using between = standBetween(instance, (chunk, sentBytes, isToBackend) =>
      isToBackend || sentBytes + chunk.length <= cutAt ? chunk : undefined,
    );
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [between] });
    using client = await RawClient.connect(elbow.port());
    for (cutAt = 0; cutAt < 1200; cutAt += 37) {
      const { status } = await exchange(client, "/");
      expect([200, 502, 504]).toContain(status);
    }
    await eventually(() => elbow.outstanding() === 0);
    await elbow.stop();
    await eventually(() => between.openConnections === 0);
  });
});

test("hundreds of handshakes that stall: others are served, and all is given back when their clients leave", async () => {
  const baseline = openSockets();
  const before = [descriptors.idle, descriptors.clients, countArmedDeadlines()];
  {
    using stalling = FakeInstance.start(silence);
    using good = await TlsInstance.secure(greet("hi"));
    await using elbow = await startElbow({
      listeners: [encryptTo("TCP"), encryptTo("HTTP")],
      instances: [stalling],
      attributes: { connectTimeout: 60 },
    });
    await using other = await startElbow({ name: "other", listeners: [encryptTo("TCP")], instances: [good] });
    const fibers = elbow.activeFibers();
    const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(elbow.port())));
    for (const client of clients) await client.send("held back");
    await eventually(() => stalling.connections.filter(({ receivedBytes }) => receivedBytes > 0).length === 300);
    // A first dial takes no fiber, however long.
    expect([elbow.outstanding(), elbow.activeFibers()]).toEqual([300, fibers]);
    using client = await RawClient.connect(other.port());
    await client.halfClose();
    expect((await client.takeToEnd()).toString()).toBe("hi");
    for (const one of clients) one.dispose();
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0, { timeoutMs: 10_000 });
    await eventually(() => stalling.openConnections === 0);
    // Only ClientHellos came: nothing of what the clients said.
    const heard = stalling.connections.flatMap(({ recorded }) => recorded);
    expect(heard.some((chunk) => chunk.includes("held back"))).toBe(false);
  }
  await noNewSockets(baseline);
  await eventually(() => countArmedDeadlines() === before[2]);
  expect([descriptors.idle, descriptors.clients]).toEqual(before.slice(0, 2) as [number, number]);
});

test("what instances say in place of a handshake, at random: a failure each time, and nothing kept", async () => {
  const random = new Random(Number(process.env.FUZZ_SEED ?? 20_261));
  const baseline = openSockets();
  const heads = ["160303", "150303", "170303", "160301", "140303", "48545450", "ffffff"];
  const objects = () => liveObjects("TLSSocket");
  {
    using instance = FakeInstance.start(async (connection) => {
      await connection.takeBytes(1);
      const junk = Buffer.from(Array.from({ length: random.below(400) }, () => random.below(256)));
      await connection.send(Buffer.concat([Buffer.from(random.pick(heads), "hex"), junk]));
      if (random.chance(0.5)) await connection.close();
      else connection.reset();
    });
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    const count = objects();
    for (let round = 0; round < 300; round++) expect((await exchange(client, "/")).status).toBe(502);
    await eventually(() => elbow.outstanding() === 0 && elbow.status()[0]!.instances[0]!.openConnections === 0);
    await eventually(() => objects() - count < 40, { what: `few sockets beyond ${count}` });
  }
  await noNewSockets(baseline);
});

test("an instance with another wrong key at each connection can't flood the log", async () => {
  const said: Array<string> = [];
  const stop = observeNotices((text) => void said.push(text));
  try {
    const keys = await Promise.all(
      Array.from({ length: 20 }, (_, index) => issueTestCertificate({ tag: `f${index}` })),
    );
    using instance = await TlsInstance.secure(answerText("never"));
    await using elbow = await startElbow({
      listeners: [encryptTo("HTTP", trustKeysOf(right))],
      instances: [instance],
    });
    using client = await RawClient.connect(elbow.port());
    for (const certificate of keys) {
      instance.change({ certificate });
      expect((await exchange(client, "/")).status).toBe(502);
    }
    expect(said.length).toBe(8);
    expect(instance.applicationBytes).toBe(0);
  } finally {
    stop();
  }
});

test("an instance that stops reading holds its client back, and gets every byte when it reads again", async () => {
  using instance = await TlsInstance.secure(async (connection) => {
    connection.pauseReading();
    await connection.send("paused");
    await Bun.sleep(300);
    connection.resumeReading();
    await echo(connection);
  });
  await using elbow = await startElbow({ listeners: [encryptTo("TCP")], instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  expect((await client.takeBytes(6)).toString()).toBe("paused");
  const sent = seededBytes(12_000_000, 9);
  const sending = client.send(sent);
  const digest = client.digest(sent.length);
  await sending;
  expect((await digest).sha256).toBe(new Bun.CryptoHasher("sha256").update(sent).digest("hex"));
});
