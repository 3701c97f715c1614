// The WebSocket handshake through an HTTP listener (RFC 6455 §4): exact bytes both ways; and where it isn't asked for, allowed
// or accepted, HTTP goes on.
import { expect, setDefaultTimeout, test } from "bun:test";
import { startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse, header, headerValues, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";
import {
  formatFrame,
  formatHandshake,
  maskedFrame,
  opcode,
  readFrame,
  relayedSwitching,
  sampleAccept,
  sampleKey,
  serveWebSocket,
} from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const end = (port: number): string =>
  `X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: ${port}\r\n`;
const asked = (port: number, requestLine = "GET /socket HTTP/1.1"): string =>
  `${requestLine}\r\nHost: test\r\nSec-WebSocket-Key: ${sampleKey}\r\nSec-WebSocket-Version: 13\r\n` +
  `Upgrade: websocket\r\n${end(port)}Connection: upgrade\r\n\r\n`;
const plain = (port: number, requestLine = "GET /socket HTTP/1.1"): string =>
  `${requestLine}\r\nHost: test\r\nSec-WebSocket-Key: ${sampleKey}\r\nSec-WebSocket-Version: 13\r\n` +
  `${end(port)}Connection: keep-alive\r\n\r\n`;

/** Sends bytes; gives the head that the instance got, and what the client got up to the end of its own. */
const send = async (wire: string, attributes: WrittenLoadBalancer["attributes"] = {}) => {
  using instance = FakeInstance.start(serveWebSocket(() => {}));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance], attributes });
  using client = await RawClient.connect(elbow.port());
  await client.send(wire);
  const answer = (await client.takeUntil("\r\n\r\n")).toString("latin1");
  const head = instance.connections.flatMap(({ recorded }) => recorded);
  return { port: elbow.port(), head: Buffer.concat(head).toString("latin1"), answer };
};

const shaken: ReadonlyArray<readonly [name: string, wire: string]> = [
  ["as it should be", formatHandshake()],
  ["Firefox's", formatHandshake(undefined, { connection: ["keep-alive, Upgrade"] })],
  ["in other case", formatHandshake(undefined, { connection: ["UPGRADE"], upgrade: ["WebSocket"] })],
  ["with names in other case", formatHandshake().replace("Upgrade:", "upgrade:").replace("Connection:", "CONNECTION:")],
  ["among other upgrades", formatHandshake(undefined, { upgrade: ["h2c, websocket, TLS/1.0"] })],
  [
    "on several lines",
    formatHandshake(undefined, { upgrade: ["h2c", "websocket"], connection: ["close-ish", "x", "Upgrade"] }),
  ],
  [
    "with an h2c upgrade beside it",
    formatHandshake(undefined, {
      upgrade: ["websocket, h2c"],
      connection: ["Upgrade, HTTP2-Settings"],
      headers: [["HTTP2-Settings", "AAMAAABkAAQAAP__"]],
    }),
  ],
  ["with TE: trailers", formatHandshake(undefined, { headers: [["TE", "trailers"]], connection: ["Upgrade, TE"] })],
  ["with an empty body announced", formatHandshake(undefined, { headers: [["Content-Length", "0"]] })],
];
test.each(shaken)("%s: the instance gets its own Upgrade, the client exactly one 101", async (name, wire) => {
  const { port, head, answer } = await send(wire);
  const length = name === "with an empty body announced" ? "Content-Length: 0\r\n" : "";
  expect(head).toBe(asked(port).replace("Upgrade:", `${length}Upgrade:`));
  expect(answer).toBe(relayedSwitching);
});

interface Declined {
  readonly requestLine?: string;
  readonly attributes?: WrittenLoadBalancer["attributes"];
}
const by = (requestLine: string): string => formatHandshake("", { requestLine });
const off = { attributes: { webSocket: false } };
const firefox = formatHandshake(undefined, { connection: ["keep-alive, Upgrade"] });
const declined: ReadonlyArray<readonly [name: string, wire: string, how: Declined]> = [
  ["HTTP/1.0", by("GET /socket HTTP/1.0"), {}],
  ["HEAD", by("HEAD /socket HTTP/1.1"), { requestLine: "HEAD /socket HTTP/1.1" }],
  ["POST", by("POST /socket HTTP/1.1"), { requestLine: "POST /socket HTTP/1.1" }],
  ["get in lower case", by("get /socket HTTP/1.1"), { requestLine: "get /socket HTTP/1.1" }],
  ["a Connection that doesn't name it", formatHandshake(undefined, { connection: ["keep-alive"] }), {}],
  ["no Connection", formatHandshake(undefined, { connection: [] }), {}],
  ["no Upgrade", formatHandshake(undefined, { upgrade: [] }), {}],
  ["h2c", formatHandshake(undefined, { upgrade: ["h2c"] }), {}],
  ["TLS/1.0", formatHandshake(undefined, { upgrade: ["TLS/1.0"] }), {}],
  ["a name that only begins so", formatHandshake(undefined, { upgrade: ["websockets"] }), {}],
  ["a name with a version", formatHandshake(undefined, { upgrade: ["websocket/13"] }), {}],
  // Ambiguous, by desync mitigation's measure: both connections close behind it, so neither becomes a tunnel.
  ["a fold", formatHandshake(undefined, { upgrade: ["\r\n websocket"] }), {}],
  ["a control byte in the target", by("GET /so\x01cket HTTP/1.1"), { requestLine: "GET /so%01cket HTTP/1.1" }],
  ["the attribute off", formatHandshake(), off],
  ["the attribute off, Firefox's", firefox, off],
];
test.each(declined)("with %s: an ordinary request", async (_, wire, { requestLine, attributes }) => {
  const { port, head, answer } = await send(wire, attributes);
  expect(head).toBe(plain(port, requestLine));
  expect(answer).toStartWith("HTTP/1.1 200 OK\r\n");
});

