// Ends that break off in the wrong place, and instances that lie about their answers: the other side learns of it, the
// lease comes back, and the next request is served as if nothing had been.
import { expect, setDefaultTimeout, test } from "bun:test";
import { seededBytes } from "../support/byte-stream.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse, header, readHead, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

test.each([
  ["Content-Length", "POST /cut HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\nabc"],
  ["chunked", "POST /cut HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"],
  [
    "chunked before its last line",
    "POST /cut HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
  ],
])("a client's reset in a body with %s: the instance sees no whole request", async (_, wire) => {
  using instance = FakeInstance.start(answerText("whole"));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(wire);
  const connection = await instance.connection();
  await connection.waitFor(() => connection.receivedBytes > 0, "the head");
  client.reset();
  expect(["eof", "reset"]).toContain(await connection.receiveEnd());
  expect(instance.requests).toEqual([]);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  using other = await RawClient.connect(elbow.port());
  expect((await exchange(other, "/")).body.toString()).toBe("whole");
});

test.each(["close", "reset"] as const)(
  "an instance's %s in the middle of an upload: 504, and life goes on",
  async (how) => {
    using instance = FakeInstance.start(async (connection) => {
      const head = await readHead(connection);
      if (head.startLine.startsWith("GET")) return connection.send(formatResponse("fine"));
      await connection.takeBytes(1000);
      if (how === "close") await connection.close();
      else connection.reset();
    });
    await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 200000\r\n\r\n");
    const sending = client.sendSlowly(seededBytes(200_000, 1), 1000).catch(() => {});
    expect((await readResponse(client)).startLine).toBe("HTTP/1.1 504 GATEWAY_TIMEOUT");
    client.dispose();
    await sending;
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
    using other = await RawClient.connect(elbow.port());
    expect((await exchange(other, "/")).body.toString()).toBe("fine");
  },
);

test("an answer with two framings is refused or has one left", async () => {
  const wire = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  using instance = FakeInstance.start(serveHttp(({ target }) => (target === "/two" ? wire : formatResponse("one"))));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const response = await exchange(client, "/two");
  if (response.status === 200) expect([response.framing, response.body.toString()]).toEqual(["chunked", "hello"]);
  else expect(response.status).toBe(502);
  expect((await exchange(client, "/one")).body.toString()).toBe("one");
});

test.each([
  ["a bare LF", "HTTP/1.1 200 OK\r\nX-A: b\nX-Injected: 1\r\nContent-Length: 2\r\n\r\nok"],
  ["a bare CR", "HTTP/1.1 200 OK\r\nX-A: b\rX-Injected: 1\r\nContent-Length: 2\r\n\r\nok"],
  ["a fold", "HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok"],
  ["a blank before the colon", "HTTP/1.1 200 OK\r\nX-A : b\r\nContent-Length: 2\r\n\r\nok"],
  ["bare LFs throughout", "HTTP/1.1 200 OK\nX-A: b\nContent-Length: 2\n\nok"],
])("an answer whose head has %s reaches the client well-formed or not at all", async (_, wire) => {
  using instance = FakeInstance.start(serveHttp(({ target }) => (target === "/odd" ? wire : formatResponse("next"))));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const response = await exchange(client, "/odd");
  expect([200, 502]).toContain(response.status);
  for (const [name, value] of response.headers) expect(`${name}: ${value}`).not.toMatch(/[\r\n\0]/);
  if (response.status === 200) expect(response.body.toString()).toBe("ok");
  expect((await exchange(client, "/next")).body.toString()).toBe("next");
});

test("an unasked 101 is never passed on, an unasked 100 neither", async () => {
  using instance = FakeInstance.start(
    serveHttp(({ target }) =>
      target === "/101"
        ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n"
        : `HTTP/1.1 100 Continue\r\n\r\n${formatResponse("ok").toString()}`,
    ),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes: { idleTimeout: 1 } });
  using client = await RawClient.connect(elbow.port());
  const response = await exchange(client, "/100");
  expect(response).toMatchObject({ status: 200, interim: [], body: Buffer.from("ok") });
  const refused = await exchange(client, "/101");
  expect([502, 504]).toContain(refused.status);
  expect(refused.interim).toEqual([]);
});

test("an answer that begins before the request's end and is whole then: both ends are in step afterwards", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await readHead(connection);
    await connection.send(formatResponse("early"));
    await connection.takeBytes(100_000);
    const next = await connection.readRequest();
    if (next !== undefined) await connection.send(formatResponse(`then ${next.target}`));
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n");
  const early = await readResponse(client);
  expect(early.body.toString()).toBe("early");
  await client.send(seededBytes(100_000, 2)).catch(() => {});
  if (header(early, "connection")?.toLowerCase() !== "close") {
    // The body's bytes must not be read as a request.
    instance.become(serveHttp(({ target }) => formatResponse(`then ${target}`)));
    expect((await exchange(client, "/next")).body.toString()).toBe("then /next");
  }
  await eventually(() => elbow.outstanding() === 0);
});

test("layer 4: resets from both sides in the middle of traffic leave nothing behind", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow({ instances: [instance] });
  for (let round = 0; round < 40; round++) {
    using client = await RawClient.connect(elbow.port());
    await client.send(seededBytes(20_000, round + 1));
    const connection = await instance.connection(round);
    if (round % 2 === 0) await client.takeBytes(1);
    if (round % 4 < 2) client.reset();
    else connection.reset();
    await (round % 4 < 2 ? connection : client).receiveEnd();
  }
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});
