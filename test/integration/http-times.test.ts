// Layer 7, time: every phase of a connection has its bound, and bytes that trickle renew none that isn't about silence.
import { expect, setDefaultTimeout, test } from "bun:test";
import { clock } from "../../src/net/clock.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, type RunningElbow, startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { startHttp } from "../support/http-elbow.ts";
import { exchange, formatResponse, header, readHead, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { startSilentPort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const requestTimeout = "HTTP/1.1 408 REQUEST_TIMEOUT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const get = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
const post = (length: number) => `POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n`;

/** Sends a byte every 50 ms until the test is over or the connection is. */
const trickle = (client: RawClient, text: string): Promise<unknown> =>
  client.sendSlowly(text, 1, 50).catch(() => "stopped");

/** How long `body` took, in milliseconds. */
const timed = async (body: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now();
  await body();
  return performance.now() - startedAt;
};

const isGone = (elbow: RunningElbow) => eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);

/** At its time, and not much later: one step of the wheel, and a busy machine. */
const expectAbout = (tookMs: number, wantedMs: number): void => {
  expect(tookMs).toBeGreaterThan(wantedMs - 150);
  expect(tookMs).toBeLessThan(wantedMs + 2500);
};

test("head: its time begins with its first byte, and trickling doesn't renew it", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance], attributes: { requestHeadTimeout: 1 } });
  using outcomes = new Outcomes();
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).status).toBe(200);
  const sending = trickle(client, `GET / HTTP/1.1\r\nX: ${"x".repeat(500)}`);
  expectAbout(await timed(async () => expect((await client.takeToEnd()).toString()).toBe(requestTimeout)), 1000);
  expect(await outcomes.at(1)).toMatchObject({ status: 408, reason: "requestHeadTimeout" });
  client.dispose();
  await sending;
  await isGone(elbow);
});

test("head: the time of the configuration that it began under holds", async () => {
  const withTime = (requestHeadTimeout: number): WrittenLoadBalancer => ({
    protocol: "HTTP",
    instances: [],
    attributes: { requestHeadTimeout },
  });
  await using elbow = await startElbow(withTime(1));
  using client = await RawClient.connect(elbow.port());
  await client.send("GET / HT");
  const receivedBytes = () =>
    collectMetrics()
      .filter(({ name }) => name === "elbow_received_bytes_total")
      .reduce((sum, { samples }) => sum + samples.reduce((all, { value }) => all + value, 0), 0);
  await eventually(() => receivedBytes() === 8);
  await elbow.apply(configurationOf([withTime(60)]));
  expect((await client.takeToEnd()).toString()).toBe(requestTimeout);
});

test("empty lines before a head keep no connection open", async () => {
  await using elbow = await startHttp({ instances: [], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  const sending = trickle(client, "\r\n".repeat(250));
  expectAbout(await timed(async () => expect((await client.takeToEnd()).toString()).toBe("")), 1000);
  client.dispose();
  await sending;
  await isGone(elbow);
});

test("body: one that falls behind its rate gets 408, one that keeps up is served", async () => {
  using instance = FakeInstance.start(serveHttp(({ body }) => formatResponse(String(body.length))));
  await using elbow = await startHttp({
    instances: [instance],
    attributes: { requestBodyTimeout: 0.5, requestBodyRate: 40 },
  });
  using outcomes = new Outcomes();
  using slow = await RawClient.connect(elbow.port());
  using fair = await RawClient.connect(elbow.port());
  await slow.send(post(10_000));
  await fair.send(post(400));
  const sending = trickle(slow, "x".repeat(500));
  // 80 bytes a second, and longer than any time without a rate.
  const served = fair.sendSlowly("x".repeat(400), 8, 80);
  expectAbout(await timed(async () => expect((await slow.takeToEnd()).toString()).toBe(requestTimeout)), 1000);
  expect(await outcomes.at(0)).toMatchObject({ status: 408, reason: "requestBodyTimeout" });
  await served;
  expect((await readResponse(fair)).body.toString()).toBe("400");
  slow.dispose();
  await sending;
  // The instance of the slow one never saw a whole request.
  expect(instance.requests.length).toBe(1);
});

test("body: an answer that has begun goes on, however slow the body is", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await readHead(connection);
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nsome");
    // Well over the body's time: another request is refused for it meanwhile.
    await refused.promise;
    await connection.send("thing!");
  });
  const refused = Promise.withResolvers<void>();
  await using elbow = await startHttp({
    instances: [instance],
    attributes: { requestBodyTimeout: 0.5, requestBodyRate: 1000 },
  });
  using outcomes = new Outcomes();
  using client = await RawClient.connect(elbow.port());
  await client.send(post(1000));
  await client.takeUntil("some");
  instance.become(async (connection) => {
    await readHead(connection);
    await connection.receiveEnd(20_000);
  });
  using slower = await RawClient.connect(elbow.port());
  await slower.send(post(1000));
  expect((await readResponse(slower)).status).toBe(408);
  refused.resolve();
  expect((await client.takeUntil("thing!")).toString()).toEndWith("thing!");
  expect(await outcomes.at(1)).toMatchObject({ status: 200, reason: undefined });
});

