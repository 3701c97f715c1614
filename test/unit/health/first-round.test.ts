// The first round on a clock that only the test moves: who is waited for, and for how long.
import { describe, expect, test } from "bun:test";
import { Clock, Effect, Fiber } from "effect";
import { TestClock } from "effect/testing";
import type { HealthTarget } from "../../../src/health/health-target.ts";
import { type Checker, endpointOf, failed, passed, registerAll, termsOf, withChecker } from "./checker-clock.ts";

describe("the first round", () => {
  const startRound = (checker: Checker, targets?: Iterable<HealthTarget>) =>
    Effect.gen(function* () {
      let endedMs: number | undefined;
      yield* Effect.forkChild(
        Effect.andThen(
          checker.firstRound(targets),
          Effect.map(Clock.currentTimeMillis, (ms) => {
            endedMs = ms;
          }),
        ),
      );
      return () => endedMs;
    });

  test("ends when all have answered, well or not", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.takesMs = 300;
        instances.answers = [failed];
        registerAll(checker, 50);
        const ended = yield* startRound(checker);
        yield* TestClock.adjust(789);
        expect(ended()).toBeUndefined();
        yield* TestClock.adjust(1);
        expect(ended()).toBe(790);
      }),
    ));

  test("asks those once more who may have come up since they failed, and nobody else; passing counts, failing doesn't", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.answers = [failed, failed, passed];
        const [booting] = registerAll(checker, 1) as [HealthTarget];
        yield* TestClock.adjust(1000);
        expect(booting.failures).toBe(1);
        const first = yield* startRound(checker);
        yield* TestClock.adjust(1000);
        // Another failure would have been one too many.
        expect([first(), booting.isRegistering, booting.failures]).toEqual([1000, true, 1]);
        const second = yield* startRound(checker);
        yield* TestClock.adjust(1000);
        expect([second(), booting.isInService]).toEqual([2000, true]);
        yield* checker.firstRound();
        expect(instances.timesOf(0)).toEqual([0, 1000, 2000]);
      }),
    ));

  test("regular checks go on behind those that came early, and count", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.answers = [failed, failed, failed];
        const [booting] = registerAll(checker, 1) as [HealthTarget];
        yield* TestClock.adjust(10_000);
        yield* startRound(checker);
        yield* TestClock.adjust(50_000);
        expect(instances.timesOf(0)).toEqual([0, 10_000, 30_000, 60_000]);
        expect(booting.history.map(({ to, checks }) => [to, checks])).toEqual([["outOfService", 2]]);
      }),
    ));

  test("waits for the answer that is under way, and brings no second check with it", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.answers = [failed];
        instances.takesMs = 2000;
        registerAll(checker, 1);
        yield* TestClock.adjust(31_000);
        const ended = yield* startRound(checker);
        yield* TestClock.adjust(2000);
        expect(ended()).toBe(32_000);
        expect(instances.timesOf(0)).toEqual([0, 30_000]);
      }),
    ));

  test("ends after one timeout, the longest, though some haven't answered", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.takesMs = 20_000;
        const slow = registerAll(checker, 3, termsOf({ timeout: 7 }));
        checker.register("other", endpointOf(7), termsOf({ timeout: 3 }));
        const ended = yield* startRound(checker);
        const some = yield* startRound(checker, slow.slice(0, 1));
        yield* TestClock.adjust(6999);
        expect([ended(), some()]).toEqual([undefined, undefined]);
        yield* TestClock.adjust(1);
        expect([ended(), some()]).toEqual([7000, 7000]);
      }),
    ));

  test("doesn't wait for who has left, nor where nobody is", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        yield* checker.firstRound();
        instances.takesMs = 4000;
        const [one, other] = registerAll(checker, 2) as [HealthTarget, HealthTarget];
        const ended = yield* startRound(checker);
        yield* TestClock.adjust(1000);
        checker.deregister(one);
        checker.deregister(other);
        yield* TestClock.adjust(0);
        expect(ended()).toBe(1000);
      }),
    ));

  test("that is given up leaves nobody waiting", () =>
    withChecker((checker, instances) =>
      Effect.gen(function* () {
        instances.takesMs = 2000;
        registerAll(checker, 2);
        const fiber = yield* Effect.forkChild(checker.firstRound());
        yield* TestClock.adjust(100);
        yield* Fiber.interrupt(fiber);
        yield* TestClock.adjust(5000);
        yield* checker.firstRound();
      }),
    ));
});
