/**
 * The whole configuration: the management server, process-wide limits and the load balancers.
 * What `control` is handed at the start and at every reload; owns the shape, the ranges and the defaults.
 * Never says where it came from: a file, flags and the built-in demo all decode to this.
 */
import { Schema } from "effect";
import { type CookieSecret, WrittenCookieSecrets } from "./cookie-secret.ts";
import { described } from "./described.ts";
import { type Instance, WrittenInventoryEntry, Zone } from "./instance.ts";
import { BindAddress, type LoadBalancer, WrittenLoadBalancer } from "./load-balancer.ts";
import { ListenPort } from "./port.ts";

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

/** The management server as it stands in a configuration. */
export const WrittenManagement = Schema.Struct({
  address: Schema.optional(BindAddress),
  port: Schema.optional(ListenPort),
}).annotate({ title: "management settings", expected: 'one such as { address: "127.0.0.1", port: 9090 }' });

/** The shape that people write. */
export const WrittenConfiguration = Schema.Struct({
  management: Schema.optional(WrittenManagement),
  shutdownGrace: Schema.optional(ShutdownGrace),
  maxConnections: Schema.optional(MaxConnections),
  cookieSecret: Schema.optional(WrittenCookieSecrets),
  zone: Schema.optional(Zone),
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
  readonly management: { readonly address: string; readonly port: number };
  readonly shutdownGrace: number;
  readonly maxConnections?: number;
  /** Where this node is; without one, every instance is near. */
  readonly zone?: string;
  /** Of stickiness cookies: the first makes them, all of them are good. Needed where a listener has a stickiness policy. */
  readonly cookieSecrets?: ReadonlyArray<CookieSecret>;
  /** What can be registered by its id, listed by a load balancer or not. */
  readonly inventory?: ReadonlyMap<string, Omit<Instance, "id">>;
  readonly loadBalancers: ReadonlyArray<LoadBalancer>;
}

/** Where the management server listens when a configuration doesn't say. */
export const defaultManagement: Configuration["management"] = { address: "127.0.0.1", port: 9090 };

/** How long connections may finish after a stop, in seconds, when a configuration doesn't say. */
export const defaultShutdownGrace = 30;
