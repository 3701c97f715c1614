// Hooks at their worst: they throw anything, answer with what bites when it is looked at, and promise what they break. The request
// fails or goes on as their policy says, nothing is left behind, and the next client notices nothing.
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import { observeEvents } from "../../src/observe/events.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import { type Hooks, startPolicies, startWithPolicies, useOf } from "../support/policy-elbow.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet, serveHttp } from "../support/scripts.ts";
import { metricOf } from "../support/tls-counts.ts";

setDefaultTimeout(30_000);

afterEach(async () => {
  // A deadline that is left would speak up in the middle of somebody else's request.
  await eventually(() => countArmedDeadlines() === 0);
});

const biting = (): object =>
  new Proxy(
    {},
    {
      get: () => {
        throw new Error("bite");
      },
      getPrototypeOf: () => {
        throw new Error("bite");
      },
      has: () => {
        throw new Error("bite");
      },
      ownKeys: () => {
        throw new Error("bite");
      },
    },
  );

class Unspeakable extends Error {
  override get message(): string {
    throw new Error("message");
  }
  override get stack(): string {
    throw new Error("stack");
  }
  override toString(): string {
    throw new Error("toString");
  }
}

const thrown: ReadonlyArray<readonly [string, unknown]> = [
  ["an error", new Error("plain")],
  ["undefined", undefined],
  ["null", null],
  ["a text with lines", "one\r\ntwo\u001b[31m"],
  ["a symbol", Symbol("s")],
  ["a number", 0n],
  ["a frozen object", Object.freeze({})],
  ["an object without a prototype", Object.create(null)],
  ["an error that can't be told", new Unspeakable()],
  ["a proxy that bites", biting()],
];

const raise = (what: unknown) => (): never => {
  throw what;
};

/** A value with a `then` of its own. */
// biome-ignore lint/suspicious/noThenProperty: policies may answer with anything.
const withThen = (then: unknown, value: object = {}): object => Object.defineProperty(value, "then", { value: then });

const answers: ReadonlyArray<readonly [string, () => unknown]> = [
  ["a proxy that bites", biting],
  ["a thenable that bites", () => withThen(raise(new Error("then")))],
  [
    "a thenable that answers twice and throws",
    () =>
      withThen((resolve: (value: unknown) => void, reject: (value: unknown) => void) => {
        resolve(7);
        reject(8);
        throw new Error("then");
      }),
  ],
  ["a promise that is broken with undefined", () => Promise.reject(undefined)],
  ["a promise that is broken with what bites", () => Promise.reject(biting())],
  ["a promise of what bites", () => Promise.resolve(Object.defineProperty({}, "status", { get: raise(1) }))],
  ["a promise with a then of its own", () => withThen(raise(new Error("own")), Promise.resolve(1))],
  ["headers that bite", () => ({ status: 200, headers: biting(), set: biting(), tags: biting() })],
  ["a function", () => raise(1)],
];

const phases = ["admit", "pick", "requestHead", "responseHead"] as const;

const bad: ReadonlyArray<readonly [string, () => unknown]> = [
  ...thrown.map(([name, what]) => [`throws ${name}`, raise(what)] as const),
  ...answers.map(([name, make]) => [`answers with ${name}`, make] as const),
];

describe.each(phases)("a %s hook", (phase) => {
  test.each(bad)("that %s", async (_, hook) => {
    for (const onError of ["closed", "open"] as const) {
      let isBad = true;
      const hooks = { onError, deadlineMs: 5000, [phase]: () => (isBad ? hook() : undefined) } as Hooks;
      await using ground = await startPolicies(hooks, answerText("well"));
      using client = await RawClient.connect(ground.port);
      const labels = { load_balancer: "test", policy: "p0", phase };
      const before = metricOf("elbow_policy_errors_total", labels);
      expect((await exchange(client, "/", { body: "abc" })).status).toBe(onError === "closed" ? 500 : 200);
      expect(metricOf("elbow_policy_errors_total", labels) - before).toBe(1);
      isBad = false;
      expect((await exchange(client, "/")).body.toString()).toBe("well");
      expect(ground.elbow.outstanding()).toBe(0);
      client.dispose();
      await eventually(() => ground.elbow.openConnections() === 0);
    }
  });
});

test.each(bad)("an onFault hook that %s", async (_, hook) => {
  await using elbow = await startWithPolicies({ onFault: () => hook() as undefined }, { instances: [] });
  using client = await RawClient.connect(elbow.port());
  for (let index = 0; index < 2; index++) expect((await exchange(client, "/")).status).toBe(503);
});

