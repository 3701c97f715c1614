// The example policies as models: what they import, and what is told of attributes that are wrong.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { Result } from "effect";
import { spellPlace } from "../../../src/control/configuration/problem.ts";
import { decodePart } from "../../../src/control/configuration/shape.ts";
import type { Policy } from "../../../src/policy/index.ts";

const folder = resolve(import.meta.dir, "../../../examples/policies");
const files = [...new Bun.Glob("*.ts").scanSync(folder)].sort();

const problemsOf = async (name: string, written: object): Promise<ReadonlyArray<string>> => {
  const { default: policy } = (await import(join(folder, `${name}.ts`))) as { default: Policy<unknown> };
  const decoded = decodePart(policy.attributes, [], written);
  if (Result.isSuccess(decoded)) return [];
  return decoded.failure.map(
    ({ place, problem, expected }) => `${spellPlace(place)}: ${problem} (expected ${expected})`,
  );
};

test("they import elbow and Node's own modules, so that a copy works anywhere", () => {
  for (const file of files) {
    const specifiers = [...readFileSync(join(folder, file), "utf8").matchAll(/\bfrom "([^"]+)"/g)].map(
      ([, one]) => one,
    );
    expect(specifiers).toContain("elbow");
    expect(specifiers.filter((one) => one !== "elbow" && !one?.startsWith("node:"))).toEqual([]);
  }
});

const tags = { canary: { track: "canary" }, stable: { track: "stable" } };

test.each([
  ["canary", { percent: 101, ...tags }, "percent: 101 is not a percentage (expected a number from 0 to 100)"],
  [
    "canary",
    { percent: 1, ...tags, header: "X Y" },
    'header: "X Y" is not a header\'s name (expected one such as "X-Canary")',
  ],
  [
    "canary",
    { percent: 1, canary: {} },
    'stable: is missing (expected a set of tags: one such as { track: "canary" })',
  ],
  [
    "address-filter",
    { allow: ["10.0.0.0/33"] },
    'allow[0]: "10.0.0.0/33" is not an address or a block of addresses (expected one such as "10.0.0.7", "10.0.0.0/8" or "fd00::/8")',
  ],
  [
    "address-filter",
    { deny: ["localhost"] },
    'deny[0]: "localhost" is not an address or a block of addresses (expected one such as "10.0.0.7", "10.0.0.0/8" or "fd00::/8")',
  ],
  [
    "maintenance-page",
    { enabled: true, retryAfter: 0 },
    "retryAfter: 0 is not a delay (expected a whole number of seconds, 1 or more)",
  ],
  [
    "maintenance-page",
    { enabled: true, except: ["127.0.0.0/8", "nonsense"] },
    'except[1]: "nonsense" is not an address or a block of addresses (expected one such as "10.0.0.7", "10.0.0.0/8" or "fd00::/8")',
  ],
  ["maintenance-page", {}, "enabled: is missing (expected a switch: true or false)"],
  [
    "security-headers",
    { referrerPolicy: "a\r\nb" },
    'referrerPolicy: "a\\r\\nb" is not a header\'s value (expected a text of one line)',
  ],
  [
    "basic-auth",
    { users: { ada: "secret" } },
    "users.ada: the value is not a hashed password (expected scrypt:SALT:HASH, both in base64)",
  ],
  [
    "basic-auth",
    { users: {}, realm: 'a"b' },
    'realm: "a\\"b" is not a realm (expected a text of letters, digits, blanks, dots and hyphens)',
  ],
  ...["Bad Header", "X-Forwarded-For", "x_user", "Host"].map(
    (userHeader) =>
      [
        "basic-auth",
        { users: {}, userHeader },
        `userHeader: "${userHeader}" is not a header's name (expected one that begins with "X-", such as "X-User", but not with "X-Forwarded-" or "X-Amzn-")`,
      ] as const,
  ),
  ["rate-limit", { perSecond: 0 }, "perSecond: 0 is not a rate (expected a number above 0)"],
  ["rate-limit", { perSecond: 1, burst: 1.5 }, "burst: 1.5 is not a count (expected a whole number, 1 or more)"],
  ["trace-context", { header: "" }, 'header: "" is not a header\'s name (expected one such as "X-Request-Id")'],
  [
    "route-by-tags",
    { routes: [{ path: "api", tags: {} }] },
    'routes[0].path: "api" is not a path (expected one such as "/api", which fits "/api" and all below it)',
  ],
  [
    "route-by-tags",
    { routes: [{ host: "a:80", tags: {} }] },
    'routes[0].host: "a:80" is not a host (expected one such as "shop.example.com" or "*.example.com", without a port)',
  ],
  ["redirect-to-https", { port: 0 }, "port: 0 is not a port (expected a whole number from 1 to 65535)"],
  ["redirect-to-https", { status: 302 }, "status: 302 is not a status (expected 301 or 308)"],
])("%s, %j: %s", async (name, written, problem) => {
  expect(await problemsOf(name, written)).toEqual([problem]);
});

test("an address filter must filter", async () => {
  expect((await problemsOf("address-filter", {}))[0]).toEndWith("(expected one with `allow`, `deny` or both)");
});

test("an unknown attribute is told, with the nearest", async () => {
  expect((await problemsOf("rate-limit", { perSecond: 1, bust: 2 }))[0]).toStartWith(
    "bust: unknown key `bust`; did you mean `burst`?",
  );
});
