// The top-level `telemetry`: what it decodes to, and the words for everything that can be wrong with it.
import { expect, test } from "bun:test";
import { decode, refuse, web } from "./written.ts";

const pushing = (otlp: unknown) => ({ telemetry: { otlp }, ...web({}) });
const url = "http://127.0.0.1:4318";

test("what is left out has its default, and a slash at the end of the address goes", () => {
  expect(decode(web({})).otlp).toBeUndefined();
  expect(decode({ telemetry: {}, ...web({}) }).otlp).toBeUndefined();
  expect(decode(pushing({ url: `${url}/otlp//` })).otlp).toEqual({
    url: `${url}/otlp`,
    headers: {},
    encoding: "protobuf",
    interval: 15,
    traces: 0,
  });
  const whole = { url, headers: { "X-Key": "a" }, encoding: "json", interval: 60, traces: 0.5 };
  expect(decode(pushing(whole)).otlp as object).toEqual(whole);
});

const address =
  '(expected one such as "http://127.0.0.1:4318", http or https, without user name, query and fragment; /v1/metrics and /v1/traces follow it)';

test.each<readonly [string, unknown, string]>([
  ["no address", {}, `telemetry.otlp.url: is missing (expected the address of a collector: ${address.slice(10)}`],
  ...["127.0.0.1:4318", "ftp://127.0.0.1", "http://me:secret@127.0.0.1", `${url}?key=secret`, "", `${url}/ x`].map(
    (text) =>
      [text, { url: text }, `telemetry.otlp.url: the value is not the address of a collector ${address}`] as const,
  ),
  [
    "an interval of none",
    { url, interval: 0 },
    "telemetry.otlp.interval: 0 is not an interval (expected a whole number of seconds from 1 to 3600)",
  ],
  [
    "a share of more than all",
    { url, traces: 2 },
    "telemetry.otlp.traces: 2 is not a share of requests (expected a number from 0 (no traces) to 1 (all))",
  ],
  [
    "an unknown encoding",
    { url, encoding: "xml" },
    'telemetry.otlp.encoding: "xml" is not an encoding (expected "protobuf" or "json")',
  ],
  [
    "a header with a line end",
    { url, headers: { authorization: "a\r\nb" } },
    "telemetry.otlp.headers.authorization: the value is not a header's value (expected a text of at most 4096 ASCII characters without line ends)",
  ],
  [
    "a header's name that is none",
    { url, headers: { "a b": "c" } },
    'telemetry.otlp.headers: an object is not a set of headers (expected at most 16 such as { authorization: "Bearer …" })',
  ],
  [
    "an unknown key",
    { url, sample: 1 },
    "telemetry.otlp.sample: unknown key `sample` (expected one of `url`, `headers`, `encoding`, `interval`, `traces`)",
  ],
])("%s is refused", (_, otlp, line) => {
  expect(refuse(pushing(otlp))).toEqual([line]);
});
