/**
 * Where metrics and traces are pushed to, for collectors that speak OTLP over HTTP (OpenTelemetry Protocol Specification).
 * A part of a written configuration; owns the shape, the ranges and the defaults.
 * Nothing is pushed, and nothing for it is loaded, where it is left out.
 */
import { Schema } from "effect";
import { described } from "./described.ts";

const urlDescription = {
  title: "the address of a collector",
  expected:
    'one such as "http://127.0.0.1:4318", http or https, without user name, query and fragment; /v1/metrics and /v1/traces follow it',
  isSecret: true,
};

const isCollectorUrl = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url !== undefined &&
    (url.protocol === "http:" || url.protocol === "https:") &&
    url.username === "" &&
    url.password === "" &&
    !/[?#\s]/.test(text)
  );
};

const headerDescription = {
  title: "a header's value",
  expected: "a text of at most 4096 ASCII characters without line ends",
  isSecret: true,
};

const headersDescription = {
  title: "a set of headers",
  expected: 'at most 16 such as { authorization: "Bearer …" }',
};

/** A header often is the key to a collector: it is not repeated. */
const WrittenHeaders = Schema.Record(
  Schema.String,
  Schema.String.annotate(headerDescription).check(
    Schema.makeFilter((text) => text.length <= 4096 && /^[\t\x20-\x7e]*$/.test(text), headerDescription),
  ),
)
  .annotate(headersDescription)
  .check(
    Schema.makeFilter((headers) => {
      const names = Object.keys(headers);
      return names.length <= 16 && names.every((name) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(name));
    }, headersDescription),
  );

/** The push as it stands in a configuration. */
export const WrittenOtlp = Schema.Struct({
  url: Schema.String.annotate(urlDescription).check(Schema.makeFilter(isCollectorUrl, urlDescription)),
  headers: Schema.optional(WrittenHeaders),
  encoding: Schema.optional(
    Schema.Literals(["protobuf", "json"]).annotate({ title: "an encoding", expected: '"protobuf" or "json"' }),
  ),
  interval: Schema.optional(
    described(
      Schema.Number,
      { title: "an interval", expected: "a whole number of seconds from 1 to 3600" },
      (value) => Number.isInteger(value) && value >= 1 && value <= 3600,
    ),
  ),
  traces: Schema.optional(
    described(
      Schema.Number,
      { title: "a share of requests", expected: "a number from 0 (no traces) to 1 (all)" },
      (value) => value >= 0 && value <= 1,
    ),
  ),
}).annotate({ title: "settings of OTLP", expected: 'one such as { url: "http://127.0.0.1:4318", traces: 0.01 }' });

/** Telemetry as it stands in a configuration. */
export const WrittenTelemetry = Schema.Struct({ otlp: Schema.optional(WrittenOtlp) }).annotate({
  title: "telemetry",
  expected: 'one such as { otlp: { url: "http://127.0.0.1:4318" } }',
});

/** Telemetry as it stands in a configuration. */
export type WrittenTelemetry = typeof WrittenTelemetry.Encoded;

/** A push with every member known. */
export interface Otlp {
  /** Of the collector, without a slash at its end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly encoding: "protobuf" | "json";
  /** Between two pushes of metrics, in seconds. */
  readonly interval: number;
  /** The share of requests and layer-4 connections that become a trace of their own; 0 where there are no traces at all. */
  readonly traces: number;
}

/** What a push does when a configuration doesn't say. */
export const defaultOtlp = { headers: {}, encoding: "protobuf", interval: 15, traces: 0 } as const;

/** The push that a configuration asks for; undefined where it asks for none. */
export const toOtlp = (written: WrittenTelemetry | undefined): Otlp | undefined => {
  const otlp = written?.otlp;
  if (otlp === undefined) return undefined;
  const { url, headers, encoding, interval, traces } = otlp;
  return {
    url: url.replace(/\/+$/, ""),
    headers: headers ?? defaultOtlp.headers,
    encoding: encoding ?? defaultOtlp.encoding,
    interval: interval ?? defaultOtlp.interval,
    traces: traces ?? defaultOtlp.traces,
  };
};
