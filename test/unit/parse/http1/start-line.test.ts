// The words of start lines.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { beginsAsVersion, isIdempotentMethod } from "../../../../src/parse/http1/start-line.ts";

test.each([
  ...["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"].map((method) => [method, true] as const),
  ...["POST", "PATCH", "CONNECT", "get", "GETS", "GE", ""].map((method) => [method, false] as const),
])("%p may be repeated: %p", (method, expected) => {
  const bytes = bytesOf(`GET${method} GET`);
  expect(isIdempotentMethod(bytes, 3, 3 + method.length)).toBe(expected);
});

test.each([
  ["HTTP/1.", true],
  ["HTTP/1.1", true],
  ["HTTP/1.x y", true],
  ["HTTP/1", false],
  ["HTTP/2.0", false],
  ["http/1.1", false],
  [" HTTP/1.1", false],
  ["", false],
] as const)("%p begins as a version: %p", (text, expected) => {
  const bytes = bytesOf(`HTTP/1.1${text}HTTP/1.1`);
  expect(beginsAsVersion(bytes, 8, 8 + text.length)).toBe(expected);
});
