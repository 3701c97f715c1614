// Real servers as instances: Bun.serve, node:http under Bun and under Node.js, nginx. What they answer by length, in
// chunks, bit by bit, in part or cut off reaches the client as they meant it, over connections that are kept.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { startBunServer } from "../support/bun-server.ts";
import { digestOf, seededBlocks, sendStream } from "../support/byte-stream.ts";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange, header, isCut, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { findProgram, type ServingProgram, startPrintingServer, startServer, titleOf } from "../support/program.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const nodeServer = resolve(import.meta.dir, "../support/node-server.mjs");

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly rawHeaders: ReadonlyArray<string>;
}

const startBun = async (): Promise<ServingProgram> => {
  const server = startBunServer();
  return { port: server.port as number, [Symbol.asyncDispose]: () => server.stop(true) };
};

const servers: ReadonlyArray<readonly [name: string, start: () => Promise<ServingProgram>, isHere: boolean]> = [
  ["Bun.serve", startBun, true],
  ["node:http under Bun", () => startPrintingServer([process.execPath, nodeServer]), true],
  [
    `node:http under ${titleOf("node")}`,
    () => startPrintingServer([findProgram("node") as string, nodeServer]),
    findProgram("node") !== undefined,
  ],
];

const testServer = (start: () => Promise<ServingProgram>, cuts: boolean): void => {
  let server: ServingProgram;
  let elbow: RunningElbow;

  beforeAll(async () => {
    server = await start();
    elbow = await startElbow({ protocol: "HTTP", instances: [server.port] });
  });
  afterAll(async () => {
    await elbow?.stop();
    await server?.[Symbol.asyncDispose]();
  });
  const connect = () => RawClient.connect(elbow.port());

  test("a GET with its headers, and ours", async () => {
    using client = await connect();
    const { status, body } = await exchange(client, "/echo?a=b%20c", { headers: [["X-Mine", "mine"]] });
    const echo = JSON.parse(body.toString()) as Echo;
    expect([status, echo.method, echo.url]).toEqual([200, "GET", "/echo?a=b%20c"]);
    const headers = new Map(
      echo.rawHeaders.flatMap((name, index) =>
        index % 2 === 0 ? [[name.toLowerCase(), echo.rawHeaders[index + 1]]] : [],
      ) as ReadonlyArray<[string, string]>,
    );
    expect([headers.get("host"), headers.get("x-mine"), headers.get("x-forwarded-for")]).toEqual([
      "test",
      "mine",
      "127.0.0.1",
    ]);
    expect(headers.get("x-forwarded-port")).toBe(String(elbow.port()));
  });

  test.each([
    ["by length", false],
    ["in chunks", true],
  ])("an upload of 20 MiB %s arrives byte for byte", async (_, isChunked) => {
    using client = await connect();
    const framing = isChunked ? "Transfer-Encoding: chunked" : `Content-Length: ${20 * MIB}`;
    await client.send(`PUT /echo HTTP/1.1\r\nHost: test\r\n${framing}\r\n\r\n`);
    if (isChunked) await client.send(`${(20 * MIB).toString(16)}\r\n`);
    const { sha256 } = await sendStream(client, 20 * MIB, 1);
    if (isChunked) await client.send("\r\n0\r\n\r\n");
    const echo = JSON.parse((await readResponse(client)).body.toString()) as Echo;
    expect([echo.method, echo.bytes, echo.sha256]).toEqual(["PUT", 20 * MIB, sha256]);
  });

  test("HEAD, 204, 304 and 404 one after the other on one connection", async () => {
    using client = await connect();
    const head = await exchange(client, "/length?bytes=1000", { method: "HEAD" });
    expect([head.status, head.framing]).toEqual([200, "none"]);
    expect((await exchange(client, "/none")).status).toBe(204);
    const notModified = await exchange(client, "/not-modified");
    expect([notModified.status, header(notModified, "etag")]).toEqual([304, '"tag"']);
    expect((await exchange(client, "/nowhere")).status).toBe(404);
    expect((await exchange(client, "/length?bytes=3")).body.toString()).toBe("xxx");
  });

  test("an answer in chunks", async () => {
    using client = await connect();
    const response = await exchange(client, "/chunked");
    expect(response.framing).toBe("chunked");
    expect(response.body.toString()).toBe(`${Array.from({ length: 20 }, (_, index) => `${index},`).join("")}end`);
  });

  test("an answer in chunks to an HTTP/1.0 client comes without them, up to the end", async () => {
    using client = await connect();
    await client.send("GET /chunked HTTP/1.0\r\nHost: test\r\n\r\n");
    const response = await readResponse(client);
    expect(response.framing).toBe("close");
    expect(response.body.toString()).toEndWith("19,end");
  });

  test("events reach the client while the answer goes on", async () => {
    using client = await connect();
    await client.send("GET /events HTTP/1.1\r\nHost: test\r\n\r\n");
    await client.takeUntil("data: 1\n\n");
    using other = await connect();
    expect((await exchange(other, "/release")).body.toString()).toBe("released");
    await client.takeUntil("data: 2\n\n");
    await client.takeUntil("\r\n0\r\n\r\n");
  });

  const expectCut = async (): Promise<void> => {
    using client = await connect();
    const outcome = await exchange(client, "/cut").then(
      (response) => response.status,
      (error) => (isCut(error) ? client.ending : error),
    );
    expect(outcome).toBe("reset");
  };
  if (cuts) test("an answer that is cut is cut", expectCut);

  test("200 requests over kept connections", async () => {
    const before = elbow.status()[0]!.instances[0]!.openConnections;
    const clients = await Promise.all(Array.from({ length: 4 }, connect));
    try {
      await Promise.all(
        clients.map(async (client) => {
          for (let round = 0; round < 50; round++) {
            expect((await exchange(client, `/length?bytes=${round}`)).body.length).toBe(round);
          }
        }),
      );
    } finally {
      for (const client of clients) client.dispose();
    }
    expect(elbow.status()[0]!.instances[0]!.openConnections - before).toBeLessThanOrEqual(4);
  });
};

