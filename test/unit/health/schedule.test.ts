// The schedule: first checks within their limit, later ones at even phases that nothing shifts.
import { describe, expect, test } from "bun:test";
import { firstChecksPerSecond, latenessMaxMs, Schedule, type Scheduled, spread } from "../../../src/health/schedule.ts";

interface Entry extends Scheduled {
  readonly startsMs: Array<number>;
}

const makeEntry = (intervalMs = 30_000): Entry => ({
  dueMs: 0,
  queueIndex: -1,
  place: 0,
  startedMs: 0,
  intervalMs,
  startsMs: [],
});

/** Adds entries at `nowMs`. */
const addTo = (schedule: Schedule<Entry>, count: number, nowMs = 0, intervalMs?: number): ReadonlyArray<Entry> =>
  Array.from({ length: count }, () => {
    const entry = makeEntry(intervalMs);
    schedule.add(entry, nowMs);
    return entry;
  });

/** Lets time go on to `endMs`, event by event; a timer may be late by `lateMs`. */
const runTo = (schedule: Schedule<Entry>, endMs: number, lateMs = 0): void => {
  for (;;) {
    const nowMs = Math.ceil(schedule.nextDueMs) + lateMs;
    if (nowMs > endMs) return;
    for (let due = schedule.takeDue(nowMs); due !== undefined; due = schedule.takeDue(nowMs)) due.startsMs.push(nowMs);
  }
};

const gapsOf = (times: ReadonlyArray<number>): ReadonlyArray<number> =>
  times.slice(1).map((time, index) => time - times[index]!);

/** The most of `times` in any window of `widthMs`, its end not included. */
const mostWithin = (times: ReadonlyArray<number>, widthMs: number): number => {
  const sorted = [...times].sort((a, b) => a - b);
  return Math.max(...sorted.map((from, index) => sorted.slice(index).filter((time) => time < from + widthMs).length));
};

describe("first checks", () => {
  test("of up to 100 targets begin within a second", () => {
    const schedule = new Schedule<Entry>();
    const entries = addTo(schedule, 100);
    runTo(schedule, 999);
    expect(entries.map(({ startsMs }) => startsMs.length)).toEqual(new Array(100).fill(1));
    expect(entries[0]?.startsMs).toEqual([0]);
  });

  test.each([0, 3, 25])(
    "of 1 000 targets: at most 100 in any second, in order, with timers late by %d ms",
    (lateMs) => {
      const schedule = new Schedule<Entry>();
      const entries = addTo(schedule, 1000);
      runTo(schedule, 12_000, lateMs);
      const first = entries.map(({ startsMs }) => startsMs[0]!);
      expect(first).toEqual([...first].sort((a, b) => a - b));
      expect(mostWithin(first, 1000)).toBeLessThanOrEqual(firstChecksPerSecond);
      expect(first.at(-1)).toBeLessThan(11_000);
    },
  );

  test("begin at once for one that comes later", () => {
    const schedule = new Schedule<Entry>();
    addTo(schedule, 1);
    runTo(schedule, 5000);
    const [late] = addTo(schedule, 1, 5000);
    runTo(schedule, 5000);
    expect(late!.startsMs).toEqual([5000]);
  });

  test("of those that leave before their turn never begin, and hold up nobody", () => {
    const schedule = new Schedule<Entry>();
    const entries = addTo(schedule, 500);
    for (const entry of entries.slice(0, 499)) schedule.remove(entry, 0);
    runTo(schedule, 100);
    expect(entries.map(({ startsMs }) => startsMs.length)).toEqual([...new Array(499).fill(0), 1]);
  });
});

