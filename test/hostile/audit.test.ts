// The audit itself: it passes what elbow writes, and complains of every kind of byte that elbow must never write.
import { expect, test } from "bun:test";
import { audit } from "./audit.ts";

const port = 8080;
const ours =
  "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\nConnection: keep-alive\r\n\r\n";
const request = (fields: string, body = "") => `POST / HTTP/1.1\r\nHost: test\r\n${fields}${ours}${body}`;
const run = (wire: string) => audit(Buffer.from(wire, "latin1"), port);

test("what elbow writes passes, with its bodies and trailers", () => {
  const wire =
    request("Content-Length: 5\r\n", "hello") +
    request("Transfer-Encoding: gzip, chunked\r\n", "2\r\nab\r\n0\r\nX-A: b\r\n\r\n") +
    request("");
  const { requests, problems, unfinished } = run(wire);
  expect([problems, unfinished]).toEqual([[], ""]);
  expect(requests.map(({ body }) => body)).toEqual(["hello", "ab", ""]);
  expect(requests[1]?.trailers).toEqual([["X-A", "b"]]);
});

test("a request that is cut is none", () => {
  expect(run(request("Content-Length: 5\r\n", "hell")).requests).toEqual([]);
  expect(run(request("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n")).requests).toEqual([]);
  expect(run("POST / HTTP/1.1\r\nHo")).toEqual({ requests: [], unfinished: "POST / HTTP/1.1\r\nHo", problems: [] });
});

test.each([
  ["somebody else's request", "GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n", "X-Forwarded-Port"],
  ["it behind a whole one", `${request("")}GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n`, "X-Forwarded-Port"],
  ["two Hosts", request("Host: evil\r\n"), "not one Host"],
  ["a Host that isn't first", `GET / HTTP/1.1\r\nX-A: b\r\nHost: test\r\n${ours}`, "Host isn't first"],
  ["two ports", request("X-Forwarded-Port: 1\r\n"), "X-Forwarded-Port"],
  ["two framings", request("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), "two framings"],
  ["two lengths", request("Content-Length: 5\r\nContent-Length: 5\r\n"), "two framings"],
  ["a length with a sign", request("Content-Length: +5\r\n"), "a bad Content-Length"],
  ["a coding that isn't chunked", request("Transfer-Encoding: gzip\r\n"), "a bad Transfer-Encoding"],
  ["an underscore look-alike", request("Content_Length: 5\r\n"), "a look-alike"],
  ["a look-alike with more around it", request("Transfer-Encoding_: chunked\r\n"), "a look-alike"],
  ["a blank before a colon", request("X-A : b\r\n"), "not a header line"],
  ["a bare LF", request("X-A: b\nX-B: c\r\n"), "not a header line"],
  ["a NUL", request("X-A: b\0\r\n"), "not a header line"],
  ["a blank in the target", `GET /a b HTTP/1.1\r\nHost: test\r\n${ours}`, "no request line"],
  ["another version", `GET / HTTP/1.0\r\nHost: test\r\n${ours}`, "no request line"],
  ["a chunk extension", request("Transfer-Encoding: chunked\r\n", "1;a=b\r\na\r\n0\r\n\r\n"), "not a chunk size"],
  ["a trailer that frames", request("Transfer-Encoding: chunked\r\n", "0\r\nContent-Length: 5\r\n\r\n"), "a trailer"],
  ["Expect", request("Expect: 100-continue\r\n"), "for one hop only"],
])("%s is complained of", (_, wire, problem) => {
  expect(run(wire).problems.join()).toContain(problem);
});
