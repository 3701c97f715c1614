// Lengths as the slow path reads them.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { dropBlanks, readLength, skipBlanks } from "../../../../src/parse/http1/content-length.ts";

test.each([
  ["0", "0"],
  ["5", "5"],
  ["005", "5"],
  ["\t 5 \t", "5"],
  ["", "0"],
  [" \t", "0"],
  ["000", "0"],
  ["100", "100"],
  ["18446744073709551615", "18446744073709551615"],
  [`${"0".repeat(500)}18446744073709551615`, "18446744073709551615"],
  ["18446744073709551616", undefined],
  ["99999999999999999999", undefined],
  ["9".repeat(10_000), undefined],
  ["5 5", undefined],
  ["5,5", undefined],
  ["+5", undefined],
  ["-5", undefined],
  ["5.", undefined],
  ["5\x0b", undefined],
  ["\x005", undefined],
  ["0x5", undefined],
  ["\xb2", undefined],
] as const)("%p reads as %p", (text, expected) => {
  expect(readLength(bytesOf(text), 0, text.length)).toBe(expected);
  expect(readLength(bytesOf(`9${text}9`), 1, 1 + text.length)).toBe(expected);
});

test("blanks are SP and HTAB, and trimming stays within its span", () => {
  const bytes = bytesOf(" \t a \t ");
  expect(skipBlanks(bytes, 0, bytes.length)).toBe(3);
  expect(dropBlanks(bytes, 0, bytes.length)).toBe(4);
  expect(skipBlanks(bytes, 0, 2)).toBe(2);
  expect(dropBlanks(bytes, 5, 7)).toBe(5);
  expect(skipBlanks(bytesOf("\x0b "), 0, 2)).toBe(0);
});
