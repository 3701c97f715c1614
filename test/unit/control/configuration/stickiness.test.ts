// Stickiness in a configuration: what it decodes to, and the exact words for everything that can be wrong with it.
import { describe, expect, test } from "bun:test";
import { toCookieSecret } from "../../../../src/model/cookie-secret.ts";
import { decode, refuse, web } from "./written.ts";

const http = { protocol: "HTTP", port: 8080, instancePort: 80 };
const hour = { type: "LBCookieStickinessPolicyType", attributes: { CookieExpirationPeriod: 3600 } };
const session = { type: "AppCookieStickinessPolicyType", attributes: { CookieName: "JSESSIONID" } };
const secret = "0123456789abcdef0123456789abcdef";
const list = "loadBalancers.web.listeners[0].policies";

test("a policy comes to the listeners that name it, as it was written", () => {
  const { loadBalancers, cookieSecrets } = decode(
    web({
      listeners: [
        { ...http, policies: ["hour"] },
        { ...http, port: 8081, policies: ["session"] },
        { ...http, port: 8082 },
      ],
      policies: { hour, session },
    }),
  );
  expect(loadBalancers[0]?.listeners.map(({ stickiness }) => stickiness)).toEqual([
    { name: "hour", ...hour },
    { name: "session", ...session },
    undefined,
  ]);
  expect(cookieSecrets).toBeUndefined();
});

test("a policy that needs no attributes needs no word about them", () => {
  for (const policy of [{ type: hour.type }, { type: hour.type, attributes: undefined }]) {
    const written = web({ listeners: [{ ...http, policies: ["session"] }], policies: { session: policy } });
    const [one] = decode(written).loadBalancers[0]!.listeners;
    expect(one?.stickiness).toEqual({ name: "session", type: hour.type, attributes: {} });
  }
});

test.each<readonly [unknown, ReadonlyArray<string>]>([
  [secret, [secret]],
  [` ${secret}\n`, [secret]],
  [[secret], [secret]],
  [
    [`newer ${secret}`, secret],
    [`newer ${secret}`, secret],
  ],
])("the secret %j", (cookieSecret, secrets) => {
  expect(decode({ cookieSecret, ...web({}) }).cookieSecrets).toEqual(secrets.map(toCookieSecret));
});

const expected = "a text of at least 32 characters, such as `openssl rand -base64 32` prints";

test.each<readonly [unknown, string]>([
  ["short", `cookieSecret: the value is not a cookie secret (expected ${expected})`],
  [`${secret}\n${secret}`, `cookieSecret: the value is not a cookie secret (expected ${expected})`],
  [12_345, `cookieSecret: the value is not a cookie secret (expected ${expected}; or a list of them)`],
  [[], "cookieSecret: an empty list is not a list of cookie secrets (expected at least one secret)"],
  [[secret, "short"], `cookieSecret[1]: the value is not a cookie secret (expected ${expected})`],
  [undefined, "cookieSecret: is undefined (expected a value, or no `cookieSecret` at all)"],
])("the secret %j is refused, and not repeated", (cookieSecret, line) => {
  expect(refuse({ cookieSecret, ...web({}) })).toEqual([line]);
});

const refuseOn = (listener: object, policies: object) => refuse(web({ listeners: [listener], policies }));

describe("where a policy may stand", () => {
  test.each([
    ["TCP", "HTTP"],
    ["SSL", "HTTPS"],
  ])("not on %s", (protocol, instead) => {
    const secure = protocol === "SSL" ? { certificate: { cert: "a.pem", key: "a.key" } } : {};
    expect(refuseOn({ ...http, protocol, ...secure, policies: ["hour"] }, { hour })).toEqual([
      `${list}[0]: "hour" keeps clients with their instances by cookies, and this listener speaks ${protocol} (expected \`protocol: "${instead}"\`, or no such policy)`,
    ]);
  });

  test("not beside another, nor twice", () => {
    const twice = (index: number, name: string) =>
      `${list}[${index}]: "${name}" keeps clients with their instances, and so does ${list}[0] (expected one such policy at most)`;
    expect(refuseOn({ ...http, policies: ["hour", "session", "hour"] }, { hour, session })).toEqual([
      twice(1, "session"),
      twice(2, "hour"),
    ]);
  });

  test("beside one that negotiates TLS", () => {
    const https = {
      ...http,
      protocol: "HTTPS",
      instanceProtocol: "HTTP",
      certificate: { cert: "a.pem", key: "a.key" },
    };
    const policies = ["hour", "ELBSecurityPolicy-2016-08"];
    const { loadBalancers } = decode(web({ listeners: [{ ...https, policies }], policies: { hour } }));
    const [listener] = loadBalancers[0]!.listeners;
    expect([listener?.stickiness, listener?.security?.policy.name]).toEqual([
      { name: "hour", ...hour },
      "ELBSecurityPolicy-2016-08",
    ]);
  });

  test("not among those for instances", () => {
    const https = { ...http, protocol: "HTTPS", certificate: { cert: "a.pem", key: "a.key" } };
    const refused = refuse(web({ listeners: [https], policies: { hour }, backendPolicies: { 80: ["hour"] } }));
    expect(refused).toEqual([
      expect.stringContaining(
        `loadBalancers.web.backendPolicies.80[0]: "hour" keeps clients with their instances, and instances aren't asked`,
      ),
    ]);
  });

  test("a broken one is told once, where it is defined", () => {
    const broken = { ...hour, attributes: { CookieExpirationPeriod: -1 } };
    expect(refuseOn({ ...http, policies: ["hour", "session"] }, { hour: broken, session })).toEqual([
      "loadBalancers.web.policies.hour.attributes.CookieExpirationPeriod: -1 is not a cookie expiration period (expected a whole number of seconds, 0 or more; without one, or with 0, cookies live until the browser is closed)",
    ]);
  });
});

describe("attributes", () => {
  const at = "loadBalancers.web.policies.p.attributes";
  const name = '(expected the one that the application sets, such as "JSESSIONID"; not AWSELB or AWSELBCORS)';
  test.each<readonly [object, ReadonlyArray<string>]>([
    [{ ...hour, attributes: {} }, []],
    [{ ...hour, attributes: { CookieExpirationPeriod: "60" } }, []],
    [
      { ...hour, attributes: { CookieExpirationPeriod: "1 h" } },
      [
        `${at}.CookieExpirationPeriod: "1 h" is not a cookie expiration period (expected a whole number of seconds, 0 or more; without one, or with 0, cookies live until the browser is closed)`,
      ],
    ],
    [
      { ...hour, attributes: { CookieExpirationperiod: 60 } },
      [
        `${at}.CookieExpirationperiod: unknown key \`CookieExpirationperiod\`; did you mean \`CookieExpirationPeriod\`? (expected one of \`CookieExpirationPeriod\`)`,
      ],
    ],
    [
      { ...session, attributes: {} },
      [`${at}.CookieName: is missing (expected the name of a cookie: ${name.slice("(expected ".length)}`],
    ],
    [
      { ...session, attributes: { CookieName: "AWSELB" } },
      [`${at}.CookieName: "AWSELB" is not the name of a cookie ${name}`],
    ],
    [
      { ...session, attributes: { CookieName: "a b" } },
      [`${at}.CookieName: "a b" is not the name of a cookie ${name}`],
    ],
  ])("%j", (policy, lines) => {
    expect(refuse(web({ policies: { p: policy } }))).toEqual([...lines]);
  });
});
