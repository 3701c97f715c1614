// The request head parser: every case at every split, through a reader and in one growing buffer at an offset.
import { describe, expect, test } from "bun:test";
import { bytesOf } from "../../../../src/parse/http1/bytes.ts";
import { RequestHeadParser } from "../../../../src/parse/http1/request-head.ts";
import { parseRequestInPlace, readRequest, withRequest } from "./readers.ts";
import { brokenRequests, soundRequests, unfinishedRequests } from "./request-cases.ts";
import { byteByByte, expectAtEverySplit } from "./splits.ts";

describe.each([
  ["sound", soundRequests],
  ["broken", brokenRequests],
  ["unfinished", unfinishedRequests],
] as const)("%s requests", (_, cases) => {
  test.each(cases)("%s", (_, text, expected) => {
    expectAtEverySplit(text, readRequest, expected);
    expectAtEverySplit(text, parseRequestInPlace(), expected);
    expectAtEverySplit(text, parseRequestInPlace(7), expected);
  });
});

test("a sound head is incomplete until its last byte, and complete with it", () => {
  for (const [name, text, expected] of soundRequests) {
    const behind = /, rest "(.*)"$/.exec(expected);
    const rest = behind === null ? "" : (JSON.parse(`"${behind[1]}"`) as string);
    const head = text.slice(0, text.length - rest.length);
    for (let length = 0; length < head.length; length++) {
      const read = readRequest([bytesOf(head.slice(0, length))]);
      if (read !== "incomplete") expect(`${name}, ${length} bytes: ${read}`).toBe("incomplete");
    }
    expect(readRequest([bytesOf(head)])).toBe(expected.replace(/, rest .*$/, ""));
  }
});

test("hasBegun is false for empty lines and true from the first byte of a request", () => {
  const parser = new RequestHeadParser();
  const bytes = bytesOf("\r\n\nG");
  parser.begin(0);
  const begun = Array.from(bytes, (_, index) => {
    parser.parse(bytes, index + 1);
    return parser.hasBegun;
  });
  expect(begun).toEqual([false, false, false, true]);
});

test.each([
  ["GET", true],
  ["HEAD", true],
  ["PUT", true],
  ["DELETE", true],
  ["OPTIONS", true],
  ["TRACE", true],
  ["POST", false],
  ["PATCH", false],
  ["get", false],
  ["GETS", false],
  ["GE", false],
  ["M-SEARCH", false],
])("%s may be repeated: %p", (method, expected) => {
  const text = `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`;
  const read = withRequest(byteByByte(bytesOf(text)), (head, bytes) => String(head.isIdempotent(bytes)));
  expect(read).toBe(String(expected));
});

test("a parser that is used again knows nothing of the head before", () => {
  const parser = new RequestHeadParser();
  const run = (text: string, offset: number): string => {
    const bytes = new Uint8Array(offset + text.length);
    bytes.set(bytesOf(text), offset);
    parser.begin(offset);
    return String(parser.parse(bytes, bytes.length));
  };
  const full =
    "HEAD http://b/ HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n" +
    "Connection: close, keep-alive, x\r\nX-Forwarded-For: 1.2.3.4 \r\n\r\n";
  const facts = (one: RequestHeadParser): unknown => ({
    fieldCount: one.fieldCount,
    fault: one.fault,
    contentLength: one.contentLength,
    hasTransferEncoding: one.hasTransferEncoding,
    isChunked: one.isChunked,
    saysClose: one.saysClose,
    saysKeepAlive: one.saysKeepAlive,
    nominated: one.nominated,
    minorVersion: one.minorVersion,
    isHead: one.isHead,
    expectsContinue: one.expectsContinue,
    hostIndex: one.hostIndex,
    forwardedForIndex: one.forwardedForIndex,
    authorityStart: one.authorityStart,
    authorityEnd: one.authorityEnd,
    hasBegun: one.hasBegun,
  });
  for (const before of [full, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n", full.slice(0, -1), "GET / HT", "\r"]) {
    run(before, 3);
    parser.begin(0);
    expect(facts(parser)).toEqual(facts(new RequestHeadParser()));
  }
  for (const [, before] of [...soundRequests, ...brokenRequests]) {
    run(before, 5);
    const bytes = bytesOf("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    parser.begin(0);
    expect(parser.parse(bytes, bytes.length)).toBe(1);
    expect(facts(parser)).toEqual({
      ...(facts(new RequestHeadParser()) as object),
      fieldCount: 1,
      hostIndex: 0,
      hasBegun: true,
    });
    expect(parser.isUneven[0]).toBe(0);
  }
});
