// LBCookieStickinessPolicyType: its attribute, and when a cookie is given out.
import { expect, test } from "bun:test";
import { Result, Schema } from "effect";
import policyType from "../../../../policies/stickiness/load-balancer-cookie.ts";
import type { StickResponse } from "../../../../src/policy/index.ts";

const decode = Schema.decodeUnknownResult(policyType.attributes);

test.each<readonly [unknown, string]>([
  [{}, "PATH=/"],
  [{ CookieExpirationPeriod: 0 }, "PATH=/"],
  [{ CookieExpirationPeriod: "0" }, "PATH=/"],
  [{ CookieExpirationPeriod: 60 }, "PATH=/;MAX-AGE=60"],
  [{ CookieExpirationPeriod: "60" }, "PATH=/;MAX-AGE=60"],
  [{ CookieExpirationPeriod: "0060" }, "PATH=/;MAX-AGE=60"],
  [{ CookieExpirationPeriod: 31_536_000_000 }, "PATH=/;MAX-AGE=31536000000"],
])("%j", (written, attributes) => {
  const { renew, follows, applicationCookie } = policyType.stick!(Result.getOrThrow(decode(written)));
  const response: StickResponse = {
    hasSession: false,
    hasApplicationCookie: false,
    isWithItsInstance: false,
    placeAttributes: "PATH=/",
    applicationAttributes: undefined,
  };
  expect(renew(response)).toBe(attributes);
  // Its instance couldn't be had, or has gone: as if there had been no cookie.
  expect(renew({ ...response, hasSession: true })).toBe(attributes);
  // It is never renewed while it is good.
  expect(renew({ ...response, hasSession: true, isWithItsInstance: true })).toBeUndefined();
  expect(follows(response)).toBe(true);
  expect(applicationCookie).toBeUndefined();
});

test.each([
  -1,
  1.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  "",
  " 60",
  "60 ",
  "-1",
  "1e3",
  "9".repeat(20),
  true,
  null,
])("%p is no period", (period) => expect(Result.isFailure(decode({ CookieExpirationPeriod: period }))).toBe(true));

test("its name is that of the Elastic Load Balancing API", () => {
  expect(policyType.type).toBe("LBCookieStickinessPolicyType");
});
