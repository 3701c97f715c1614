/**
 * The whole configuration: the management server, process-wide limits and the load balancers.
 * What `control` is handed at the start and at every reload; owns the shape, the ranges and the defaults.
 * Never says where it came from: a file, flags and the built-in demo all decode to this.
 */
import { Schema } from "effect";
import { Account, Region } from "./access-log.ts";
import { type CookieSecret, WrittenCookieSecrets } from "./cookie-secret.ts";
import { described } from "./described.ts";
import { type Instance, WrittenInventoryEntry, Zone } from "./instance.ts";
import { type LoadBalancer, WrittenLoadBalancer } from "./load-balancer.ts";
import { type Management, WrittenManagement } from "./management.ts";
import { type Otlp, WrittenTelemetry } from "./telemetry.ts";

const ShutdownGrace = described(
  Schema.Number,
  { title: "a shutdown grace", expected: "a number of seconds from 0 to 3600" },
  (value) => value >= 0 && value <= 3600,
);

const MaxConnections = described(
  Schema.Number,
  { title: "a number of connections", expected: "a whole number from 1 to 1000000" },
  (value) => Number.isInteger(value) && value >= 1 && value <= 1_000_000,
);

/** The shape that people write. */
export const WrittenConfiguration = Schema.Struct({
  management: Schema.optional(WrittenManagement),
  shutdownGrace: Schema.optional(ShutdownGrace),
  maxConnections: Schema.optional(MaxConnections),
  cookieSecret: Schema.optional(WrittenCookieSecrets),
  watch: Schema.optional(described(Schema.Boolean, { title: "a switch", expected: "true or false" })),
  zone: Schema.optional(Zone),
  account: Schema.optional(Account),
  region: Schema.optional(Region),
  telemetry: Schema.optional(WrittenTelemetry),
  instances: Schema.optional(
    Schema.Record(Schema.String, WrittenInventoryEntry).annotate({
      title: "an inventory",
      expected: 'one such as { "i-web1": "10.0.0.5:3001" }',
    }),
  ),
  loadBalancers: Schema.Record(Schema.String, WrittenLoadBalancer).annotate({
    title: "a set of load balancers",
    expected: "an object with a load balancer under each name",
  }),
}).annotate({ title: "a configuration", expected: "an object with `loadBalancers`" });

/** What `defineConfig` accepts: the shape that people write, before defaults and rules. */
export type WrittenConfiguration = typeof WrittenConfiguration.Encoded;

/**
 * The whole configuration with every member known. `shutdownGrace` is in seconds; `maxConnections` caps client
 * connections over the process.
 */
export interface Configuration {
  readonly management: Management;
  readonly shutdownGrace: number;
  readonly maxConnections?: number;
  /** Whether a change of its file, or of a module, is a reload. */
  readonly watch?: boolean;
  /** Where this node is; without one, every instance is near. */
  readonly zone?: string;
  /** What the names of access log files tell of: twelve digits, and a region. */
  readonly account?: string;
  readonly region?: string;
  /** Where metrics and traces are pushed to; nowhere without it. */
  readonly otlp?: Otlp;
  /** Of stickiness cookies: the first makes them, all of them are good. Needed where a listener has a stickiness policy. */
  readonly cookieSecrets?: ReadonlyArray<CookieSecret>;
  /** What can be registered by its id, listed by a load balancer or not. */
  readonly inventory?: ReadonlyMap<string, Omit<Instance, "id">>;
  readonly loadBalancers: ReadonlyArray<LoadBalancer>;
}

/** How long connections may finish after a stop, in seconds, when a configuration doesn't say. */
export const defaultShutdownGrace = 30;
