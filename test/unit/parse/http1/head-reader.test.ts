// The head reader: one head after another from one connection, buffers it does not own, parsers that it shares.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { Parsed } from "../../../../src/parse/http1/head.ts";
import { type HeadReader, makeRequestReader, makeResponseReader } from "../../../../src/parse/http1/head-reader.ts";
import { defaultHeadLimits } from "../../../../src/parse/http1/limits.ts";
import type { RequestHeadParser } from "../../../../src/parse/http1/request-head.ts";
import { describeRequest, describeResponse } from "./readers.ts";
import { byteByByte, cutAt, expectAtEverySplit, type Pieces, wholeText } from "./splits.ts";

/** Reads head after head, without bodies, and lists them; what is left is told last. */
const readAll = (pieces: Pieces): string => {
  const reader = makeRequestReader();
  const read: Array<string> = [];
  for (const piece of pieces) {
    let bytes = piece;
    let start = 0;
    while (start < bytes.length) {
      const parsed = reader.read(bytes, start, defaultHeadLimits);
      if (parsed === Parsed.incomplete) {
        piece.fill(0x0a);
        break;
      }
      const parser = reader.parser as RequestHeadParser;
      if (parsed === Parsed.faulty) {
        reader.release();
        return [...read, "fault"].join(" | ");
      }
      read.push(describeRequest(parser, reader.bytes));
      // The next head lies where this one ended: in the reader's buffer, at an offset of its own.
      start = parser.pos;
      bytes = reader.bytes.subarray(0, reader.end);
      reader.release();
    }
  }
  const left = reader.parser === undefined ? "" : " | more";
  reader.release();
  return read.join(" | ") + left;
};

test("pipelined heads are read one after another at every split", () => {
  const heads =
    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n\r\nHEAD /2 HTTP/1.0\r\nA: 1 \r\nHost: b\t\r\n\r\nGET http://c/3 HTTP/1.1\r\nHost: d\r\n\r\n";
  const expected =
    "GET /1 1.1 [Host: a] | HEAD /2 1.0 [A: 1; Host: b], uneven 0+1, HEAD | GET http://c/3 1.1 [Host: d], authority c";
  expectAtEverySplit(heads, readAll, expected);
  expectAtEverySplit(`${heads}GET`, readAll, `${expected} | more`);
  expectAtEverySplit(`${heads}\x16`, readAll, `${expected} | fault`);
});

test("every pair of cuts through a head gives the same", () => {
  const bytes = bytesOf("\r\nPUT http://b/ HTTP/1.0\r\nHost: a \r\nX-Forwarded-For: c\r\n\r\n");
  const expected = readAll([bytes.slice()]);
  expect(expected).toBe("PUT http://b/ 1.0 [Host: a; X-Forwarded-For: c], uneven 0, authority b");
  for (let first = 0; first <= bytes.length; first++) {
    for (let second = first; second <= bytes.length; second++) {
      const read = readAll(cutAt(bytes, [first, second]));
      if (read !== expected) expect(`${first}, ${second}: ${read}`).toBe(expected);
    }
  }
});

