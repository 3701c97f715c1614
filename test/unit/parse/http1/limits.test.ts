// Each limit at its edge: exactly the limit passes, one more is refused, however the bytes are cut.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { defaultHeadLimits } from "../../../../src/parse/http1/limits.ts";
import { RequestHeadParser } from "../../../../src/parse/http1/request-head.ts";
import { cutsNear, requestLimits, responseLimits } from "./limit-cases.ts";
import { parseRequestInPlace, readRequest, readResponse } from "./readers.ts";
import { byteByByte, cutAt, expectAtEverySplit, type Pieces } from "./splits.ts";

/** The reading without what makes it long. */
const brief =
  (read: (pieces: Pieces) => string) =>
  (pieces: Pieces): string => {
    const result = read(pieces);
    return result.startsWith("fault") ? result : result.slice(0, 3);
  };

test("the limits are the documented ones", () => {
  expect(defaultHeadLimits).toEqual({
    startLineBytes: 16_384,
    fieldBytes: 16_384,
    headBytes: 65_536,
    fieldCount: 100,
    methodBytes: 127,
  });
});

describe("requests", () => {
  test.each(requestLimits.map((one) => [one.name, one] as const))("%s", (_, { text, expected }) => {
    expectAtEverySplit(text, brief(readRequest), expected, cutsNear(text));
  });
});

describe("responses", () => {
  test.each(responseLimits.map((one) => [one.name, one] as const))("%s", (_, { text, expected }) => {
    expectAtEverySplit(text, brief(readResponse), expected, cutsNear(text));
  });
});

test("other limits may be set", () => {
  const limits = { startLineBytes: 20, fieldBytes: 10, headBytes: 64, fieldCount: 2, methodBytes: 4 };
  const run = brief(parseRequestInPlace(0, limits));
  expectAtEverySplit("GET /1234 HTTP/1.1\r\nHost: a\r\n\r\n", run, "GET");
  expectAtEverySplit("GET /12345 HTTP/1.1\r\nHost: a\r\n\r\n", run, "fault requestLineTooLong");
  expectAtEverySplit("LOCK / HTTP/1.1\r\nHost: a\r\n\r\n", run, "LOC");
  expectAtEverySplit("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", run, "fault methodTooLong");
  expectAtEverySplit("GET / HTTP/1.1\r\nHost: ab\r\n\r\n", run, "GET");
  expectAtEverySplit("LOCK / HTTP/1.1\r\nHost: a\r\n\r\n", run, "LOC");
  expectAtEverySplit("PATCH / HTTP/1.1\r\nHost: a\r\n\r\n", run, "fault methodTooLong");
  expectAtEverySplit("GET / HTTP/1.1\r\nHost: abc\r\n\r\n", run, "fault fieldTooLong");
  expectAtEverySplit("GET / HTTP/1.1\r\nA: 1\r\nHost: a\r\n\r\n", run, "GET");
  expectAtEverySplit("GET / HTTP/1.1\r\nA: 1\r\nHost: a\r\nB: 2\r\n\r\n", run, "fault tooManyFields");
});

test("empty lines in front of a request are bounded like its line, cut or not", () => {
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const few = "\r\n".repeat(100) + request;
  expectAtEverySplit(few, brief(readRequest), "GET", [1, 99, 100, 199, 200, 201]);
  const many = "\r\n".repeat(20_000) + request;
  const whole = brief(readRequest)([bytesOf(many)]);
  expect(brief(readRequest)(cutAt(bytesOf(many), [39_000]))).toBe(whole);
  expect(brief(readRequest)(byteByByte(bytesOf(many)))).toBe(whole);
});

test("a trickled head is scanned once: bytes read grow with its length alone", () => {
  const count = (length: number, name: string): number => {
    let reads = 0;
    const text = `GET / HTTP/1.1\r\n${name}: ${"v".repeat(length)}\r\nHost: a\r\n\r\n`;
    const counted = new Proxy(bytesOf(text), {
      get(target, key) {
        reads++;
        return Reflect.get(target, key, target);
      },
    });
    const parser = parseCounting(counted, text.length);
    expect(parser).toBe(1);
    return reads;
  };
  for (const name of ["X", "Connection", "Content-Type"]) {
    const short = count(1000, name);
    const long = count(10_000, name);
    expect(long).toBeLessThan(short * 12);
  }
});

const parseCounting = (bytes: Uint8Array, length: number): number => {
  const parser = new RequestHeadParser();
  parser.begin(0);
  for (let end = 1; end < length; end++) if (parser.parse(bytes, end) !== 0) return -1;
  return parser.parse(bytes, length);
};
