// Names of instances: all addresses, the last known ones when a look-up fails, and a new try where there are none.
import { expect, test } from "bun:test";
import { Effect } from "effect";
import { type Lookup, Names } from "../../../src/control/resolver.ts";

/** A resolver whose answers the test sets; it notes who was asked for. */
const setUp = () => {
  const answers = new Map<string, ReadonlyArray<string>>();
  const asked: Array<string> = [];
  const ask: Lookup = async (host) => {
    asked.push(host);
    const found = answers.get(host);
    if (found === undefined) throw Object.assign(new Error("no such name"), { code: "ENOTFOUND" });
    return found.map((address) => ({ address }));
  };
  return { answers, asked, names: new Names(ask) };
};

test("an address stands for itself and is never asked for", async () => {
  const { asked, names } = setUp();
  expect(await Effect.runPromise(names.resolve(["127.0.0.1", "::1"]))).toBe(false);
  expect([names.get("::1").addresses, asked]).toEqual([["::1"], []]);
});

test("all addresses count, each once, IPv4 first and in one order", async () => {
  const { answers, names } = setUp();
  answers.set("app.internal", ["::2", "127.0.0.9", "127.0.0.1", "127.0.0.9"]);
  expect(await Effect.runPromise(names.resolve(["app.internal", "app.internal"]))).toBe(true);
  expect(names.get("app.internal")).toEqual({ addresses: ["127.0.0.1", "127.0.0.9", "::2"], failure: undefined });
  answers.set("app.internal", ["127.0.0.9", "::2", "127.0.0.1"]);
  expect(await Effect.runPromise(names.resolve(["app.internal"]))).toBe(false);
});

test("a look-up that fails keeps the last addresses and says why", async () => {
  const { answers, names } = setUp();
  answers.set("app.internal", ["127.0.0.1"]);
  await Effect.runPromise(names.resolve(["app.internal"]));
  answers.delete("app.internal");
  expect(await Effect.runPromise(names.resolve(["app.internal"]))).toBe(false);
  expect(names.get("app.internal")).toEqual({ addresses: ["127.0.0.1"], failure: "ENOTFOUND" });
});

test("a reload asks again for what has no address, and for nothing else", async () => {
  const { answers, asked, names } = setUp();
  answers.set("up.internal", ["127.0.0.1"]);
  await Effect.runPromise(names.resolveMissing(["up.internal", "down.internal"]));
  answers.set("down.internal", ["127.0.0.2"]);
  asked.length = 0;
  expect(await Effect.runPromise(names.resolveMissing(["up.internal", "down.internal"]))).toBe(true);
  expect(asked).toEqual(["down.internal"]);
});

test("a name that the configuration lost is forgotten", async () => {
  const { answers, names } = setUp();
  answers.set("app.internal", ["127.0.0.1"]);
  await Effect.runPromise(names.resolve(["app.internal"]));
  names.keepOnly(new Set(["other.internal"]));
  expect(names.get("app.internal").addresses).toEqual([]);
});