for (const [name, start, isHere] of servers) {
  describe.skipIf(!isHere)(name, () => testServer(start, start !== startBun));
}

const nginxConfiguration = (folder: string, port: number, asRoot: boolean): string => `
daemon off;
master_process off;
worker_processes 1;
${asRoot ? "user root;" : ""}
pid ${folder}/nginx.pid;
error_log ${folder}/error.log error;
events { worker_connections 256; }
http {
  access_log ${folder}/access.log;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  log_format connections "$connection $status $request_uri";
  gzip on;
  gzip_types text/plain;
  gzip_proxied any;
  gzip_min_length 1;
  default_type text/plain;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    client_max_body_size 100k;
    location = /kept { access_log ${folder}/kept.log connections; return 200 "kept"; }
    location /few/ { keepalive_requests 5; return 200 "few"; }
    location /short/ { keepalive_timeout 0; return 200 "short"; }
    location /put/ { dav_methods PUT; client_max_body_size 100k; }
  }
}
`;

describe.skipIf(findProgram("nginx") === undefined)(titleOf("nginx"), () => {
  const folder = makeFolder();
  let server: ServingProgram;
  let elbow: RunningElbow;
  const fileBytes = 100 * MIB;

  beforeAll(async () => {
    const port = freePort();
    folder.write("text.txt", "a line of text, again and again\n".repeat(5000));
    const file = folder.write("nginx.conf", nginxConfiguration(folder.path, port, process.getuid?.() === 0));
    const writer = Bun.file(resolve(folder.path, "big.bin")).writer();
    for (const block of seededBlocks(fileBytes, 7)) {
      writer.write(block);
      await writer.flush();
    }
    await writer.end();
    server = await startServer([findProgram("nginx") as string, "-p", folder.path, "-c", file], port);
    elbow = await startElbow({ protocol: "HTTP", instances: [server.port] });
  });
  afterAll(async () => {
    await elbow?.stop();
    await server?.[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });
  const connect = () => RawClient.connect(elbow.port());

  test("a file of 100 MiB arrives byte for byte", async () => {
    using client = await connect();
    await client.send("GET /big.bin HTTP/1.1\r\nHost: test\r\n\r\n");
    const head = (await client.takeUntil("\r\n\r\n")).toString();
    expect(head).toContain(`\r\nContent-Length: ${fileBytes}\r\n`);
    expect(await client.digest(fileBytes)).toEqual(digestOf(fileBytes, 7));
    expect((await exchange(client, "/kept")).body.toString()).toBe("kept");
  });

  test("50 requests over kept connections: nginx sees a few connections, not fifty", async () => {
    using client = await connect();
    for (let round = 0; round < 50; round++) expect((await exchange(client, "/kept")).body.toString()).toBe("kept");
    const log = await Bun.file(resolve(folder.path, "kept.log")).text();
    const connections = new Set(
      log
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    );
    expect(log.trim().split("\n").length).toBeGreaterThanOrEqual(50);
    expect(connections.size).toBeLessThanOrEqual(3);
  });

  test.each(["/few/", "/short/"])("%s: a server that ends connections often costs no request", async (target) => {
    using client = await connect();
    for (let round = 0; round < 30; round++) {
      const response = await exchange(client, target);
      expect([response.status, header(response, "connection")]).toEqual([200, "keep-alive"]);
    }
  });

  test("gzip comes in chunks and unpacks to the file", async () => {
    using client = await connect();
    const response = await exchange(client, "/text.txt", { headers: [["Accept-Encoding", "gzip"]] });
    expect([header(response, "content-encoding"), response.framing]).toEqual(["gzip", "chunked"]);
    const plain = Buffer.from(Bun.gunzipSync(new Uint8Array(response.body))).toString();
    expect(plain).toBe(await Bun.file(resolve(folder.path, "text.txt")).text());
    expect((await exchange(client, "/kept")).body.toString()).toBe("kept");
  });

  test("a range is 206 with that range", async () => {
    using client = await connect();
    const response = await exchange(client, "/text.txt", { headers: [["Range", "bytes=2-5"]] });
    expect([response.status, response.body.toString()]).toEqual([206, "line"]);
    const many = await exchange(client, "/text.txt", { headers: [["Range", "bytes=0-1,5-6"]] });
    expect([many.status, header(many, "content-type")?.startsWith("multipart/byteranges")]).toEqual([206, true]);
    const beyond = await exchange(client, "/text.txt", { headers: [["Range", "bytes=99999999-"]] });
    expect(beyond.status).toBe(416);
  });

  test("HEAD, a condition and what isn't there", async () => {
    using client = await connect();
    const head = await exchange(client, "/text.txt", { method: "HEAD" });
    expect([head.status, header(head, "content-length")]).toEqual([200, "160000"]);
    const same = await exchange(client, "/text.txt", { headers: [["If-None-Match", header(head, "etag") as string]] });
    expect([same.status, same.body.length]).toEqual([304, 0]);
    expect((await exchange(client, "/nowhere")).status).toBe(404);
  });

  test("an upload that is too large gets nginx's own 413 while it is still coming", async () => {
    using client = await connect();
    await client.send(`PUT /put/big HTTP/1.1\r\nHost: test\r\nContent-Length: ${50 * MIB}\r\n\r\n`);
    const sending = sendStream(client, 50 * MIB, 3).catch(() => {});
    expect((await readResponse(client)).status).toBe(413);
    client.dispose();
    await sending;
    using other = await connect();
    expect((await exchange(other, "/kept")).body.toString()).toBe("kept");
  });

  test("old and odd requests reach nginx in a form that it takes", async () => {
    using old = await connect();
    await old.send("GET /kept\r\n");
    expect((await old.takeToEnd()).toString()).toBe("kept");
    using ambiguous = await connect();
    await ambiguous.send(
      "GET /kept HTTP/1.1\r\nHost: test\r\nX-A: b\r\n folded\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    );
    const response = await readResponse(ambiguous);
    expect([response.status, header(response, "connection")]).toEqual([200, "close"]);
  });
});
