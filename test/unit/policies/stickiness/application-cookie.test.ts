// AppCookieStickinessPolicyType: its attribute, when a cookie is given out, and what is copied.
import { describe, expect, test } from "bun:test";
import { Result, Schema } from "effect";
import policyType from "../../../../policies/stickiness/application-cookie.ts";
import type { CookieAttribute, Stickiness, StickResponse } from "../../../../src/policy/index.ts";

const decode = Schema.decodeUnknownResult(policyType.attributes);
const stick = (): Stickiness => policyType.stick!({ CookieName: "SESSION" });

const followed: StickResponse = {
  hasSession: true,
  hasApplicationCookie: true,
  isWithItsInstance: true,
  placeAttributes: "PATH=/app;SECURE",
  applicationAttributes: undefined,
};
const failedOver: StickResponse = { ...followed, isWithItsInstance: false };
const attributes = (...texts: ReadonlyArray<string>): ReadonlyArray<CookieAttribute> =>
  texts.map((text) => ({ name: text.split("=")[0]!.trim().toLowerCase(), text }));

test.each([
  ["JSESSIONID", true],
  ["a.b-c_d", true],
  ["__Host-id", true],
  ["AWSELBX", true],
  ["", false],
  ["a b", false],
  ["a=b", false],
  ["a;b", false],
  ["é", false],
  ["a\r\n", false],
  ["AWSELB", false],
  ["AWSELBCORS", false],
  [undefined, false],
  [7, false],
])("%p as a cookie's name: %p", (name, isLegal) => {
  expect(Result.isSuccess(decode({ CookieName: name }))).toBe(isLegal);
});

test("a request follows its cookie as long as the application's comes with it", () => {
  const { follows, applicationCookie } = stick();
  expect(follows({ hasSession: true, hasApplicationCookie: true })).toBe(true);
  expect(follows({ hasSession: true, hasApplicationCookie: false })).toBe(false);
  expect(applicationCookie).toBe("SESSION");
});

describe("a cookie goes with an answer that sets the application's, and copies it", () => {
  test.each<readonly [ReadonlyArray<string>, string]>([
    [[], ""],
    [["Path=/", "HttpOnly"], "Path=/;HttpOnly"],
    [["SameSite=Lax", "path = /x", "SECURE"], "SameSite=Lax;path = /x;SECURE"],
    [["Max-Age=0", "Path=/"], "Max-Age=0;Path=/"],
    [["Priority=High", "Path=/", "Partitioned"], "Path=/"],
    [
      ["path=/", "port", "domain=a", "secure", "httponly", "discard", "max-age=1", "expires=x", "version=1"],
      "path=/;port;domain=a;secure;httponly;discard;max-age=1;expires=x;version=1",
    ],
    [["comment=c", "commenturl=u", "samesite=None"], "comment=c;commenturl=u;samesite=None"],
    [["Path=/my_path/a_b", "Domain=a_b"], "Path=/my%5Fpath/a%5Fb;Domain=a_b"],
  ])("%j", (texts, copied) => {
    const { renew } = stick();
    const applicationAttributes = attributes(...texts);
    for (const response of [followed, failedOver]) expect(renew({ ...response, applicationAttributes })).toBe(copied);
    const first = { ...failedOver, hasSession: false, hasApplicationCookie: false };
    expect(renew({ ...first, applicationAttributes })).toBe(copied);
  });
});

test("none goes with any other answer of the session's instance, nor where there is no session", () => {
  const { renew } = stick();
  expect(renew(followed)).toBeUndefined();
  expect(renew({ ...failedOver, hasSession: false })).toBeUndefined();
  expect(renew({ ...failedOver, hasApplicationCookie: false })).toBeUndefined();
});

test("when its instance can't be had, the session goes to the new one for good, in the old cookie's place", () => {
  const { renew } = stick();
  expect(renew(failedOver)).toBe("PATH=/app;SECURE");
  // What another client was given doesn't matter.
  renew({ ...followed, applicationAttributes: attributes("Path=/b", "Domain=x.test") });
  expect(renew(failedOver)).toBe("PATH=/app;SECURE");
});

test("its name is that of the Elastic Load Balancing API", () => {
  expect(policyType.type).toBe("AppCookieStickinessPolicyType");
});
