// Policies that change heads: what an instance and a client then get, in which order policies do it, and what may not be changed.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { HeadEdit, RequestEdit } from "../../src/policy/index.ts";
import { exchange, formatResponse, header, headerValues } from "../support/http-message.ts";
import { type Hooks, startPolicies } from "../support/policy-elbow.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const internalError = "HTTP/1.1 500 INTERNAL_SERVER_ERROR\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";

describe("a request's head", () => {
  test("loses, sets and adds lines, whatever their case; elbow's own stay last", async () => {
    const edit: RequestEdit = {
      remove: ["x-secret"],
      set: { "X-Who": "elbow", Accept: "text/plain" },
      add: { "X-List": ["a", "b"], "X-One": "c" },
    };
    await using ground = await startPolicies({ requestHead: () => edit }, answerText("well"));
    using client = await RawClient.connect(ground.port);
    const headers = [
      ["X-SECRET", "1"],
      ["accept", "text/html"],
      ["x-who", "me"],
      ["X-Who", "you"],
      ["X-Kept", "yes"],
      ["X-List", "0"],
    ] as const;
    for (let index = 0; index < 2; index++) {
      expect((await exchange(client, "/a", { headers })).status).toBe(200);
    }
    for (const request of ground.instance.requests) {
      const names = request.headers.map(([name]) => name);
      expect(names.slice(0, -1)).toEqual([
        "Host",
        "X-Kept",
        "X-List",
        "X-Who",
        "Accept",
        "X-List",
        "X-List",
        "X-One",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
      ]);
      expect(header(request, "x-who")).toBe("elbow");
      expect(headerValues(request, "x-list")).toEqual(["0", "a", "b"]);
    }
    expect(ground.instance.requests.length).toBe(2);
  });

  test("loses what instances take for the same name, too", async () => {
    const edit: RequestEdit = { remove: ["X-Secret-Key"], set: { "X-Remote-User": "ada" } };
    await using ground = await startPolicies({ requestHead: () => edit }, answerText("well"));
    using client = await RawClient.connect(ground.port);
    const headers = ["X_Remote_User", "x-remote_user", "X.Remote-User", "X_SECRET-KEY", "XaRemote-User"].map(
      (name) => [name, "root"] as const,
    );
    expect((await exchange(client, "/", { headers })).status).toBe(200);
    const names = ground.instance.requests[0]?.headers.map(([name]) => name);
    expect(names?.filter((name) => /remote|secret/i.test(name))).toEqual(["XaRemote-User", "X-Remote-User"]);
  });

  test("gets another path and another host", async () => {
    const requestHead: Hooks["requestHead"] = () => ({ path: "/v2/users?id=1", set: { host: "api.internal:81" } });
    await using ground = await startPolicies({ requestHead }, answerText("well"));
    using client = await RawClient.connect(ground.port);
    await client.send("POST http://www.example.com/v1?x HTTP/1.1\r\nHost: other\r\nContent-Length: 2\r\n\r\nhi");
    expect(String(await client.takeUntil("well"))).toContain("200");
    const [request] = ground.instance.requests;
    expect(request?.method).toBe("POST");
    expect(request?.target).toBe("/v2/users?id=1");
    expect(request && headerValues(request, "host")).toEqual(["api.internal:81"]);
    expect(request?.body.toString()).toBe("hi");
  });

  test("goes through the policies in the order of the list", async () => {
    const policies: ReadonlyArray<Hooks> = [
      { requestHead: () => ({ set: { "X-A": "1", "X-B": "1" }, path: "/one" }) },
      { requestHead: () => ({ remove: ["x-a"], add: { "X-B": "2" } }) },
      { requestHead: () => ({ set: { "X-C": "3" }, path: "/three" }) },
    ];
    await using ground = await startPolicies(policies, answerText("well"));
    using client = await RawClient.connect(ground.port);
    await exchange(client, "/");
    const [request] = ground.instance.requests;
    expect(request?.target).toBe("/three");
    expect(request && header(request, "x-a")).toBeUndefined();
    expect(request && headerValues(request, "x-b")).toEqual(["1", "2"]);
    expect(request && header(request, "x-c")).toBe("3");
  });

  const unfit: ReadonlyArray<readonly [string, unknown]> = [
    ["a name that is none", { set: { "X A": "1" } }],
    ["an empty name", { add: { "": "1" } }],
    ["a value with a line's end", { set: { "X-A": "1\r\nX-B: 2" } }],
    ["a value with NUL", { add: { "X-A": "\u0000" } }],
    ["a value that is no text", { set: { "X-A": 1 } }],
    ["a name with a line's end", { add: { "X-A: 1\r\nX-B": "2" } }],
    ["Content-Length", { set: { "content-length": "0" } }],
    ["what looks like Content-Length", { add: { Content_Length: "0" } }],
    ["Transfer-Encoding", { remove: ["Transfer-Encoding"] }],
    ["Connection", { add: { Connection: "x" } }],
    ["Upgrade", { set: { Upgrade: "h2c" } }],
    ["Trailer", { set: { Trailer: "x" } }],
    ["TE", { set: { TE: "trailers" } }],
    ["Expect", { set: { Expect: "100-continue" } }],
    ["X-Forwarded-For", { set: { "X-Forwarded-For": "127.0.0.1" } }],
    ["what looks like X-Forwarded-Proto", { set: { X_Forwarded_Proto: "https" } }],
    ["X-Amzn-Mtls-Clientcert-Subject", { set: { "X-Amzn-Mtls-Clientcert-Subject": "CN=me" } }],
    ["no Host at all", { remove: ["Host"] }],
    ["a second Host", { add: { Host: "b" } }],
    ["a Host that is none", { set: { Host: "a b" } }],
    ["an empty Host", { set: { Host: "" } }],
    ["a path without a slash", { path: "v2" }],
    ["a path with a blank", { path: "/a b" }],
    ["a path with a line's end", { path: "/a\r\nX: y" }],
    ["a text", "X-A: 1"],
    ["a list of removals that is none", { remove: "X-A" }],
    ["a promise", Promise.resolve({ set: { "X-A": "1" } })],
    ["more than the head may have", { add: { "X-A": Array.from({ length: 9 }, () => "x".repeat(15_000)) } }],
    ["a line that is too long", { set: { "X-A": "x".repeat(20_000) } }],
  ];

  test.each(unfit)("with %s is never sent: 500, or as it was", async (_, value) => {
    const policy = { requestHead: () => value as RequestEdit };
    await using closed = await startPolicies(policy, answerText("well"));
    using one = await RawClient.connect(closed.port);
    await one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(String(await one.takeUntil("\r\n\r\n"))).toBe(internalError);
    expect(closed.instance.requests).toEqual([]);
    await using open = await startPolicies({ ...policy, onError: "open" }, answerText("well"));
    using other = await RawClient.connect(open.port);
    expect((await exchange(other, "/as/it/was")).status).toBe(200);
    expect(open.instance.requests[0]?.target).toBe("/as/it/was");
    expect(open.instance.requests[0]?.headers.map(([name]) => name)).not.toContain("X-A");
  });
});

