// Lengths as the slow path reads them.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { readLength } from "../../../../src/parse/http1/content-length.ts";

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
