// Layer 7, framing over real sockets: whatever the framing of a message and however its bytes are split, the other side
// gets the same body, its end and its place among the others on a kept-alive connection.
import { expect, setDefaultTimeout, test } from "bun:test";
import { seededBytes } from "../support/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import { startServing } from "../support/http-elbow.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const echoBody = serveHttp(({ method, target, body }) =>
  formatResponse(Buffer.concat([Buffer.from(`${method} ${target} `), body])),
);

test("requests follow each other on one connection, on both sides", async () => {
  await using at = await startServing(echoBody);
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 5; round++) {
    const response = await exchange(client, `/${round}`, { body: `body ${round}` });
    expect(response).toMatchObject({ startLine: "HTTP/1.1 200 OK", body: Buffer.from(`POST /${round} body ${round}`) });
  }
  expect(at.instance.connections.length).toBe(1);
  expect(client.ending).toBe("open");
});

const wireRequests: ReadonlyArray<readonly [name: string, wire: string, body: string]> = [
  [
    "Content-Length",
    "POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\nX-A: b\r\n\r\nhello world",
    "hello world",
  ],
  [
    "chunked",
    'POST /p HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext="v"\r\n world\r\n0\r\nX-T: 1\r\n\r\n',
    "hello world",
  ],
  ["no body", "GET /p?q=1 HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n\r\n", ""],
  ["an empty body", "POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n", ""],
];

test.each(wireRequests)("a request with %s arrives whole, split anywhere", async (_, wire, body) => {
  await using at = await startServing(serveHttp(() => formatResponse("ok")));
  using client = await RawClient.connect(at.port);
  for (let split = 1; split < wire.length; split++) {
    await client.send(wire.slice(0, split));
    await Bun.sleep(0);
    await client.send(wire.slice(split));
    expect((await readResponse(client)).status).toBe(200);
    const request = at.instance.requests.at(-1)!;
    expect([split, request.body.toString()]).toEqual([split, body]);
  }
  expect(at.instance.requests.length).toBe(wire.length - 1);
  expect(at.instance.connections[0]!.availableBytes).toBe(0);
  await client.sendSlowly(wire, 1);
  expect((await readResponse(client)).status).toBe(200);
  expect(at.instance.requests.at(-1)!.body.toString()).toBe(body);
  expect(at.instance.scriptErrors).toEqual([]);
});

