// The timer wheel against a model that remembers due times: never early, soon after, never twice, never lost.
import { expect, test } from "bun:test";
import type { FakeTime } from "../unit/net/fake-time.ts";
import { type Wheel, withFreshWheel } from "../unit/net/fresh-wheel.ts";
import { forSeeds, type Random } from "./random.ts";

const ahead = (random: Random): number =>
  random.pick([0, 1, 50, 99, 100, 101, 1000, 5000, 51_100, 51_200, 51_300, 120_000]) + random.below(200);

/** Random steps on some deadlines; `isNested` lets owners arm and disarm each other while they are asked. */
const run = (
  { Deadline, tickDeadlines, countArmedDeadlines }: Wheel,
  time: FakeTime,
  random: Random,
  isNested: boolean,
): void => {
  const due: Array<number | undefined> = [];
  const deadlines: Array<InstanceType<Wheel["Deadline"]>> = [];
  let lastTickMs = time.nowMs;
  const act = (index: number): void => {
    const deadline = deadlines[index]!;
    if (random.chance(0.3)) {
      deadline.disarm();
      due[index] = undefined;
    } else {
      const delayMs = ahead(random);
      // The coarse clock is at most one tick behind; armIn on it may be early by that.
      const fromMs = countArmedDeadlines() === 0 ? time.nowMs : lastTickMs;
      deadline.armIn(delayMs);
      due[index] = fromMs + delayMs;
      if (countArmedDeadlines() === 1) lastTickMs = Math.max(lastTickMs, fromMs);
    }
  };
  for (let index = 0; index < 8; index++) {
    due.push(undefined);
    deadlines.push(
      new Deadline({
        onDeadline(nowMs) {
          const dueMs = due[index];
          expect(nowMs).toBe(time.nowMs);
          expect(dueMs).toBeDefined();
          expect(nowMs).toBeGreaterThanOrEqual(dueMs as number);
          due[index] = undefined;
          if (isNested && random.chance(0.5)) act(random.below(8));
          if (due[index] !== undefined || random.chance(0.5)) return 0;
          due[index] = nowMs + 1 + ahead(random);
          return due[index] as number;
        },
      }),
    );
  }
  for (let step = 0; step < 300; step++) {
    if (random.chance(0.5)) act(random.below(8));
    else {
      time.nowMs += random.chance(0.05) ? random.below(150_000) : 100;
      // The ticker would have fallen silent with the last deadline.
      if (countArmedDeadlines() > 0) {
        lastTickMs = time.nowMs;
        tickDeadlines();
        // Nobody who was due a tick ago is still waiting.
        for (const [index, dueMs] of due.entries()) {
          if (dueMs !== undefined && dueMs + 200 <= time.nowMs)
            expect(`${index} waits since ${time.nowMs - dueMs} ms`).toBe("not");
        }
      }
    }
    expect(countArmedDeadlines()).toBe(due.filter((dueMs) => dueMs !== undefined).length);
    expect(deadlines.map((deadline) => deadline.isArmed)).toEqual(due.map((dueMs) => dueMs !== undefined));
    expect(time.timers).toBe(countArmedDeadlines() > 0 ? 1 : 0);
  }
  for (const deadline of deadlines) deadline.disarm();
  expect([countArmedDeadlines(), time.timers]).toEqual([0, 0]);
};

test.each([
  ["that keep to themselves", false],
  ["that arm and disarm each other", true],
] as const)("owners %s", (_, isNested) =>
  withFreshWheel((wheel, time) => {
    const { now } = performance;
    let runs = 0;
    forSeeds(60, Number.POSITIVE_INFINITY, (random) => {
      runs++;
      run(wheel, time, random, isNested);
    });
    expect(runs).toBeGreaterThan(0);
    expect(performance.now).toBe(now);
  }),
);
