// Layer 7, desync mitigation: what each mode does with each class, on both connections, and where the reason is told.
// AWS: "Configure desync mitigation mode for your Classic Load Balancer".
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Reason } from "../../src/errors.ts";
import type { Attributes } from "../../src/model/attributes.ts";
import { type DesyncReason, desyncModes } from "../../src/parse/http1/desync.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const badRequest = "HTTP/1.1 400 BAD_REQUEST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

const startBoth = async (desyncMitigationMode: Attributes["desyncMitigationMode"]) => {
  const instance = FakeInstance.start(serveHttp(({ target, body }) => formatResponse(`${target} ${body}`)));
  const elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes: { desyncMitigationMode } });
  return { instance, elbow };
};

const isGone = (elbow: RunningElbow) => eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);

const acceptable: ReadonlyArray<readonly [DesyncReason, request: string, body: string]> = [
  ["SpaceInUri", "GET /a b HTTP/1.1\r\nHost: test\r\n\r\n", "/a%20b "],
  ["GetHeadZeroContentLength", "GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n", "/ "],
  ["NonCrLfLineTermination", "GET / HTTP/1.1\nHost: test\n\n", "/ "],
  ["NonCompliantHeader", "GET / HTTP/1.1\r\nHost: test\r\nX: a\x01b\r\n\r\n", "/ "],
  ["NonCompliantVersion", "GET / HTTP/1.2\r\nHost: test\r\n\r\n", "/ "],
];

const ambiguous: typeof acceptable = [
  [
    "BothTeClPresent",
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "/ ab",
  ],
  [
    "DuplicateContentLength",
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "/ ab",
  ],
  ["UndefinedContentLengthSemantics", "GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nab", "/ ab"],
  [
    "UndefinedTransferEncodingSemantics",
    "GET / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    "/ ab",
  ],
  ["SuspiciousHeader", "POST / HTTP/1.1\r\nHost: test\r\nContent_Length: 2\r\nContent-Length: 2\r\n\r\nab", "/ ab"],
  ["EmptyHeader", "GET / HTTP/1.1\r\nHost: test\r\n: x\r\n\r\n", "/ "],
  ["MultilineHeader", "GET / HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n", "/ "],
  ["MissingUri", "GET HTTP/1.1\r\nHost: test\r\n\r\n", "/ "],
];

const severe: ReadonlyArray<readonly [DesyncReason, request: string, refusedAs: Reason | undefined]> = [
  ["BadHeader", "GET / HTTP/1.1\r\nHost: test\r\nX: a\0b\r\n\r\n", undefined],
  ["BadUri", "GET /\0 HTTP/1.1\r\nHost: test\r\n\r\n", undefined],
  ["BadVersion", "GET / HTTP/2.0\r\nHost: test\r\n\r\n", undefined],
  // In every mode: a body of no single length (RFC 9112 §6.3).
  [
    "MultipleContentLength",
    "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "badRequest",
  ],
  ["BadContentLength", "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: +2\r\n\r\nab", "badRequest"],
  [
    "BadTransferEncoding",
    "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "badRequest",
  ],
];

test.each(desyncModes)("%s: Acceptable", async (mode) => {
  const { instance, elbow } = await startBoth(mode);
  using _ = instance;
  await using __ = elbow;
  using outcomes = new Outcomes();
  for (const [index, [reason, request, body]] of acceptable.entries()) {
    using client = await RawClient.connect(elbow.port());
    await client.send(request);
    if (mode === "strictest") {
      expect((await client.takeToEnd()).toString()).toBe(badRequest);
      expect(await outcomes.at(index)).toMatchObject({ status: 400, reason: "desyncBlocked", desync: reason });
      continue;
    }
    expect((await readResponse(client)).body.toString()).toBe(body);
    expect(await outcomes.at(index * 2)).toMatchObject({ status: 200, reason: undefined, desync: reason });
    // Both connections serve the next request.
    expect((await exchange(client, "/next")).body.toString()).toBe("/next ");
  }
  expect(instance.connections.length).toBe(mode === "strictest" ? 0 : 1);
});