const wireResponses: ReadonlyArray<readonly [name: string, wire: string, body: string]> = [
  ["Content-Length", "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 11\r\n\r\nhello world", "hello world"],
  [
    "chunked",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\n\r\n",
    "hello world",
  ],
  ["an empty body", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""],
  ["an empty chunked body", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""],
  ["204", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", ""],
  [
    "an interim 103",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "ok",
  ],
];

test.each(wireResponses)("a response with %s arrives whole, split anywhere", async (_, wire, body) => {
  let split = 0;
  await using at = await startServing(
    serveHttp(async (_request, connection) => {
      await connection.send(wire.slice(0, split));
      await Bun.sleep(0);
      await connection.send(wire.slice(split));
      return undefined;
    }),
  );
  using client = await RawClient.connect(at.port);
  for (split = 1; split < wire.length; split++) {
    const response = await exchange(client, "/");
    expect([split, response.body.toString()]).toEqual([split, body]);
    expect(response.interim.length).toBe(wire.includes("103") ? 1 : 0);
  }
  expect(client.availableBytes).toBe(0);
  expect(at.instance.connections.length).toBe(1);
});

test("a body of 300 KiB in random pieces, with both framings, both ways", async () => {
  const body = seededBytes(300 * 1024, 11);
  let seed = 17;
  const nextPiece = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return 1 + (seed % 40_000);
  };
  const inPieces = function* () {
    for (let offset = 0; offset < body.length; ) {
      const length = Math.min(nextPiece(), body.length - offset);
      yield body.subarray(offset, offset + length);
      offset += length;
    }
  };
  const asChunks = Buffer.concat([
    ...[...inPieces()].flatMap((piece) => [
      Buffer.from(`${piece.length.toString(16)}\r\n`),
      piece,
      Buffer.from("\r\n"),
    ]),
    Buffer.from("0\r\n\r\n"),
  ]);
  await using at = await startServing(
    serveHttp(async ({ target }, connection) => {
      const isChunked = target === "/chunked";
      const framing = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${body.length}`;
      await connection.send(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
      await connection.sendSlowly(isChunked ? asChunks : body, nextPiece());
      return undefined;
    }),
  );
  using client = await RawClient.connect(at.port);
  for (const [target, framing, wire] of [
    ["/chunked", "Transfer-Encoding: chunked", asChunks],
    ["/length", `Content-Length: ${body.length}`, body],
  ] as const) {
    const answering = readResponse(client);
    await client.send(`PUT ${target} HTTP/1.1\r\nHost: test\r\n${framing}\r\n\r\n`);
    await client.sendSlowly(wire, nextPiece());
    const response = await answering;
    expect(response.body.equals(body)).toBe(true);
    expect(at.instance.requests.at(-1)!.body.equals(body)).toBe(true);
  }
  expect(at.instance.scriptErrors).toEqual([]);
});

test("HEAD, 204 and 304 have no body, whatever their headers say", async () => {
  await using at = await startServing(
    serveHttp(({ method, target }) => {
      if (method === "HEAD") return 'HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: "h"\r\n\r\n';
      if (target === "/204") return "HTTP/1.1 204 No Content\r\n\r\n";
      if (target === "/304") return 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: "n"\r\n\r\n';
      return formatResponse("plain");
    }),
  );
  using client = await RawClient.connect(at.port);
  const head = await exchange(client, "/head", { method: "HEAD" });
  expect(header(head, "content-length")).toBe("1234");
  expect(header(head, "etag")).toBe('"h"');
  expect((await exchange(client, "/204")).status).toBe(204);
  const notModified = await exchange(client, "/304");
  expect([notModified.status, header(notModified, "etag")]).toEqual([304, '"n"']);
  expect((await exchange(client, "/")).body.toString()).toBe("plain");
  expect(client.availableBytes).toBe(0);
  expect(at.instance.connections.length).toBe(1);
});

test("HEAD answered with Transfer-Encoding: chunked has no body either", async () => {
  await using at = await startServing(
    serveHttp(({ method }) =>
      method === "HEAD" ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" : formatResponse("plain"),
    ),
  );
  using client = await RawClient.connect(at.port);
  expect((await exchange(client, "/", { method: "HEAD" })).status).toBe(200);
  expect((await exchange(client, "/")).body.toString()).toBe("plain");
});

test("several interim responses pass to an HTTP/1.1 client, none to an HTTP/1.0 one", async () => {
  await using at = await startServing(
    serveHttp(
      () =>
        "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
  );
  using modern = await RawClient.connect(at.port);
  const response = await exchange(modern, "/");
  expect(response.interim.map(({ startLine }) => startLine)).toEqual([
    "HTTP/1.1 103 Early Hints",
    "HTTP/1.1 102 Processing",
  ]);
  expect(header(response.interim[0]!, "link")).toBe("</a>");
  expect(response.body.toString()).toBe("ok");
  using old = await RawClient.connect(at.port);
  await old.send("GET / HTTP/1.0\r\nHost: test\r\n\r\n");
  const answer = (await old.takeToEnd()).toString();
  expect(answer).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(answer).toEndWith("\r\n\r\nok");
});

test("an answer delimited by the end of the connection arrives whole, and its end is the end", async () => {
  await using at = await startServing(async (connection) => {
    await connection.readRequest();
    await connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil ");
    await Bun.sleep(5);
    await connection.send("the end");
    await connection.close();
  });
  for (let round = 0; round < 3; round++) {
    using client = await RawClient.connect(at.port);
    const response = await exchange(client, "/");
    expect(response.body.toString()).toBe("until the end");
    expect(["close", "chunked"]).toContain(response.framing);
    if (response.framing === "close") expect(client.ending).toBe("eof");
  }
});

test("an answer in chunks reaches an HTTP/1.0 client without chunks", async () => {
  await using at = await startServing(
    serveHttp(() => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
  );
  using client = await RawClient.connect(at.port);
  await client.send("GET / HTTP/1.0\r\nHost: test\r\n\r\n");
  const response = await readResponse(client);
  expect(response.body.toString()).toBe("hello world");
  expect(header(response, "transfer-encoding")).toBe(undefined);
  expect(await client.receiveEnd()).toBe("eof");
});

test("a coding under chunked reaches clients that can read it, and is 502 for others", async () => {
  await using at = await startServing(
    serveHttp(() => "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\nT: u\r\n\r\n"),
  );
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 2; round++) {
    const response = await exchange(client, "/");
    expect(header(response, "transfer-encoding")).toBe("gzip, chunked");
    expect([response.body.toString(), response.trailers]).toEqual(["hello", [["T", "u"]]]);
  }
  for (const [request, expected] of [
    ["GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 502 BAD_GATEWAY"],
    ["HEAD / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"],
  ] as const) {
    using old = await RawClient.connect(at.port);
    await old.send(request);
    const answer = (await old.takeToEnd()).toString();
    expect(answer).toStartWith(expected);
    expect(answer).not.toContain("hello");
  }
});

test("a coding without chunked ends with the instance's connection, and not with the client's", async () => {
  let isCut = false;
  await using at = await startServing(async (connection) => {
    await connection.readRequest();
    await connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: deflate, gzip\r\nContent-Length: 3\r\n\r\nuntil ");
    await Bun.sleep(5);
    await connection.send("the end");
    if (isCut) {
      await eventually(() => passedOn());
      connection.reset();
    } else await connection.close();
  });
  using client = await RawClient.connect(at.port);
  const passedOn = () => Buffer.concat(client.recorded).toString().split("the end").length === 4;
  for (let round = 0; round < 2; round++) {
    const response = await exchange(client, "/");
    expect(header(response, "transfer-encoding")).toBe("deflate, gzip, chunked");
    expect([response.framing, response.body.toString()]).toEqual(["chunked", "until the end"]);
  }
  isCut = true;
  await client.send(formatRequest("/"));
  expect(await client.receiveEnd()).toBe("reset");
  expect(Buffer.concat(client.recorded).toString()).not.toEndWith("0\r\n\r\n");
});

test.each([
  ["an unknown coding", "Transfer-Encoding: br, chunked"],
  ["chunked twice", "Transfer-Encoding: chunked, chunked"],
  ["chunked on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"],
  ["chunked under another coding", "Transfer-Encoding: chunked, gzip"],
  ["different lengths", "Content-Length: 1\r\nContent-Length: 2"],
  ["different lengths, one behind a blank", "Content-Length: 1\r\nContent-Length : 2"],
  ["a list of lengths", "Content-Length: 1, 1"],
  ["a NUL in a value", "A: \0"],
  ["a bare CR in a value", "A: 1\rB: 2"],
  ["a line without a colon", "A"],
  ["a name that is none", "A B: 1"],
  ["a fold onto the status line", " A: 1"],
] as const)("a response with %s is 502, and its connection isn't used again", async (_, fields) => {
  await using at = await startServing(
    serveHttp(({ target }) =>
      target === "/bad" ? `HTTP/1.1 200 OK\r\n${fields}\r\n\r\n1\r\na\r\n0\r\n\r\n` : formatResponse("good"),
    ),
  );
  using client = await RawClient.connect(at.port);
  const bad = await exchange(client, "/bad");
  expect([bad.startLine, bad.body.length]).toEqual(["HTTP/1.1 502 BAD_GATEWAY", 0]);
  expect((await exchange(client, "/")).body.toString()).toBe("good");
  expect(at.instance.connections.length).toBe(2);
});

test("a sloppy instance's head goes on as a strict one, and its connection is used again", async () => {
  await using at = await startServing(
    serveHttp(() => "HTTP/1.1 200 OK\nX-Folded: one\r\n\ttwo\nX-Blank : three\nContent-Length : 5\n\nhello"),
  );
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 3; round++) {
    const response = await exchange(client, "/");
    expect(response.headers).toEqual([
      ["X-Folded", "one two"],
      ["X-Blank", "three"],
      ["Content-Length", "5"],
      ["Connection", "keep-alive"],
    ]);
    expect(response.body.toString()).toBe("hello");
  }
  expect(at.instance.connections.length).toBe(1);
});

test.each([
  [
    "a second answer",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
  ],
  ["more than its length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "more"],
  [
    "more than its last chunk",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "0\r\n\r\n",
  ],
  ["a body to 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", "evil"],
  ["a body to 204", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"],
] as const)("an instance that sends %s is not asked again on that connection", async (_, answer, more) => {
  await using at = await startServing(
    serveHttp(({ target }) => (target === "/odd" ? answer + more : formatResponse("clean"))),
  );
  using client = await RawClient.connect(at.port);
  const odd = await exchange(client, "/odd");
  expect(odd.body.toString()).toBe(odd.status === 200 ? "ok" : "");
  expect((await exchange(client, "/clean")).body.toString()).toBe("clean");
  expect(client.availableBytes).toBe(0);
  expect(at.instance.connections.length).toBe(2);
});

test("a hundred interim responses pass; one more is 502 behind them", async () => {
  await using at = await startServing(
    serveHttp(({ target }) => {
      const interim = `HTTP/1.1 103 Early Hints\r\nLink: </${target}>\r\nContent-Length: 9\r\n\r\n`;
      return interim.repeat(Number(target.slice(1))) + formatResponse("final").toString("latin1");
    }),
  );
  using client = await RawClient.connect(at.port);
  const few = await exchange(client, "/100");
  expect([few.interim.length, few.body.toString()]).toEqual([100, "final"]);
  expect(header(few.interim[99]!, "content-length")).toBe(undefined);
  const flood = await exchange(client, "/101");
  expect([flood.interim.length, flood.startLine]).toEqual([100, "HTTP/1.1 502 BAD_GATEWAY"]);
  expect(at.instance.connections.length).toBe(1);
});

test("101 that nobody asked for is 502", async () => {
  await using at = await startServing(
    serveHttp(() => "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
  );
  using client = await RawClient.connect(at.port);
  expect((await exchange(client, "/")).startLine).toBe("HTTP/1.1 502 BAD_GATEWAY");
});
