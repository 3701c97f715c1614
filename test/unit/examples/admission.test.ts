// The example policies that let in or turn away: their hooks by themselves.
import { describe, expect, test } from "bun:test";
import { randomBytes, scryptSync } from "node:crypto";
import addressFilter from "../../../examples/policies/address-filter.ts";
import basicAuth from "../../../examples/policies/basic-auth.ts";
import maintenancePage from "../../../examples/policies/maintenance-page.ts";
import rateLimit, { networkOf, Pace } from "../../../examples/policies/rate-limit.ts";
import redirectToHttps from "../../../examples/policies/redirect-to-https.ts";
import { connectionOf, makeUse, requestOf, someTls } from "../../support/policy-contexts.ts";

const refusal = { isRefused: true } as never;

describe("address filter", () => {
  const admit = (written: object, clientAddress: string) => {
    const { attributes, state } = makeUse(addressFilter, written);
    const answers = [connectionOf({ clientAddress }), requestOf("/", {}, { clientAddress })].map((context) =>
      addressFilter.admit?.(attributes, context, state),
    );
    expect(answers[0]).toEqual(answers[1]);
    return answers[0];
  };

  test("lets in who is on `allow`, and nobody else", () => {
    const allow = ["10.0.0.0/8", "192.0.2.7", "fd00::/8"];
    for (const address of ["10.0.0.0", "10.255.255.255", "192.0.2.7", "fd12::1"]) {
      expect(admit({ allow }, address)).toBeUndefined();
    }
    for (const address of ["9.255.255.255", "11.0.0.0", "192.0.2.6", "fe80::1", "::1"]) {
      expect(admit({ allow }, address)).toEqual(refusal);
    }
  });

  test("turns away who is on `deny`, though `allow` has them", () => {
    expect(admit({ deny: ["10.0.0.0/9"] }, "10.1.2.3")).toEqual(refusal);
    expect(admit({ deny: ["10.0.0.0/9"] }, "10.129.2.3")).toBeUndefined();
    expect(admit({ allow: ["10.0.0.0/8"], deny: ["10.0.0.1"] }, "10.0.0.1")).toEqual(refusal);
  });
});

describe("maintenance page", () => {
  test("answers with an escaped page, unless it is off or the client is excepted", () => {
    const written = {
      enabled: true,
      message: "Back <soon> & well",
      retryAfter: 60,
      except: ["192.0.2.9", "10.0.0.0/8", "fd00::/8"],
    };
    const { attributes, state } = makeUse(maintenancePage, written);
    expect(maintenancePage.admit?.(attributes, requestOf(), state)).toMatchObject({
      status: 503,
      headers: { "Retry-After": "60", "Content-Type": "text/html; charset=utf-8" },
      body: expect.stringContaining("<p>Back &lt;soon&gt; &amp; well</p>"),
    });
    expect(maintenancePage.admit?.(attributes, connectionOf(), state)).toEqual(refusal);
    for (const clientAddress of ["192.0.2.9", "10.1.2.3", "fd00::1"]) {
      const excepted = requestOf("/", {}, { clientAddress });
      expect(maintenancePage.admit?.(attributes, excepted, state)).toBeUndefined();
    }
    expect(maintenancePage.admit?.({ enabled: false }, requestOf(), state)).toBeUndefined();
  });
});

describe("redirect to HTTPS", () => {
  const locate = (written: object, target: string, facts: object = {}) => {
    const { attributes, state } = makeUse(redirectToHttps, written);
    return redirectToHttps.admit?.(attributes, requestOf(target, {}, facts), state);
  };

  test.each([
    [{}, "/a?b=1&c", {}, 301, "https://example.com/a?b=1&c"],
    [{}, "/", { host: "example.com:8080" }, 301, "https://example.com/"],
    [{ port: 8443 }, "/", { host: "[::1]:80" }, 301, "https://[::1]:8443/"],
    [{}, "/", { host: "[2001:db8::1]" }, 301, "https://[2001:db8::1]/"],
    [{}, "/form", { method: "POST" }, 308, "https://example.com/form"],
    [{ status: 308 }, "/", {}, 308, "https://example.com/"],
    [{}, "/a b\u00e9%20", {}, 301, "https://example.com/a%20b%E9%20"],
    [{}, "*", { method: "OPTIONS" }, 308, "https://example.com/"],
    [{}, "//evil.test/", {}, 301, "https://example.com//evil.test/"],
  ])("%j %s %j: %d %s", (written, target, facts, status, location) => {
    expect(locate(written, target, facts)).toEqual({ status, headers: { Location: location } } as never);
  });

  test("leaves alone what came by TLS, and can't redirect a request without a host", () => {
    expect(locate({}, "/", { tls: someTls })).toBeUndefined();
    expect(locate({}, "/", { host: undefined })).toMatchObject({ status: 400 });
  });
});

