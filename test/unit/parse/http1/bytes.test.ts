// The byte tables against the grammar's own words, byte by byte.
import { expect, test } from "bun:test";
import {
  bytesOf,
  dropBlanks,
  equals,
  equalsIgnoringCase,
  hexValue,
  isAlphanumeric,
  isBlank,
  isTargetByte,
  isTokenByte,
  isValueByte,
  skipBlanks,
  textOf,
} from "../../../../src/parse/http1/bytes.ts";

test("the tables say what RFC 9110 says", () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    const isToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]$/.test(character);
    const isValue = byte === 9 || (byte >= 0x20 && byte !== 0x7f);
    const isTarget = byte > 0x20 && byte !== 0x7f;
    const hex = /^[0-9A-Fa-f]$/.test(character) ? Number.parseInt(character, 16) : 255;
    expect([isTokenByte[byte], isValueByte[byte], isTargetByte[byte], hexValue[byte]]).toEqual([
      Number(isToken),
      Number(isValue),
      Number(isTarget),
      hex,
    ]);
    expect([isBlank(byte), isAlphanumeric(byte)]).toEqual([/^[ \t]$/.test(character), /^[0-9A-Za-z]$/.test(character)]);
  }
  expect(isBlank(undefined)).toBe(false);
});

test("case is ignored for ASCII letters alone", () => {
  for (let left = 0; left < 256; left++) {
    for (let right = 0; right < 256; right++) {
      const lower = String.fromCharCode(right);
      // The second argument is given in lower case.
      if (right >= 0x41 && right <= 0x5a) continue;
      const isLetter = left >= 0x41 && left <= 0x5a;
      const expected = left === right || (isLetter && (left | 0x20) === right);
      if (equalsIgnoringCase(Uint8Array.of(left), 0, 1, bytesOf(lower)) !== expected) expect([left, right]).toEqual([]);
    }
  }
  expect(equalsIgnoringCase(bytesOf("xCLOSEx"), 1, 6, bytesOf("close"))).toBe(true);
  expect(equalsIgnoringCase(bytesOf("xCLOSEx"), 1, 7, bytesOf("close"))).toBe(false);
  expect(equalsIgnoringCase(bytesOf(""), 0, 0, bytesOf(""))).toBe(true);
});

test("bytes and text are each other's inverse", () => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  expect(bytesOf(textOf(all, 0, 256))).toEqual(all);
  expect(textOf(all, 0x41, 0x44)).toBe("ABC");
});

test("bytes are compared whole, within their span", () => {
  const bytes = bytesOf("xGETx");
  expect(equals(bytes, 1, 4, bytesOf("GET"))).toBe(true);
  expect(equals(bytes, 1, 4, bytesOf("get"))).toBe(false);
  expect(equals(bytes, 1, 3, bytesOf("GET"))).toBe(false);
  expect(equals(bytes, 1, 5, bytesOf("GET"))).toBe(false);
  expect(equals(bytes, 4, 7, bytesOf("xyz"))).toBe(false);
  expect(equals(bytes, 2, 2, bytesOf(""))).toBe(true);
});

test("blanks are SP and HTAB, and trimming stays within its span", () => {
  const bytes = bytesOf(" \t a \t ");
  expect(skipBlanks(bytes, 0, bytes.length)).toBe(3);
  expect(dropBlanks(bytes, 0, bytes.length)).toBe(4);
  expect(skipBlanks(bytes, 0, 2)).toBe(2);
  expect(dropBlanks(bytes, 5, 7)).toBe(5);
  expect(skipBlanks(bytesOf("\x0b "), 0, 2)).toBe(0);
});
