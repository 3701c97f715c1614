// Layer 7, the answers that elbow makes itself: their exact bytes, and whether the client's connection lives on.
import { expect, setDefaultTimeout, test } from "bun:test";
import { clock } from "../../src/net/clock.ts";
import { tickMs } from "../../src/net/deadlines.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { startHttp } from "../support/http-elbow.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import { countSockets, freePort, startSilentPort, tcpState } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const wire = (status: string, connection: "close" | "keep-alive") =>
  `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: ${connection}\r\n\r\n`;

const badRequest = wire("400 BAD_REQUEST", "close");
const methodNotAllowed = wire("405 METHOD_NOT_ALLOWED", "close");
const requestTimeout = wire("408 REQUEST_TIMEOUT", "close");
const badGateway = wire("502 BAD_GATEWAY", "keep-alive");
const atCapacity = wire("503 Service Unavailable: Back-end server is at capacity", "keep-alive");
const gatewayTimeout = wire("504 GATEWAY_TIMEOUT", "keep-alive");

const manyHeaders = Array.from({ length: 101 }, (_, index) => `X-${index}: v\r\n`).join("");

test.each([
  ["no request line", "nonsense\r\n\r\n"],
  ["no colon in a header line, which ends in LF alone", "GET / HTTP/1.1\r\nHost: test\r\nnonsense\n\r\n"],
  ["CONNECT", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"],
  ["no Host in HTTP/1.1", "GET / HTTP/1.1\r\nAccept: a\r\n\r\n"],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
  ["an invalid Host", "GET / HTTP/1.1\r\nHost: a b/c\r\n\r\n"],
  ["a bad version", "GET / HTTP/x.1\r\nHost: test\r\n\r\n"],
  ["HTTP/2.0 by its line", "GET / HTTP/2.0\r\nHost: test\r\n\r\n"],
  ["a malformed method", "G(T / HTTP/1.1\r\nHost: test\r\n\r\n"],
  [
    "two different Content-Lengths",
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
  ],
  ["a Content-Length list of different ones", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3, 4\r\n\r\nabcd"],
  ["a Content-Length that is no number", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: +3\r\n\r\nabc"],
  ["a negative Content-Length", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: -1\r\n\r\n"],
  ["an unknown transfer coding", "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"],
  ["chunked that is not last", "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"],
  ["NUL in a header", "GET / HTTP/1.1\r\nHost: test\r\nX-A: a\0b\r\n\r\n"],
  ["a bare CR in a header", "GET / HTTP/1.1\r\nHost: test\r\nX-A: a\rb\r\n\r\n"],
  ["a request line over 16 KiB", `GET /${"a".repeat(16 * 1024)} HTTP/1.1\r\nHost: test\r\n\r\n`],
  ["a header over 16 KiB", `GET / HTTP/1.1\r\nHost: test\r\nX-A: ${"a".repeat(16 * 1024)}\r\n\r\n`],
  ["more than 100 headers", `GET / HTTP/1.1\r\nHost: test\r\n${manyHeaders}\r\n`],
  [
    "a head over 64 KiB",
    `GET / HTTP/1.1\r\nHost: test\r\n${Array.from({ length: 5 }, (_, index) => `X-${index}: ${"a".repeat(14 * 1024)}\r\n`).join("")}\r\n`,
  ],
])("400 and close: %s", async (_, request) => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(request);
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(badRequest);
  expect(await client.receiveEnd()).toBe("eof");
  expect(client.availableBytes).toBe(0);
  expect(instance.requests.length).toBe(0);
  // elbow listens a little longer, so that the answer is not lost to a reset; the client's end ends that.
  await client.close();
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("a chunk size that is none ends the request: the client is closed, the instance never sees a whole one", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n");
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(badRequest);
  expect(["eof", "reset"]).toContain(await client.receiveEnd());
  await eventually(() => elbow.outstanding() === 0);
  expect(instance.requests.length).toBe(0);
});

test("a good request before a bad one on the same connection is answered first", async () => {
  using instance = FakeInstance.start(answerText("good"));
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(Buffer.concat([formatRequest("/"), Buffer.from("bad\r\n\r\n")]));
  expect((await readResponse(client)).body.toString()).toBe("good");
  expect((await client.takeToEnd()).toString()).toBe(badRequest);
});

test("405: a method of 128 characters; one of 127 passes", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/", { method: "M".repeat(127) })).status).toBe(200);
  await client.send(formatRequest("/", { method: "M".repeat(128) }));
  expect((await client.takeToEnd()).toString()).toBe(methodNotAllowed);
  expect(instance.requests.length).toBe(1);
});

test("408: a head that is not whole in time, however many bytes keep coming", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance], attributes: { requestHeadTimeout: 1 } });
  const startedAt = performance.now();
  using stopped = await RawClient.connect(elbow.port());
  using trickling = await RawClient.connect(elbow.port());
  await stopped.send("GET / HTTP/1.1\r\nHost: te");
  const trickle = trickling
    .sendSlowly(`GET / HTTP/1.1\r\nHost: test\r\nX-A: ${"a".repeat(200)}`, 1, 50)
    .catch(() => "was stopped");
  expect((await stopped.takeToEnd()).toString()).toBe(requestTimeout);
  expect((await trickling.takeUntil("\r\n\r\n")).toString()).toBe(requestTimeout);
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThan(900);
  expect(tookMs).toBeLessThan(4_000);
  trickling.dispose();
  await trickle;
  expect(instance.requests.length).toBe(0);
});

