// What a log notes of a request's head: the same whether the head is kept as it lies, copied, or too large to be kept.
import { expect, test } from "bun:test";
import { LoggedRequest } from "../../../src/observe/access-log/logged-request.ts";
import { Parsed } from "../../../src/parse/http1/head.ts";
import { makeRequestReader } from "../../../src/parse/http1/head-reader.ts";

const limits = {
  startLineBytes: 16_384,
  fieldBytes: 32_768,
  headBytes: 65_536,
  fieldCount: 100,
  methodBytes: 127,
};
const node = { nodeAddress: () => Buffer.from("10.0.0.1") };

const note = (request: LoggedRequest, bytes: Uint8Array) => {
  const reader = makeRequestReader();
  expect(reader.read(bytes, 0, limits)).toBe(Parsed.complete);
  const parser = reader.parser!;
  request.note(parser, bytes, parser.pos === bytes.length, node);
  reader.release();
};

const textOf = (bytes: Uint8Array, start: number, end: number) => Buffer.from(bytes.subarray(start, end)).toString();

const partsOf = (request: LoggedRequest) => ({
  method: textOf(request.bytes, request.methodStart, request.methodEnd),
  target: textOf(request.bytes, request.targetStart, request.targetEnd),
  host: textOf(request.hostBytes, request.hostStart, request.hostEnd),
  agent: textOf(request.bytes, request.agentStart, request.agentEnd),
  trace: textOf(request.bytes, request.traceStart, request.traceEnd),
});

const lines = ["Host: www.example.com", "User-Agent: curl/8", "X-Amzn-Trace-Id: Root=1"];
const headWith = (...more: ReadonlyArray<string>) =>
  Buffer.from(["PUT /a?b HTTP/1.1", ...lines, ...more, "", ""].join("\r\n"));
const whole = { method: "PUT", target: "/a?b", host: "www.example.com", agent: "curl/8", trace: "Root=1" };
const cookie = `Cookie: ${"c".repeat(15_000)}`;

test.each([
  ["alone", headWith()],
  ["with a body behind it", Buffer.concat([headWith("Content-Length: 4"), Buffer.from("body")])],
  ["with a large body behind it", Buffer.concat([headWith("Content-Length: 9000"), Buffer.alloc(9000)])],
  ["large", headWith(cookie)],
  ["large, with a body behind it", Buffer.concat([headWith(cookie, "Content-Length: 4"), Buffer.from("body")])],
])("%s", (title, bytes) => {
  const request = new LoggedRequest();
  note(request, bytes);
  // Whoever owns the bytes may do what he likes with them, unless the head stands alone in them.
  if (title !== "alone") bytes.fill(0);
  expect(partsOf(request)).toEqual(whole);
});

test("of a large head no more is held than what is logged", () => {
  const request = new LoggedRequest();
  note(request, headWith(cookie));
  expect(request.bytes.buffer.byteLength).toBe(Object.values(whole).join("").length);
});

test("it is used again: nothing is left of the request before", () => {
  const request = new LoggedRequest();
  note(request, headWith(cookie));
  note(request, Buffer.from("GET / HTTP/1.0\r\n\r\n"));
  expect(partsOf(request)).toEqual({ method: "GET", target: "/", host: "10.0.0.1", agent: "", trace: "" });
  request.clear();
  expect([request.isKnown, request.bytes.length, request.hostBytes.length]).toEqual([false, 0, 0]);
});
