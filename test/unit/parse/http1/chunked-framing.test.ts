// Chunks that go on as chunks: byte for byte where they are plain, cleaned where not, the same however they were cut.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { boundedBodies, brokenBodies, soundBodies, unfinishedBodies } from "./chunked-cases.ts";
import { passOnChunks, readChunked } from "./chunked-reader.ts";
import { byteByByte, cutAt, expectAtEverySplit } from "./splits.ts";

describe("chunks go on", () => {
  test.each([
    [
      "as they came",
      "5\r\nhello\r\n10\r\n0123456789ABCDEF\r\n0\r\n\r\n",
      "5\r\nhello\r\n10\r\n0123456789ABCDEF\r\n0\r\n\r\n",
    ],
    ["an empty body as it came", "0\r\n\r\n", "0\r\n\r\n"],
    ["without extensions", '1;a\r\nx\r\n2 ;b="c;d"\r\nyz\r\n0;e\r\n\r\n', "1\r\nx\r\n2\r\nyz\r\n0\r\n\r\n"],
    ["without blanks behind the size", "1 \t\r\nx\r\n0 \r\n\r\n", "1\r\nx\r\n0\r\n\r\n"],
    [
      "without leading zeros",
      "0001\r\nx\r\n010\r\n0123456789ABCDEF\r\n000\r\n\r\n",
      "1\r\nx\r\n10\r\n0123456789ABCDEF\r\n0\r\n\r\n",
    ],
    ["with data that looks like framing", "9\r\n0\r\n\r\n1\r\n;\r\n0\r\n\r\n", "9\r\n0\r\n\r\n1\r\n;\r\n0\r\n\r\n"],
    ["a plain one behind one with an extension", "1;a\r\nx\r\n1\r\ny\r\n0\r\n\r\n", "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n"],
  ])("%s", (_, text, expected) => {
    for (const offset of [0, 6]) {
      expectAtEverySplit(text, passOnChunks({ offset }), `${expected} + `);
      expectAtEverySplit(`${text}GET /`, passOnChunks({ offset }), `${expected} + GET /`);
    }
  });

  test("every pair of cuts gives the same", () => {
    const bytes = bytesOf("3;x\r\nabc\r\n1\r\nd\r\n0C\r\nefghijklmnop\r\n0\r\nT: u\r\n\r\nrest");
    const expected = "3\r\nabc\r\n1\r\nd\r\nC\r\nefghijklmnop\r\n0\r\nT: u\r\n\r\n + rest";
    for (let first = 1; first < bytes.length; first++) {
      for (let second = first; second < bytes.length; second++) {
        const sent = passOnChunks({ offset: 2 })(cutAt(bytes, [first, second]));
        if (sent !== expected) expect(`${first}, ${second}: ${sent}`).toBe(expected);
      }
    }
  });

  test.each([...soundBodies, ...unfinishedBodies, ...boundedBodies])("and say the same: %s", (_, text) => {
    const data = readChunked()([bytesOf(text)]).replace(/ \+ "[^"]*"$|…$/s, "");
    for (const pieces of [[bytesOf(text)], byteByByte(bytesOf(text))]) {
      const sent = passOnChunks()(pieces);
      if (sent.startsWith("fault")) expect(sent).toBe(data);
      else expect(readChunked()([bytesOf(sent.replace(/ \+ .*$|…$/s, ""))]).replace(/ \+ "[^"]*"$|…$/s, "")).toBe(data);
    }
  });

  test.each(brokenBodies)("but not when broken: %s", (_, text, expected) => {
    expectAtEverySplit(text, passOnChunks(), expected);
  });
});

test("no size line goes on before it is whole, nor the end before all of it was read", () => {
  const text = "1F;a=b\r\n0123456789012345678901234567890\r\n0\r\nT: u\r\n\r\n";
  passOnChunks({
    watch: (sent) => {
      if (!sent.endsWith("\r\n\r\n")) expect(sent).toMatch(/^(1F\r\n[0-9]*(\r\n?)?)?$/);
    },
  })(byteByByte(bytesOf(text)));
});

test("each piece of a chunk goes on at once", () => {
  const seen: Array<string> = [];
  const pieces = ["a\r\n0123", "4567", "89\r", "\n", "1", "\r\nx\r\n"].map(bytesOf);
  passOnChunks({ watch: (sent) => seen.push(sent) })(pieces);
  const [first, second, third, fourth] = ["a\r\n0123", "a\r\n01234567", "a\r\n0123456789\r", "a\r\n0123456789\r\n"];
  expect(seen as Array<string | undefined>).toEqual([first, second, third, fourth, fourth, `${fourth}1\r\nx\r\n`]);
});

describe("a chunk too long for one goes on in parts", () => {
  const text = "C\r\n0123456789AB\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\nrest";

  test.each([
    [12, "C\r\n0123456789AB\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n + rest"],
    [11, "B\r\n0123456789A\r\n1\r\nB\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n + rest"],
    [5, "5\r\n01234\r\n5\r\n56789\r\n2\r\nAB\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n + rest"],
    [4, "4\r\n0123\r\n4\r\n4567\r\n4\r\n89AB\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n + rest"],
  ])("of at most %d bytes", (partMaxBytes, expected) => {
    expectAtEverySplit(text, passOnChunks({ partMaxBytes }), expected);
    expectAtEverySplit(text, passOnChunks({ partMaxBytes, offset: 3 }), expected);
  });

  test("of 1 GiB, whatever its sender says", () => {
    expect(passOnChunks()([bytesOf("FFFFFFFFFFFFF\r\nabc")])).toBe("40000000\r\nabc…");
    expect(passOnChunks()([bytesOf("40000000\r\nabc")])).toBe("40000000\r\nabc…");
    expect(passOnChunks()([bytesOf("FFFFFFFFFFFF"), bytesOf("F\r\nabc")])).toBe("40000000\r\nabc…");
  });
});
