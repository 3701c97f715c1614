// Responses as they reach a client: text in, text out, at every split of what came in.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { writeInterimHead, writeResponseHead } from "../../../../src/parse/http1/serialise.ts";
import { withResponse } from "./readers.ts";
import { expectAtEverySplit, type Pieces, wholeText } from "./splits.ts";

const write =
  (isChunked: boolean, keepsAlive: boolean) =>
  (pieces: Pieces): string =>
    withResponse(pieces, (head, bytes) => {
      const out = new ByteWriter(1);
      writeResponseHead(head, bytes, isChunked, keepsAlive, out);
      return wholeText(out.view());
    });

const writeInterim = (pieces: Pieces): string =>
  withResponse(pieces, (head, bytes) => {
    const out = new ByteWriter(1);
    writeInterimHead(head, bytes, out);
    return wholeText(out.view());
  });

const lines: ReadonlyArray<readonly [name: string, received: string, sent: string]> = [
  ["a plain status line goes on as it is", "HTTP/1.1 200 All  is well\t\r\n", "HTTP/1.1 200 All  is well\t\r\n"],
  ["an empty reason keeps its blank", "HTTP/1.1 200 \r\n", "HTTP/1.1 200 \r\n"],
  ["a missing blank is added", "HTTP/1.1 200\r\n", "HTTP/1.1 200 \r\n"],
  ["HTTP/1.0 becomes ours", "HTTP/1.0 404 Not Found\r\n", "HTTP/1.1 404 Not Found\r\n"],
  ["HTTP/1.0 without a reason", "HTTP/1.0 404\r\n", "HTTP/1.1 404 \r\n"],
  ["a later version becomes ours", "HTTP/1.5 200 OK\r\n", "HTTP/1.1 200 OK\r\n"],
  ["obs-text goes on", "HTTP/1.1 200 \xd6K\r\n", "HTTP/1.1 200 \xd6K\r\n"],
];

const fields: ReadonlyArray<readonly [name: string, received: string, sent: string]> = [
  ["no field", "", ""],
  [
    "order, case and blanks are kept",
    "b:1\r\nA:  2\r\nSet-Cookie: x\r\nSet-Cookie: y\r\n",
    "b:1\r\nA:  2\r\nSet-Cookie: x\r\nSet-Cookie: y\r\n",
  ],
  ["uneven lines are written anew", "A: 1 \r\nB:2\r\nC: 3\t\r\n", "A: 1\r\nB:2\r\nC: 3\r\n"],
  [
    "hop-by-hop fields go",
    "Connection: x\r\nKeep-Alive: 5\r\nA: 1\r\nProxy-Connection: x\r\nTE: x\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n",
    "A: 1\r\n",
  ],
  ["what Connection names goes", "A: 1\r\nConnection: close, a\r\nB: 2\r\n", "B: 2\r\n"],
  [
    "what requests alone lose passes",
    "Host: a\r\nExpect: x\r\nX-Forwarded-For: b\r\nX-Forwarded-Port: 1\r\n",
    "Host: a\r\nExpect: x\r\nX-Forwarded-For: b\r\nX-Forwarded-Port: 1\r\n",
  ],
  ["the same length goes once", "Content-Length: 5\r\nA: 1\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nA: 1\r\n"],
  ["a length beside chunks goes", "Content-Length: 5\r\nA: 1\r\nTransfer-Encoding: chunked\r\n", "A: 1\r\n"],
];

describe("status lines", () => {
  test.each(lines)("%s", (_, received, sent) => {
    expectAtEverySplit(
      `${received}A: 1\r\n\r\nrest`,
      write(false, true),
      `${sent}A: 1\r\nConnection: keep-alive\r\n\r\n`,
    );
    expectAtEverySplit(`${received}\r\n`, write(false, false), `${sent}Connection: close\r\n\r\n`);
    expectAtEverySplit(`${received}A: 1\r\n\r\n`, writeInterim, `${sent}A: 1\r\n\r\n`);
  });
});

describe("fields", () => {
  test.each(fields)("%s", (_, received, sent) => {
    for (const line of ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 200 OK\r\n"]) {
      const ours = "HTTP/1.1 200 OK\r\n";
      expectAtEverySplit(`${line}${received}\r\n`, write(false, false), `${ours}${sent}Connection: close\r\n\r\n`);
      expectAtEverySplit(
        `${line}${received}\r\n`,
        write(true, true),
        `${ours}${sent}Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n`,
      );
      // RFC 9110 §8.6: an interim response has no length.
      const interim = sent.replace("Content-Length: 5\r\n", "");
      expectAtEverySplit(`${line}${received}\r\n`, writeInterim, `${ours}${interim}\r\n`);
    }
  });
});

// RFC 9110 §8.6: no Content-Length in a 1xx response; a client that counts would take the next head for a body.
test("an interim response goes on without a length", () => {
  expectAtEverySplit(
    "HTTP/1.1 103 E\r\nContent-Length: 5\r\nA: 1\r\n\r\n",
    writeInterim,
    "HTTP/1.1 103 E\r\nA: 1\r\n\r\n",
  );
});

test("a response in steady state is copied as one run", () => {
  // Proved by its bytes: nothing is left out in the middle, the end alone is ours.
  const head = "HTTP/1.1 200 OK\r\nServer: x\r\nDate: y\r\nContent-Length: 2\r\n";
  expect(write(false, true)([Buffer.from(`${head}\r\nhi`)])).toBe(`${head}Connection: keep-alive\r\n\r\n`);
});
