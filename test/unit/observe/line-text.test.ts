// Numbers and bytes as the text of a log line, against what JavaScript's own functions make of them.
import { expect, test } from "bun:test";
import { FixedText, putFixed } from "../../../src/observe/access-log/fixed-text.ts";
import { putAgent, putDecimal, putMicros, putSeconds, putWord } from "../../../src/observe/access-log/line-text.ts";

const line = new DataView(new ArrayBuffer(2048));

/** What is written from an odd offset on; what comes too much behind it must not count. */
const textOf = (put: (line: DataView, at: number) => number): string => {
  const end = put(line, 3);
  return Buffer.from(line.buffer, 3, end - 3).toString("latin1");
};

const wholes = [0, 1, 9, 10, 99, 100, 101, 999, 1000, 1001, 65_535, 999_999, 1_000_000, 12_345_678, 2 ** 31 - 1];

test.each([...wholes, 2 ** 31, 2 ** 40 + 7, Number.MAX_SAFE_INTEGER])(
  "%d is written in decimal, with a blank behind it",
  (value) => {
    expect(textOf((to, at) => putDecimal(to, at, value) + 1)).toBe(`${value} `);
  },
);

test.each([0, 1, 99, 1000, 1001, 45_678, 999_999])("%d millionths have six digits", (value) => {
  expect(textOf((to, at) => putMicros(to, at, value) + 1)).toBe(`${String(value).padStart(6, "0")} `);
});

test.each([
  [-1, "-1"],
  [0, "0.000000"],
  [0.0004, "0.000000"],
  [0.0005, "0.000001"],
  [0.231, "0.000231"],
  [998.9999, "0.999000"],
  [999.9994, "0.999999"],
  [999.9995, "1.000000"],
  [1000, "1.000000"],
  [61_234.5678, "61.234568"],
  [3_600_000, "3600.000000"],
  [1e12, "1000000000.000000"],
])("%d ms are %s s", (ms, text) => {
  expect(textOf((to, at) => putSeconds(to, at, ms) + 1)).toBe(`${text} `);
});

const bytes = Buffer.from('abc def"ghi\\jkl\r\nmno\u007fpqr\u00e9stuvwxyz', "latin1");

test("fixed texts of any length are stored as they are, with a blank behind them", () => {
  const text = "".padEnd(40, "!09AZaz~\n");
  for (let length = 0; length <= text.length; length++) {
    const fixed = new FixedText(text.slice(0, length));
    expect(textOf((to, at) => putFixed(to, at, fixed) + 1)).toBe(`${fixed.text} `);
  }
});

test("no printable byte is changed in a fixed text, wherever it stands", () => {
  for (let byte = 0x20; byte < 0x7f; byte++) {
    for (let place = 0; place < 8; place++) {
      const text = "~~~~~~~~".split("").with(place, String.fromCharCode(byte)).join("");
      expect(textOf((to, at) => putFixed(to, at, new FixedText(text)))).toBe(text);
    }
  }
});

const escaped = (text: string, plain: RegExp): string =>
  [...text]
    .map((one) => (plain.test(one) ? one : `\\x${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`))
    .join("");

test("what could forge a field is escaped, wherever it stands", () => {
  for (let start = 0; start <= bytes.length; start++) {
    for (let end = start; end <= bytes.length; end++) {
      const text = bytes.subarray(start, end).toString("latin1");
      expect(textOf((to, at) => putWord(to, at, bytes, start, end))).toBe(escaped(text, /[!#-[\]-~]/));
      expect(textOf((to, at) => putAgent(to, at, bytes, start, end))).toBe(escaped(text, /[ !#-[\]-~]/));
    }
  }
});

test("every byte is either itself or escaped", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const text = Buffer.from(all).toString("latin1");
  expect(textOf((to, at) => putWord(to, at, all, 0, 256))).toBe(escaped(text, /[!#-[\]-~]/));
});
