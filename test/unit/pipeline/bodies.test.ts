// Bodies on their way: requests' and responses', framed anew, at every split and against a peer that takes little.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../src/parse/byte-writer.ts";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { joinMaxBytes, sendChunk } from "../../../src/pipeline/chunk-writer.ts";
import { RequestBody } from "../../../src/pipeline/request-body.ts";
import { ResponseRelay } from "../../../src/pipeline/response-relay.ts";
import { makeFakeTransport } from "../net/fake-socket.ts";
import { readChunked } from "../parse/http1/chunked-reader.ts";
import { withRequest } from "../parse/http1/readers.ts";
import { expectAtEverySplit, joinPieces, type Pieces, wholeText } from "../parse/http1/splits.ts";

/** What a chunked stream of ours says, however it was cut into chunks. */
const unchunked = (text: string): string => readChunked()([bytesOf(text)]);

describe("a request's body", () => {
  /** Sends what lies behind a head, and says what the instance got, whether it is whole, and what was left. */
  const send =
    (head: string) =>
    (pieces: Pieces): string => {
      const body = new RequestBody();
      withRequest([bytesOf(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n`)], (parser) => {
        body.begin(parser);
        return "";
      });
      const { transport, socket } = makeFakeTransport();
      for (const [index, piece] of pieces.entries()) {
        if (body.isDone) return `${socket.sent} done, left ${wholeText(joinPieces(pieces.slice(index)))}`;
        expect(body.send(piece, 0, piece.length, transport)).toBe(!body.isFaulty);
        if (body.isFaulty) return "faulty";
        if (body.isDone) {
          const rest = joinPieces([piece.subarray(body.pos), ...pieces.slice(index + 1)]);
          return `${head.includes("chunked") ? unchunked(socket.sent) : socket.sent} done, left ${wholeText(rest)}`;
        }
      }
      return "more";
    };

  test("of a length ends with its last byte", () => {
    expectAtEverySplit("hello", send("Content-Length: 5\r\n"), "hello done, left ");
    expectAtEverySplit("helloGET /", send("Content-Length: 5\r\n"), "hello done, left GET /");
    expectAtEverySplit("hell", send("Content-Length: 5\r\n"), "more");
  });

  test("in chunks is written in chunks of ours", () => {
    const coded = send("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n");
    expectAtEverySplit("3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\nGET /", coded, '"abcde" + "" done, left GET /');
    expectAtEverySplit("3\r\nabc\r\n2\r\nde\r\n0\r\n\r", coded, "more");
    expectAtEverySplit("3\r\nabc\r\n2\r\ndef\r\n0\r\n\r\n", coded, "faulty");
  });

  test("is done from the start when there is none", () => {
    for (const head of ["", "Content-Length: 0\r\n"]) expect(send(head)([bytesOf("GET /")])).toBe(" done, left GET /");
  });

  test("what is thrown away is counted the same, and nothing is sent", () => {
    for (const [head, text, pos] of [
      ["Content-Length: 5\r\n", "helloGET /", 5],
      ["Transfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\nGET /", 12],
    ] as const) {
      const body = new RequestBody();
      withRequest([bytesOf(`POST / HTTP/1.1\r\nHost: a\r\n${head}\r\n`)], (parser) => {
        body.begin(parser);
        return "";
      });
      body.skip(bytesOf(text), 0, text.length);
      expect([body.isDone, body.pos, body.isFaulty]).toEqual([true, pos, false]);
    }
  });
});

describe("a chunk of ours", () => {
  test.each([1, joinMaxBytes - 1, joinMaxBytes, joinMaxBytes + 1, 200_000])("of %d bytes, behind a head", (length) => {
    for (const room of [Number.POSITIVE_INFINITY, 0, 1, 5, length, length + 7]) {
      const { transport, socket } = makeFakeTransport();
      const out = new ByteWriter();
      out.put(bytesOf("head|"));
      const data = new Uint8Array(length).fill(0x61);
      socket.room = room;
      const sentBytes = sendChunk(data, 0, length, true, out, transport);
      expect(out.length).toBe(0);
      // The writer is used again at once: nothing that was kept may lie in it.
      out.put(bytesOf("overwritten".repeat(50)));
      socket.room = Number.POSITIVE_INFINITY;
      transport.flush();
      expect(sentBytes).toBe(socket.sent.length);
      expect(socket.sent).toBe(`head|${length.toString(16).toUpperCase()}\r\n${wholeText(data)}\r\n0\r\n\r\n`);
    }
  });

  test("of no bytes is no chunk, which would end the body", () => {
    const { transport, socket } = makeFakeTransport();
    expect(sendChunk(bytesOf("ab"), 1, 1, false, new ByteWriter(), transport)).toBe(0);
    expect(socket.sent).toBe("");
  });
});

describe("a response", () => {
  interface Terms {
    readonly isHead?: boolean;
    readonly minorVersion?: number;
    readonly keeps?: boolean;
    readonly ends?: boolean;
  }

  /** What the client got, and what became of both connections. */
  const relay =
    ({ isHead = false, minorVersion = 1, keeps = true, ends = false }: Terms = {}) =>
    (pieces: Pieces): string => {
      const response = new ResponseRelay();
      const { transport, socket } = makeFakeTransport();
      response.begin();
      let isOver = false;
      for (const piece of pieces) {
        // The session reads no more from a connection whose response is over; what comes then spoils it for others.
        if (isOver) break;
        response.receive(piece, transport, { isHead, minorVersion, mayKeepAlive: () => keeps });
        isOver = response.isDone || response.fault !== undefined;
      }
      if (ends && !isOver) response.end();
      const [head = "", ...body] = socket.sent.split(/(?<=\r\n\r\n)(?!HTTP)/);
      const rest = body.join("");
      const said = /transfer-encoding: chunked/i.test(head) && !isHead && rest !== "" ? unchunked(rest) : rest;
      const words = [
        ...(response.isDone ? ["done"] : []),
        ...(response.fault === undefined ? [] : [response.fault]),
        ...(response.keepsClient ? ["keeps client"] : []),
        ...(response.keepsBackend ? ["keeps backend"] : []),
      ];
      return `${head.replaceAll("\r\n", "|")} ${said} ${words.join(", ")}`;
    };

  test("of a length", () => {
    const expected =
      "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive|| hello done, keeps client, keeps backend";
    expectAtEverySplit("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", relay(), expected);
  });

  test("with an empty body, and without one", () => {
    for (const [text, isHead] of [
      ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false],
      ["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", true],
      ["HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", false],
    ] as const) {
      const head = text.replace("\r\n\r\n", "\r\nConnection: keep-alive\r\n\r\n").replaceAll("\r\n", "|");
      expectAtEverySplit(text, relay({ isHead }), `${head}  done, keeps client, keeps backend`);
    }
    expectAtEverySplit(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      relay({ isHead: true }),
      "HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: keep-alive||  done, keeps client, keeps backend",
    );
    expectAtEverySplit(
      "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
      relay(),
      "HTTP/1.1 204 No Content|Connection: keep-alive||  done, keeps client, keeps backend",
    );
  });

  // RFC 9110 §8.6: no Content-Length in a 204 either; a client that counts would wait for bytes of the next response.
  test("204 goes on without a length", () => {
    const expected = "HTTP/1.1 204 No Content|Connection: keep-alive||  done, keeps client, keeps backend";
    expectAtEverySplit("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", relay(), expected);
  });

  test("in chunks", () => {
    const text =
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\n";
    expectAtEverySplit(
      text,
      relay(),
      'HTTP/1.1 200 OK|Trailer: T|Transfer-Encoding: chunked|Connection: keep-alive|| "abcde" + "" done, keeps client, keeps backend',
    );
    expectAtEverySplit(
      text,
      relay({ minorVersion: 0 }),
      "HTTP/1.1 200 OK|Trailer: T|Connection: close|| abcde done, keeps backend",
    );
  });

  test("in chunks beside a length ends the instance's connection", () => {
    expectAtEverySplit(
      "HTTP/1.1 200 OK\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      relay(),
      'HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: keep-alive|| "a" + "" done, keeps client',
    );
  });

  // RFC 9112 §6.1: HTTP/1.0 has no chunks; a peer that sends them may have been misread, and its connection must end.
  test("in chunks from HTTP/1.0 ends the instance's connection", () => {
    expectAtEverySplit(
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
      relay(),
      'HTTP/1.1 200 OK|Transfer-Encoding: chunked|Connection: keep-alive|| "a" + "" done, keeps client',
    );
  });

  test("until close", () => {
    const text = "HTTP/1.1 200 OK\r\nA: 1\r\n\r\nhello";
    expectAtEverySplit(text, relay({ ends: true }), "HTTP/1.1 200 OK|A: 1|Connection: close|| hello done");
    expectAtEverySplit(text, relay(), "HTTP/1.1 200 OK|A: 1|Connection: close|| hello ");
  });

  test("cut short is not done", () => {
    const length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
    expectAtEverySplit(
      length,
      relay({ ends: true }),
      "HTTP/1.1 200 OK|Content-Length: 5|Connection: keep-alive|| hell keeps client, keeps backend",
    );
    expect(
      relay({ ends: true })([bytesOf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n")]),
    ).not.toContain("done");
    expectAtEverySplit("HTTP/1.1 200 OK\r\nA", relay({ ends: true }), "  ");
  });

  test("interim responses go to HTTP/1.1 clients, but for 100", () => {
    const text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\nConnection: y\r\n\r\nHTTP/1.0 102\n\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    const final = "HTTP/1.1 200 OK|Content-Length: 2|Connection: keep-alive|| hi done, keeps client, keeps backend";
    expectAtEverySplit(text, relay(), `HTTP/1.1 103 Early|Link: x||HTTP/1.1 102 ||${final}`);
    expectAtEverySplit(text, relay({ minorVersion: 0 }), final);
  });

  test.each([
    ["HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "badResponse"],
    ["HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 x\r\n\r\n", "badResponse"],
    ["SSH-2.0", "badResponse"],
    ["HTTP/1.1 200 OK\r\nA\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "badResponse"],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "badResponse"],
    [`HTTP/1.1 200 OK\r\n${"A: 1\r\n".repeat(101)}`, "responseHeadTooLarge"],
  ])("%p is %s, and the client gets nothing of it", (text, fault) => {
    expectAtEverySplit(text, relay(), `  ${fault}`);
  });

  test("a broken chunk is told, and never completed", () => {
    const text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\nX";
    const response = new ResponseRelay();
    const { transport, socket } = makeFakeTransport();
    response.begin();
    response.receive(bytesOf(text), transport, { isHead: false, minorVersion: 1, mayKeepAlive: () => true });
    expect([response.fault, response.isDone, response.hasStarted]).toEqual(["badResponseBody", false, true]);
    expect(socket.sent).not.toContain("0\r\n\r\n");
  });

  test("bytes behind its end go nowhere, and spoil the instance's connection", () => {
    for (const [text, body] of [
      ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n\r\n", "hi"],
      ["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX", ""],
      ["HTTP/1.1 304 OK\r\n\r\nX", ""],
    ] as const) {
      const response = new ResponseRelay();
      const { transport, socket } = makeFakeTransport();
      response.begin();
      response.receive(bytesOf(text), transport, { isHead: false, minorVersion: 1, mayKeepAlive: () => true });
      expect([response.isDone, response.keepsBackend, response.keepsClient]).toEqual([true, false, true]);
      expect(socket.sent).toEndWith(`Connection: keep-alive\r\n\r\n${body}`);
    }
  });

  test("what is counted as sent is what the client's socket was handed", () => {
    for (const text of [
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    ]) {
      const response = new ResponseRelay();
      const { transport, socket } = makeFakeTransport();
      response.begin();
      response.receive(bytesOf(text), transport, { isHead: false, minorVersion: 1, mayKeepAlive: () => true });
      expect(response.sentBytes).toBe(socket.sent.length);
    }
  });

  test("a relay that is used again knows nothing of the response before", () => {
    const response = new ResponseRelay();
    for (const before of [
      "HTTP/1.1 200 OK\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
      "HTTP/1.1 2",
      "X",
    ]) {
      const terms = { isHead: false, minorVersion: 1, mayKeepAlive: () => false };
      response.begin();
      response.receive(bytesOf(before), makeFakeTransport().transport, terms);
      response.begin();
      const { hasStarted, hasBytes, isDone, status, keepsClient, keepsBackend, fault, sentBytes } = response;
      expect([hasStarted, hasBytes, isDone, status, keepsClient, keepsBackend, fault, sentBytes]).toEqual([
        false,
        false,
        false,
        0,
        false,
        false,
        undefined,
        0,
      ]);
      response.end();
      expect(response.isDone).toBe(false);
      const { transport, socket } = makeFakeTransport();
      response.receive(bytesOf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\ny"), transport, terms);
      expect([response.isDone, socket.sent.slice(-3)]).toEqual([true, "\r\ny"]);
    }
  });
});