test.each(bad)("an admit hook of layer 4 that %s", async (_, hook) => {
  for (const onError of ["closed", "open"] as const) {
    const hooks = { onError, deadlineMs: 5000, admit: () => hook() } as Hooks;
    await using ground = await startPolicies(hooks, greet("hello"), { protocol: "TCP" });
    using client = await RawClient.connect(ground.port);
    if (onError === "open") expect(String(await client.takeBytes(5))).toBe("hello");
    else expect(String(await client.takeToEnd())).toBe("");
  }
});

test("a context can't be changed for the policies behind", async () => {
  const write = (context: object, names: string): void => {
    for (const name of names.split(" ")) expect(() => Object.assign(context, { [name]: null })).toThrow(TypeError);
    // Whatever else it may have, beyond the contract.
    for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(context))) {
      Reflect.set(context, name, null);
    }
  };
  const hooks: Hooks = {
    requestHead: (_, request) => {
      const lines = request.headers() as unknown as Array<Array<string>>;
      for (const change of [() => lines.pop(), () => lines[0]?.fill("x")]) expect(change).toThrow(TypeError);
      return void write(request, "kind listener clientAddress tls path header headers");
    },
    responseHead: (_, response) => void write(response, "status request instance header"),
    onFault: (_, fault) => write(fault, "reason status client"),
  };
  const seen: Array<unknown> = [];
  const reading: Hooks = {
    requestHead: (_, { kind, path, headers }) => void seen.push(kind, path, headers()[0]),
    responseHead: (_, { status, request }) => void seen.push(status, request.path),
    onFault: (_, { status, reason }) => void seen.push(status, reason),
  };
  await using ground = await startPolicies([reading, hooks, reading], answerText("well"));
  using client = await RawClient.connect(ground.port);
  expect((await exchange(client, "/1")).status).toBe(200);
  const request = ["request", "/1", ["Host", expect.any(String)]];
  const response = [200, "/1"];
  expect(seen).toEqual([...request, ...request, ...response, ...response]);
  await client.send("nonsense\r\n\r\n");
  await readResponse(client);
  expect(seen.slice(10)).toEqual([400, "badRequest", 400, "badRequest"]);
});

test("what it throws is told once, with its line, and again with a count no sooner than a minute later", async () => {
  const notices: Array<string> = [];
  const events: Array<string> = [];
  const stops = [
    observeNotices((text) => void notices.push(text)),
    observeEvents(({ type, loadBalancer, message }) => void events.push(`${type} ${loadBalancer} ${message}`)),
  ];
  const use = {
    ...useOf({ admit: raise(new TypeError("no\nsuch")) }, "mine"),
    module: { file: import.meta.path, files: [import.meta.path], version: "1" },
  };
  await using elbow = await startElbow({ protocol: "HTTP", instances: [], listeners: [{ policies: [use] }] });
  using client = await RawClient.connect(elbow.port());
  for (let index = 0; index < 5; index++) expect((await exchange(client, "/")).status).toBe(500);
  for (const stop of stops) stop();
  const told = notices.filter((text) => text.includes("policy mine"));
  expect(told.length).toBe(1);
  expect(told[0]).toMatch(/^test: policy mine, admit: TypeError: no such \(.*policy-hooks\.test\.ts:\d+:\d+\)$/);
  expect(events.filter((text) => text.startsWith("policy test policy mine, admit: TypeError"))).toHaveLength(1);
  expect(metricOf("elbow_policy_errors_total", { policy: "mine", phase: "admit" })).toBe(5);
});

test("broken and good ones mixed under load leave nothing behind", async () => {
  let turn = 0;
  const any = (): unknown => {
    const [, hook] = bad[turn++ % bad.length] as (typeof bad)[number];
    return turn % 2 === 0 ? undefined : hook();
  };
  const hooks = {
    onError: "open",
    deadlineMs: 5000,
    admit: any,
    pick: any,
    requestHead: any,
    responseHead: any,
  } as Hooks;
  await using ground = await startPolicies(
    [hooks, hooks],
    serveHttp(() => formatResponse("well")),
  );
  const clients = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(ground.port)));
  await Promise.all(
    clients.map(async (client, index) => {
      for (let round = 0; round < 25; round++) {
        expect((await exchange(client, `/${index}`, { body: "x".repeat(round) })).body.toString()).toBe("well");
      }
      await client.send(formatRequest("/cut"));
      client.reset();
    }),
  );
  await eventually(() => ground.elbow.openConnections() === 0 && ground.elbow.outstanding() === 0);
});
