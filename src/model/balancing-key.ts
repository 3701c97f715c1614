/**
 * What a load balancer makes the keys of its balancing from: the client's address, a header or a cookie.
 * One of the attributes; owns its shape, and which names a header and a cookie may have.
 * Never reads a request: the pipeline does, and only where the way of balancing has keys.
 */
import { Schema } from "effect";
import { described } from "./described.ts";

/** RFC 9110 §5.1 for headers, RFC 6265 §4.1.1 for cookies: a token. */
const isToken = (text: string): boolean => /^[A-Za-z0-9!#$%&'*+\-.^_`|~]{1,128}$/.test(text);

const HeaderName = described(
  Schema.String,
  { title: "a header's name", expected: 'one of at most 128 letters, digits and hyphens such as "X-User"' },
  isToken,
);

const CookieName = described(
  Schema.String,
  {
    title: "a cookie's name",
    expected: 'one of at most 128 letters, digits, hyphens and underscores such as "session"',
  },
  isToken,
);

/** Where keys come from; who sends no such header or cookie has its address for a key. */
export const BalancingKey = Schema.Union([
  Schema.Literal("client-address"),
  Schema.Struct({ header: HeaderName }),
  Schema.Struct({ cookie: CookieName }),
]).annotate({
  title: "a balancing key",
  expected: '"client-address", { header: "X-User" } or { cookie: "session" }',
});

/** Where keys come from. */
export type BalancingKey = typeof BalancingKey.Type;
