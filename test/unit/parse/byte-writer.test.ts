// The growing buffer: what is put comes out in order, across its growth and both ways of copying.
import { expect, test } from "bun:test";
import { ByteWriter } from "../../../src/parse/byte-writer.ts";
import { bytesOf, textOf } from "../../../src/parse/http1/bytes.ts";

const textIn = (writer: ByteWriter): string => textOf(writer.view(), 0, writer.length);

test.each([0, 1, 2, 7, 64, 1024])("puts keep their order from %d bytes of capacity on", (capacity) => {
  const writer = new ByteWriter(capacity);
  let expected = "";
  // 47, 48 and 49 bytes are where copying changes from a loop to a call.
  for (const length of [0, 1, 2, 47, 48, 49, 50, 1000, 0, 3, 5000, 48]) {
    const piece = String.fromCharCode(97 + (length % 26)).repeat(length);
    writer.put(bytesOf(piece));
    expected += piece;
    expect(textIn(writer)).toBe(expected);
    expect(writer.length).toBe(expected.length);
  }
});

test("putRun copies exactly the run", () => {
  const source = bytesOf("0123456789".repeat(20));
  for (const length of [0, 1, 47, 48, 49, 100]) {
    for (const start of [0, 1, 100]) {
      const writer = new ByteWriter(4);
      writer.put(bytesOf("<"));
      writer.putRun(source, start, start + length);
      writer.put(bytesOf(">"));
      expect(textIn(writer)).toBe(`<${textOf(source, start, start + length)}>`);
    }
  }
});

test("a full buffer grows by doubling at least, and clear keeps it", () => {
  const writer = new ByteWriter(16);
  writer.put(new Uint8Array(16));
  expect(writer.bytes.length).toBe(16);
  writer.put(new Uint8Array(1));
  expect(writer.bytes.length).toBe(32);
  writer.put(new Uint8Array(1000));
  expect(writer.bytes.length).toBe(1017);
  const { bytes } = writer;
  writer.clear();
  expect(writer.length).toBe(0);
  expect(writer.view().length).toBe(0);
  expect(writer.bytes).toBe(bytes);
});

test.each([0, 1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65_535, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 52, 2 ** 53 - 1])(
  "%d in hexadecimal",
  (value) => {
    const writer = new ByteWriter(0);
    writer.putHex(value);
    writer.putHex(value);
    expect(textIn(writer)).toBe(value.toString(16).toUpperCase().repeat(2));
  },
);
