// `traceparent` headers, good and bad, by the examples of W3C Trace Context.
import { expect, test } from "bun:test";
import { makeTraceId, readTraceParent } from "../../../../src/observe/telemetry/trace-parent.ts";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const span = "00f067aa0ba902b7";

test.each([
  [`00-${trace}-${span}-01`, true],
  [`00-${trace}-${span}-00`, false],
  [`00-${trace}-${span}-03`, true],
  [`cc-${trace}-${span}-01-what-the-future-will-be-like`, true],
])("%s is read", (text, isSampled) => {
  expect(readTraceParent(text)).toEqual({ traceId: trace, spanId: span, isSampled });
});

test.each([
  "",
  "Root=1-5759e988-bd862e3fe1be46a994272793",
  `ff-${trace}-${span}-01`,
  `00-${trace}-${span}-01-more`,
  `00-${trace.toUpperCase()}-${span}-01`,
  `00-${"0".repeat(32)}-${span}-01`,
  `00-${trace}-${"0".repeat(16)}-01`,
  `00-${trace}-${span}`,
  `00-${trace.slice(1)}-${span}-01`,
  `00-${trace}-${span}-1`,
])("%p is as good as none", (text) => {
  expect(readTraceParent(text)).toBeUndefined();
});

test("an id has its length, and is another each time", () => {
  expect(makeTraceId(16)).toMatch(/^[0-9a-f]{32}$/);
  expect(makeTraceId(8)).toMatch(/^[0-9a-f]{16}$/);
  expect(makeTraceId(16)).not.toBe(makeTraceId(16));
});
