// Who may ask: Host, Origin, fetch metadata and the token, each by itself, on every operation.
import { expect, test } from "bun:test";
import { makeAdminApp } from "../../../src/admin/app.ts";
import { operations } from "../../../src/admin/operations.ts";
import { type Access, digestToken } from "../../../src/admin/request-guard.ts";
import { adminSources, askAdmin } from "../../support/admin.ts";

const token = "0123456789abcdef0123456789abcdef";
const open: Access = { scheme: "http", hosts: ["10.0.0.1", "elbow.example"], tokenDigest: undefined };
const closed: Access = { ...open, tokenDigest: digestToken(token) };

const app = makeAdminApp(adminSources());
const statusOf = async (headers: Record<string, string>, access = open, path = "/healthz", method = "GET") =>
  (await askAdmin(app, path, { method, headers }, { access })).status;

const everything = operations.map(({ method, path }) => [method, path.replaceAll(/\{\w+\}/g, "x")] as const);

test.each(everything)("%s %s refuses what a foreign page sends, before it runs", async (method, path) => {
  for (const headers of [
    { host: "evil.example" },
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: "http://localhost:9091" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
  ] as ReadonlyArray<Record<string, string>>) {
    expect(await statusOf(headers, open, path, method)).toBe(403);
  }
});

test.each(everything.filter(([, path]) => path !== "/docs"))(
  "%s %s needs the token where one is set",
  async (method, path) => {
    expect(await statusOf({}, closed, path, method)).toBe(401);
  },
);

test("the server's own page may ask, and so may who is no page", async () => {
  expect(await statusOf({})).toBe(200);
  expect(await statusOf({ "sec-fetch-site": "none" })).toBe(200);
  expect(await statusOf({ origin: "http://localhost:9090", "sec-fetch-site": "same-origin" })).toBe(200);
  expect(await statusOf({ host: "elbow.example", origin: "http://elbow.example" })).toBe(200);
  const secure: Access = { ...open, scheme: "https" };
  expect(await statusOf({ origin: "http://localhost:9090" }, secure)).toBe(403);
  expect(await statusOf({ origin: "https://localhost:9090" }, secure)).toBe(200);
});

test("the token, the whole token and nothing but the token", async () => {
  const show = (authorization: string) => statusOf({ authorization }, closed);
  expect(await show(`Bearer ${token}`)).toBe(200);
  expect(await show(`bearer  ${token}`)).toBe(200);
  for (const wrong of [
    token,
    `Basic ${token}`,
    `Bearer ${token}0`,
    `Bearer ${token.slice(1)}`,
    "Bearer",
    `Bearer ${token} x`,
  ]) {
    expect(await show(wrong)).toBe(401);
  }
});

test("who shows none is told how, who shows another is told that", async () => {
  const none = await askAdmin(app, "/healthz", {}, { access: closed });
  expect(none.headers.get("www-authenticate")).toBe('Bearer realm="elbow"');
  const wrong = await askAdmin(app, "/healthz", { headers: { authorization: "Bearer x" } }, { access: closed });
  expect(wrong.headers.get("www-authenticate")).toBe('Bearer realm="elbow", error="invalid_token"');
  expect(await wrong.text()).not.toContain(token);
});

test("the page is open, and says nothing of this elbow", async () => {
  const page = await askAdmin(app, "/docs", {}, { access: closed });
  expect(page.status).toBe(200);
  expect(await page.text()).not.toContain("a test");
});
