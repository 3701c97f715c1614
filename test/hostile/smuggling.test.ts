// Request smuggling: whatever framing tricks a client plays, an instance reads only requests that elbow itself wrote,
// each with one framing, and another client's answers stay its own. The sign of elbow's writing is X-Forwarded-Port.
import { expect, setDefaultTimeout, test } from "bun:test";
import { startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse, headerValues } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const hidden = "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n";
const post = (headers: string, body: string) => `POST /outer HTTP/1.1\r\nHost: test\r\n${headers}\r\n\r\n${body}`;
const chunkedWith = (body: string) => post("Transfer-Encoding: chunked", body);
const length = hidden.length;

const tricks: ReadonlyArray<readonly [name: string, wire: string]> = [
  [
    "Content-Length before Transfer-Encoding",
    post(`Content-Length: ${5 + length}\r\nTransfer-Encoding: chunked`, `0\r\n\r\n${hidden}`),
  ],
  [
    "Transfer-Encoding before Content-Length",
    post("Transfer-Encoding: chunked\r\nContent-Length: 4", `${(length).toString(16)}\r\n${hidden}\r\n0\r\n\r\n`),
  ],
  ["two equal Content-Lengths", post("Content-Length: 5\r\nContent-Length: 5", `hello${hidden}`)],
  ["two Content-Lengths", post(`Content-Length: 0\r\nContent-Length: ${length}`, hidden)],
  ["a Content-Length list", post(`Content-Length: 0, ${length}`, hidden)],
  ["a Content-Length with a sign", post("Content-Length: +0", hidden)],
  ["a Content-Length in hexadecimal", post("Content-Length: 0x5", `hello${hidden}`)],
  ["a Content-Length beyond 64 bits", post(`Content-Length: ${2n ** 64n + 5n}`, `hello${hidden}`)],
  ["a blank before the colon of Content-Length", post("Content-Length : 5", `hello${hidden}`)],
  [
    "a blank before the colon of Transfer-Encoding",
    post("Transfer-Encoding : chunked\r\nContent-Length: 5", `0\r\n\r\n${hidden}`),
  ],
  ["a folded Transfer-Encoding", post("Transfer-Encoding:\r\n chunked\r\nContent-Length: 5", `0\r\n\r\n${hidden}`)],
  [
    "a folded line that looks like a header",
    post("X-A: b\r\n Transfer-Encoding: chunked\r\nContent-Length: 5", `0\r\n\r\n${hidden}`),
  ],
  [
    "a Transfer-Encoding behind a bare LF",
    post("X-A: b\nTransfer-Encoding: chunked\r\nContent-Length: 5", `0\r\n\r\n${hidden}`),
  ],
  [
    "a Transfer-Encoding behind a bare CR",
    post("X-A: b\rTransfer-Encoding: chunked\r\nContent-Length: 5", `0\r\n\r\n${hidden}`),
  ],
  [
    "a vertical tab in Transfer-Encoding",
    post("Transfer-Encoding:\x0bchunked\r\nContent-Length: 5", `0\r\n\r\n${hidden}`),
  ],
  ["chunked twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", `0\r\n\r\n${hidden}`)],
  [
    "identity and chunked",
    post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", `0\r\n\r\n${hidden}`),
  ],
  ["chunked in another case", post("Transfer-Encoding: CHUNKED\r\nContent-Length: 5", `0\r\n\r\n${hidden}`)],
  ["quoted chunked", post('Transfer-Encoding: "chunked"\r\nContent-Length: 5', `0\r\n\r\n${hidden}`)],
  ["Connection that names Content-Length", post(`Connection: Content-Length\r\nContent-Length: ${length}`, hidden)],
  [
    "Connection that names Transfer-Encoding",
    post(
      "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
      `${length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
    ),
  ],
  [
    "Connection that names Host and X-Forwarded-Port",
    `GET /outer HTTP/1.1\r\nHost: test\r\nConnection: Host, X-Forwarded-Port, X-Forwarded-For\r\n\r\n`,
  ],
  ["a chunk size with 0x", chunkedWith(`0x0\r\n\r\n${hidden}`)],
  ["a chunk size with a sign", chunkedWith(`-1\r\n\r\n${hidden}`)],
  ["a chunk size beyond 64 bits", chunkedWith(`10000000000000000\r\n\r\n${hidden}`)],
  ["a chunk size beyond 32 bits", chunkedWith(`100000000\r\n${hidden}`)],
  ["an empty chunk size", chunkedWith(`\r\n\r\n${hidden}`)],
  ["a chunk longer than it says", chunkedWith(`5\r\nhello${hidden}\r\n0\r\n\r\n`)],
  ["a chunk extension with a bare LF", chunkedWith(`5;a\nhello\r\n0\r\n\r\n${hidden}`)],
  ["a chunk extension with a bare CR", chunkedWith(`5;a\rb\r\nhello\r\n0\r\n\r\n${hidden}`)],
  ["a last chunk that is not ended", chunkedWith(`0\r\n${hidden}`)],
  [
    "framing in trailers",
    chunkedWith(
      `0\r\nContent-Length: ${length}\r\nTransfer-Encoding: chunked\r\nHost: evil\r\nX-Forwarded-Port: 1\r\n\r\n${hidden}`,
    ),
  ],
  ["a GET with a body", `GET /outer HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n${hidden}`],
  [
    "a GET with a chunked body",
    `GET /outer HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n${length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
  ],
  ["a HEAD with a body", `HEAD /outer HTTP/1.1\r\nHost: test\r\nContent-Length: ${length}\r\n\r\n${hidden}`],
  [
    "HTTP/1.0 with chunked",
    `POST /outer HTTP/1.0\r\nHost: test\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n${hidden}`,
  ],
  [
    "an upgrade with a body behind it",
    `GET /outer HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n${hidden}`,
  ],
  ["CRLF by way of the target", "GET /outer\r\nX-A: b HTTP/1.1\r\nHost: test\r\n\r\n"],
  ["a bare CR in the target", "GET /outer\rX-A:b HTTP/1.1\r\nHost: test\r\n\r\n"],
  ["a blank in the target", `GET /outer HTTP/1.1\x20HTTP/1.1\r\nHost: test\r\n\r\n`],
  [
    "a first header line that starts with a blank",
    `POST /outer HTTP/1.1\r\n Host: test\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello${hidden}`,
  ],
  ["a header name with a blank", post("Content Length: 5\r\nContent-Length: 0", hidden)],
  ["an empty header name", post(": chunked\r\nContent-Length: 5", `hello${hidden}`)],
  ["an underscore look-alike", post("Content_Length: 0\r\nContent-Length: 5", `hello${hidden}`)],
];

test.each(tricks)("%s", async (_, wire) => {
  using instance = FakeInstance.start(
    serveHttp(({ target, method }) => formatResponse(method === "HEAD" ? "" : `to ${target}`)),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using victim = await RawClient.connect(elbow.port());
  expect((await exchange(victim, "/victim/0")).body.toString()).toBe("to /victim/0");
  using attacker = await RawClient.connect(elbow.port());
  await attacker.send(wire).catch(() => {});
  // Another client's request in the middle of the trick, and one after it.
  expect((await exchange(victim, "/victim/1")).body.toString()).toBe("to /victim/1");
  await attacker.halfClose();
  await attacker.receiveEnd();
  expect((await exchange(victim, "/victim/2")).body.toString()).toBe("to /victim/2");

  expect(instance.scriptErrors).toEqual([]);
  const port = String(elbow.port());
  for (const request of instance.requests) {
    expect([request.startLine, ...headerValues(request, "x-forwarded-port")]).toEqual([request.startLine, port]);
    expect(headerValues(request, "host").length).toBe(1);
    expect(headerValues(request, "x-forwarded-for").join()).toEndWith("127.0.0.1");
    expect(
      request.trailers.filter(([name]) => /^(content-length|transfer-encoding|host|x-forwarded-.*)$/i.test(name)),
    ).toEqual([]);
  }
});
