// Repaired heads: what is written for the strict parser, and the properties that make repairing safe.
import { expect, test } from "bun:test";
import { ByteWriter } from "../../../../src/parse/byte-writer.ts";
import { bytesOf, textOf } from "../../../../src/parse/http1/bytes.ts";
import { Fault, nameOfFault } from "../../../../src/parse/http1/fault.ts";
import { Parsed } from "../../../../src/parse/http1/head.ts";
import { judgeHead } from "../../../../src/parse/http1/judge.ts";
import { defaultHeadLimits } from "../../../../src/parse/http1/limits.ts";
import { readRawHead } from "../../../../src/parse/http1/raw-head.ts";
import { repairHead } from "../../../../src/parse/http1/repair.ts";
import { RequestHeadParser } from "../../../../src/parse/http1/request-head.ts";
import { mutate, randomBytes, randomRequest } from "../../../fuzz/messages.ts";
import { forSeeds } from "../../../fuzz/random.ts";
import { describeRequest } from "./readers.ts";

/** What is written for a head, or `fault …`. */
const repair = (text: string): string => {
  const bytes = bytesOf(text);
  const out = new ByteWriter();
  const { fault, isBodyOnly } = repairHead(readRawHead(bytes, 0, bytes.length), bytes, out);
  if (fault !== Fault.none) return `fault ${nameOfFault(fault)}`;
  return `${isBodyOnly ? "body only " : ""}${textOf(out.bytes, 0, out.length)}`;
};

/** The head between its request line and its empty line. */
const fields = (text: string): string =>
  repair(`POST / HTTP/1.1\r\n${text}\r\n`).slice("POST / HTTP/1.1\r\n".length, -2);
const line = (text: string): string => repair(`${text}\r\n\r\n`).replace(/(\r\n)+$/, "");

test.each([
  ["GET / HTTP/1.1", "GET / HTTP/1.1"],
  ["GET   /   HTTP/1.1", "GET / HTTP/1.1"],
  ["GET \t/a\t HTTP/1.1", "GET /a HTTP/1.1"],
  ["GET /a b\tc\x00\x7f\r\x1f HTTP/1.1", "GET /a%20b%09c%00%7F%0D%1F HTTP/1.1"],
  ["GET /\x80\xff%20 HTTP/1.1", "GET /\x80\xff%20 HTTP/1.1"],
  ["GET HTTP/1.1", "GET / HTTP/1.1"],
  ["GET  HTTP/1.1", "GET / HTTP/1.1"],
  ["GET / HTTP/1.0", "GET / HTTP/1.0"],
  ["GET / HTTP/1.0 \t", "GET / HTTP/1.0"],
  ["GET / HTTP/0.9", "GET / HTTP/1.0"],
  ["GET / HTTP/1.7", "GET / HTTP/1.1"],
  ["GET / HTTP/9.9", "GET / HTTP/1.1"],
  ["GET / HTTP/1.00", "GET / HTTP/1.1"],
  ["GET / x", "GET / HTTP/1.1"],
  ["GET /", "body only GET / HTTP/1.0"],
  ["GET ", "body only GET / HTTP/1.0"],
  ["G(T / HTTP/1.1", "G(T / HTTP/1.1"],
  ["G\x80 / HTTP/1.1", "fault badMethod"],
  ["G\t / HTTP/1.1", "fault badMethod"],
  [" / HTTP/1.1", "fault badMethod"],
  ["GET", "fault badMethod"],
  ["", "fault badMethod"],
])("the request line %p", (text, expected) => {
  expect(line(text)).toBe(expected);
});

test.each([
  ["X:1\r\nY:   2 \t\r\n", "X: 1\r\nY: 2\r\n"],
  ["X: 1\n", "X: 1\r\n"],
  ["X: 1\r\n 2\r\n\t3\r\n", "X: 1 2 3\r\n"],
  [" 1\r\nX: 2\r\n", "X: 2\r\n"],
  ["X : 1\r\n 2\r\nY: 3\r\n", "Y: 3\r\n"],
  ["X\r\n 2\r\nY: 3\r\n", "Y: 3\r\n"],
  ["X: a\x01\x02b\r\n", "X: a  b\r\n"],
  ["X: \x7fa\x0b\r\n", "X: a\r\n"],
  ["X: a\tb\x80\r\n", "X: a\tb\x80\r\n"],
  ["X: a\x00\r\nY: b\rc\r\nZ: 1\r\n", "Z: 1\r\n"],
  ["X: a\r\n b\x00\r\nZ: 1\r\n", "Z: 1\r\n"],
  [": 1\r\nX\x80: 1\r\nX\x00: 1\r\nZ: 1\r\n", "Z: 1\r\n"],
  ["Content_Length: 5\r\nTransfer-Encoding : chunked\r\n", ""],
  ["Content-Length: 5\r\nX: 1\r\nCONTENT-LENGTH: 05\r\n", "Content-Length: 5\r\nX: 1\r\n"],
  ["Content-Length:\r\n", "Content-Length: 0\r\n"],
  ["Content-Length: 5\r\nContent-Length: 6\r\n", "fault differentContentLengths"],
  ["Content-Length: 5\x00\r\n", "fault badContentLength"],
  ["Content-Length: 5\r\n 6\r\n", "fault badContentLength"],
  ["Content-Length: 5,5\r\n", "fault badContentLength"],
  ["Content-Length: x\r\nContent-Length: 5\r\n", "fault badContentLength"],
  ["TRANSFER-ENCODING: Chunked;x\r\nX: 1\r\n", "Transfer-Encoding: chunked\r\nX: 1\r\n"],
  ["Transfer-Encoding: gzip\r\nX: 1\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\nX: 1\r\n"],
  ["Transfer-Encoding: chunked, gzip, identity, chunked, chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n"],
  ["Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"],
  ["Content-Length: 5\r\nTransfer-Encoding: gzip\r\n", "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"],
  ["Content-Length: 5\r\nTransfer-Encoding: chunked, gzip\r\n", "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n"],
  ["Content-Length: 5\r\nTransfer-Encoding: identity\r\n", "Content-Length: 5\r\n"],
  ["Transfer-Encoding: identity\r\n", "fault badTransferEncoding"],
  ["Transfer-Encoding: chunked, gzip\r\n", "fault badTransferEncoding"],
  ["Transfer-Encoding: cow, chunked\r\n", "fault badTransferEncoding"],
  ["Transfer-Encoding: chunked\x00\r\n", "fault badTransferEncoding"],
  ["Transfer-Encoding:\r\n chunked\r\n", "Transfer-Encoding: chunked\r\n"],
])("the fields %p", (text, expected) => {
  const repaired = repair(`POST / HTTP/1.1\r\n${text}\r\n`);
  expect(repaired.startsWith("fault") ? repaired : fields(text)).toBe(expected);
});