describe("rate limit", () => {
  test("a burst, then one at each interval, each client by itself", () => {
    const pace = new Pace(10, 3, 100);
    expect([0, 0, 0].map((now) => pace.ask("a", now))).toEqual([0, 0, 0]);
    expect(pace.ask("a", 0)).toBe(100);
    expect(pace.ask("b", 0)).toBe(0);
    expect(pace.ask("a", 60)).toBe(40);
    expect(pace.ask("a", 100)).toBe(0);
    expect(pace.ask("a", 100)).toBe(100);
    // After a rest the whole burst is there again, and no more.
    expect([9000, 9000, 9000].map((now) => pace.ask("a", now))).toEqual([0, 0, 0]);
    expect(pace.ask("a", 9000)).toBe(100);
  });

  test("remembers so many clients and no more, and forgets who was silent longest", () => {
    const pace = new Pace(1, 1, 3);
    for (let client = 0; client < 100; client++) pace.ask(`client ${client}`, 0);
    expect(pace.size).toBe(3);
    expect(pace.ask("client 99", 0)).toBe(1000);
    expect(pace.ask("client 0", 0)).toBe(0);
    expect(pace.ask("client 97", 0)).toBe(0);
    expect(pace.size).toBe(3);
  });

  test("an IPv6 client is its /64", () => {
    expect(networkOf("192.0.2.1")).toBe("192.0.2.1");
    expect(networkOf("2001:db8:1:2:3:4:5:6")).toBe(networkOf("2001:db8:1:2::9"));
    expect(networkOf("2001:db8::1")).toBe("2001:db8:0:0");
    expect(networkOf("::1")).toBe("0:0:0:0");
    expect(networkOf("fe80::")).toBe("fe80:0:0:0");
  });

  test("says when to come back", () => {
    const { attributes, state } = makeUse(rateLimit, { perSecond: 0.01, burst: 1 });
    expect(rateLimit.admit?.(attributes, requestOf(), state)).toBeUndefined();
    expect(rateLimit.admit?.(attributes, requestOf(), state)).toMatchObject({
      status: 429,
      headers: { "Retry-After": "100" },
    });
    expect(rateLimit.admit?.(attributes, connectionOf(), state)).toEqual(refusal);
  });
});

describe("basic authentication", () => {
  const salt = randomBytes(16);
  const hash = scryptSync("open sésame:", salt, 32).toString("base64");
  const users = { ada: `scrypt:${salt.toString("base64")}:${hash}` };
  const withCredentials = (text: string) =>
    requestOf("/", { Authorization: `Basic ${Buffer.from(text).toString("base64")}` });

  test("lets in who knows the password, and tells the instance and the log who it is", async () => {
    const { attributes, state } = makeUse(basicAuth, { users });
    const first = withCredentials("ada:open sésame:");
    expect(basicAuth.admit?.(attributes, first, state)).toBeInstanceOf(Promise);
    const again = withCredentials("ada:open sésame:");
    await basicAuth.admit?.(attributes, again, state);
    // Known by now: no hash, no promise.
    expect(basicAuth.admit?.(attributes, again, state)).toBeUndefined();
    expect(basicAuth.requestHead?.(attributes, again, state)).toEqual({
      remove: ["Authorization"],
      set: { "X-Remote-User": "ada" },
    });
    const outcome = { request: again, client: again, status: 200, instance: "i-1", reason: undefined, seconds: 0 };
    expect(basicAuth.log?.(attributes, outcome, state)).toEqual({ user: "ada" });
    expect(basicAuth.log?.(attributes, { ...outcome, request: undefined }, state)).toBeUndefined();
  });

  test.each([
    ["a wrong password", withCredentials("ada:open sesame:")],
    ["nobody", withCredentials("bob:open sésame:")],
    ["a name of the language", withCredentials("constructor:x")],
    ["no colon", withCredentials("ada")],
    ["a name that is no header's value", withCredentials("a\r\nb:x")],
    ["another scheme", requestOf("/", { Authorization: "Bearer abc" })],
    ["nothing", requestOf()],
  ])("asks %s for credentials", async (_name, request) => {
    const { attributes, state } = makeUse(basicAuth, { users, realm: "The Door" });
    expect(await basicAuth.admit?.(attributes, request, state)).toMatchObject({
      status: 401,
      headers: { "WWW-Authenticate": 'Basic realm="The Door", charset="UTF-8"' },
    });
  });

  test("hashes a few at a time", async () => {
    const { attributes, state } = makeUse(basicAuth, { users });
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, guess) => basicAuth.admit?.(attributes, withCredentials(`ada:${guess}`), state)),
    );
    expect(answers.map((one) => (one as { status: number }).status)).toEqual([401, 401, 401, 401, 503, 503]);
  });
});
