/**
 * The attributes of a load balancer: its time limits.
 * Read once per connection by listeners and pipelines; owns ranges, defaults and units (seconds, as AWS has them).
 * Never converts to milliseconds: who starts a timer does.
 */
import { Schema } from "effect";
import { described } from "./described.ts";

/** AWS: "Configure the idle connection timeout for your Classic Load Balancer", 1–4000 s, whole. */
const IdleTimeout = described(
  Schema.Number,
  { title: "an idle timeout", expected: "a whole number of seconds from 1 to 4000" },
  (value) => Number.isInteger(value) && value >= 1 && value <= 4000,
);

const ConnectTimeout = described(
  Schema.Number,
  { title: "a connect timeout", expected: "a number of seconds from 0.1 to 300" },
  (value) => value >= 0.1 && value <= 300,
);

const RequestHeadTimeout = described(
  Schema.Number,
  { title: "a request head timeout", expected: "a number of seconds from 0.1 to 4000" },
  (value) => value >= 0.1 && value <= 4000,
);

/** Attributes as they stand in a configuration: each may be left out. */
export const WrittenAttributes = Schema.Struct({
  idleTimeout: Schema.optional(IdleTimeout),
  connectTimeout: Schema.optional(ConnectTimeout),
  requestHeadTimeout: Schema.optional(RequestHeadTimeout),
}).annotate({ title: "a set of attributes", expected: "one such as { idleTimeout: 60 }" });

/** Attributes with every member known. */
export const Attributes = Schema.Struct({
  idleTimeout: IdleTimeout,
  connectTimeout: ConnectTimeout,
  requestHeadTimeout: RequestHeadTimeout,
});

/**
 * Time limits in seconds: `idleTimeout` of silence on a connection, `connectTimeout` to reach an instance,
 * `requestHeadTimeout` from a request's first byte to the end of its head.
 */
export interface Attributes extends Schema.Schema.Type<typeof Attributes> {}

/** What holds where a configuration says nothing. */
export const defaultAttributes: Attributes = { idleTimeout: 60, connectTimeout: 5, requestHeadTimeout: 60 };
