// The checker on a clock that only the test moves: when it asks, whom it puts in and out of service, and who hears of it.
import { heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import { Effect } from "effect";
import { TestClock } from "effect/testing";
import type { Ask } from "../../../src/health/checker.ts";
import type { HealthTarget } from "../../../src/health/health-target.ts";
import { observeNotices } from "../../../src/observe/notices.ts";
import {
  endpointOf,
  failed,
  type Instances,
  passed,
  registerAll,
  termsOf,
  unasked,
  withChecker,
} from "./checker-clock.ts";

const mostWithin = (times: ReadonlyArray<number>, widthMs: number): number => {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((from, at) => sorted.slice(at).filter((time) => time < from + widthMs).length));
};

describe("the schedule", () => {
  test("1 000 targets: 100 first checks a second, then spread evenly, exactly every interval", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        registerAll(checker, 1000);
        yield* TestClock.adjust(999);
        expect(instances.askedMs.size).toBe(100);
        yield* TestClock.adjust(9_500);
        expect(instances.askedMs.size).toBe(1000);
        expect(mostWithin([...instances.askedMs.values()].flat(), 1000)).toBeLessThanOrEqual(100);
        yield* TestClock.adjust(110_000);
        const later = [...instances.askedMs.values()].map(([, ...times]) => times);
        for (const [first, ...others] of later) {
          expect(others.length).toBeGreaterThanOrEqual(1);
          expect(others).toEqual(others.map((_, at) => first! + 30_000 * (at + 1)));
        }
        const inOneInterval = later.flat().filter((ms) => ms >= 60_000 && ms < 90_000);
        expect(inOneInterval.length).toBe(1000);
        // 33.3 a second, and no gap is twice another.
        expect(mostWithin(inOneInterval, 1000)).toBeLessThanOrEqual(36);
        expect(mostWithin(inOneInterval, 100)).toBeLessThanOrEqual(5);
      }),
    ));

  test("how long an answer takes shifts nothing", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.takesMs = 4900;
        registerAll(checker, 1, termsOf({ interval: 10 }));
        yield* TestClock.adjust(60_000);
        const times = instances.timesOf(0);
        expect(times.length).toBeGreaterThanOrEqual(6);
        expect(times.slice(2)).toEqual(times.slice(1, -1).map((ms) => ms + 10_000));
      }),
    ));

  test("two checks of one target never run at once, though one outlives its interval", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.takesMs = 12_000;
        registerAll(checker, 3, termsOf({ interval: 5 }));
        yield* TestClock.adjust(120_000);
        expect(instances.most).toBe(1);
        for (const index of [0, 1, 2]) expect(instances.timesOf(index).length).toBeGreaterThanOrEqual(8);
      }),
    ));

  test("a target that comes while all sleep is asked at once", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        registerAll(checker, 1);
        yield* TestClock.adjust(20_000);
        checker.register("late", endpointOf(9), termsOf());
        yield* TestClock.adjust(0);
        expect(instances.timesOf(9)).toEqual([20_000]);
      }),
    ));

  test("an interval that changes holds from then on", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        const [target] = registerAll(checker, 1, termsOf({ interval: 300 })) as [HealthTarget];
        yield* TestClock.adjust(1000);
        checker.reconfigure(target, termsOf({ interval: 5 }));
        yield* TestClock.adjust(60_000);
        expect(instances.timesOf(0).length).toBeGreaterThanOrEqual(12);
        expect(target.passes).toBe(instances.timesOf(0).length);
      }),
    ));
});