describe("regular checks", () => {
  test("come exactly every interval from the second on, half to one and a half intervals behind the first", () => {
    const schedule = new Schedule<Entry>();
    const entries = addTo(schedule, 1000);
    runTo(schedule, 300_000);
    for (const { startsMs } of entries) {
      const [once, ...gaps] = gapsOf(startsMs);
      expect(once).toBeGreaterThanOrEqual(15_000);
      expect(once).toBeLessThanOrEqual(45_000);
      expect(new Set(gaps)).toEqual(new Set([30_000]));
      expect(startsMs.length).toBeGreaterThanOrEqual(9);
    }
  });

  test.each([
    [1000, 30_000],
    [100, 10_000],
    [7, 5000],
  ])("of %d targets lie evenly over %d ms", (count, intervalMs) => {
    const schedule = new Schedule<Entry>();
    const entries = addTo(schedule, count, 0, intervalMs);
    const fromMs = 12_000 + 2 * intervalMs;
    runTo(schedule, fromMs + intervalMs);
    const starts = entries.flatMap(({ startsMs }) => startsMs.filter((ms) => ms >= fromMs && ms < fromMs + intervalMs));
    expect(starts.length).toBe(count);
    const even = intervalMs / count;
    const gaps = gapsOf(starts.sort((a, b) => a - b));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2 * even + 1);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(even / 2 - 1);
  });

  test("stay even while targets come and go", () => {
    const schedule = new Schedule<Entry>();
    const entries = [...addTo(schedule, 200)];
    for (let round = 0; round < 1000; round++) {
      schedule.remove(entries.shift()!, 0);
      entries.push(...addTo(schedule, 1));
    }
    expect(new Set(entries.map(({ place }) => place)).size).toBe(200);
    expect(Math.max(...entries.map(({ place }) => place))).toBeLessThan(200);
  });

  test.each([
    ["every fourth", (index: number) => index % 4 === 0],
    ["the last half", (index: number) => index >= 500],
  ])("stay even when of 1 000 targets only %s stays", (_, isKept) => {
    const schedule = new Schedule<Entry>();
    const entries = addTo(schedule, 1000);
    const leaveMs = 100_007;
    runTo(schedule, leaveMs);
    for (const [index, entry] of entries.entries()) if (!isKept(index)) schedule.remove(entry, leaveMs);
    const kept = entries.filter((__, index) => isKept(index));
    const fromMs = leaveMs + 2 * 30_000;
    runTo(schedule, fromMs + 300_000);
    const eighths = new Array<number>(8).fill(0);
    for (const { startsMs } of kept) {
      const gaps = gapsOf(startsMs);
      // Whoever had to change its phase did it in one gap, and was neither forgotten nor asked twice at once.
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(15_000);
      expect(Math.max(...gaps)).toBeLessThanOrEqual(45_000 + 1000);
      expect(new Set(gapsOf(startsMs.filter((ms) => ms >= fromMs)))).toEqual(new Set([30_000]));
      for (const ms of startsMs) if (ms >= fromMs && ms < fromMs + 30_000) eighths[Math.floor((ms - fromMs) / 3750)]!++;
    }
    expect(eighths.reduce((sum, count) => sum + count, 0)).toBe(kept.length);
    expect(Math.max(...eighths)).toBeLessThanOrEqual(kept.length / 8 + 4);
    expect(Math.min(...eighths)).toBeGreaterThanOrEqual(kept.length / 8 - 4);
  });

  test("follow another interval at their phase of it", () => {
    const schedule = new Schedule<Entry>();
    const entries = addTo(schedule, 50);
    runTo(schedule, 60_000);
    for (const entry of entries) {
      entry.intervalMs = 5000;
      schedule.rephase(entry, 60_000);
      entry.startsMs.length = 0;
    }
    runTo(schedule, 80_000);
    for (const { startsMs } of entries) expect(startsMs.length).toBeGreaterThanOrEqual(3);
    expect(
      mostWithin(
        entries.flatMap(({ startsMs }) => startsMs),
        1000,
      ),
    ).toBeLessThanOrEqual(14);
  });

  test("that a process slept through go out like first ones, not all at once", () => {
    const schedule = new Schedule<Entry>();
    const entries = addTo(schedule, 1000);
    runTo(schedule, 60_000);
    for (const entry of entries) entry.startsMs.length = 0;
    // A minute in which nobody asked the schedule.
    const wokenMs = 120_000;
    for (let due = schedule.takeDue(wokenMs); due !== undefined; due = schedule.takeDue(wokenMs)) {
      due.startsMs.push(wokenMs);
    }
    runTo(schedule, wokenMs + 12_000);
    const starts = entries.map(({ startsMs }) => startsMs[0]!);
    expect(starts.every((ms) => ms >= wokenMs)).toBe(true);
    // Those that were due just then begin in their own right.
    const inTheirOwnRight = Math.ceil((latenessMaxMs + 1000) / 30) + 2;
    expect(mostWithin(starts, 1000)).toBeLessThanOrEqual(firstChecksPerSecond + inTheirOwnRight);
  });

  test("of one that asks something else now begin anew, soon", () => {
    const schedule = new Schedule<Entry>();
    const [entry] = addTo(schedule, 1) as [Entry];
    runTo(schedule, 100_000);
    schedule.restart(entry, 100_000);
    runTo(schedule, 100_000);
    expect(entry.startsMs.at(-1)).toBe(100_000);
    runTo(schedule, 200_000);
    const gaps = gapsOf(entry.startsMs.filter((ms) => ms >= 100_000));
    expect(gaps[0]).toBeGreaterThanOrEqual(15_000);
    expect(gaps.slice(1).every((gap) => gap === 30_000)).toBe(true);
  });
});

test("nobody is due where nobody is", () => {
  const schedule = new Schedule<Entry>();
  expect(schedule.nextDueMs).toBe(Number.POSITIVE_INFINITY);
  expect(schedule.takeDue(1e9)).toBeUndefined();
});

test("the first n places lie evenly, for any n", () => {
  expect([0, 1, 2, 3, 4, 5].map(spread)).toEqual([0, 0.5, 0.25, 0.75, 0.125, 0.625]);
  for (const count of [2, 3, 10, 100, 1000]) {
    const places = Array.from({ length: count }, (_, place) => spread(place)).sort((a, b) => a - b);
    const gaps = gapsOf([...places, 1]);
    expect(Math.max(...gaps) / Math.min(...gaps)).toBeLessThanOrEqual(2);
  }
});
