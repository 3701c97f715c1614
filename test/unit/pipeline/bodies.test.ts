// Bodies on their way: a request's, and what writes chunks, at every split and against a peer that takes little.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../src/parse/byte-writer.ts";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { ChunkedDecoder } from "../../../src/parse/http1/chunked.ts";
import { brokenBody, joinMaxBytes, sendChunk, sendChunks } from "../../../src/pipeline/chunk-writer.ts";
import { RequestBody } from "../../../src/pipeline/request-body.ts";
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

  test("in chunks goes on in chunks", () => {
    const coded = send("Transfer-Encoding: chunked\r\n");
    expectAtEverySplit("3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: u\r\n\r\nGET /", coded, '"abcde" + "" done, left GET /');
    expectAtEverySplit("3\r\nabc\r\n2\r\nde\r\n0\r\n\r", coded, "more");
    expectAtEverySplit("3\r\nabc\r\n2\r\ndef\r\n0\r\n\r\n", coded, "faulty");
  });

  test("takes its trailers with it, but for those that mean something else there", () => {
    const body = new RequestBody();
    const { transport, socket } = makeFakeTransport();
    withRequest(
      [bytesOf("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: X-Hop\r\n\r\n")],
      (parser) => {
        body.begin(parser);
        return "";
      },
    );
    const bytes = bytesOf("1\r\na\r\n0\r\nT: u\r\nHost: b\r\nX-Hop: c\r\n\r\nGET /");
    body.send(bytes, 0, bytes.length, transport);
    expect([socket.sent, body.isDone, body.pos]).toEqual(["1\r\na\r\n0\r\nT: u\r\n\r\n", true, bytes.length - 5]);
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

describe("chunks that pass", () => {
  const head = "head|";

  /** Sends pieces, the first behind a head; says what was sent and in how many writes. */
  const pass = (pieces: ReadonlyArray<string>, room = Number.POSITIVE_INFINITY): readonly [string, number] => {
    const { transport, socket } = makeFakeTransport();
    const out = new ByteWriter();
    const decoder = new ChunkedDecoder();
    decoder.begin(true);
    out.put(bytesOf(head));
    socket.room = room;
    let sentBytes = 0;
    for (const piece of pieces) {
      sentBytes += sendChunks(decoder, bytesOf(piece), 0, piece.length, out, transport);
      expect(out.length).toBe(0);
      out.put(bytesOf("overwritten".repeat(50)));
      out.clear();
    }
    const writes = socket.writes.length;
    socket.room = Number.POSITIVE_INFINITY;
    transport.flush();
    expect(sentBytes).toBe(socket.sent.length);
    return [socket.sent, writes];
  };

  test("whole behind a head cost one write, and one for each read behind it", () => {
    const chunk = `2800\r\n${"x".repeat(10_240)}\r\n`;
    expect(pass([`${chunk}0\r\n\r\n`])).toEqual([`${head}${chunk}0\r\n\r\n`, 1]);
    expect(pass([chunk, chunk, "0\r\n\r\n"])).toEqual([`${head}${chunk}${chunk}0\r\n\r\n`, 3]);
    expect(pass([`5;x\r\nhello\r\n0\r\nT: u\r\n\r\n`])).toEqual([`${head}5\r\nhello\r\n0\r\nT: u\r\n\r\n`, 1]);
    expect(pass(["5\r\nhello\r\n0\r\n", "\r\n"])).toEqual([`${head}5\r\nhello\r\n0\r\n\r\n`, 2]);
  });

  test.each([joinMaxBytes - 20, joinMaxBytes, 200_000])("in a read of %d bytes and more", (length) => {
    const chunk = `${length.toString(16).toUpperCase()}\r\n${"x".repeat(length)}\r\n`;
    for (const room of [Number.POSITIVE_INFINITY, 0, 1, 5, length, length + 7]) {
      for (const pieces of [
        [`${chunk}0\r\n\r\n`],
        [chunk, "0\r\n\r\n"],
        [chunk.slice(0, 3), `${chunk.slice(3)}0\r\nT: u\r\n\r\n`],
      ]) {
        const [sent] = pass(pieces, room);
        expect(sent === `${head}${pieces.join("")}`).toBe(true);
      }
    }
  });

  test("broken ones are told, and nothing of their read is sent", () => {
    const { transport, socket } = makeFakeTransport();
    const out = new ByteWriter();
    const decoder = new ChunkedDecoder();
    const bytes = bytesOf("1\r\nx\r\n2\r\nyzz");
    decoder.begin(true);
    out.put(bytesOf(head));
    expect(sendChunks(decoder, bytes, 0, bytes.length, out, transport)).toBe(brokenBody);
    expect([socket.sent, wholeText(out.view())]).toEqual(["", head]);
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
