// Layer 7, the limits of a load balancer: each has its default, each can be changed, and each holds to the byte. What is
// at the limit is served, what is one beyond it gets its answer. Times are in http-times.test.ts, idle connections in
// http-pool.test.ts and http-ahead.test.ts.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Attributes, defaultAttributes } from "../../src/model/attributes.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { startServing } from "../support/http-elbow.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const fill = (length: number): string => "a".repeat(length);

/** A header line of `length` bytes, its line end included. */
const line = (length: number): string => `X: ${fill(length - 5)}\r\n`;

/** `length` bytes of header lines, none of them near the limit of a line. */
const lines = (length: number): string => {
  let text = "";
  while (length - text.length > 20_000) text += line(10_000);
  const half = Math.floor((length - text.length) / 2);
  return text + line(half) + line(length - text.length - half);
};

/** The status that one request gets on a connection of its own. */
const statusOf = async (elbow: RunningElbow, request: string): Promise<number> => {
  using client = await RawClient.connect(elbow.port());
  await client.send(request);
  return (await readResponse(client)).status;
};

interface Limit {
  readonly attribute: keyof Attributes;
  /** A value other than the default. */
  readonly changed: number;
  /** A request that has exactly so much of what is limited. */
  readonly request: (size: number) => string;
  readonly over: number;
}

const requestLine = "GET / HTTP/1.1\r\n";
const host = "Host: test\r\n";

const requestLimits: ReadonlyArray<Limit> = [
  {
    attribute: "maxMethodLength",
    changed: 10,
    request: (size) => `${fill(size)} / HTTP/1.1\r\n${host}\r\n`,
    over: 405,
  },
  {
    attribute: "maxRequestLineBytes",
    changed: 300,
    request: (size) => `GET /${fill(size - requestLine.length)} HTTP/1.1\r\n${host}\r\n`,
    over: 400,
  },
  { attribute: "maxHeaderBytes", changed: 300, request: (size) => `${requestLine}${host}${line(size)}\r\n`, over: 400 },
  {
    attribute: "maxRequestHeadBytes",
    changed: 2000,
    request: (size) => `${requestLine}${host}${lines(size - requestLine.length - host.length - 2)}\r\n`,
    over: 400,
  },
  {
    attribute: "maxHeaders",
    changed: 300,
    request: (size) => `${requestLine}${host}${"X: a\r\n".repeat(size - 1)}\r\n`,
    over: 400,
  },
];

describe.each(requestLimits)("$attribute", ({ attribute, changed, request, over }) => {
  test.each([
    ["by default", {}, defaultAttributes[attribute] as number],
    ["changed", { [attribute]: changed }, changed],
  ])("%s", async (_, attributes, limit) => {
    await using at = await startServing(answerText("reached"), attributes);
    expect(await statusOf(at.elbow, request(limit))).toBe(200);
    expect(await statusOf(at.elbow, request(limit + 1))).toBe(over);
    expect(at.instance.requests.length).toBe(1);
  });
});

test("limits hold for heads that are repaired, as they came", async () => {
  await using at = await startServing(answerText("reached"), { maxRequestLineBytes: 300, maxHeaderBytes: 300 });
  const folded = (first: number, second: number) =>
    `${requestLine}${host}X: ${fill(first)}\r\n ${fill(second)}\r\n\r\n`;
  expect(await statusOf(at.elbow, folded(100, 100))).toBe(200);
  expect(await statusOf(at.elbow, folded(200, 200))).toBe(400);
  expect(await statusOf(at.elbow, folded(300, 1))).toBe(400);
  // Each blank goes on as three bytes, which is the instance's affair.
  const blanks = (count: number) => `GET /a${" a".repeat(count)} HTTP/1.1\r\n${host}\r\n`;
  expect(await statusOf(at.elbow, blanks(60))).toBe(200);
  expect(await statusOf(at.elbow, blanks(140))).toBe(200);
  expect(await statusOf(at.elbow, blanks(150))).toBe(400);
});

const statusLine = "HTTP/1.1 200 OK\r\n";
const length = "Content-Length: 0\r\n";

/** Like {@link Limit}, of the head of a response. */
const responseLimits: ReadonlyArray<Omit<Limit, "request" | "over"> & { readonly head: (size: number) => string }> = [
  {
    attribute: "maxResponseHeadBytes",
    changed: 2000,
    head: (size) => `${statusLine}${length}${lines(size - statusLine.length - length.length - 2)}\r\n`,
  },
  { attribute: "maxHeaderBytes", changed: 300, head: (size) => `${statusLine}${length}${line(size)}\r\n` },
  { attribute: "maxHeaders", changed: 300, head: (size) => `${statusLine}${length}${"X: a\r\n".repeat(size - 1)}\r\n` },
];

describe.each(responseLimits)("$attribute of a response", ({ attribute, changed, head }) => {
  test.each([
    ["by default", {}, defaultAttributes[attribute] as number],
    ["changed", { [attribute]: changed }, changed],
  ])("%s", async (_, attributes, limit) => {
    await using at = await startServing(
      serveHttp(({ target }) => head(target === "/over" ? limit + 1 : limit)),
      attributes,
    );
    using client = await RawClient.connect(at.elbow.port());
    expect((await exchange(client, "/at")).status).toBe(200);
    expect((await exchange(client, "/over")).status).toBe(502);
    expect((await exchange(client, "/at")).status).toBe(200);
  });
});