describe("in and out of service", () => {
  test("one pass at registration, then exactly as many failures and passes as the thresholds say", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.answers = [passed, failed, passed, failed, failed, passed, passed, failed, ...Array(9).fill(passed)];
        const seen: Array<string> = [];
        const results: Array<number> = [];
        const terms = termsOf({ interval: 10, healthyThreshold: 3 });
        const target = checker.register("i-web", endpointOf(0), terms, {
          onChange: (one, { atMs, from, to, reason, checks }) => {
            expect(one).toBe(target);
            seen.push(`${from} ${to} ${reason} x${checks} at check ${instances.timesOf(0).indexOf(atMs) + 1}`);
          },
          onResult: (_, { atMs }) => results.push(atMs),
        });
        expect(target.instanceState.description).toBe("Instance registration is still in progress.");
        yield* TestClock.adjust(120_000);
        expect(seen).toEqual([
          "registering inService status 200 x1 at check 1",
          "inService outOfService status 500 x2 at check 5",
          "outOfService inService status 200 x3 at check 11",
        ]);
        expect(results).toEqual([...instances.timesOf(0)]);
        expect(target.history.length).toBe(3);
        expect(target.isInService).toBe(true);
      }),
    ));

  test("what this machine lacks counts for nobody and against nobody", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.answers = [passed, failed, unasked, unasked, unasked, failed];
        const target = checker.register("i-web", endpointOf(0), termsOf({ interval: 10 }));
        yield* TestClock.adjust(49_000);
        expect(instances.timesOf(0).length).toBe(5);
        expect([target.isInService, target.failures, target.lastResult?.reason]).toEqual([true, 1, unasked.reason]);
        yield* TestClock.adjust(10_000);
        expect(target.isInService).toBe(false);
      }),
    ));

  test("other thresholds leave state, counts and history; another question leaves state and history", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.answers = [passed, ...Array(3).fill(failed), ...Array(100).fill(passed)];
        const written = { target: "HTTP:80/a", interval: 10, healthyThreshold: 10 };
        const [target] = registerAll(checker, 1, termsOf(written)) as [HealthTarget];
        yield* TestClock.adjust(79_000);
        const { passes } = target;
        expect(passes).toBeGreaterThanOrEqual(3);
        expect(passes).toBeLessThan(9);
        checker.reconfigure(target, termsOf({ ...written, healthyThreshold: 9 }));
        expect([target.passes, target.isInService, target.history.length]).toEqual([passes, false, 2]);
        const asked = instances.timesOf(0).length;
        checker.reconfigure(target, termsOf({ ...written, target: "HTTP:80/b" }));
        expect([target.passes, target.isInService, target.history.length]).toEqual([0, false, 2]);
        yield* TestClock.adjust(10);
        // Asked anew at once.
        expect(instances.timesOf(0).length).toBe(asked + 1);
        yield* TestClock.adjust(100_000);
        expect(target.isInService).toBe(true);
        expect(target.history.at(-1)?.checks).toBe(10);
      }),
    ));
});

describe("leaving", () => {
  test("gives up the check that is under way, and nobody hears of it", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.takesMs = 4000;
        let results = 0;
        const target = checker.register("i-web", endpointOf(0), termsOf(), { onResult: () => void results++ });
        yield* TestClock.adjust(1000);
        checker.deregister(target);
        checker.deregister(target);
        yield* TestClock.adjust(300_000);
        expect(instances.interrupted).toEqual([endpointOf(0).address]);
        expect([results, instances.timesOf(0).length, checker.targets.size]).toEqual([0, 1, 0]);
        checker.reconfigure(target, termsOf({ interval: 5 }));
        yield* TestClock.adjust(300_000);
        expect(instances.timesOf(0).length).toBe(1);
      }),
    ));

  test("another question gives up the one that is under way", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.takesMs = 4000;
        const [target] = registerAll(checker, 1) as [HealthTarget];
        yield* TestClock.adjust(1000);
        checker.reconfigure(target, termsOf({ target: "SSL:443" }));
        yield* TestClock.adjust(4100);
        expect(instances.interrupted.length).toBe(1);
        expect(target.passes).toBe(1);
      }),
    ));

  test("the end of the layer ends every check", async () => {
    let kept: Instances | undefined;
    await withChecker((checker, instances) =>
      Effect.gen(function* () {
        kept = instances;
        instances.takesMs = 4000;
        registerAll(checker, 20);
        yield* TestClock.adjust(1000);
      }),
    );
    expect(kept?.interrupted.length).toBe(20);
  });
});

test("a thousand targets that come and go leave nothing behind", () =>
  withChecker((checker, instances) =>
    Effect.gen(function* () {
      const terms = termsOf({ interval: 5 });
      const flap = (rounds: number) =>
        Effect.gen(function* () {
          for (let round = 0; round < rounds; round++) {
            const targets = registerAll(checker, 1000, terms);
            instances.takesMs = round % 2 === 0 ? 0 : 4000;
            yield* TestClock.adjust(1500);
            for (const target of targets) checker.deregister(target);
            instances.askedMs.clear();
            instances.underWay.clear();
            instances.interrupted.length = 0;
          }
          yield* TestClock.adjust(60_000);
          Bun.gc(true);
          return heapStats().objectCount;
        });
      const before = yield* flap(6);
      expect((yield* flap(20)) - before).toBeLessThan(2000);
      expect(instances.askedMs.size).toBe(0);
    }),
  ));

test("a defect in a check is told, and the next check comes all the same", async () => {
  const notices: Array<string> = [];
  const stop = observeNotices((text) => notices.push(text));
  let asked = 0;
  const ask: Ask = () => (++asked === 1 ? Effect.die(new Error("boom")) : Effect.succeed(passed));
  await withChecker(
    (checker) =>
      Effect.gen(function* () {
        const [target] = registerAll(checker, 1, termsOf({ interval: 5 })) as [HealthTarget];
        yield* TestClock.adjust(10_000);
        expect(target.isInService).toBe(true);
      }),
    ask,
  ).finally(stop);
  expect(notices.length).toBe(1);
  expect(notices[0]).toStartWith("defect in a health check of i-0: Error: boom");
});