test.each(desyncModes)("%s: Ambiguous", async (mode) => {
  const { instance, elbow } = await startBoth(mode);
  using _ = instance;
  await using __ = elbow;
  using outcomes = new Outcomes();
  for (const [index, [reason, request, body]] of ambiguous.entries()) {
    using client = await RawClient.connect(elbow.port());
    // What is smuggled behind it is never read where the connection closes.
    await client.send(request + formatRequest("/smuggled").toString());
    if (mode === "strictest") {
      expect((await client.takeToEnd()).toString()).toBe(badRequest);
      expect(await outcomes.at(index)).toMatchObject({ status: 400, reason: "desyncBlocked", desync: reason });
      continue;
    }
    const response = await readResponse(client);
    expect([reason, response.body.toString()]).toEqual([reason, body]);
    if (mode === "defensive") {
      expect(header(response, "connection")).toBe("close");
      expect((await client.takeToEnd()).toString()).toBe("");
      expect(await outcomes.at(index)).toMatchObject({ status: 200, reason: undefined, desync: reason });
      expect(await (await instance.connection(index)).receiveEnd()).toBe("eof");
      await client.close();
    }
  }
  if (mode !== "monitor") expect(instance.requests.length).toBe(mode === "defensive" ? ambiguous.length : 0);
  if (mode === "defensive") await isGone(elbow);
});

// RFC 9112 §6.1: whatever the mode, such a connection is not used again; all else is served as if it were compliant.
test("monitor: Ambiguous framing is served, and ends the client's connection; a fold does not", async () => {
  const { instance, elbow } = await startBoth("monitor");
  using _ = instance;
  await using __ = elbow;
  const ends: Array<string | undefined> = [];
  for (const reason of ["BothTeClPresent", "MultilineHeader"]) {
    using client = await RawClient.connect(elbow.port());
    await client.send(ambiguous.find(([name]) => name === reason)?.[1] ?? "");
    ends.push(header(await readResponse(client), "connection"));
  }
  expect(ends).toEqual(["close", "keep-alive"]);
});

test.each(desyncModes)(
  "%s: what can't be a method is refused at its first byte, without waiting for a line",
  async (mode) => {
    const { instance, elbow } = await startBoth(mode);
    using _ = instance;
    await using __ = elbow;
    using outcomes = new Outcomes();
    using client = await RawClient.connect(elbow.port());
    await client.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
    expect((await client.takeToEnd()).toString()).toBe(badRequest);
    expect(await outcomes.at(0)).toMatchObject({ status: 400, reason: "badRequest", desync: "BadMethod" });
  },
);

test.each(desyncModes)("%s: Severe", async (mode) => {
  const { instance, elbow } = await startBoth(mode);
  using _ = instance;
  await using __ = elbow;
  using outcomes = new Outcomes();
  for (const [index, [reason, request, refusedAs]] of severe.entries()) {
    using client = await RawClient.connect(elbow.port());
    await client.send(request);
    if (mode === "monitor" && refusedAs === undefined) {
      expect((await readResponse(client)).status).toBe(200);
      expect(await outcomes.at(index)).toMatchObject({ status: 200, reason: undefined, desync: reason });
      continue;
    }
    expect((await client.takeToEnd()).toString()).toBe(badRequest);
    expect(await outcomes.at(index)).toMatchObject({
      status: 400,
      reason: mode === "monitor" ? refusedAs : "desyncBlocked",
      desync: reason,
    });
  }
  expect(instance.requests.length).toBe(mode === "monitor" ? 3 : 0);
});

test("a reload changes the mode for the next request of an open connection", async () => {
  const { instance, elbow } = await startBoth("defensive");
  using _ = instance;
  await using __ = elbow;
  using client = await RawClient.connect(elbow.port());
  await client.send("GET /a b HTTP/1.1\r\nHost: test\r\n\r\n");
  expect((await readResponse(client)).status).toBe(200);
  await elbow.apply(
    configurationOf([{ protocol: "HTTP", instances: [instance], attributes: { desyncMitigationMode: "strictest" } }]),
  );
  await client.send("GET /a b HTTP/1.1\r\nHost: test\r\n\r\n");
  expect((await client.takeToEnd()).toString()).toBe(badRequest);
});
