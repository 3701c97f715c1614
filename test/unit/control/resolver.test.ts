// Names of instances: all addresses, the last known ones when a look-up fails, and a new try where there are none.
import { expect, test } from "bun:test";
import { Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
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
  await Effect.runPromise(names.resolve(["127.0.0.1", "::1"]));
  expect([names.get("::1").addresses, asked]).toEqual([["::1"], []]);
});

test("all addresses count, each once, IPv4 first and in one order", async () => {
  const { answers, names } = setUp();
  answers.set("app.internal", ["::2", "127.0.0.9", "127.0.0.1", "127.0.0.9"]);
  await Effect.runPromise(names.resolve(["app.internal", "app.internal"]));
  expect(names.get("app.internal")).toEqual({ addresses: ["127.0.0.1", "127.0.0.9", "::2"], failure: undefined });
  answers.set("app.internal", ["127.0.0.9", "::2", "127.0.0.1"]);
  const again = names.copy();
  await Effect.runPromise(again.resolve(["app.internal"]));
  expect(names.learn(again)).toBe(false);
});

test("a look-up that fails keeps the last addresses and says why", async () => {
  const { answers, names } = setUp();
  answers.set("app.internal", ["127.0.0.1"]);
  await Effect.runPromise(names.resolve(["app.internal"]));
  answers.delete("app.internal");
  await Effect.runPromise(names.resolve(["app.internal"]));
  expect(names.get("app.internal")).toEqual({ addresses: ["127.0.0.1"], failure: "ENOTFOUND" });
});

test("a change asks for names that were never asked for, and for nothing else", async () => {
  const { answers, asked, names } = setUp();
  answers.set("up.internal", ["127.0.0.1"]);
  await Effect.runPromise(names.resolveNew(["up.internal", "down.internal"]));
  expect([names.hasFailed("up.internal"), names.hasFailed("down.internal")]).toEqual([false, true]);
  asked.length = 0;
  await Effect.runPromise(names.resolveNew(["up.internal", "down.internal", "new.internal"]));
  expect(asked).toEqual(["new.internal"]);
});

test("a change waits for all its names together as long as for one; who had no turn is known as one that failed", async () => {
  const asked: Array<string> = [];
  const names = new Names((host) => {
    asked.push(host);
    return new Promise(() => {});
  });
  const hosts = Array.from({ length: 40 }, (_, index) => `${index}.internal`);
  await Effect.runPromise(
    Effect.gen(function* () {
      const waiting = yield* Effect.forkChild(names.resolveNew(hosts));
      yield* TestClock.adjust(4999);
      expect([asked.length, waiting.pollUnsafe()]).toEqual([16, undefined]);
      yield* TestClock.adjust(1);
      yield* Fiber.join(waiting);
      expect(hosts.every((host) => names.hasFailed(host))).toBe(true);
      asked.length = 0;
      yield* names.resolveNew(hosts);
    }).pipe(Effect.provide(TestClock.layer())),
  );
  expect(asked).toEqual([]);
});

test("what look-ups have found counts for names that are still known, and no failure takes an address away", async () => {
  const { answers, names } = setUp();
  for (const name of ["moved", "gone", "late"]) answers.set(name, ["127.0.0.1"]);
  await Effect.runPromise(names.resolve(["moved", "gone", "late"]));
  const found = names.copy();
  names.keepOnly(new Set(["moved", "late"]));
  answers.set("moved", ["127.0.0.2"]);
  await Effect.runPromise(found.resolve(["moved", "gone"]));
  // Asked for since, and found by now.
  answers.delete("new");
  await Effect.runPromise(found.resolve(["new"]));
  answers.set("new", ["127.0.0.3"]);
  await Effect.runPromise(names.resolve(["new"]));
  expect(names.learn(found)).toBe(true);
  expect(["moved", "gone", "late", "new"].map((name) => names.get(name).addresses)).toEqual([
    ["127.0.0.2"],
    [],
    ["127.0.0.1"],
    ["127.0.0.3"],
  ]);
  expect(names.learn(found)).toBe(false);
});

test("a name that the configuration lost is forgotten", async () => {
  const { answers, names } = setUp();
  answers.set("app.internal", ["127.0.0.1"]);
  await Effect.runPromise(names.resolve(["app.internal"]));
  names.keepOnly(new Set(["other.internal"]));
  expect(names.get("app.internal").addresses).toEqual([]);
});

test("a look-up that failed takes nothing back that another has found since", async () => {
  const { answers, names } = setUp();
  answers.set("app.internal", ["127.0.0.1"]);
  await Effect.runPromise(names.resolve(["app.internal"]));
  const slow = names.copy();
  const quick = names.copy();
  answers.set("app.internal", ["127.0.0.2"]);
  await Effect.runPromise(quick.resolve(["app.internal"]));
  expect(names.learn(quick)).toBe(true);
  answers.delete("app.internal");
  await Effect.runPromise(slow.resolve(["app.internal"]));
  expect(names.learn(slow)).toBe(false);
  expect(names.get("app.internal")).toEqual({ addresses: ["127.0.0.2"], failure: "ENOTFOUND" });
});
