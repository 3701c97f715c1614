// The chunked decoder: every case at every split, in buffers with neighbours that must stay untouched; and the writer.
import { describe, expect, test } from "bun:test";
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { ChunkedDecoder, lastChunk, writeChunkEnd, writeChunkStart } from "../../../../src/parse/http1/chunked.ts";
import { boundedBodies, brokenBodies, soundBodies, unfinishedBodies } from "./chunked-cases.ts";
import { readChunked } from "./chunked-reader.ts";
import { cutAt, expectAtEverySplit, joinPieces, wholeText } from "./splits.ts";

describe.each([
  ["sound", soundBodies],
  ["unfinished", unfinishedBodies],
  ["broken", brokenBodies],
] as const)("%s bodies", (_, cases) => {
  test.each(cases)("%s", (_, text, expected) => {
    expectAtEverySplit(text, readChunked(), expected);
    expectAtEverySplit(text, readChunked(6), expected);
  });
});

test.each(boundedBodies)("%s", (_, text, expected) => {
  const near = [4090, 4096, 4097, 4098, 4099, 4100, 8200, 16_383, 16_384, 16_385, 16_386, 16_387, 16_388];
  expectAtEverySplit(text, readChunked(), expected, [1, 2, 3, 4, ...near.filter((cut) => cut < text.length)]);
});

test("every pair of cuts gives the same data", () => {
  const bytes = bytesOf("3;x\r\nabc\r\n1\r\nd\r\n0c\r\nefghijklmnop\r\n0\r\nT: u\r\n\r\nrest");
  for (let first = 1; first < bytes.length; first++) {
    for (let second = first; second < bytes.length; second++) {
      const read = readChunked(2)(cutAt(bytes, [first, second]));
      if (read !== '"abcdefghijklmnop" + "rest"') expect(`${first}, ${second}: ${read}`).toBe("the same");
    }
  }
});

test("the data of all chunks in a buffer is one span of it", () => {
  const decoder = new ChunkedDecoder();
  const bytes = bytesOf("2\r\nab\r\n3\r\ncde\r\n1\r\nf");
  decoder.begin();
  expect(decoder.decode(bytes, 0, bytes.length)).toBe(0);
  expect(wholeText(bytes.subarray(decoder.dataStart, decoder.dataEnd))).toBe("abcdef");
  expect(decoder.pos).toBe(bytes.length);
});

test("a decoder that is used again knows nothing of the body before", () => {
  const decoder = new ChunkedDecoder();
  for (const [, before] of [...soundBodies, ...unfinishedBodies, ...brokenBodies, ...boundedBodies]) {
    const bytes = bytesOf(before);
    decoder.begin();
    decoder.decode(bytes, 0, bytes.length);
    for (const [, text, expected] of soundBodies) {
      expect(readChunked(0, decoder)([bytesOf(text)])).toBe(expected);
    }
  }
});

test.each([
  [1, "1\r\n"],
  [9, "9\r\n"],
  [10, "A\r\n"],
  [255, "FF\r\n"],
  [256, "100\r\n"],
  [65_536, "10000\r\n"],
  [2 ** 31, "80000000\r\n"],
  [2 ** 52 - 1, "FFFFFFFFFFFFF\r\n"],
])("a chunk of %d bytes begins with its size", (length, expected) => {
  const out = new ByteWriter();
  writeChunkStart(length, out);
  expect(wholeText(out.view())).toBe(expected);
});

test("what is written is read again", () => {
  const out = new ByteWriter(1);
  const pieces = ["a", "\r\n0\r\n\r\n", "x".repeat(5000), "\0\xff"];
  for (const piece of pieces) {
    writeChunkStart(piece.length, out);
    out.put(bytesOf(piece));
    writeChunkEnd(out);
  }
  out.put(lastChunk);
  expect(readChunked()([out.view().slice()])).toBe(`"${pieces.join("")}" + ""`);
  expect(joinPieces(cutAt(out.view(), [3, 9])).length).toBe(out.length);
});
