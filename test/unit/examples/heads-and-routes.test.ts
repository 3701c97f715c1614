// The example policies that change heads or choose instances: their hooks by themselves.
import { describe, expect, test } from "bun:test";
import canary from "../../../examples/policies/canary.ts";
import routeByTags from "../../../examples/policies/route-by-tags.ts";
import securityHeaders from "../../../examples/policies/security-headers.ts";
import traceContext, { isTraceparent } from "../../../examples/policies/trace-context.ts";
import type { RequestEdit } from "../../../src/policy/index.ts";
import { connectionOf, makeUse, requestOf, responseOf, someTls } from "../../support/policy-contexts.ts";

describe("canary", () => {
  const tags = { canary: { track: "canary" }, stable: { track: "stable" } };
  const choose = (percent: number, context = connectionOf(), header?: string) => {
    const { attributes, state } = makeUse(canary, { percent, ...tags, ...(header === undefined ? {} : { header }) });
    const selection = canary.pick?.(attributes, context, state) as { tags: { track: string }; orElse: string };
    expect(selection.orElse).toBe("any");
    return selection.tags.track;
  };
  const clients = Array.from({ length: 2000 }, (_, index) =>
    connectionOf({ clientAddress: `10.0.${index >> 8}.${index & 255}` }),
  );

  test("nobody at 0, everybody at 100, about so many between, and always the same", () => {
    const countAt = (percent: number) => clients.filter((client) => choose(percent, client) === "canary").length;
    expect(countAt(0)).toBe(0);
    expect(countAt(100)).toBe(2000);
    expect(countAt(10)).toBeGreaterThan(140);
    expect(countAt(10)).toBeLessThan(260);
    expect(countAt(10)).toBe(countAt(10));
    // Who has it at 10 % has it at 20 % too.
    expect(clients.filter((one) => choose(10, one) === "canary").every((one) => choose(20, one) === "canary")).toBe(
      true,
    );
  });

  test("a request may decide by its header, where there is one", () => {
    expect(choose(0, requestOf("/", { "x-canary": "1" }) as never, "X-Canary")).toBe("canary");
    expect(choose(100, requestOf("/", { "x-canary": "never" }) as never, "X-Canary")).toBe("stable");
    expect(choose(0, requestOf("/", { "x-canary": "maybe" }) as never, "X-Canary")).toBe("stable");
    expect(choose(0, requestOf("/", { "x-canary": "1" }) as never)).toBe("stable");
  });
});

describe("route by tags", () => {
  const routes = [
    { host: "shop.example.com", path: "/api", tags: { app: "shop-api" } },
    { host: "*.example.com", tags: { app: "site" } },
    { path: "/static/", tags: { app: "files" } },
  ];
  const choose = (target: string, host: string | undefined) => {
    const { attributes, state } = makeUse(routeByTags, { routes });
    const selection = routeByTags.pick?.(attributes, requestOf(target, {}, { host }), state);
    return (selection as { tags: { app: string } } | undefined)?.tags.app;
  };

  test.each([
    ["shop.example.com", "/api", "shop-api"],
    ["Shop.Example.Com:8080", "/api/users", "shop-api"],
    ["shop.example.com", "/apis", "site"],
    ["a.b.example.com", "/", "site"],
    ["example.com", "/", undefined],
    ["evilexample.com", "/", undefined],
    [".example.com", "/", undefined],
    [undefined, "/static/a.css", "files"],
    ["other.test", "/static", undefined],
  ])("%s%s: %s", (host, target, app) => expect(choose(target, host)).toBe(app as never));

  test("connections have no path", () => {
    const { attributes, state } = makeUse(routeByTags, { routes });
    expect(routeByTags.pick?.(attributes, connectionOf(), state)).toBeUndefined();
  });
});

describe("security headers", () => {
  test("the same edit each time; HSTS by TLS alone", () => {
    const { attributes, state } = makeUse(securityHeaders, { permissionsPolicy: "camera=()" });
    const edit = (tls: typeof someTls | undefined) =>
      securityHeaders.responseHead?.(attributes, responseOf(requestOf("/", {}, { tls })), state);
    expect(edit(undefined)).toEqual({
      remove: ["Server", "X-Powered-By"],
      set: {
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "frame-ancestors 'self'",
        "Referrer-Policy": "strict-origin-when-cross-origin",
        "Permissions-Policy": "camera=()",
      },
    });
    expect(edit(someTls)?.set).toMatchObject({ "Strict-Transport-Security": "max-age=31536000; includeSubDomains" });
    expect(edit(someTls)).toBe(edit(someTls) as object);
    expect(edit(undefined)).toBe(edit(undefined) as object);
  });

  test("no HSTS with an age of 0", () => {
    const { attributes, state } = makeUse(securityHeaders, { hstsMaxAge: 0 });
    const edit = securityHeaders.responseHead?.(attributes, responseOf(requestOf("/", {}, { tls: someTls })), state);
    expect(edit?.set).not.toHaveProperty("Strict-Transport-Security");
  });
});

describe("trace context", () => {
  const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const sound = `00-${trace}-00f067aa0ba902b7-01`;
  const edit = (headers: Readonly<Record<string, string>>) => {
    const { attributes, state } = makeUse(traceContext, {});
    return traceContext.requestHead?.(attributes, requestOf("/", headers), state) as {
      remove: ReadonlyArray<string>;
      set: Record<string, string>;
    };
  };

  test.each([
    [sound, true],
    [`cc-${trace}-00f067aa0ba902b7-01-what-comes-later`, true],
    [`00-${trace}-00f067aa0ba902b7-01-more`, false],
    [`ff-${trace}-00f067aa0ba902b7-01`, false],
    [`00-${"0".repeat(32)}-00f067aa0ba902b7-01`, false],
    [`00-${trace}-${"0".repeat(16)}-01`, false],
    [sound.toUpperCase(), false],
    [`${sound}, ${sound}`, false],
    ["", false],
  ])("%s: %p", (text, isSound) => expect(isTraceparent(text)).toBe(isSound));

  test("a sound traceparent is kept, with its tracestate; any other is replaced", () => {
    expect(edit({ traceparent: sound, tracestate: "a=1" })).toMatchObject({ remove: [], set: { traceparent: sound } });
    const { remove, set } = edit({ traceparent: "nonsense", tracestate: "a=1" });
    expect(remove).toEqual(["tracestate"]);
    expect(isTraceparent(set.traceparent ?? "")).toBe(true);
    expect(edit({}).set.traceparent).not.toBe(set.traceparent);
  });

  test("instance, client and log see the same id, that of the client where it will do", () => {
    const { attributes, state } = makeUse(traceContext, { header: "X-Id" });
    const request = requestOf();
    const edited = traceContext.requestHead?.(attributes, request, state) as RequestEdit;
    const id = edited.set?.["X-Id"] ?? "";
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(traceContext.responseHead?.(attributes, responseOf(request), state)).toEqual({ set: { "X-Id": id } });
    const outcome = { request, client: request, status: 200, instance: "i-1", reason: undefined, seconds: 0 };
    expect(traceContext.log?.(attributes, outcome, state)).toMatchObject({ requestId: id });
    const offered = { "X-Request-Id": "abcdefgh-1" };
    expect(edit(offered).set["X-Request-Id"]).toBe("abcdefgh-1");
    expect(edit({ "X-Request-Id": "a\tb<script>" }).set["X-Request-Id"]).toMatch(/^[0-9a-f-]{36}$/);
  });
});
