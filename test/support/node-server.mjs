// An instance made of node:http, run by Node.js or by Bun: it prints its port, and ends when its standard input does.
// Plain JavaScript, because Node.js runs it as it is.
import { createHash } from "node:crypto";
import { createServer } from "node:http";

let connections = 0;
let release = () => {};

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://instance");
  response.setHeader("X-Connections", String(connections));
  if (pathname === "/echo") {
    const hash = createHash("sha256");
    let bytes = 0;
    request.on("data", (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    request.on("end", () => {
      const { method, url, rawHeaders, rawTrailers } = request;
      const body = JSON.stringify({ method, url, bytes, sha256: hash.digest("hex"), rawHeaders, rawTrailers });
      response.setHeader("Content-Length", Buffer.byteLength(body));
      response.end(body);
    });
    return;
  }
  request.resume();
  if (pathname === "/length") {
    const length = Number(searchParams.get("bytes"));
    response.setHeader("Content-Length", length);
    response.end(Buffer.alloc(length, "x"));
  } else if (pathname === "/chunked") {
    for (let index = 0; index < 20; index++) response.write(`${index},`);
    response.end("end");
  } else if (pathname === "/none") {
    response.statusCode = 204;
    response.end();
  } else if (pathname === "/not-modified") {
    response.writeHead(304, { ETag: '"tag"' });
    response.end();
  } else if (pathname === "/events") {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("data: 1\n\n");
    release = () => response.end("data: 2\n\n");
  } else if (pathname === "/release") {
    release();
    response.end("released");
  } else if (pathname === "/cut") {
    response.write("cut");
    setTimeout(() => response.socket.destroy(), 50);
  } else {
    response.statusCode = 404;
    response.end("not here");
  }
});

server.on("connection", () => connections++);
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