test("a head that arrives whole is read where it lies", () => {
  const reader = makeRequestReader();
  const chunk = bytesOf("xxxGET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(reader.read(chunk, 3, defaultHeadLimits)).toBe(Parsed.complete);
  expect(reader.bytes).toBe(chunk);
  expect(reader.end).toBe(chunk.length);
  reader.release();
});

test("a cut head gets a buffer of its own, and keeps none of the chunk in front of it", () => {
  const reader = makeRequestReader();
  const chunk = bytesOf(`${"x".repeat(5000)}GET / HTTP/1.1\r\nHo`);
  expect(reader.read(chunk, 5000, defaultHeadLimits)).toBe(Parsed.incomplete);
  expect(reader.bytes).not.toBe(chunk);
  expect(reader.bytes.length).toBeLessThan(2000);
  expect(wholeText(reader.bytes.subarray(0, reader.end))).toBe("GET / HTTP/1.1\r\nHo");
  // The rest may begin in the middle of its chunk.
  expect(reader.read(bytesOf("yyyst: a\r\n\r\nbody"), 3, defaultHeadLimits)).toBe(Parsed.complete);
  const parser = reader.parser as RequestHeadParser;
  expect(describeRequest(parser, reader.bytes)).toBe("GET / 1.1 [Host: a]");
  expect(wholeText(reader.bytes.subarray(parser.pos, reader.end))).toBe("body");
  reader.release();
});

test("a trickled head grows its buffer by doubling", () => {
  const reader = makeRequestReader();
  const sizes = new Set<number>();
  const text = `GET / HTTP/1.1\r\n${`A: ${"b".repeat(1000)}\r\n`.repeat(30)}Host: a\r\n`;
  for (const piece of byteByByte(bytesOf(text))) {
    expect(reader.read(piece, 0, defaultHeadLimits)).toBe(Parsed.incomplete);
    sizes.add(reader.bytes.length);
  }
  expect([...sizes]).toEqual([1024, 2048, 4096, 8192, 16_384, 32_768]);
  reader.release();
});

test("release forgets everything, and may be repeated", () => {
  const reader = makeRequestReader();
  reader.release();
  for (const text of ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HT", "(", "\r\n"]) {
    reader.read(bytesOf(text), 0, defaultHeadLimits);
    const { parser } = reader;
    expect(parser).toBeDefined();
    reader.release();
    expect(reader.parser).toBeUndefined();
    expect(reader.bytes.length).toBe(0);
    expect(reader.end).toBe(0);
    reader.release();
  }
});

test("two heads under way never share a parser, and a parser given back is used again", () => {
  const one = makeRequestReader();
  const other = makeRequestReader();
  const pieces = byteByByte(bytesOf("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"));
  const otherPieces = byteByByte(bytesOf("PUT /2 HTTP/1.1\r\nHost: b\r\n\r\n"));
  for (const [index, piece] of pieces.entries()) {
    one.read(piece, 0, defaultHeadLimits);
    other.read(otherPieces[index] as Uint8Array, 0, defaultHeadLimits);
    expect(one.parser).not.toBe(other.parser);
  }
  const said = (reader: HeadReader<RequestHeadParser>): string =>
    describeRequest(reader.parser as RequestHeadParser, reader.bytes);
  expect([said(one), said(other)]).toEqual(["GET /1 1.1 [Host: a]", "PUT /2 1.1 [Host: b]"]);
  const { parser } = one;
  one.release();
  one.release();
  const third = makeRequestReader();
  const fourth = makeRequestReader();
  third.read(bytesOf("G"), 0, defaultHeadLimits);
  fourth.read(bytesOf("G"), 0, defaultHeadLimits);
  expect(third.parser).toBe(parser);
  expect(fourth.parser).not.toBe(parser);
  for (const reader of [other, third, fourth]) reader.release();
});

test("interim heads in front of a response are read at every split", () => {
  const readResponses = (pieces: Pieces): string => {
    const reader = makeResponseReader();
    const read: Array<string> = [];
    for (const piece of pieces) {
      let bytes = piece;
      while (bytes.length > 0 && reader.read(bytes, 0, defaultHeadLimits) === Parsed.complete) {
        const parser = reader.parser!;
        read.push(describeResponse(parser, reader.bytes));
        bytes = reader.bytes.subarray(parser.pos, reader.end);
        reader.release();
        if (read.length === 3) return [...read, JSON.stringify(wholeText(bytes))].slice(0, 3).join(" | ");
      }
    }
    reader.release();
    return "incomplete";
  };
  expectAtEverySplit(
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nLink: x\r\n\r\nHTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    readResponses,
    '100 1.1 " Continue" [], keeps | 103 1.1 " E" [Link: x], keeps | 200 1.0 " OK" [Content-Length: 2], length 2, not plain',
  );
});
