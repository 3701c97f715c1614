// When each target is checked: its first check soon, and from then on at its own phase of the interval.
//
// Asked by the checker, which owns the clock. First checks go out one after another, at most 100 in any second. Later ones
// have a phase that no response time shifts, and the phases of however many targets lie evenly over the interval.
// Pure; it checks nobody.
import { type DueEntry, DueQueue } from "./due-queue.ts";

/** Something that is checked at intervals. */
export interface Scheduled extends DueEntry {
  intervalMs: number;
  /** Its number among the targets, which says its phase; only the schedule changes it. */
  place: number;
  /** When its last check began, on the schedule's clock; only the schedule changes it. */
  startedMs: number;
}

/** First checks in any second, at most. */
export const firstChecksPerSecond = 100;
const secondMs = 1000;
const firstGapMs = secondMs / firstChecksPerSecond;
/** Timers are late: what one misses, the next may make good, up to so many milliseconds. */
const catchUpMaxMs = 10 * firstGapMs;
/** A regular check that is later than this waits for its turn among the first ones: a process that stood still would start all at once. */
export const latenessMaxMs = 500;

export class Schedule<T extends Scheduled> {
  /** First checks, in order of arrival. */
  private readonly waiting = new Set<T>();
  private readonly regular = new DueQueue<T>();
  /** Who has which place. None is ever free, so that the phases in use lie evenly whoever leaves. */
  private readonly holders: Array<T> = [];
  private nextFirstMs = 0;
  /** When the last 100 first checks began, in a ring. */
  private readonly startsMs = new Float64Array(firstChecksPerSecond).fill(Number.NEGATIVE_INFINITY);
  private startCount = 0;

  /** Begins with an entry: its first check comes as soon as the others before it allow. */
  add(entry: T, nowMs: number): void {
    entry.place = this.holders.push(entry) - 1;
    this.line(entry, nowMs);
  }

  /** Ends with an entry; who has the highest place takes over the one that it leaves, and changes its phase. */
  remove(entry: T, nowMs: number): void {
    this.regular.remove(entry);
    this.waiting.delete(entry);
    const last = this.holders.pop() as T;
    if (last === entry) return;
    this.holders[entry.place] = last;
    last.place = entry.place;
    this.move(last, nowMs);
  }

  /** The entry is to be asked as one that is new. */
  restart(entry: T, nowMs: number): void {
    this.regular.remove(entry);
    this.line(entry, nowMs);
  }

  /** The entry's interval has changed: its next regular check is at its phase of the new one. */
  rephase(entry: T, nowMs: number): void {
    if (entry.queueIndex < 0) return;
    this.regular.remove(entry);
    this.queue(entry, nowMs);
  }

  /** When {@link takeDue} next has somebody, in milliseconds; Infinity when nobody waits. */
  get nextDueMs(): number {
    const firstMs = this.waiting.size === 0 ? Number.POSITIVE_INFINITY : this.firstAllowedMs;
    return Math.min(firstMs, this.regular.first?.dueMs ?? Number.POSITIVE_INFINITY);
  }

  /** One entry whose check is to begin now, or undefined; its next one is then settled. */
  takeDue(nowMs: number): T | undefined {
    for (let entry = this.regular.first; entry !== undefined && entry.dueMs <= nowMs; entry = this.regular.first) {
      this.regular.remove(entry);
      if (nowMs - entry.dueMs > latenessMaxMs) {
        this.line(entry, nowMs);
        continue;
      }
      this.queue(entry, entry.dueMs + 1);
      entry.startedMs = nowMs;
      return entry;
    }
    if (this.waiting.size === 0 || this.firstAllowedMs > nowMs) return undefined;
    const entry = this.waiting.values().next().value as T;
    this.waiting.delete(entry);
    this.startsMs[this.startCount++ % firstChecksPerSecond] = nowMs;
    this.nextFirstMs = Math.max(this.nextFirstMs, nowMs - catchUpMaxMs) + firstGapMs;
    entry.startedMs = nowMs;
    this.queueRested(entry);
    return entry;
  }

  /** To the phase of another place; who should have been asked by then is asked soon. */
  private move(entry: T, nowMs: number): void {
    if (entry.queueIndex < 0) return;
    this.regular.remove(entry);
    this.queueRested(entry);
    if (entry.dueMs >= nowMs) return;
    this.regular.remove(entry);
    this.line(entry, nowMs);
  }

  /** Not at once again: what was asked has earned time, and the one gap is half to one and a half intervals. */
  private queueRested(entry: T): void {
    this.queue(entry, entry.startedMs + entry.intervalMs / 2);
  }

  private line(entry: T, nowMs: number): void {
    if (this.waiting.size === 0) this.nextFirstMs = Math.max(this.nextFirstMs, nowMs);
    this.waiting.add(entry);
  }

  private get firstAllowedMs(): number {
    const hundredthLastMs = this.startsMs[this.startCount % firstChecksPerSecond] as number;
    return Math.max(this.nextFirstMs, hundredthLastMs + secondMs);
  }

  private queue(entry: T, fromMs: number): void {
    const { intervalMs } = entry;
    const phaseMs = Math.floor(spread(entry.place) * intervalMs);
    entry.dueMs = Math.ceil((fromMs - phaseMs) / intervalMs) * intervalMs + phaseMs;
    this.regular.add(entry);
  }
}

/**
 * A number from 0 to 1 (without 1) for each place, so that those of any first n places lie evenly: no gap between
 * neighbours is more than twice another.
 *
 * *Details*: van der Corput's sequence: 0, 1/2, 1/4, 3/4, 1/8, 5/8… the place's bits behind the point, mirrored.
 */
export const spread = (place: number): number => {
  let fraction = 0;
  let weight = 0.5;
  for (let rest = place; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) fraction += weight;
    weight /= 2;
  }
  return fraction;
};
