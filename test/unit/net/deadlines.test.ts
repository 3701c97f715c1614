// The timer wheel: due times, renewal, the horizon, stalls, and its one timer, which runs while a deadline is armed.
import { expect, test } from "bun:test";
import type { FakeTime } from "./fake-time.ts";
import { withFreshWheel } from "./fresh-wheel.ts";

/** An owner that writes down when it is asked, and answers from a list. */
const makeOwner = (time: FakeTime, ...answers: Array<number | (() => number)>) => {
  const asked: Array<number> = [];
  return {
    asked,
    onDeadline(nowMs: number): number {
      expect(nowMs).toBe(time.nowMs);
      asked.push(nowMs);
      const answer = answers.shift() ?? 0;
      return typeof answer === "number" ? answer : answer();
    },
  };
};

test.each([1, 50, 99, 100, 101, 150, 1000, 51_000, 51_100, 51_199, 51_200, 51_201, 60_000, 102_400, 400_000])(
  "a deadline %d ms ahead comes at its time, at most one tick later",
  (delayMs) =>
    withFreshWheel(({ Deadline, tickDeadlines, countArmedDeadlines }, time) => {
      for (const phaseMs of [0, 1, 50, 99]) {
        time.nowMs = Math.ceil(time.nowMs / 100) * 100 + phaseMs;
        const owner = makeOwner(time);
        const armedMs = time.nowMs;
        const deadline = new Deadline(owner);
        deadline.armIn(delayMs);
        expect([deadline.isArmed, countArmedDeadlines(), time.timers]).toEqual([true, 1, 1]);
        while (owner.asked.length === 0 && time.nowMs < armedMs + delayMs + 1000) {
          time.nowMs += 100;
          tickDeadlines();
        }
        const lateMs = (owner.asked[0] as number) - armedMs - delayMs;
        expect(lateMs).toBeGreaterThanOrEqual(0);
        // A tick for the wheel's rounding up, less than another for the ticker's own phase.
        expect(lateMs).toBeLessThan(200);
        expect([deadline.isArmed, countArmedDeadlines(), time.timers]).toEqual([false, 0, 0]);
      }
    }),
);

test("a deadline that is past comes with the next tick, never within arm", () =>
  withFreshWheel(({ Deadline, tickDeadlines }, time) => {
    const owner = makeOwner(time);
    const deadline = new Deadline(owner);
    for (const dueMs of [time.nowMs, time.nowMs - 1, time.nowMs - 100_000, 0, -5]) {
      const before = owner.asked.length;
      deadline.arm(dueMs);
      expect(owner.asked.length).toBe(before);
      time.nowMs += 100;
      tickDeadlines();
      expect(owner.asked.length).toBe(before + 1);
    }
  }));

test("disarmed, it never comes; armed again, it comes at the new time alone", () =>
  withFreshWheel(({ Deadline, tickDeadlines, countArmedDeadlines }, time) => {
    const owner = makeOwner(time);
    const deadline = new Deadline(owner);
    deadline.disarm();
    deadline.armIn(100);
    deadline.disarm();
    deadline.disarm();
    expect([deadline.isArmed, countArmedDeadlines(), time.timers]).toEqual([false, 0, 0]);
    deadline.armIn(300);
    deadline.armIn(1000);
    deadline.armIn(500);
    expect([countArmedDeadlines(), time.timers]).toEqual([1, 1]);
    const startMs = time.nowMs;
    for (let tick = 0; tick < 20; tick++) {
      time.nowMs += 100;
      tickDeadlines();
    }
    expect(owner.asked.length).toBe(1);
    expect((owner.asked[0] as number) - startMs).toBeWithin(500, 700);
  }));

test("an owner says when to ask again, or that it is over", () =>
  withFreshWheel(({ Deadline, tickDeadlines }, time) => {
    const startMs = Math.ceil(time.nowMs / 100) * 100;
    time.nowMs = startMs;
    const owner = makeOwner(
      time,
      () => time.nowMs + 300,
      () => time.nowMs,
      () => time.nowMs + 60_000,
      0,
    );
    new Deadline(owner).armIn(200);
    for (let tick = 0; tick < 700; tick++) {
      time.nowMs += 100;
      tickDeadlines();
    }
    expect(owner.asked.map((askedMs) => askedMs - startMs)).toEqual([200, 500, 600, 60_600]);
    expect(time.timers).toBe(0);
  }));

