// Layer 7, clients of an older kind: HTTP/1.0 and HTTP/0.9 ("How Elastic Load Balancing works", AWS), and Expect.
import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { startHttp } from "../support/http-elbow.ts";
import { exchange, formatResponse, header, headerValues, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const badRequest = "HTTP/1.1 400 BAD_REQUEST\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

test("HTTP/0.9: a line is a whole request; the answer is its body alone, then the end", async () => {
  using instance = FakeInstance.start(
    serveHttp(() => formatResponse("the page", { headers: [["Content-Type", "text/html"]] })),
  );
  await using elbow = await startHttp({ instances: [instance] });
  using outcomes = new Outcomes();
  using client = await RawClient.connect(elbow.port());
  await client.send("GET /page\r\n");
  expect((await client.takeToEnd()).toString()).toBe("the page");
  const [request] = instance.requests;
  expect([request?.method, request?.target, request && header(request, "host")]).toEqual(["GET", "/page", "127.0.0.1"]);
  expect(await outcomes.at(0)).toMatchObject({ status: 200, desync: "NonCompliantVersion", sentBytes: 8 });
  // An HTTP/1.1 connection all the same: the instance's is kept.
  using next = await RawClient.connect(elbow.port());
  expect((await exchange(next, "/")).status).toBe(200);
  expect(instance.connections.length).toBe(1);
});

test("HTTP/0.9: chunks, interim answers and trailers stay behind", async () => {
  using instance = FakeInstance.start(
    serveHttp(
      () =>
        "HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nthe\r\n5\r\n page\r\n0\r\nT: u\r\n\r\n",
    ),
  );
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("GET /page\r\n");
  expect((await client.takeToEnd()).toString()).toBe("the page");
});

test.each([
  ["no instance", [], "noInstance"],
  ["no instance that listens", [freePort()], "connectRefused"],
] as const)("HTTP/0.9: with %s the connection ends without a byte", async (_, instances, reason) => {
  await using elbow = await startHttp({ instances });
  using outcomes = new Outcomes();
  using client = await RawClient.connect(elbow.port());
  await client.send("GET /page\r\n");
  expect((await client.takeToEnd()).toString()).toBe("");
  expect(await outcomes.at(0)).toMatchObject({ status: 503, reason, sentBytes: 0 });
});

test("HTTP/0.9: an instance that keeps silent, or answers what is no answer, ends it without a byte", async () => {
  using dumb = FakeInstance.start(silence);
  using mad = FakeInstance.start(serveHttp(() => "what?\r\n\r\n"));
  for (const instance of [dumb, mad]) {
    await using elbow = await startHttp({ instances: [instance], attributes: { idleTimeout: 1 } });
    using client = await RawClient.connect(elbow.port());
    await client.send("GET /page\r\n");
    expect((await client.takeToEnd()).toString()).toBe("");
  }
});

test("HTTP/0.9: what is refused is told so, with a status line", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using strict = await startHttp({ instances: [instance], attributes: { desyncMitigationMode: "strictest" } });
  await using elbow = await startHttp({ instances: [instance] });
  for (const [port, line] of [
    [strict.port(), "GET /page\r\n"],
    [elbow.port(), "CONNECT a:1\r\n"],
    [elbow.port(), "nonsense\r\n"],
  ] as const) {
    using client = await RawClient.connect(port);
    await client.send(line);
    expect((await client.takeToEnd()).toString()).toBe(badRequest);
  }
  expect(instance.requests.length).toBe(0);
});

test("HTTP/1.0: closed behind its answer, kept when it asks for that and the answer has a length", async () => {
  using instance = FakeInstance.start(answerText("reached"));
  await using elbow = await startHttp({ instances: [instance] });
  using once = await RawClient.connect(elbow.port());
  await once.send("GET / HTTP/1.0\r\nHost: test\r\n\r\n");
  const answer = await readResponse(once);
  expect([answer.body.toString(), header(answer, "connection")]).toEqual(["reached", "close"]);
  expect(await once.receiveEnd()).toBe("eof");
  using kept = await RawClient.connect(elbow.port());
  for (let round = 0; round < 2; round++) {
    await kept.send("GET / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n");
    expect(header(await readResponse(kept), "connection")).toBe("keep-alive");
  }
});

const continued = "HTTP/1.1 100 Continue\r\n\r\n";

test("Expect: 100-continue is answered at once, whatever the length, and never reaches the instance", async () => {
  using instance = FakeInstance.start(serveHttp(({ body }) => formatResponse(body)));
  await using elbow = await startHttp({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  for (const [framing, body] of [
    ["Content-Length: 3\r\n", "abc"],
    ["Content-Length: 0\r\n", ""],
    ["", ""],
    ["Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"],
  ] as const) {
    await client.send(`POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\n${framing}\r\n`);
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(continued);
    await client.send(body);
    const response = await readResponse(client);
    expect([response.interim.length, response.body.toString()]).toEqual([0, body === "" ? "" : "abc"]);
  }
  expect(instance.requests.flatMap((request) => headerValues(request, "expect"))).toEqual([]);
});

test("Expect: 100-continue is answered before an instance is known, and also when there is none", async () => {
  await using elbow = await startHttp({ instances: [] });
  using client = await RawClient.connect(elbow.port());
  await client.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(continued);
  expect((await readResponse(client)).status).toBe(503);
  await client.send("abc");
  await client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  expect((await readResponse(client)).status).toBe(503);
});

test("Expect: 100-continue gets no interim answer from HTTP/1.0, nor with a request that is refused", async () => {
  using instance = FakeInstance.start(serveHttp(({ body }) => formatResponse(body)));
  await using elbow = await startHttp({ instances: [instance] });
  using old = await RawClient.connect(elbow.port());
  await old.send("POST / HTTP/1.0\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
  expect((await readResponse(old)).interim.length).toBe(0);
  using refused = await RawClient.connect(elbow.port());
  await refused.send("POST / HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: x\r\n\r\n");
  expect((await refused.takeToEnd()).toString()).toBe(badRequest);
  await eventually(() => elbow.outstanding() === 0);
});
