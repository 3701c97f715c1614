// What the conformance pages can't show of the judge: that it judges where the head lies, one head among other bytes, in
// linear time; and the edges of its own rules, where it departs from http-desync-guardian.
import { expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import type { DesyncReason } from "../../../../src/parse/http1/desync.ts";
import { judgeHead } from "../../../../src/parse/http1/judge.ts";
import { readRawHead } from "../../../../src/parse/http1/raw-head.ts";

const judge = (text: string): DesyncReason | undefined => {
  const bytes = bytesOf(text);
  return judgeHead(readRawHead(bytes, 0, bytes.length), bytes);
};

const head = (fields: string, line = "POST / HTTP/1.1"): string => `${line}\r\nHost: a\r\n${fields}\r\n`;

test.each([
  // In order of judgement: lines, headers, framing, method, version, target.
  [head("X : 1\r\n", "P(ST /\x00 HTTP/3.0"), "BadMethod"],
  [head("X : 1\r\n", "POST /\x00 HTTP/3.0"), "BadVersion"],
  [head("X : 1\r\n", "POST /\x00 HTTP/1.1"), "BadUri"],
  [head("Content-Length: x\r\n", "P(ST / HTTP/1.1"), "BadContentLength"],
  [head("X: \x00\r\nContent-Length: x\r\n"), "BadHeader"],
  [head("X: 1\r\n 2\r\n: 1\r\n"), "MultilineHeader"],
  [head(": 1\r\nContent_Length: 5\r\n"), "EmptyHeader"],
  [head("Content_Length: 5\r\nContent-Length: 5\r\n"), "SuspiciousHeader"],
  [head("X\x01: 1\r\nContent-Length: 5\r\nContent-Length: 5\r\n"), "DuplicateContentLength"],
  [head("", "POST /\x00\x01 HTTP/1.1"), "BadUri"],
  [head("", "POST /\x01\x00 HTTP/1.1"), "BadUri"],
  [head("", "POST / \x01 HTTP/1.1"), "AmbiguousUri"],
  // Methods are read exactly.
  [head("Content-Length: 0\r\n", "GETS / HTTP/1.1"), undefined],
  [head("Content-Length: 0\r\n", "GE / HTTP/1.1"), undefined],
  [head("Content-Length: 0\r\n", "HEAD / HTTP/1.1"), "GetHeadZeroContentLength"],
  // Versions are compared as they stand, blanks and all, for what HTTP/1.0 may not have.
  [head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), "UndefinedTransferEncodingSemantics"],
  [head("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0 "), "NonCompliantVersion"],
  [head("Content-Length: 5\r\n", "POST / HTTP/1.0"), undefined],
  [head("Content-Length: 5\r\n", "POST / \tHTTP/1.1"), "UndefinedContentLengthSemantics"],
  // Bare LF: before a fold and behind a line without colon only.
  ["POST / HTTP/1.1\nHost: a\n\n", "NonCrLfLineTermination"],
  [head("X: 1\n 2\r\n"), "BadHeader"],
  [head("X: 1\r\n 2\n 3\r\n"), "BadHeader"],
  [head("X: 1\r\n 2\n"), "MultilineHeader"],
  [head("X: 1\r\n Y: 2\n"), "MultilineHeader"],
  [head("X\n"), "BadHeader"],
  [head("X\r\n"), "MissingHeaderColon"],
  ["POST / HTTP/1.1\n X: 1\r\n\r\n", "BadHeader"],
  ["POST / HTTP/1.1\r\n x\n\r\n", "BadHeader"],
  ["POST / HTTP/1.1\r\n X: 1\n\r\n", "MultilineHeader"],
  // A cut line is no line without colon: it may yet get one.
  ["POST / HTTP/1.1\r\nHost", "MissingHeaderColon"],
  ["POST / HTTP/1.1\r\nHost: a", "PartialHeaderLine"],
  ["POST / HTTP/1.1\r\nHost: a\r\n", "MissingLastEmptyLine"],
  // HTTP/0.9 has no headers, so nothing that looks like one is judged.
  ["GET /\r\nX: \x00\r\n\r\n", "NonCompliantVersion"],
  ["GET /\n", "NonCrLfLineTermination"],
  ["GET\r\n", "MissingUri"],
  // Content-Type may fold, and is read whole.
  [head("Content-Type: a\r\n b: c\r\n"), undefined],
  [head("Content-Type: a\r\n b: \x00\r\n"), "BadHeader"],
  [head("Content-Type: a\r\n Content-Length: 5\r\nContent-Length: 6\r\n"), undefined],
  [head("Content-Type : a\r\n b\r\n"), "MultilineHeader"],
] as const)("%p", (text, expected) => {
  expect(judge(text)).toBe(expected as DesyncReason | undefined);
});

test("only the head itself is judged", () => {
  const before = "X: \x00\r\n\r\n";
  const text = head("X: 1\r\n");
  const bytes = bytesOf(`${before}${text}\x00: \r\n`);
  const raw = readRawHead(bytes, before.length, bytes.length);
  expect(raw.end).toBe(before.length + text.length);
  expect(judgeHead(raw, bytes)).toBeUndefined();
});

test.each([
  ["folds", " \n".repeat(32_000)],
  ["lines without colon", "x\r\n".repeat(21_000)],
  ["one long line without colon", "x".repeat(64_000)],
  ["lengths", "Content-Length: 1\r\n".repeat(3_400)],
  ["digits", `Content-Length: ${"9".repeat(64_000)}\r\n`],
  ["codings", `Transfer-Encoding: ${"gzip,".repeat(12_800)}\r\n`],
  ["a name of blanks", `${" ".repeat(64_000)}\r\n`],
])("64 KiB of %s is judged in linear time", (_, fields) => {
  const text = head(fields);
  const startMs = performance.now();
  for (let times = 0; times < 10; times++) judge(text);
  // About 10 ms; what is quadratic in 64 Ki takes seconds.
  expect(performance.now() - startMs).toBeLessThan(2000);
});
