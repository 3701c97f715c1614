/**
 * An instance: one server that a load balancer sends connections to, and the inventory that gives instances ids.
 * Chosen by a balancer and dialled by the back end; owns the shape of both.
 * Never knows whether the server is up.
 */
import { Schema } from "effect";
import { type Description, described } from "./described.ts";
import { parseHost, splitHostAndPort } from "./host.ts";
import { Port } from "./port.ts";

const hostDescription: Description = {
  title: "an address or host name",
  expected: 'one such as "10.0.0.5", "::1" or "app.internal", without a port',
};

/** What the address of an inventory entry is called in messages. */
export const inventoryAddressDescription: Description = {
  title: "an address or host name",
  expected: 'one such as "10.0.0.5", "10.0.0.5:3001", "[::1]:3001" or "app.internal"',
};

/** What an entry of a load balancer's instance list is called in messages. */
export const instanceTextDescription: Description = {
  title: "an instance",
  expected: "an id from `instances`, an IP address or a host name, each with an optional :port",
};

/** What an inventory id is called in messages. */
export const instanceIdDescription: Description = {
  title: "an instance id",
  expected: "letters, digits, hyphens, dots and underscores, beginning with a letter or digit, and not an IP address",
};

/** Whether a text can be the id of an inventory entry. */
export const isInstanceId = (text: string): boolean =>
  text.length <= 255 && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) && !/^[\d.]+$/.test(text);

const Weight = described(
  Schema.Number,
  { title: "a weight", expected: "a number from 0 to 256; 0 for none but what asks for the instance by name" },
  (value) => value >= 0 && value <= 256,
);

const MaxConnections = described(
  Schema.Number,
  { title: "a greatest number of connections", expected: "a whole number from 1 to 1000000" },
  (value) => Number.isInteger(value) && value >= 1 && value <= 1_000_000,
);

/** A zone: of an instance, or of this node. */
export const Zone = described(
  Schema.String,
  { title: "a zone", expected: "a text of 1 to 255 characters" },
  (text) => text.length >= 1 && text.length <= 255,
);

/** What policies tell instances apart by. */
export const Tags = Schema.Record(
  Schema.String,
  Schema.String.annotate({ title: "a tag", expected: "a text" }),
).annotate({
  title: "tags",
  expected: 'an object of texts such as { color: "green", host: "api" }',
});

/** An entry of the inventory, written out. */
export const WrittenInventoryMember = Schema.Struct({
  address: described(Schema.String, hostDescription, (text) => parseHost(text) !== undefined),
  port: Schema.optional(Port),
  weight: Schema.optional(Weight),
  maxConnections: Schema.optional(MaxConnections),
  zone: Schema.optional(Zone),
  tags: Schema.optional(Tags),
}).annotate({
  title: "an inventory entry",
  expected: 'an address such as "10.0.0.5:3001", or an object such as { address: "10.0.0.5", port: 3001, zone: "a" }',
});

/** An entry of the inventory: an address with an optional port, or the same written out with its zone. */
export const WrittenInventoryEntry = Schema.Union([
  described(Schema.String, inventoryAddressDescription, (text) => {
    const split = splitHostAndPort(text);
    return split !== undefined && parseHost(split.host) !== undefined;
  }),
  WrittenInventoryMember,
]).annotate({
  title: "an inventory entry",
  expected: 'an address such as "10.0.0.5:3001", or an object such as { address: "10.0.0.5", port: 3001, zone: "a" }',
});

/** An entry of a load balancer's instance list; what it names is settled with the inventory at hand. */
export const WrittenInstance = described(Schema.String, instanceTextDescription);

/** An instance as the rest of elbow sees it. */
export const Instance = Schema.Struct({
  id: Schema.String,
  host: Schema.String,
  port: Schema.optionalKey(Port),
  weight: Schema.optionalKey(Weight),
  maxConnections: Schema.optionalKey(MaxConnections),
  zone: Schema.optionalKey(Schema.String),
  tags: Schema.optionalKey(Tags),
});

/**
 * One server behind a load balancer. `id` is its inventory id or the text as written; `host` an IPv4 address, a bare
 * lower-case IPv6 address or a lower-case DNS name; `port` overrides the listener's instance port; `weight` is its share
 * beside the others' weights, 1 where it is left out; of `maxConnections` there may be so many requests and layer-4
 * connections at once at each of its addresses and ports, any number where it is left out; `tags` are what policies pick it by.
 */
export interface Instance extends Schema.Schema.Type<typeof Instance> {
  /** When an operator drained it, on the process's monotonic clock; never written: it ends with the process. */
  readonly drainedSinceMs?: number;
}
