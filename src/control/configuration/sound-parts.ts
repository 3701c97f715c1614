/**
 * How a sift takes the sound parts of an unknown value: a value that a Schema accepts, the members of an object, the
 * items of a list. Used by sift.ts and sift-security.ts; pure, and without a message of its own.
 */
import { Option, Predicate, Schema } from "effect";

/** The value as a Schema decodes it; undefined where it doesn't. */
export const take = <T>(schema: Schema.Decoder<T>, value: unknown): T | undefined =>
  Option.getOrUndefined(Schema.decodeUnknownOption(schema)(value));

/** A Map, because a name such as `constructor` must not find what every object inherits. */
export const membersOf = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map(Predicate.isObject(value) ? Object.entries(value) : []);

/** The items of a list; none of anything else. */
export const itemsOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : []);
