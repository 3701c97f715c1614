// Layer 7, trailers over real sockets: both ways, behind the last chunk, without those that mean something else there,
// and not to clients that have no place for them.
import { expect, setDefaultTimeout, test } from "bun:test";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse, header, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const section =
  "X-Checksum: abc\r\nContent-Length: 3\r\nHost: evil\r\nX-Forwarded-For: 1.2.3.4\r\nServer-Timing: a;dur=1\r\n";
const passed = [
  ["X-Checksum", "abc"],
  ["Server-Timing", "a;dur=1"],
] as const;

test("a request's trailers reach the instance, split anywhere, and the next request follows", async () => {
  using instance = FakeInstance.start(serveHttp(() => formatResponse("ok")));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const wire = `POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\n\r\n5\r\nhello\r\n0\r\n${section}\r\n`;
  for (let split = wire.indexOf("\r\n\r\n"); split < wire.length; split++) {
    await client.send(wire.slice(0, split));
    await Bun.sleep(0);
    await client.send(wire.slice(split));
    expect((await readResponse(client)).status).toBe(200);
    const request = instance.requests.at(-1)!;
    expect([split, request.body.toString(), request.trailers]).toEqual([split, "hello", [...passed]]);
    expect(header(request, "te")).toBe("trailers");
  }
  expect(instance.connections.length).toBe(1);
  expect(instance.scriptErrors).toEqual([]);
});

test("a response's trailers reach HTTP/1.1 clients, split anywhere, and no others", async () => {
  const wire = `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Checksum\r\n\r\n5\r\nhello\r\n0\r\n${section}\r\n`;
  let split = 0;
  using instance = FakeInstance.start(
    serveHttp(async (_request, connection) => {
      await connection.send(wire.slice(0, split));
      await Bun.sleep(0);
      await connection.send(wire.slice(split));
      return undefined;
    }),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  for (split = 1; split < wire.length; split++) {
    const response = await exchange(client, "/");
    expect([split, response.body.toString(), response.trailers]).toEqual([split, "hello", [...passed]]);
  }
  expect(header(await exchange(client, "/"), "trailer")).toBe("X-Checksum");
  for (const [request, start] of [
    ["GET / HTTP/1.0\r\nTE: trailers\r\n\r\n", "HTTP/1.1 200 OK\r\n"],
    ["GET /\r\n", "hello"],
  ] as const) {
    using old = await RawClient.connect(elbow.port());
    await old.send(request);
    const answer = (await old.takeToEnd()).toString();
    expect(answer).toStartWith(start);
    expect(answer).toEndWith("hello");
  }
  expect(instance.connections.length).toBe(1);
});

test("trailers that Connection names stay on their hop", async () => {
  const lines = "X-Hop: 1\r\nX-Far: 2\r\n";
  using instance = FakeInstance.start(
    serveHttp(() => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: x-hop\r\n\r\n0\r\n${lines}\r\n`),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(
    `POST / HTTP/1.1\r\nHost: test\r\nConnection: X-Hop\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${lines}\r\n`,
  );
  expect((await readResponse(client)).trailers).toEqual([["X-Far", "2"]]);
  expect(instance.requests[0]!.trailers).toEqual([["X-Far", "2"]]);
});

test.each([
  ["a line without a colon", "bad\r\n"],
  ["a fold", "A: 1\r\n 2\r\n"],
  ["a bare LF", "A: 1\n"],
  ["a request's first line", "GET /evil HTTP/1.1\r\n"],
  ["more than 16 KiB", "A: ".concat("a".repeat(16 * 1024), "\r\n")],
  ["more than 100 fields", "A: 1\r\n".repeat(101)],
] as const)(
  "a request whose trailers have %s is refused, and an instance never takes it for whole",
  async (_, lines) => {
    using instance = FakeInstance.start(serveHttp(() => formatResponse("ok")));
    await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send(
      `POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${lines}\r\nGET /next HTTP/1.1\r\nHost: test\r\n\r\n`,
    );
    const response = await readResponse(client);
    expect([response.startLine, header(response, "connection")]).toEqual(["HTTP/1.1 400 BAD_REQUEST", "close"]);
    expect(await client.receiveEnd()).not.toBe("open");
    expect(instance.requests).toEqual([]);
  },
);