test("408: a head that the client's end cuts off", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("GET / HTTP/1.1\r\nHost: te");
  await client.halfClose();
  expect((await client.takeToEnd()).toString()).toBe(requestTimeout);
});

test("408: a body that the client's end cuts off; the instance never sees a whole request", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance] });
  for (const request of [
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc",
    "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
  ]) {
    using client = await RawClient.connect(elbow.port());
    await client.send(request);
    await client.halfClose();
    expect((await client.takeToEnd()).toString()).toBe(requestTimeout);
  }
  expect(instance.requests.length).toBe(0);
  await eventually(() => elbow.outstanding() === 0);
});

test("an idle connection with no request is closed without a word", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance], attributes: { idleTimeout: 1 } });
  using fresh = await RawClient.connect(elbow.port());
  using used = await RawClient.connect(elbow.port());
  expect((await exchange(used, "/")).status).toBe(200);
  expect((await fresh.takeToEnd()).toString()).toBe("");
  expect((await used.takeToEnd()).toString()).toBe("");
});

test.each([
  ["a status line that is none", "what?\r\n\r\n"],
  ["a bad status code", "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"],
  ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["a header line without colon", "HTTP/1.1 200 OK\r\nnonsense\r\n\r\n"],
  ["two different Content-Lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
  ["a Content-Length that is no number", "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nab"],
  ["NUL in a header", "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n"],
  ["a head over 64 KiB", `HTTP/1.1 200 OK\r\n${`X-A: ${"a".repeat(8000)}\r\n`.repeat(9)}\r\n`],
  ["a head cut off", "HTTP/1.1 200 OK\r\nContent-Le"],
])("502 when the instance's answer starts with %s; the client's connection lives on", async (_, answer) => {
  using instance = FakeInstance.start(
    serveHttp(async ({ target }, connection) => {
      if (target !== "/bad") return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
      await connection.send(answer);
      await connection.close();
      return undefined;
    }),
  );
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/bad"));
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(badGateway);
  expect((await exchange(client, "/good")).body.toString()).toBe("good");
  await eventually(() => elbow.outstanding() === 0);
});

test("503: no instance; the connection lives on, and HEAD looks the same", async () => {
  await using elbow = await startHttp({ instances: [] });
  using client = await RawClient.connect(elbow.port());
  for (const method of ["GET", "HEAD", "GET"]) {
    await client.send(formatRequest("/", { method }));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(atCapacity);
  }
  expect(client.ending).toBe("open");
  expect(client.availableBytes).toBe(0);
});

test.each([
  ["Content-Length", formatRequest("/", { body: "x".repeat(10_000) })],
  ["chunked", Buffer.from("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")],
] as const)(
  "503 to a request with a small body (%s): the body is read away, the connection lives on",
  async (_, request) => {
    await using elbow = await startHttp({ instances: [] });
    using client = await RawClient.connect(elbow.port());
    for (let round = 0; round < 2; round++) {
      await client.send(request);
      expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(atCapacity);
    }
    await client.send(formatRequest("/"));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(atCapacity);
  },
);

test("503: every instance refuses", async () => {
  await using elbow = await startHttp({ instances: [freePort(), freePort()] });
  using client = await RawClient.connect(elbow.port());
  for (let round = 0; round < 2; round++) {
    await client.send(formatRequest("/"));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(atCapacity);
  }
  await eventually(() => elbow.outstanding() === 0);
});

test("an instance that refuses is passed over for the next one, with the request's body", async () => {
  using alive = FakeInstance.start(
    serveHttp(({ body }) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`),
  );
  await using elbow = await startHttp({ instances: [freePort(), alive] });
  using client = await RawClient.connect(elbow.port());
  for (let round = 0; round < 4; round++) {
    expect((await exchange(client, "/", { body: `body ${round}` })).body.toString()).toBe(`body ${round}`);
  }
});

test("504: the dial gets no answer", async () => {
  const silent = await startSilentPort();
  try {
    await using elbow = await startHttp({ instances: [silent], attributes: { connectTimeout: 1 } });
    using client = await RawClient.connect(elbow.port());
    await client.send(formatRequest("/"));
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
    await eventually(() => elbow.outstanding() === 0);
  } finally {
    silent.stop();
  }
});

test("a client that resets while its dial hangs takes the dial with it", async () => {
  const silent = await startSilentPort();
  try {
    await using elbow = await startHttp({ instances: [silent], attributes: { connectTimeout: 30 } });
    const before = countSockets(silent.port, tcpState.synSent);
    using client = await RawClient.connect(elbow.port());
    await client.send(formatRequest("/"));
    await eventually(() => countSockets(silent.port, tcpState.synSent) > before, { what: "a dial in SYN_SENT" });
    client.reset();
    await eventually(() => countSockets(silent.port, tcpState.synSent) <= before, { what: "no dial left" });
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  } finally {
    silent.stop();
  }
});

test("an instance whose dial hangs is passed over for the next one", async () => {
  const silent = await startSilentPort();
  try {
    using alive = FakeInstance.start(answerText("alive"));
    await using elbow = await startHttp({ instances: [silent, alive], attributes: { connectTimeout: 1 } });
    const answers = await Promise.all(
      [0, 1].map(async () => {
        using client = await RawClient.connect(elbow.port());
        return (await exchange(client, "/")).body.toString();
      }),
    );
    expect(answers).toEqual(["alive", "alive"]);
  } finally {
    silent.stop();
  }
});

test("504: the instance is silent for the idle timeout", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startHttp({ instances: [instance], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  const startedAt = performance.now();
  await client.send(formatRequest("/"));
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
  expect(performance.now() - startedAt).toBeGreaterThan(900);
  // The back-end connection is not fit for another request.
  await (await instance.connection()).receiveEnd();
  await eventually(() => elbow.outstanding() === 0);
});

test.each(["close", "reset"] as const)("504: the instance leaves without a byte of answer, by a %s", async (how) => {
  using instance = FakeInstance.start(
    serveHttp(async ({ target }, connection) => {
      if (target === "/good") return "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood";
      if (how === "close") await connection.close();
      else connection.reset();
      return undefined;
    }),
  );
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/leaves", { body: "not to be sent twice" }));
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
  expect(instance.requests.length).toBe(1);
  expect((await exchange(client, "/good")).body.toString()).toBe("good");
  await eventually(() => elbow.outstanding() === 0);
});

test("504 for silence keeps its promise: the connection serves the next request", async () => {
  let heard = 0;
  using instance = FakeInstance.start(serveHttp(() => (heard++ === 0 ? undefined : formatResponse("awake"))));
  await using elbow = await startHttp({ instances: [instance], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).status).toBe(504);
  // The wheel's next ticks must not find it over.
  const { nowMs } = clock;
  await eventually(() => clock.nowMs >= nowMs + 3 * tickMs);
  expect((await exchange(client, "/")).body.toString()).toBe("awake");
});
