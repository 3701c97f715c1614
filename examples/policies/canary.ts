/**
 * Canary: some of the clients, and requests that ask for it, go to the instances with a new version.
 * Picks by the instances' tags, at layer 4 and 7. A client's side depends on its address alone, so that it stays there from
 * request to request, over reloads and on every node. Keeps nothing of anybody.
 */
import { definePolicy, hashText, Schema, type Selection } from "elbow";

const percentage = { title: "a percentage", expected: "a number from 0 to 100" };
const headerName = { title: "a header's name", expected: 'one such as "X-Canary"' };
const tags = { title: "a set of tags", expected: 'one such as { track: "canary" }' };

const Tags = Schema.Record(Schema.String, Schema.String.annotate({ title: "a tag", expected: "a text" })).annotate(
  tags,
);

/** The part of all clients, in percent, that lies below a client's own place. */
const placeOf = (clientAddress: string): number => hashText(clientAddress) / (2 ** 32 / 100);

const isYes = (text: string): boolean => ["1", "true", "yes", "always"].includes(text.toLowerCase());

const isNo = (text: string): boolean => ["0", "false", "no", "never"].includes(text.toLowerCase());

export default definePolicy({
  type: "canary",
  attributes: Schema.Struct({
    /** How many of the clients get the new version. */
    percent: Schema.Number.annotate(percentage).check(
      Schema.makeFilter((value) => value >= 0 && value <= 100, percentage),
    ),
    /** A request header with which a client decides by itself: `1` or `0`. */
    header: Schema.optional(
      Schema.String.annotate(headerName).check(Schema.makeFilter((text) => /^[\w-]+$/.test(text), headerName)),
    ),
    /** The instances of the new version. */
    canary: Tags,
    /** The instances of the old one. */
    stable: Tags,
  }),
  // While one side has no instance in service, the other serves its clients.
  state: ({ canary, stable }): { readonly canary: Selection; readonly stable: Selection } => ({
    canary: { tags: canary, orElse: "any" },
    stable: { tags: stable, orElse: "any" },
  }),
  pick({ percent, header }, context, { canary, stable }) {
    const wish = context.kind === "request" && header !== undefined ? context.header(header) : undefined;
    if (wish !== undefined && isYes(wish)) return canary;
    if (wish !== undefined && isNo(wish)) return stable;
    return placeOf(context.clientAddress) < percent ? canary : stable;
  },
});