test("an owner may arm and disarm itself and its neighbours while it is asked", () =>
  withFreshWheel(({ Deadline, tickDeadlines, countArmedDeadlines }, time) => {
    const log: Array<string> = [];
    const make = (name: string, act: () => number = () => 0) =>
      new Deadline({
        onDeadline() {
          log.push(name);
          return act();
        },
      });
    const neighbour = make("neighbour");
    const later = make("later");
    const self: InstanceType<typeof Deadline> = make("self", () => {
      neighbour.disarm();
      later.armIn(300);
      // What it armed itself holds, not what it answers.
      if (log.length === 1) self.armIn(200);
      return log.length === 1 ? time.nowMs + 100 : 0;
    });
    const behind = make("behind");
    for (const deadline of [self, neighbour, behind, later]) deadline.armIn(100);
    for (let tick = 0; tick < 10; tick++) {
      time.nowMs += 100;
      tickDeadlines();
    }
    expect(log).toEqual(["self", "behind", "self", "later"]);
    expect([countArmedDeadlines(), time.timers]).toEqual([0, 0]);
  }));

test("after a long stall everything due is asked once, and nothing else", () =>
  withFreshWheel(({ Deadline, tickDeadlines, countArmedDeadlines }, time) => {
    const owners = [100, 5000, 51_000, 51_300, 99_000, 102_300, 102_500, 200_000].map((delayMs) => {
      const owner = makeOwner(time);
      new Deadline(owner).armIn(delayMs);
      return owner;
    });
    time.nowMs += 102_400;
    tickDeadlines();
    expect(owners.map(({ asked }) => asked.length)).toEqual([1, 1, 1, 1, 1, 1, 0, 0]);
    time.nowMs += 100;
    tickDeadlines();
    time.nowMs += 100;
    tickDeadlines();
    expect(owners.map(({ asked }) => asked.length)).toEqual([1, 1, 1, 1, 1, 1, 1, 0]);
    expect(countArmedDeadlines()).toBe(1);
  }));

test("armed after the wheel stood still, a deadline counts from now", () =>
  withFreshWheel(({ Deadline, tickDeadlines }, time) => {
    const owner = makeOwner(time);
    const deadline = new Deadline(owner);
    deadline.armIn(100);
    deadline.disarm();
    time.nowMs += 1_000_000;
    deadline.armIn(1000);
    const armedMs = time.nowMs;
    for (let tick = 0; tick < 12; tick++) {
      time.nowMs += 100;
      tickDeadlines();
    }
    expect(owner.asked.length).toBe(1);
    expect((owner.asked[0] as number) - armedMs).toBeWithin(1000, 1200);
  }));

// The timer must run whenever a deadline is armed: without it, no deadline of the process ever comes again.
test("the timer runs on when an owner disarms the last other deadline and asks for more time", () =>
  withFreshWheel(({ Deadline, tickDeadlines, countArmedDeadlines }, time) => {
    const other = new Deadline({ onDeadline: () => 0 });
    const deadline = new Deadline({
      onDeadline(nowMs) {
        other.disarm();
        return nowMs + 200;
      },
    });
    deadline.armIn(100);
    other.armIn(60_000);
    time.nowMs += 200;
    tickDeadlines();
    expect([deadline.isArmed, countArmedDeadlines()]).toEqual([true, 1]);
    expect(time.timers).toBe(1);
  }));

test("the timer runs on when an owner arms and disarms another deadline and asks for more time", () =>
  withFreshWheel(({ Deadline, tickDeadlines, countArmedDeadlines }, time) => {
    const other = new Deadline({ onDeadline: () => 0 });
    const deadline = new Deadline({
      onDeadline(nowMs) {
        other.armIn(100);
        other.disarm();
        return nowMs + 200;
      },
    });
    deadline.armIn(100);
    time.nowMs += 200;
    tickDeadlines();
    expect(countArmedDeadlines()).toBe(1);
    expect(time.timers).toBe(1);
  }));

test("an owner that throws takes nobody else's turn", () =>
  withFreshWheel(({ Deadline, tickDeadlines, countArmedDeadlines }, time) => {
    const first = new Deadline({
      onDeadline() {
        throw new Error("a defect");
      },
    });
    const owner = makeOwner(time);
    const second = new Deadline(owner);
    first.armIn(100);
    second.armIn(100);
    time.nowMs += 200;
    expect(tickDeadlines).toThrow("a defect");
    time.nowMs += 100;
    tickDeadlines();
    expect(owner.asked.length).toBe(1);
    expect([countArmedDeadlines(), time.timers]).toEqual([0, 0]);
  }));