test("with a body: an ordinary request with that body", async () => {
  using instance = FakeInstance.start(serveHttp(({ body }) => formatResponse(`got ${body}`)));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  for (const [headers, body] of [
    ["Content-Length: 5", "hello"],
    ["Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"],
  ] as const) {
    using client = await RawClient.connect(elbow.port());
    await client.send(formatHandshake().replace("\r\n\r\n", `\r\n${headers}\r\n\r\n${body}`));
    const response = await readResponse(client);
    expect([response.status, response.body.toString(), header(response, "connection")]).toEqual([
      200,
      "got hello",
      "close",
    ]);
    expect(await client.receiveEnd()).toBe("eof");
  }
  expect(instance.requests.flatMap((request) => headerValues(request, "upgrade"))).toEqual([]);
});

test.each([
  ["200 OK", [], 200],
  ["400 Bad Request", [], 400],
  ["403 Forbidden", [["X-Why", "origin"]], 403],
  [
    "426 Upgrade Required",
    [
      ["Upgrade", "websocket"],
      ["Connection", "upgrade"],
      ["Sec-WebSocket-Version", "13"],
    ],
    426,
  ],
] as const)(
  "an instance that answers %s: relayed, and HTTP goes on, on both connections",
  async (status, headers, code) => {
    using instance = FakeInstance.start(
      serveHttp(({ target }) =>
        target === "/socket" ? formatResponse("no", { status, headers }) : formatResponse("yes"),
      ),
    );
    await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
    using outcomes = new Outcomes();
    using client = await RawClient.connect(elbow.port());
    await client.send(formatHandshake());
    const response = await readResponse(client);
    expect([response.status, response.body.toString()]).toEqual([code, "no"]);
    const kept = headers.filter(([name]) => name !== "Upgrade" && name !== "Connection");
    expect(response.headers).toEqual([...kept, ["Content-Length", "2"], ["Connection", "keep-alive"]]);
    expect(await outcomes.at(0)).toMatchObject({ status: code, reason: undefined });
    expect((await exchange(client, "/next")).body.toString()).toBe("yes");
    expect(instance.connections.length).toBe(1);
  },
);

test.each([
  ["without Connection", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"],
  ["in other case", "HTTP/1.1 101 OK\r\nupgrade: WEBSOCKET\r\nCONNECTION: keep-alive, upgrade\r\n"],
  ["with a length", "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nContent-Length: 5\r\n"],
  ["with chunks announced", "HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n"],
  ["with bare line feeds", "HTTP/1.1 101 OK\nUpgrade: websocket\nConnection: upgrade\n"],
])("a 101 %s reaches the client as it should be, and what follows is no body", async (_, lines) => {
  const lineEnd = lines.includes("\r") ? "\r\n" : "\n";
  using instance = FakeInstance.start(async (connection) => {
    await connection.takeUntil("\r\n\r\n");
    await connection.send(`${lines}Sec-WebSocket-Accept: ${sampleAccept}${lineEnd}${lineEnd}`);
    await connection.send("0\r\n\r\nand bytes");
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(formatHandshake());
  const reason = / 101 (.*?)\r?\n/.exec(lines)?.[1] ?? "";
  const expected = `${relayedSwitching.replace("Switching Protocols", reason)}0\r\n\r\nand bytes`;
  expect((await client.takeBytes(expected.length)).toString()).toBe(expected);
});

test("behind ordinary requests on the same connection, and behind a pipelined one", async () => {
  using instance = FakeInstance.start(
    serveWebSocket(async (connection) => {
      const frame = await readFrame(connection);
      await connection.send(formatFrame(opcode.text, `heard ${frame.payload}`));
    }),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/one")).body.toString()).toBe("plain /one");
  expect((await exchange(client, "/two")).body.toString()).toBe("plain /two");
  await client.send(`GET /three HTTP/1.1\r\nHost: test\r\n\r\n${formatHandshake()}`);
  expect((await readResponse(client)).body.toString()).toBe("plain /three");
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(relayedSwitching);
  await client.send(maskedFrame(opcode.text, "you"));
  expect((await readFrame(client)).payload.toString()).toBe("heard you");
  // The instance's connection was the one that the requests before had used.
  expect(instance.connections.length).toBe(1);
});

test("an instance's 103 goes ahead of its 101", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await connection.takeUntil("\r\n\r\n");
    await connection.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${relayedSwitching}\x81\x02hi`);
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(formatHandshake());
  expect((await client.takeUntil("\r\n\r\n")).toString()).toBe("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
  const expected = `${relayedSwitching}\x81\x02hi`;
  expect((await client.takeBytes(expected.length)).toString("latin1")).toBe(expected);
});
