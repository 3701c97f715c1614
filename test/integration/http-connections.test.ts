// Layer 7, the life of a client's connection over real sockets: pipelined requests, who asks for its end, and what an end
// in one direction leaves of the other.
import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { startServing } from "../support/http-elbow.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const echoBody = serveHttp(({ method, target, body }) =>
  formatResponse(Buffer.concat([Buffer.from(`${method} ${target} `), body])),
);

test("pipelined requests are answered in order and never pipelined to an instance", async () => {
  const overtaken: Array<number> = [];
  await using at = await startServing(
    serveHttp(async ({ target }, connection) => {
      await Bun.sleep(3);
      overtaken.push(connection.availableBytes);
      return formatResponse(`answer ${target}`);
    }),
  );
  using client = await RawClient.connect(at.port);
  const targets = Array.from({ length: 6 }, (_, index) => `/${index}`);
  await client.send(
    Buffer.concat(targets.map((target, index) => formatRequest(target, index % 2 === 0 ? {} : { body: "0123456789" }))),
  );
  for (const target of targets) expect((await readResponse(client)).body.toString()).toBe(`answer ${target}`);
  expect(at.instance.requests.map(({ target }) => target)).toEqual(targets);
  expect(overtaken).toEqual(targets.map(() => 0));
});

test("pipelined requests are all answered though the client half-closed behind them", async () => {
  await using at = await startServing(
    serveHttp(async ({ target }) => {
      await Bun.sleep(3);
      return formatResponse(`answer ${target}`);
    }),
  );
  using client = await RawClient.connect(at.port);
  await client.send(Buffer.concat(["/0", "/1", "/2"].map((target) => formatRequest(target))));
  await client.halfClose();
  for (const target of ["/0", "/1", "/2"])
    expect((await readResponse(client)).body.toString()).toBe(`answer ${target}`);
  expect(await client.receiveEnd()).toBe("eof");
});

test("a client's Connection: close is honoured after the answer", async () => {
  await using at = await startServing(echoBody);
  using client = await RawClient.connect(at.port);
  const response = await exchange(client, "/", { headers: [["Connection", "close"]] });
  expect(response.body.toString()).toBe("GET / ");
  expect(header(response, "connection")?.toLowerCase()).toBe("close");
  expect(await client.receiveEnd()).toBe("eof");
  // The back-end connection is not the client's to close.
  using other = await RawClient.connect(at.port);
  expect((await exchange(other, "/2")).status).toBe(200);
  expect(at.instance.connections.length).toBe(1);
});

test("a client that half-closes after its request still gets its answer, then the end", async () => {
  await using at = await startServing(
    serveHttp(async () => {
      await Bun.sleep(10);
      return formatResponse("still there");
    }),
  );
  using client = await RawClient.connect(at.port);
  await client.send(formatRequest("/"));
  await client.halfClose();
  expect((await readResponse(client)).body.toString()).toBe("still there");
  expect(await client.receiveEnd()).toBe("eof");
  await eventually(() => at.elbow.openConnections() === 0 && at.elbow.outstanding() === 0);
});

test("an HTTP/1.0 client may ask for keep-alive; without asking it is closed", async () => {
  await using at = await startServing(echoBody);
  using plain = await RawClient.connect(at.port);
  await plain.send("GET /a HTTP/1.0\r\n\r\n");
  expect((await readResponse(plain)).body.toString()).toBe("GET /a ");
  expect(await plain.receiveEnd()).toBe("eof");
  // RFC 9112 §3.2: HTTP/1.1 towards the instance needs a Host; the balancer's own address stands in.
  expect(at.instance.requests[0]!.startLine).toBe("GET /a HTTP/1.1");
  expect(header(at.instance.requests[0]!, "host")).toStartWith("127.0.0.1");
  using asking = await RawClient.connect(at.port);
  for (const target of ["/b", "/c"]) {
    await asking.send(`GET ${target} HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n`);
    const response = await readResponse(asking);
    expect(response.body.toString()).toBe(`GET ${target} `);
    expect(header(response, "connection")?.toLowerCase()).toBe("keep-alive");
  }
});

test("empty lines before a request are skipped", async () => {
  await using at = await startServing(echoBody);
  using client = await RawClient.connect(at.port);
  await client.send("\r\n");
  expect((await exchange(client, "/1")).body.toString()).toBe("GET /1 ");
  await client.send("\r\n");
  expect((await exchange(client, "/2")).body.toString()).toBe("GET /2 ");
});