test("body: a client that its instance holds back isn't slow", async () => {
  let resume = () => {};
  const resumed = new Promise<void>((resolve) => {
    resume = resolve;
  });
  using instance = FakeInstance.start(async (connection) => {
    await readHead(connection);
    connection.pauseReading();
    await resumed;
    connection.resumeReading();
    const { bytes } = await connection.digest(32 * MIB);
    await connection.send(formatResponse(String(bytes)));
  });
  await using elbow = await startHttp({
    instances: [instance],
    attributes: { requestBodyTimeout: 0.5, requestBodyRate: 1_000_000_000 },
  });
  using client = await RawClient.connect(elbow.port());
  await client.send(post(32 * MIB));
  const sending = client.send(new Uint8Array(32 * MIB));
  // Held for twice the time that a body may take.
  const { nowMs } = clock;
  await eventually(() => clock.nowMs >= nowMs + 1500);
  expect(client.ending).toBe("open");
  resume();
  await sending;
  expect((await readResponse(client)).body.toString()).toBe(String(32 * MIB));
});

test("waiting for a connection: what the client sends meanwhile renews nothing", async () => {
  const silent = await startSilentPort();
  try {
    await using elbow = await startHttp({ instances: [silent], attributes: { idleTimeout: 1, connectTimeout: 30 } });
    using client = await RawClient.connect(elbow.port());
    await client.send(post(1000));
    const sending = trickle(client, "x".repeat(500));
    const tookMs = await timed(async () => expect((await readResponse(client)).status).toBe(504));
    expectAbout(tookMs, 1000);
    client.dispose();
    await sending;
    await isGone(elbow);
  } finally {
    silent.stop();
  }
});

test("waiting for an answer: what the client sends ahead renews nothing", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startHttp({ instances: [instance], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  await client.send(get);
  const sending = trickle(client, "GET / HTTP/1.1\r\nHost: test\r\nX: ".padEnd(500, "x"));
  expectAbout(await timed(async () => expect((await readResponse(client)).status).toBe(504)), 1000);
  client.dispose();
  await sending;
  await isGone(elbow);
});

test("an answer: each byte of it is a sign of life", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await connection.readRequest();
    await connection.sendSlowly(formatResponse("0123456789"), 5, 150);
  });
  await using elbow = await startHttp({ instances: [instance], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).body.toString()).toBe("0123456789");
});

test("a client that takes nothing of its answer is cut after the idle timeout", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await connection.readRequest();
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${32 * MIB}\r\n\r\n`);
    await connection.send(new Uint8Array(32 * MIB)).catch(() => {});
  });
  await using elbow = await startHttp({ instances: [instance], attributes: { idleTimeout: 1 } });
  using outcomes = new Outcomes();
  using client = await RawClient.connect(elbow.port());
  client.pauseReading();
  await client.send(get);
  expect(await outcomes.at(0)).toMatchObject({ status: 200, reason: "responseTimeout" });
  await isGone(elbow);
  client.resumeReading();
  expect(await client.receiveEnd()).toBe("reset");
});

test("lingering: a client that goes on sending behind the last answer has so long, however it trickles", async () => {
  using instance = FakeInstance.start(answerText("last"));
  await using elbow = await startHttp({ instances: [instance], attributes: { lingerTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  await client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  const response = await readResponse(client);
  expect([response.body.toString(), header(response, "connection")]).toEqual(["last", "close"]);
  expect(await client.receiveEnd()).toBe("eof");
  const sending = trickle(client, "x".repeat(500));
  expectAbout(await timed(() => isGone(elbow)), 1000);
  expect(await sending).toBe("stopped");
});

// The time of what was sent ahead begins in the very moment in which another time ends.
test("idle: a request that was sent ahead of a 504 has its own time, not a longer one", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await readHead(connection);
    await connection.receiveEnd(20_000);
  });
  await using elbow = await startHttp({
    instances: [instance],
    attributes: { idleTimeout: 1, requestHeadTimeout: 20, requestBodyRate: 0 },
  });
  for (const [ahead, reason] of [
    ["GET /b HT", "requestHeadTimeout"],
    ["POST /b HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\nsome", "requestBodyTimeout"],
  ] as const) {
    using outcomes = new Outcomes();
    using client = await RawClient.connect(elbow.port());
    await client.send(`GET /a HTTP/1.1\r\nHost: test\r\n\r\n${ahead}`);
    expect((await readResponse(client)).status).toBe(504);
    expectAbout(await timed(async () => expect((await client.takeToEnd()).toString()).toBe(requestTimeout)), 1000);
    expect(await outcomes.at(1)).toMatchObject({ status: 408, reason });
  }
  await isGone(elbow);
});

test("idle: a reload that shortens it holds from the next request on", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  const withTime = (idleTimeout: number): WrittenLoadBalancer => ({
    protocol: "HTTP",
    instances: [instance],
    attributes: { idleTimeout },
  });
  await using elbow = await startElbow(withTime(30));
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).status).toBe(200);
  await elbow.apply(configurationOf([withTime(1)]));
  expect((await exchange(client, "/")).status).toBe(200);
  expectAbout(await timed(() => client.receiveEnd()), 1000);
});

test("idle: a reload that shortens it holds for a head from its first byte on", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  const withTime = (idleTimeout: number): WrittenLoadBalancer => ({
    protocol: "HTTP",
    instances: [instance],
    attributes: { idleTimeout, requestHeadTimeout: 20 },
  });
  await using elbow = await startElbow(withTime(30));
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).status).toBe(200);
  await elbow.apply(configurationOf([withTime(1)]));
  await client.send("GET /2 HTT");
  expectAbout(await timed(async () => expect((await client.takeToEnd()).toString()).toBe(requestTimeout)), 1000);
});
