// Access logs of HTTP listeners: the fields of every kind of end, and what a client can't forge.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { makeFolder } from "../support/folder.ts";
import { startServing } from "../support/http-elbow.ts";
import { exchange, formatResponse, readResponse } from "../support/http-message.ts";
import { awaitLines, loggingTo, readLine, textLines } from "../support/log-lines.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";
import { formatFrame, maskedFrame, opcode, readFrame, serveWebSocket, shakeHands } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const seconds = /^\d+\.\d{6}$/;
const none = ["-1", "-1", "-1"];

const start = async (script: Parameters<typeof startServing>[0], attributes: object = {}) => {
  const folder = makeFolder();
  const path = join(folder.path, "access.log");
  const serving = await startServing(script, { ...loggingTo({ file: path }), ...attributes });
  return {
    ...serving,
    path,
    async [Symbol.asyncDispose]() {
      await serving[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
};

const ask = async (port: number, text: string) => {
  const client = await RawClient.connect(port);
  await client.send(text);
  return client;
};

test("a request and its response are a line of fifteen fields", async () => {
  await using it = await start(answerText("hello world"));
  const before = Date.now();
  const client = await ask(
    it.port,
    "POST /a?b=c HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: curl/7.38.0\r\nContent-Length: 4\r\n\r\nbody",
  );
  await readResponse(client);
  const [line] = await awaitLines(it.path, 1);
  expect(line).toMatchObject({
    elb: "test",
    client: "127.0.0.1",
    clientPort: String(client.localPort),
    backend: `127.0.0.1:${it.instance.port}`,
    counts: "200 200 4 11",
    request: `POST http://www.example.com:${it.port}/a?b=c HTTP/1.1`,
    agent: '"curl/7.38.0"',
    tls: "- -",
  });
  for (const time of line!.times) expect(time).toMatch(seconds);
  expect(line!.time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(Math.abs(Date.parse(line!.time) - before)).toBeLessThan(10_000);
  client.close();
});

test("one line for each request of a connection; a host with a port keeps it, and one without agent has none", async () => {
  await using it = await start(answerText("ok"));
  const client = await RawClient.connect(it.port);
  for (const path of ["/1", "/2", "/3"]) {
    await client.send(`GET ${path} HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n`);
    await readResponse(client);
  }
  const lines = await awaitLines(it.path, 3);
  expect(lines.map(({ request }) => request)).toEqual(
    ["/1", "/2", "/3"].map((path) => `GET http://[::1]:8080${path} HTTP/1.1`),
  );
  expect(lines[0]!.agent).toBe('"-"');
  client.close();
});

test("chunked bodies count as they come, heads don't; HEAD has no body", async () => {
  await using it = await start(
    serveHttp((request) =>
      request.method === "HEAD"
        ? "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
        : `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${formatResponse("12345")}`,
    ),
  );
  const client = await RawClient.connect(it.port);
  await exchange(client, "/");
  await client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const lines = await awaitLines(it.path, 2);
  expect(lines.map(({ counts }) => counts)).toEqual(["200 200 0 5", "200 200 0 0"]);
  client.close();
});

test("no instance: 503 and no times", async () => {
  await using it = await start(silence);
  it.instance.stop();
  const client = await ask(it.port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect((await readResponse(client)).status).toBe(503);
  const [line] = await awaitLines(it.path, 1);
  expect(line).toMatchObject({ backend: "-", times: none, counts: "503 0 0 0" });
  client.close();
});

test("an instance that closes without a word, or stays silent: 504 with the body's bytes", async () => {
  await using it = await start(
    async (connection) => {
      const request = await connection.readRequest();
      if (request?.target === "/close") connection.close();
    },
    { idleTimeout: 1 },
  );
  for (const path of ["/close", "/silent"]) {
    const client = await ask(it.port, `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc`);
    expect((await readResponse(client)).status).toBe(504);
    client.close();
  }
  for (const line of await awaitLines(it.path, 2)) {
    expect(line).toMatchObject({ backend: "-", times: none, counts: "504 0 3 0" });
  }
});

test("a head that doesn't come whole: 408; a client that goes before the answer: no status", async () => {
  await using it = await start(async (connection) => void (await connection.readRequest()), {
    requestHeadTimeout: 0.2,
  });
  const slow = await ask(it.port, "GET /slow HTTP/1.1\r\nHost: a\r\n");
  expect((await readResponse(slow)).status).toBe(408);
  const gone = await ask(it.port, "GET /gone HTTP/1.1\r\nHost: a\r\n\r\n");
  await it.instance.connection();
  await eventually(() => it.instance.requests.length === 1);
  gone.reset();
  const lines = await awaitLines(it.path, 2);
  expect(lines[0]).toMatchObject({ backend: "-", times: none, counts: "408 0 0 0" });
  expect(lines[0]!.request).toBe(`GET http://127.0.0.1:${it.port}/slow HTTP/1.1`);
  expect(lines[1]).toMatchObject({ backend: "-", times: none, counts: "- 0 0 0" });
  slow.close();
});

test("what is refused has a line too, and nothing that a client sends forges one", async () => {
  await using it = await start(answerText("ok"));
  const heads = [
    'GET /"quote"\\x HTTP/1.1\r\nHost: a\r\nUser-Agent: evil" 200 200 0 0 "GET / HTTP/1.1\\\r\n\r\n',
    "GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: \xff\x85 tab\there é\r\n\r\n",
    "GET /a b c HTTP/1.1\r\nHost: a\r\n\r\n",
    "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\x00\x01\x02\r\n\r\n",
    "GET /\x0b\x0c\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://b.example/x HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    `${"M".repeat(200)} / HTTP/1.1\r\nHost: a\r\n\r\n`,
    "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
    "\u2028GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  ];
  for (const head of heads) {
    const client = await RawClient.connect(it.port);
    await client.send(Buffer.from(head, "latin1"));
    await readResponse(client);
    client.close();
  }
  const lines = await awaitLines(it.path, heads.length);
  expect(lines).toHaveLength(heads.length);
  expect(lines[0]!.request).toBe(`GET http://a:${it.port}/\\x22quote\\x22\\x5Cx HTTP/1.1`);
  expect(lines[0]!.agent).toBe('"evil\\x22 200 200 0 0 \\x22GET / HTTP/1.1\\x5C"');
  expect(lines[9]!.request).toBe("GET http://b.example/x HTTP/1.1");
  for (const text of textLines(it.path)) expect(text).toMatch(/^[\x20-\x7e]+$/);
});

test("a user agent is cut at 8 KB", async () => {
  await using it = await start(answerText("ok"));
  const client = await ask(it.port, `GET / HTTP/1.1\r\nHost: a\r\nUser-Agent: ${"x".repeat(9000)}\r\n\r\n`);
  await readResponse(client);
  const [line] = await awaitLines(it.path, 1);
  expect(line!.agent).toHaveLength(8192 + 2);
  client.close();
});

test("a WebSocket is one line, at its end", async () => {
  await using it = await start(
    serveWebSocket(async (connection) => {
      await readFrame(connection);
      await connection.send(formatFrame(opcode.text, "welcome"));
      await connection.takeToEnd();
      await connection.close();
    }),
  );
  const client = await RawClient.connect(it.port);
  await shakeHands(client);
  await client.send(maskedFrame(opcode.text, "hi"));
  await readFrame(client);
  expect(textLines(it.path)).toHaveLength(0);
  client.close();
  const [line] = await awaitLines(it.path, 1);
  const sent = formatFrame(opcode.text, "welcome").length;
  expect(line!.counts).toBe(`101 101 ${maskedFrame(opcode.text, "hi").length} ${sent}`);
  expect(textLines(it.path).map(readLine)).toHaveLength(1);
});

test("an answer of ours to a request without instance keeps the connection, and each is a line", async () => {
  await using it = await start(answerText("ok"));
  const client = await RawClient.connect(it.port);
  expect((await exchange(client, "/")).status).toBe(200);
  it.instance.stop();
  await eventually(async () => (await exchange(client, "/")).status === 503);
  const lines = await awaitLines(it.path, 2);
  expect(lines.at(-1)!.counts).toBe("503 0 0 0");
  client.close();
});