describe("maxReadAheadBytes", () => {
  const readMaxBytes = 512 * 1024;
  const total = 8 * 1024 * 1024;

  /** What elbow has read from its clients, by its own count. */
  const receivedBytes = (): number =>
    collectMetrics()
      .filter(({ name }) => name === "elbow_received_bytes_total")
      .flatMap(({ samples }) => samples)
      .reduce((sum, { value }) => sum + value, 0);

  test.each([
    ["by default", {}, defaultAttributes.maxReadAheadBytes],
    ["changed", { maxReadAheadBytes: 3 * 1024 * 1024 }, 3 * 1024 * 1024],
  ])("%s", async (_, attributes, limit) => {
    const isReleased = Promise.withResolvers<void>();
    const script = serveHttp(async ({ target, body }) => {
      if (target === "/held") await isReleased.promise;
      return formatResponse(`${target} ${body.length}`);
    });
    await using at = await startServing(script, attributes);
    using client = await RawClient.connect(at.elbow.port());
    await client.send(formatRequest("/held"));
    await eventually(() => at.instance.requests.length === 1);
    const sending = client.send(formatRequest("/ahead", { body: Buffer.alloc(total) }));
    await eventually(() => receivedBytes() >= limit);
    // Time for elbow to read on, if it were to: some exchanges on another connection.
    using other = await RawClient.connect(at.elbow.port());
    for (let round = 0; round < 20; round++) expect((await exchange(other, "/other")).status).toBe(200);
    expect(receivedBytes()).toBeLessThan(limit + readMaxBytes + 10_000);
    isReleased.resolve();
    expect((await readResponse(client)).body.toString()).toBe("/held 0");
    await sending;
    expect((await readResponse(client)).body.toString()).toBe(`/ahead ${total}`);
  });
});

describe("maxUnreadBodyBytes", () => {
  /** Answers as soon as it has the head, and reads no body. */
  const hasty: Script = async (connection) => {
    for (;;) {
      await connection.takeUntil("\r\n\r\n");
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
  };

  test.each([
    ["by default", {}, defaultAttributes.maxUnreadBodyBytes],
    ["changed", { maxUnreadBodyBytes: 1000 }, 1000],
    ["off", { maxUnreadBodyBytes: 0 }, 0],
  ])("%s", async (_, attributes, limit) => {
    await using at = await startServing(hasty, attributes);
    const begin = async (client: RawClient, size: number) => {
      await client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${size}\r\n\r\n`);
      return header(await readResponse(client), "connection");
    };
    using kept = await RawClient.connect(at.elbow.port());
    expect(await begin(kept, limit)).toBe("keep-alive");
    await kept.send(Buffer.alloc(limit));
    expect((await exchange(kept, "/next")).status).toBe(200);

    using closed = await RawClient.connect(at.elbow.port());
    expect(await begin(closed, limit + 1)).toBe("close");
    expect(await closed.receiveEnd()).toBe("eof");
  });

  test("unreadBodyTimeout bounds the wait for it", async () => {
    await using at = await startServing(hasty, { unreadBodyTimeout: 0.2 });
    using client = await RawClient.connect(at.elbow.port());
    await client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n");
    expect((await readResponse(client)).status).toBe(200);
    expect(await client.receiveEnd()).toBe("eof");
    await client.close();
    await eventually(() => at.elbow.openConnections() === 0);
  });
});

test("lingerTimeout bounds how long a client is listened to behind its last answer", async () => {
  const refused = "GET / HTTP/1.1\r\n\r\n";
  const refuse = async (elbow: RunningElbow, client: RawClient) => {
    await client.send(refused);
    expect((await readResponse(client)).status).toBe(400);
    expect(await client.receiveEnd()).toBe("eof");
    return elbow.openConnections();
  };
  await using short = await startServing(answerText("reached"), { lingerTimeout: 0.1 });
  await using long = await startServing(answerText("reached"), { lingerTimeout: 60 });
  using patient = await RawClient.connect(long.elbow.port());
  expect(await refuse(long.elbow, patient)).toBe(1);
  using hurried = await RawClient.connect(short.elbow.port());
  await refuse(short.elbow, hurried);
  await eventually(() => short.elbow.openConnections() === 0);
  expect(long.elbow.openConnections()).toBe(1);
  await patient.close();
  await eventually(() => long.elbow.openConnections() === 0);
});

test("each load balancer has its own limits, and a reload changes them for the next request of an open connection", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  const configuration = (strict: number) =>
    configurationOf([
      { name: "strict", protocol: "HTTP", instances: [instance], attributes: { maxHeaders: strict } },
      { name: "lax", protocol: "HTTP", instances: [instance] },
    ]);
  await using elbow = await startElbow(configuration(2));
  const headers = (count: number) => ({ headers: Array.from({ length: count - 1 }, () => ["X", "a"] as const) });
  using lax = await RawClient.connect(elbow.port(0, "lax"));
  expect((await exchange(lax, "/", headers(3))).status).toBe(200);
  using strict = await RawClient.connect(elbow.port(0, "strict"));
  expect((await exchange(strict, "/", headers(2))).status).toBe(200);
  await elbow.apply(configuration(3));
  expect((await exchange(strict, "/", headers(3))).status).toBe(200);
  await elbow.apply(configuration(1));
  expect((await exchange(strict, "/", headers(1))).status).toBe(200);
  expect((await exchange(strict, "/", headers(2))).status).toBe(400);
  expect((await exchange(lax, "/", headers(100))).status).toBe(200);
});
