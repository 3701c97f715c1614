// Policies that let requests and connections in, turn them away or answer them, at once or after a while.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { answer, redirect, refuse } from "../../src/policy/index.ts";
import { eventually } from "../support/eventually.ts";
import { exchange, formatRequest, header, headerValues, readResponse } from "../support/http-message.ts";
import { type Hooks, startPolicies } from "../support/policy-elbow.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet, serveHttp } from "../support/scripts.ts";
import { stalls } from "../support/stalls.ts";
import { faultsOf, metricOf } from "../support/tls-counts.ts";

setDefaultTimeout(30_000);

const forbidden = "HTTP/1.1 403 FORBIDDEN\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";
const internalError = "HTTP/1.1 500 INTERNAL_SERVER_ERROR\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";

const isAt = (path: string) => (request: { readonly kind: string; readonly path?: string }) => request.path === path;

/** Refuses `/no`; `wrap` may make it take its time. */
const refusing = (wrap: <A>(value: A) => A | Promise<A>): Hooks => ({
  deadlineMs: 5000,
  admit: (_, request) => wrap(isAt("/no")(request) ? refuse() : undefined),
});

const ways = [
  ["at once", <A>(value: A) => value],
  ["in a promise", async <A>(value: A) => value],
  ["after a while", <A>(value: A) => Bun.sleep(5).then(() => value)],
] as const;

