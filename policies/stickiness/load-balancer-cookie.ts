/**
 * LBCookieStickinessPolicyType: a client stays with its instance as long as its cookie lives (AWS, "Configure sticky
 * sessions for your Classic Load Balancer", duration-based session stickiness).
 * Decides when the load balancer gives out its cookie, and for how long; whose cookie it is it never sees.
 */
import { definePolicy, Schema } from "elbow";

const period = {
  title: "a cookie expiration period",
  expected: "a whole number of seconds, 0 or more; without one, or with 0, cookies live until the browser is closed",
};

const isPeriod = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

const WrittenPeriod = Schema.Union([
  Schema.Number.annotate(period).check(Schema.makeFilter(isPeriod, period)),
  // AWS's tools write every attribute as a text.
  Schema.String.annotate(period).check(
    Schema.makeFilter((text) => /^\d+$/.test(text) && isPeriod(Number(text)), period),
  ),
]).annotate(period);

export default definePolicy({
  type: "LBCookieStickinessPolicyType",
  attributes: Schema.Struct({
    /** How long a cookie lives, in seconds; 0 is as long as the browser's session. */
    CookieExpirationPeriod: Schema.optional(WrittenPeriod),
  }),
  stick: ({ CookieExpirationPeriod: written = 0 }) => {
    const seconds = Number(written);
    const attributes = seconds === 0 ? "PATH=/" : `PATH=/;MAX-AGE=${seconds}`;
    return {
      follows: () => true,
      // Never renewed while it is good. An instance that can't be had counts as no cookie at all.
      renew: ({ isWithItsInstance }) => (isWithItsInstance ? undefined : attributes),
    };
  },
});