describe("a response's head", () => {
  const serve = serveHttp(() =>
    formatResponse("well", {
      headers: [
        ["Server", "secret"],
        ["Set-Cookie", "a=1"],
        ["X-Frame-Options", "none"],
      ],
    }),
  );

  test("loses, sets and adds lines in the reverse order of the list", async () => {
    const seen: Array<string> = [];
    const policies: ReadonlyArray<Hooks> = [
      {
        responseHead: (_, response) => {
          seen.push(`first ${response.status} ${response.header("server")} ${response.request.path}`);
          return { remove: ["Server"], set: { "X-Order": "first" } };
        },
      },
      {
        responseHead: (_, response) => {
          seen.push(`second ${response.instance}`);
          return { set: { "X-Order": "second", "x-frame-options": "DENY" }, add: { "Set-Cookie": "b=2" } };
        },
      },
    ];
    await using ground = await startPolicies(policies, serve);
    using client = await RawClient.connect(ground.port);
    for (let index = 0; index < 2; index++) {
      const response = await exchange(client, "/page?x");
      expect(response.status).toBe(200);
      expect(header(response, "server")).toBeUndefined();
      expect(headerValues(response, "x-order")).toEqual(["first"]);
      expect(headerValues(response, "x-frame-options")).toEqual(["DENY"]);
      expect(headerValues(response, "set-cookie")).toEqual(["a=1", "b=2"]);
      expect(response.body.toString()).toBe("well");
    }
    expect(seen.slice(0, 2)).toEqual([`second 127.0.0.1:${ground.instance.port}`, "first 200 secret /page"]);
  });

  test.each([
    ["Content-Length", { set: { "Content-Length": "0" } }],
    ["Transfer-Encoding", { add: { "Transfer-Encoding": "chunked" } }],
    ["a line's end", { set: { "X-A": "1\nX-B: 2" } }],
    ["a path", { path: "/" }],
  ] as ReadonlyArray<readonly [string, HeadEdit]>)("with %s is never sent", async (_, edit) => {
    await using closed = await startPolicies({ responseHead: () => edit }, serve);
    using one = await RawClient.connect(closed.port);
    await one.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(String(await one.takeUntil("\r\n\r\n"))).toBe(internalError);
    await using open = await startPolicies({ responseHead: () => edit, onError: "open" }, serve);
    using other = await RawClient.connect(open.port);
    const response = await exchange(other, "/");
    expect(response.body.toString()).toBe("well");
    expect(header(response, "x-a")).toBeUndefined();
  });
});