/** Reads a head strictly: what it says, `odd`, `incomplete` or a fault. */
const readStrictly = (text: string, isRepaired: boolean): string => {
  const parser = new RequestHeadParser();
  parser.begin(0, roomyLimits, isRepaired);
  const bytes = bytesOf(text);
  const parsed = parser.parse(bytes, bytes.length);
  if (parsed === Parsed.faulty) return `fault ${nameOfFault(parser.fault)}`;
  if (parsed === Parsed.incomplete) return "incomplete";
  return parser.isOdd ? "odd" : describeRequest(parser, bytes, isRepaired ? text.slice(parser.pos) : "");
};

/** Repairing may make a line longer (percent-encoding, folds); the limits have tests of their own. */
const roomyLimits = { ...defaultHeadLimits, startLineBytes: 2 ** 20, fieldBytes: 2 ** 20, headBytes: 2 ** 20 };

/** What a strict head says, without what repairing may change: blanks behind values, the case of Transfer-Encoding. */
const gist = (described: string): string =>
  described.replace(/, uneven [\d+]+/, "").replace(/transfer-encoding: chunked/gi, (match) => match.toLowerCase());

/** Faults that only the strict pass knows: of Host, CONNECT, and what is an authority. */
const strictFaults = new Set(
  ["missingHost", "duplicateHost", "badHost", "connectMethod", "badTarget", "methodTooLong", "badContentLength"].map(
    (name) => `fault ${name}`,
  ),
);

test("a strict and compliant head says the same when it is repaired", () => {
  let compared = 0;
  forSeeds(3000, 1000, (random) => {
    const sound = randomRequest(random);
    const mutated = mutate(random, sound);
    const text = (random.chance(0.5) ? sound : textOf(mutated, 0, mutated.length)).replace(/^[\r\n]+/, "");
    const strict = readStrictly(text, false);
    if (strict === "odd" || strict === "incomplete" || strict.startsWith("fault")) return;
    compared++;
    const bytes = bytesOf(text);
    expect(judgeHead(readRawHead(bytes, 0, bytes.length), bytes)).toBeUndefined();
    expect(gist(readStrictly(repair(text), true))).toBe(gist(strict));
  });
  if (process.env.FUZZ_SEED === undefined) expect(compared).toBeGreaterThan(100);
});

test("whatever came, the strict parser reads what is written, and repairing it again changes nothing", () => {
  let repairedCount = 0;
  forSeeds(20_000, 2000, (random) => {
    const bytes = random.chance(0.1) ? randomBytes(random, 300) : mutate(random, randomRequest(random));
    const repaired = repair(textOf(bytes, 0, bytes.length));
    if (repaired.startsWith("fault")) return;
    const text = repaired.replace(/^body only /, "");
    repairedCount++;
    const read = readStrictly(text, true);
    if (!strictFaults.has(read)) {
      expect(read).not.toBe("incomplete");
      expect(read).not.toBe("odd");
      expect(read).not.toStartWith("fault");
      expect(read).not.toContain("rest");
    }
    expect(repair(text)).toBe(text);
    expect(text.slice(text.indexOf("\n"))).not.toMatch(/^(?:content.length|transfer.encoding)[^:a-z0-9]+:/im);
  });
  if (process.env.FUZZ_SEED === undefined) expect(repairedCount).toBeGreaterThan(500);
});

test.each([
  ["folds", "X: 1\r\n".concat(" a\n".repeat(21_000))],
  ["fields", "X: 1\r\n".repeat(10_000)],
  ["lengths", "Content-Length: 1\r\n".repeat(3_400)],
  ["codings", `Transfer-Encoding: ${"gzip,".repeat(12_800)}chunked\r\n`],
  ["commas", `Transfer-Encoding: ${",".repeat(60_000)}chunked\r\n`],
])("64 KiB of %s is repaired in linear time", (_, text) => {
  const startMs = performance.now();
  for (let times = 0; times < 10; times++) fields(text);
  // Tens of milliseconds; what is quadratic in 64 Ki takes seconds.
  expect(performance.now() - startMs).toBeLessThan(3000);
});
