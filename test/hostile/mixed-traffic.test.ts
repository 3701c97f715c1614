// Many clients at once with every kind of request, in front of instances of every temper: each client gets exactly its
// own answers, in order, or an honest failure. Seeded: the seed is in the test's name.
import { expect, setDefaultTimeout, test } from "bun:test";
import { seededBytes } from "../support/byte-stream.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { formatResponse, header, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

/** A small seeded generator of whole numbers below a bound. */
const makeDice = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

const asChunks = (body: Buffer, dice: (below: number) => number): Buffer => {
  const parts: Array<Buffer> = [];
  for (let offset = 0; offset < body.length; ) {
    const piece = body.subarray(offset, offset + 1 + dice(9000));
    parts.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n"));
    offset += piece.length;
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
};

const hash = (bytes: Uint8Array): string => Bun.hash(bytes).toString(16);

/** Answers with a body made from the target, and the hash of the request's body. */
const moody =
  (dice: (below: number) => number): Script =>
  async (connection) => {
    for (;;) {
      const request = await connection.readRequest();
      if (request === undefined) return connection.ending === "eof" ? connection.close() : undefined;
      const [, size = "0"] = request.target.split("=");
      const body = seededBytes(Number(size), Number(size) + 1);
      const headers = `X-Got: ${hash(request.body)}\r\nX-Target: ${request.target}\r\n`;
      if (dice(8) === 0) await connection.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
      if (request.method === "HEAD") {
        await connection.send(`HTTP/1.1 200 OK\r\n${headers}Content-Length: ${size}\r\n\r\n`);
        continue;
      }
      const mood = dice(10);
      if (mood < 4)
        await connection.send(
          formatResponse(body, {
            headers: [
              ["X-Got", hash(request.body)],
              ["X-Target", request.target],
            ],
          }),
        );
      else if (mood < 7) {
        const wire = Buffer.concat([
          Buffer.from(`HTTP/1.1 200 OK\r\n${headers}Transfer-Encoding: chunked\r\n\r\n`),
          asChunks(body, dice),
        ]);
        await connection.sendSlowly(wire, 1 + dice(30_000));
      } else {
        // Ends its connection, as its right is, in three ways.
        const framing =
          mood === 7
            ? "Connection: close\r\n"
            : mood === 8
              ? `Content-Length: ${size}\r\nConnection: close\r\n`
              : `Content-Length: ${size}\r\n`;
        await connection.send(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${headers}${framing}\r\n`), body]));
        return connection.close();
      }
    }
  };

test.each([1, 2, 3])("60 clients, 25 requests each, three instances (seed %d)", async (seed) => {
  const instances = [0, 1, 2].map((index) => FakeInstance.start(moody(makeDice(seed * 100 + index))));
  await using elbow = await startElbow({ protocol: "HTTP", instances });
  const failures: Array<string> = [];
  let answered = 0;
  const run = async (index: number) => {
    const dice = makeDice(seed * 1000 + index);
    let client = await RawClient.connect(elbow.port());
    try {
      for (let round = 0; round < 25; round++) {
        const method = ["GET", "GET", "HEAD", "PUT", "PUT"][dice(5)]!;
        const size = dice(3) === 0 ? dice(120_000) : dice(300);
        const target = `/${index}/${round}?size=${size}`;
        const body =
          method === "PUT" ? seededBytes(dice(2) === 0 ? dice(90_000) : dice(50), round + 7) : Buffer.alloc(0);
        const isChunked = dice(2) === 0;
        const framing =
          method !== "PUT" ? "" : isChunked ? "Transfer-Encoding: chunked\r\n" : `Content-Length: ${body.length}\r\n`;
        const head = Buffer.from(`${method} ${target} HTTP/1.1\r\nHost: test\r\n${framing}\r\n`);
        const wire = Buffer.concat([head, method !== "PUT" ? body : isChunked ? asChunks(body, dice) : body]);
        if (dice(3) === 0) await client.sendSlowly(wire, 1 + dice(20_000));
        else await client.send(wire);
        const response = await readResponse(client, { method });
        answered++;
        if (response.status === 504 && method === "PUT") {
          // Its kept connection closed under it; what was sent can't be sent twice.
        } else if (
          response.status !== 200 ||
          header(response, "x-target") !== target ||
          header(response, "x-got") !== hash(body) ||
          (method !== "HEAD" && !response.body.equals(seededBytes(size, size + 1)))
        ) {
          failures.push(
            `${method} ${target}: ${response.startLine} ${JSON.stringify(response.headers)} ${response.body.length}`,
          );
        }
        if (header(response, "connection")?.toLowerCase() === "close") {
          client.dispose();
          client = await RawClient.connect(elbow.port());
        }
      }
    } catch (error) {
      failures.push(String(error));
    } finally {
      client.dispose();
    }
  };
  await Promise.all(Array.from({ length: 60 }, (_, index) => run(index)));
  expect(failures).toEqual([]);
  expect(answered).toBe(60 * 25);
  expect(instances.flatMap(({ scriptErrors }) => scriptErrors)).toEqual([]);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  for (const instance of instances) instance.stop();
});
