// Layer 7, an answer that comes before its request is whole: the client gets it at once, the instance never gets a whole
// request from us, and the connection lives on where that costs little (RFC 9112 §9.3, §9.6).
import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { startHttp } from "../support/http-elbow.ts";
import { exchange, formatResponse, header, readHead, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const tooLarge = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig";
const put = (length: number) => `PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n`;
const putChunked = "PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n";

/** Serves GET, and answers anything else once its head has come. */
const answersEarly =
  (answer: string): Script =>
  async (connection) => {
    while ((await readHead(connection, 30_000)).startLine.startsWith("GET ")) {
      await connection.send(formatResponse("served"));
    }
    await connection.send(answer);
    await connection.receiveEnd(30_000);
  };

test.each([
  ["a length", put(1000), "x".repeat(400), "x".repeat(600)],
  ["chunks", putChunked, `190\r\n${"x".repeat(400)}`, "\r\n1\r\nx\r\n0\r\nT: 1\r\n\r\n"],
] as const)(
  "with %s: the rest is read away and the connection serves the next request",
  async (_, head, some, rest) => {
    using instance = FakeInstance.start(answersEarly(tooLarge));
    await using elbow = await startHttp({ instances: [instance] });
    using outcomes = new Outcomes();
    using client = await RawClient.connect(elbow.port());
    await client.send(head + some);
    const response = await readResponse(client);
    expect([response.status, response.body.toString(), header(response, "connection")]).toEqual([
      413,
      "big",
      "keep-alive",
    ]);
    // The instance sees a cut, never the end of the body.
    expect(await (await instance.connection()).receiveEnd()).toBe("reset");
    expect(await outcomes.at(0)).toMatchObject({ status: 413, reason: undefined });
    await eventually(() => elbow.outstanding() === 0);
    // The rest comes together with the next request.
    await client.send(`${rest}GET / HTTP/1.1\r\nHost: test\r\n\r\n`);
    expect((await readResponse(client)).body.toString()).toBe("served");
    expect((await exchange(client, "/")).body.toString()).toBe("served");
  },
);

test("a body that is known to be too long to throw away: the answer says so and the connection ends in good order", async () => {
  using instance = FakeInstance.start(answersEarly(tooLarge));
  await using elbow = await startHttp({ instances: [instance], attributes: { maxUnreadBodyBytes: 10_000 } });
  for (const [left, connection] of [
    [10_000, "keep-alive"],
    [10_001, "close"],
  ] as const) {
    using client = await RawClient.connect(elbow.port());
    await client.send(`${put(left + 100)}${"x".repeat(100)}`);
    const response = await readResponse(client);
    expect([response.status, header(response, "connection")]).toEqual([413, connection]);
    if (connection === "close") expect(await client.receiveEnd()).toBe("eof");
    else expect(client.ending).toBe("open");
  }
});

test("a body in chunks that turns out to be too long ends the connection; the answer isn't lost to a reset", async () => {
  using instance = FakeInstance.start(answersEarly(tooLarge));
  await using elbow = await startHttp({ instances: [instance], attributes: { maxUnreadBodyBytes: 10_000 } });
  using client = await RawClient.connect(elbow.port());
  await client.send(putChunked);
  await eventually(() => elbow.outstanding() === 0 && client.availableBytes > 0);
  // A client that writes before it reads: its answer must still be there afterwards.
  for (let index = 0; index < 40; index++) await client.send(`3e8\r\n${"x".repeat(1000)}\r\n`);
  const response = await readResponse(client);
  expect([response.status, header(response, "connection")]).toEqual([413, "keep-alive"]);
  expect(await client.receiveEnd()).toBe("eof");
  await client.close();
  await eventually(() => elbow.openConnections() === 0);
});

test("a body that doesn't come within its time ends the connection, however it trickles", async () => {
  using instance = FakeInstance.start(answersEarly(tooLarge));
  await using elbow = await startHttp({
    instances: [instance],
    attributes: { unreadBodyTimeout: 0.5, lingerTimeout: 0.5 },
  });
  using client = await RawClient.connect(elbow.port());
  await client.send(put(1000));
  expect((await readResponse(client)).status).toBe(413);
  const startedAt = performance.now();
  const trickle = client.sendSlowly("x".repeat(200), 1, 50).catch(() => "stopped");
  expect(await client.receiveEnd()).toBe("eof");
  expect(performance.now() - startedAt).toBeGreaterThan(400);
  await eventually(() => elbow.openConnections() === 0);
  expect(await trickle).toBe("stopped");
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

test.each([
  ["closes", (end) => end.close()],
  ["half-closes", (end) => end.halfClose()],
  ["resets", (end) => end.reset()],
] satisfies ReadonlyArray<readonly [string, (end: RawClient) => unknown]>)(
  "an instance that %s behind its early answer does not take it with it",
  async (_, leave) => {
    let hasLeft = false;
    using instance = FakeInstance.start(async (connection) => {
      await readHead(connection);
      connection.pauseReading();
      await connection.send(tooLarge);
      await leave(connection as unknown as RawClient);
      hasLeft = true;
    });
    await using elbow = await startHttp({ instances: [instance] });
    for (let round = 0; round < 20; round++) {
      using client = await RawClient.connect(elbow.port());
      hasLeft = false;
      await client.send(put(50_000));
      // More of the body goes out while the answer and the end are on their way.
      const sending = client.sendSlowly("x".repeat(50_000), 10_000, 0).catch(() => {});
      const response = await readResponse(client);
      expect([response.status, response.body.toString()]).toEqual([413, "big"]);
      await sending;
      await eventually(() => hasLeft);
    }
    await eventually(() => elbow.outstanding() === 0);
    expect(instance.scriptErrors).toEqual([]);
  },
);

test("an early answer and its body stream both ways at once, and both sides stay connected when both are whole", async () => {
  using instance = FakeInstance.start(async (connection) => {
    for (let round = 0; round < 2; round++) {
      await readHead(connection);
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
      expect((await connection.takeBytes(6)).toString()).toBe("foobar");
      await connection.send("foobar");
    }
  });
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  for (let round = 0; round < 2; round++) {
    await client.send(`${put(6)}foo`);
    expect((await readHead(client)).startLine).toBe("HTTP/1.1 200 OK");
    await client.send("bar");
    expect((await client.takeBytes(6)).toString()).toBe("foobar");
  }
  expect(instance.connections.length).toBe(1);
  expect(instance.scriptErrors).toEqual([]);
});

test("a client that half-closes in the middle of its body still gets an answer that has begun", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await readHead(connection);
    await connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo ");
    await connection.takeUntil("some");
    await eventually(() => hasEnded);
    await connection.send("long");
  });
  let hasEnded = false;
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(put(1000));
  await client.takeUntil("too ");
  await client.send("some");
  await client.halfClose();
  hasEnded = true;
  expect((await client.takeToEnd()).toString()).toBe("long");
  // Half a request must not look like a whole one.
  expect(await (await instance.connection()).receiveEnd()).toBe("reset");
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("503 to a request whose body is still coming: read away, and the connection lives on", async () => {
  await using elbow = await startHttp({ instances: [] });
  using client = await RawClient.connect(elbow.port());
  for (let round = 0; round < 2; round++) {
    await client.send(`${put(100_000)}${"x".repeat(10)}`);
    const response = await readResponse(client);
    expect([response.status, header(response, "connection")]).toEqual([503, "keep-alive"]);
    await client.send("x".repeat(99_990));
  }
  await client.send(put(10_000_000));
  const response = await readResponse(client);
  expect([response.status, header(response, "connection")]).toEqual([503, "close"]);
  expect(await client.receiveEnd()).toBe("eof");
});

test("a body of 256 MiB that nobody reads is thrown away at its client's pace, and others are served meanwhile", async () => {
  using instance = FakeInstance.start(answersEarly(tooLarge));
  await using elbow = await startHttp({ instances: [instance], attributes: { maxUnreadBodyBytes: 1_073_741_824 } });
  using client = await RawClient.connect(elbow.port());
  using bystander = await RawClient.connect(elbow.port());
  await client.send(put(256 * 1024 * 1024));
  expect((await readResponse(client)).status).toBe(413);
  const block = new Uint8Array(1024 * 1024);
  for (let index = 0; index < 256; index++) {
    await client.send(block);
    if (index % 64 === 0) expect((await exchange(bystander, "/")).body.toString()).toBe("served");
  }
  expect((await exchange(client, "/")).body.toString()).toBe("served");
});
