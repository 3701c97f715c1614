// Clients and instances that are slow on purpose: they hold what is theirs, and nobody else waits for them.
import { expect, setDefaultTimeout, test } from "bun:test";
import { sendStream } from "../support/byte-stream.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, readHead } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

test("200 clients that never finish their head: others are served, and they get 408 in time", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({
    protocol: "HTTP",
    instances: [instance],
    attributes: { requestHeadTimeout: 1 },
  });
  const slow = await Promise.all(Array.from({ length: 200 }, () => RawClient.connect(elbow.port())));
  try {
    await Promise.all(slow.map((client) => client.send("GET / HTTP/1.1\r\nHost: test\r\nX-Slow:")));
    for (let round = 0; round < 10; round++) {
      using client = await RawClient.connect(elbow.port());
      expect((await exchange(client, "/")).body.toString()).toBe("served");
    }
    const ends = await Promise.all(slow.map((client) => client.takeUntil("\r\n")));
    expect(new Set(ends.map(String))).toEqual(new Set(["HTTP/1.1 408 REQUEST_TIMEOUT\r\n"]));
    // Slow ones held no instance.
    expect(instance.requests.length).toBe(10);
    for (const client of slow) client.dispose();
    await eventually(() => elbow.openConnections() === 0);
  } finally {
    for (const client of slow) client.dispose();
  }
});

test("a client that does not read its answer is dropped after the idle timeout, its instance is free again", async () => {
  using instance = FakeInstance.start(
    serveHttp(async ({ target }, connection) => {
      if (target !== "/big") return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
      await sendStream(connection, 64 * MIB, 1).catch(() => {});
      return undefined;
    }),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes: { idleTimeout: 1 } });
  using stalled = await RawClient.connect(elbow.port());
  await stalled.send("GET /big HTTP/1.1\r\nHost: test\r\n\r\n");
  await stalled.takeUntil("\r\n\r\n");
  stalled.pauseReading();
  const connection = await instance.connection();
  expect(["eof", "reset"]).toContain(await connection.receiveEnd());
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  using other = await RawClient.connect(elbow.port());
  expect((await exchange(other, "/small")).body.toString()).toBe("ok");
  // What it did not read was never falsely completed.
  stalled.resumeReading();
  await expect(stalled.takeBytes(64 * MIB)).rejects.toThrow("ended");
});

test("a layer-4 reader that stalls for the idle timeout is dropped on both sides", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance], attributes: { idleTimeout: 1 } });
  using stalled = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  stalled.pauseReading();
  const sending = sendStream(connection, 64 * MIB, 2).catch(() => "cut");
  expect(["eof", "reset"]).toContain(await connection.receiveEnd());
  expect(await sending).toBe("cut");
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("an instance that trickles its answer within the idle timeout is waited for; one that stops is cut", async () => {
  using instance = FakeInstance.start(
    serveHttp(async ({ target }, connection) => {
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
      await connection.sendSlowly("0123456789".slice(0, target === "/all" ? 10 : 5), 1, 300);
      return undefined;
    }),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes: { idleTimeout: 1 } });
  using patient = await RawClient.connect(elbow.port());
  using unlucky = await RawClient.connect(elbow.port());
  const [whole, cut] = await Promise.all([
    exchange(patient, "/all"),
    exchange(unlucky, "/part").then(
      () => "complete",
      (error: Error) => error.name,
    ),
  ]);
  expect(whole.body.toString()).toBe("0123456789");
  expect(cut).toBe("CutError");
  await eventually(() => elbow.outstanding() === 0);
});

test("a request that is sent byte by byte over the idle timeout's length arrives, body and all", async () => {
  using instance = FakeInstance.start(async (connection) => {
    const head = await readHead(connection);
    expect(head.startLine).toBe("PUT / HTTP/1.1");
    expect((await connection.takeBytes(8)).toString()).toBe("abcdefgh");
    await connection.send("HTTP/1.1 204 No Content\r\n\r\n");
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  await client.send("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 8\r\n\r\n");
  await client.sendSlowly("abcdefgh", 1, 250);
  expect((await client.takeUntil("\r\n")).toString()).toBe("HTTP/1.1 204 No Content\r\n");
  expect(instance.scriptErrors).toEqual([]);
});