describe.each(ways)("a policy that decides %s", (_, wrap) => {
  test("turns requests away with 403 and keeps the connection, bodies thrown away", async () => {
    await using ground = await startPolicies(refusing(wrap), answerText("well"));
    using client = await RawClient.connect(ground.port);
    await client.send(
      Buffer.concat([
        formatRequest("/no"),
        formatRequest("/yes", { body: "abc" }),
        formatRequest("/no", { body: "hidden" }),
        formatRequest("/yes"),
      ]),
    );
    const statuses: Array<number> = [];
    for (let index = 0; index < 4; index++) statuses.push((await readResponse(client)).status);
    expect(statuses).toEqual([403, 200, 403, 200]);
    expect(ground.instance.requests.map(({ target, body }) => `${target} ${body}`)).toEqual(["/yes abc", "/yes "]);
    await client.send(formatRequest("/no"));
    expect(String(await client.takeUntil("\r\n\r\n"))).toBe(forbidden);
  });

  test("leaves a body alone that comes in pieces meanwhile", async () => {
    await using ground = await startPolicies(refusing(wrap), answerText("well"));
    using client = await RawClient.connect(ground.port);
    await client.send("POST /yes HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    await client.sendSlowly("4\r\ndefg\r\n0\r\n\r\nGET /yes HTTP/1.1\r\nHost: a\r\n\r\n", 3);
    expect((await readResponse(client)).status).toBe(200);
    expect((await readResponse(client)).status).toBe(200);
    expect(ground.instance.requests.map(({ body }) => body.toString())).toEqual(["abcdefg", ""]);
  });

  test("answers: phrase, headers, length, HEAD without a body", async () => {
    const page = "<p>back soon</p>";
    const down = answer(503, page, { "Content-Type": "text/html", "Retry-After": "60" });
    const policy: Hooks = { deadlineMs: 5000, admit: () => wrap(down) };
    await using ground = await startPolicies(policy, answerText("well"));
    using client = await RawClient.connect(ground.port);
    for (const method of ["GET", "HEAD", "POST"]) {
      const response = await exchange(client, "/", { method });
      expect(response.startLine).toBe("HTTP/1.1 503 Service Unavailable");
      expect(response.headers.map(([name]) => name)).toEqual([
        "Content-Type",
        "Retry-After",
        "Content-Length",
        "Connection",
      ]);
      expect(header(response, "content-length")).toBe(String(page.length));
      expect(header(response, "connection")).toBe("keep-alive");
      expect(response.body.toString()).toBe(method === "HEAD" ? "" : page);
    }
    expect(ground.instance.connections).toEqual([]);
  });

  test("says 100 Continue to who is let in, and closes on who isn't", async () => {
    await using ground = await startPolicies(refusing(wrap), answerText("well"));
    using client = await RawClient.connect(ground.port);
    await client.send("PUT /yes HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    expect(String(await client.takeUntil("\r\n\r\n"))).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    await client.send("hi");
    expect((await readResponse(client)).status).toBe(200);
    await client.send("PUT /no HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    expect(String(await client.takeToEnd())).toBe(forbidden.replace("keep-alive", "close"));
  });
});

describe("an answer", () => {
  test("goes to HTTP/1.0 and HTTP/0.9 clients as they can read it", async () => {
    await using ground = await startPolicies({ admit: () => answer(200, "hello") }, answerText("well"), {
      attributes: { desyncMitigationMode: "monitor" },
    });
    const ask = async (request: string) => {
      using client = await RawClient.connect(ground.port);
      await client.send(request);
      return String(await client.takeToEnd());
    };
    expect(await ask("GET / HTTP/1.0\r\n\r\n")).toBe(
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
    );
    expect(await ask("GET /\r\n\r\n")).toBe("hello");
  });

  test("may be large and slowly read, and the next request waits behind it", async () => {
    const body = new Uint8Array(3_000_000).fill(0x61);
    await using ground = await startPolicies({ admit: () => answer(200, body) }, answerText("well"));
    using client = await RawClient.connect(ground.port);
    client.pauseReading();
    await client.send(Buffer.concat([formatRequest("/1"), formatRequest("/2")]));
    client.resumeReading();
    for (let index = 0; index < 2; index++) expect((await readResponse(client)).body.length).toBe(body.length);
  });

  test("passes through responseHead, and comes from requestHead too", async () => {
    const policies: ReadonlyArray<Hooks> = [
      {
        responseHead: (_, { status, instance }) => ({ set: { "X-Seen": `${status} ${instance}` }, remove: ["server"] }),
      },
      { requestHead: () => ({ ...redirect("https://a/", 308), headers: { Location: "https://a/", Server: "x" } }) },
    ];
    await using ground = await startPolicies(policies, answerText("well"));
    using client = await RawClient.connect(ground.port);
    const response = await exchange(client, "/");
    expect(response.startLine).toBe("HTTP/1.1 308 Permanent Redirect");
    expect(headerValues(response, "server")).toEqual([]);
    expect(header(response, "x-seen")).toBe("308 undefined");
    expect(header(response, "location")).toBe("https://a/");
    expect(ground.elbow.outstanding()).toBe(0);
  });

  test.each([
    ["no status", {}],
    ["an interim status", answer(101)],
    ["a status beyond all", answer(600)],
    ["a broken number", { status: 200.5 }],
    ["a body where none may be", answer(204, "x")],
    ["a body that is none", { status: 200, body: 1 }],
    ["its own length", answer(200, "abc", { "Content-Length": "2" })],
    ["a line's end in a value", answer(200, "", { Location: "/\r\nSet-Cookie: a=b" })],
    ["a line's end behind a value", answer(200, "", { Location: "/\r\n" })],
    ["nothing that is known", 7],
    ["null", null],
  ])("with %s is never sent", async (_, value) => {
    await using ground = await startPolicies({ admit: () => value as never }, answerText("well"));
    using client = await RawClient.connect(ground.port);
    await client.send(formatRequest("/"));
    expect(String(await client.takeUntil("\r\n\r\n"))).toBe(internalError);
    expect(metricOf("elbow_policy_errors_total", { load_balancer: "test", policy: "p0", phase: "admit" })).toBe(1);
  });
});

describe("a policy that takes its time", () => {
  const never = new Promise<undefined>(() => {});

  test.each([
    ["closed", 500],
    ["open", 200],
  ] as const)("too long: %s", async (onError, status) => {
    await using ground = await startPolicies({ onError, deadlineMs: 50, admit: () => never }, answerText("well"));
    using client = await RawClient.connect(ground.port);
    expect((await exchange(client, "/")).status).toBe(status);
    expect(faultsOf(ground.port)).toEqual(status === 500 ? { policyTimeout: 1 } : {});
  });

  test("without a deadline is an error at once, whatever becomes of the promise", async () => {
    const policy: Hooks = { admit: () => Promise.reject(new Error("later")) };
    await using ground = await startPolicies(policy, answerText("well"));
    using client = await RawClient.connect(ground.port);
    expect((await exchange(client, "/")).status).toBe(500);
  });

  test("and settles too late changes nothing", async () => {
    const late: Array<() => void> = [];
    const policy: Hooks = {
      onError: "open",
      deadlineMs: 50,
      admit: () => new Promise((resolve) => late.push(() => resolve(refuse()))),
    };
    await using ground = await startPolicies(policy, answerText("well"));
    using client = await RawClient.connect(ground.port);
    expect((await exchange(client, "/1")).status).toBe(200);
    for (const settle of late) settle();
    await Bun.sleep(0);
    expect((await exchange(client, "/2")).status).toBe(200);
    expect(ground.instance.requests.length).toBe(2);
  });

  test("and whose client has gone is forgotten", async () => {
    const waiting: Array<() => void> = [];
    const policy: Hooks = {
      deadlineMs: 20_000,
      admit: () => new Promise<undefined>((resolve) => waiting.push(() => resolve(undefined))),
    };
    await using ground = await startPolicies(policy, answerText("well"));
    const client = await RawClient.connect(ground.port);
    await client.send(formatRequest("/"));
    await eventually(() => waiting.length === 1);
    client.reset();
    await eventually(() => ground.elbow.openConnections() === 0);
    for (const settle of waiting) settle();
    using other = await RawClient.connect(ground.port);
    await other.send(formatRequest("/other"));
    await eventually(() => waiting.length === 2);
    for (const settle of waiting) settle();
    expect((await readResponse(other)).status).toBe(200);
    expect(ground.instance.requests.map(({ target }) => target)).toEqual(["/other"]);
  });

  test.each([
    ["closed", 500],
    ["open", 200],
  ] as const)("longer than the idle timeout is too long by its own deadline: %s", async (onError, status) => {
    const policy: Hooks = { onError, deadlineMs: 700, admit: () => never };
    const attributes = { idleTimeout: 0.2 };
    await using ground = await startPolicies(policy, answerText("well"), { attributes });
    await using below = await startPolicies(policy, greet("hello"), { attributes, protocol: "TCP" });
    using client = await RawClient.connect(ground.port);
    using other = await RawClient.connect(below.port);
    const [response, greeting] = await Promise.all([exchange(client, "/"), other.takeToEnd()]);
    expect([response.status, String(greeting)]).toEqual([status, onError === "open" ? "hello" : ""]);
    expect(metricOf("elbow_policy_errors_total", { load_balancer: "test", policy: "p0", phase: "admit" })).toBe(2);
    expect(faultsOf(ground.port)).toEqual(onError === "open" ? {} : { policyTimeout: 1 });
    // What came later is silence again.
    expect(faultsOf(below.port)).toEqual(onError === "open" ? { idle: 1 } : { policyTimeout: 1 });
  });

  test("may take longer than the idle timeout", async () => {
    const policy: Hooks = { deadlineMs: 5000, admit: () => Bun.sleep(500).then(() => undefined) };
    await using ground = await startPolicies(policy, answerText("well"), { attributes: { idleTimeout: 0.2 } });
    using client = await RawClient.connect(ground.port);
    expect((await exchange(client, "/")).status).toBe(200);
  });

  test("and a shutdown: the grace period ends it", async () => {
    let isAsked = false;
    const admit = (): Promise<undefined> => {
      isAsked = true;
      return never;
    };
    await using ground = await startPolicies({ deadlineMs: 600_000, admit }, answerText("well"));
    using client = await RawClient.connect(ground.port);
    await client.send(formatRequest("/"));
    await eventually(() => isAsked);
    await ground.elbow.shutdown(50);
    expect(await client.receiveEnd()).toBe("reset");
  });

  test("reads no more ahead than it may", async () => {
    await using ground = await startPolicies(
      { deadlineMs: 20_000, admit: () => never },
      serveHttp(() => undefined),
      {
        attributes: { maxReadAheadBytes: 4096 },
      },
    );
    using client = await RawClient.connect(ground.port);
    await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    const sent = client.send(new Uint8Array(50_000_000));
    expect(await stalls(client)).toBeLessThan(50_000_000);
    client.reset();
    await sent.catch(() => {});
  });
});

describe("at layer 4", () => {
  test.each(ways)("a policy that decides %s closes connections", async (_, wrap) => {
    let isOpen = false;
    const policy: Hooks = { deadlineMs: 5000, admit: () => wrap(isOpen ? undefined : refuse()) };
    await using ground = await startPolicies(policy, greet("hello"), { protocol: "TCP" });
    using refused = await RawClient.connect(ground.port);
    expect(String(await refused.takeToEnd())).toBe("");
    expect(ground.instance.connections).toEqual([]);
    isOpen = true;
    using client = await RawClient.connect(ground.port);
    expect(String(await client.takeUntil("hello"))).toBe("hello");
  });

  test("sees who connects", async () => {
    const seen: Array<unknown> = [];
    const policy: Hooks = {
      admit: (_, connection) => {
        const { kind, loadBalancer, listener, clientAddress, clientPort, tls } = connection;
        seen.push({ kind, loadBalancer, listener, clientAddress, isPort: clientPort > 0, tls });
        return undefined;
      },
    };
    await using ground = await startPolicies(policy, greet("hello"), { protocol: "TCP" });
    using client = await RawClient.connect(ground.port);
    await client.takeUntil("hello");
    const listener = { protocol: "TCP", port: ground.port };
    const clientAddress = "127.0.0.1";
    expect(seen).toEqual([
      { kind: "connection", loadBalancer: "test", listener, clientAddress, isPort: true, tls: undefined },
    ]);
  });

  test("an answer has no place there, and whoever leaves meanwhile is forgotten", async () => {
    await using ground = await startPolicies({ admit: () => answer(200) }, greet("hello"), { protocol: "TCP" });
    using client = await RawClient.connect(ground.port);
    expect(String(await client.takeToEnd())).toBe("");
    await using slow = await startPolicies(
      { deadlineMs: 20_000, admit: () => new Promise<undefined>(() => {}) },
      greet("hello"),
      { protocol: "TCP" },
    );
    const leaving = await RawClient.connect(slow.port);
    await eventually(() => slow.elbow.openConnections() === 1);
    leaving.reset();
    await eventually(() => slow.elbow.openConnections() === 0);
  });
});
