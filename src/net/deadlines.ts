// One coarse timer wheel for every deadline of the process: idle timeouts, dials, request heads, lingering closes.
//
// Owns the single interval timer; it runs only while a deadline is armed, as it is while any connection is open. Renewal is
// lazy: traffic only stores the coarse clock, and the owner says at its due time whether it is really over. That makes
// an idle timeout free per chunk. It never holds an owner after `disarm`.
import { clock, refreshClock } from "./clock.ts";

/** The wheel's step, in milliseconds: deadlines fire at their time or up to one step later. */
export const tickMs = 100;
const slotCount = 512;

/** What a deadline asks when it is due. */
export interface DeadlineOwner {
  /**
   * Called at or after the due time.
   *
   * *Details*: returns the clock time in milliseconds at which to ask again, or 0 when the deadline has done its work
   * (or its owner has ended).
   */
  onDeadline(nowMs: number): number;
}

/** A place on the wheel; made once with its owner, armed and disarmed many times without allocating. */
export class Deadline {
  /** @internal */ next: Deadline | undefined = undefined;
  /** @internal */ previous: Deadline | undefined = undefined;
  /** @internal */ dueMs = 0;

  constructor(readonly owner: DeadlineOwner) {}

  get isArmed(): boolean {
    return this.previous !== undefined;
  }

  /** Asks the owner at `dueMs` on the coarse clock (milliseconds); replaces an earlier due time. */
  arm(dueMs: number): void {
    if (this.previous !== undefined) unlink(this);
    if (armedCount === 0) startTicking();
    this.dueMs = dueMs;
    link(this);
  }

  /** Asks the owner `delayMs` milliseconds from now; right even when no deadline was armed and the clock stood still. */
  armIn(delayMs: number): void {
    if (armedCount === 0) startTicking();
    this.arm(clock.nowMs + delayMs);
  }

  disarm(): void {
    if (this.previous === undefined) return;
    unlink(this);
    if (armedCount === 0) stopTicking();
  }
}

const noOwner: DeadlineOwner = { onDeadline: () => 0 };
const makeRing = (): Deadline => {
  const ring = new Deadline(noOwner);
  ring.next = ring;
  ring.previous = ring;
  return ring;
};

const slots: ReadonlyArray<Deadline> = Array.from({ length: slotCount }, makeRing);
const due = makeRing();
let armedCount = 0;
let lastTick = Math.floor(clock.nowMs / tickMs);
let ticker: ReturnType<typeof setInterval> | undefined;

const link = (deadline: Deadline): void => {
  // Rounded up, and at least one tick ahead: never early. Beyond the horizon it waits in the last slot and is put back.
  let tick = Math.ceil(deadline.dueMs / tickMs);
  if (tick <= lastTick) tick = lastTick + 1;
  else if (tick > lastTick + slotCount - 1) tick = lastTick + slotCount - 1;
  const ring = slots[tick % slotCount] as Deadline;
  const last = ring.previous as Deadline;
  last.next = deadline;
  deadline.previous = last;
  deadline.next = ring;
  ring.previous = deadline;
  armedCount++;
};

const unlink = (deadline: Deadline): void => {
  const { previous, next } = deadline as { previous: Deadline; next: Deadline };
  previous.next = next;
  next.previous = previous;
  deadline.previous = undefined;
  deadline.next = undefined;
  armedCount--;
};

const startTicking = (): void => {
  lastTick = Math.floor(refreshClock() / tickMs);
  ticker ??= setInterval(tickDeadlines, tickMs);
};

const stopTicking = (): void => {
  clearInterval(ticker);
  ticker = undefined;
};

/** Moves the clock and asks every deadline that is due; called by the ticker, and by tests in its place. */
export const tickDeadlines = (): void => {
  const nowMs = refreshClock();
  const nowTick = Math.floor(nowMs / tickMs);
  // After a long stall one whole turn visits every slot; a second turn would find nothing new.
  const firstTick = Math.max(lastTick + 1, nowTick - slotCount + 1);
  for (let tick = firstTick; tick <= nowTick; tick++) {
    const ring = slots[tick % slotCount] as Deadline;
    if (ring.next === ring) continue;
    // The slot's whole list moves to `due` first: an owner may disarm its neighbours or arm itself while we walk.
    moveList(ring, due);
  }
  lastTick = nowTick;
  for (let deadline = due.next as Deadline; deadline !== due; deadline = due.next as Deadline) {
    unlink(deadline);
    if (deadline.dueMs > nowMs) {
      link(deadline);
      continue;
    }
    const again = deadline.owner.onDeadline(nowMs);
    if (again > 0 && deadline.previous === undefined) {
      deadline.dueMs = again;
      link(deadline);
    }
  }
  // An owner may have disarmed the last other deadline while its own was off the wheel: the ticker follows the count.
  if (armedCount === 0) stopTicking();
  else ticker ??= setInterval(tickDeadlines, tickMs);
};

const moveList = (from: Deadline, to: Deadline): void => {
  const first = from.next as Deadline;
  const last = from.previous as Deadline;
  const tail = to.previous as Deadline;
  tail.next = first;
  first.previous = tail;
  last.next = to;
  to.previous = last;
  from.next = from;
  from.previous = from;
};

/** How many deadlines are armed; zero means that the process owns no timer of ours. */
export const countArmedDeadlines = (): number => armedCount;
