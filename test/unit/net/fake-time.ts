// The system's monotonic clock and interval timers in a test's hands, for as long as a synchronous body runs.
import { refreshClock } from "../../../src/net/clock.ts";
import { tickDeadlines, tickMs } from "../../../src/net/deadlines.ts";

export interface FakeTime {
  /** What the system's clock says, in milliseconds. */
  nowMs: number;
  /** How many interval timers were started in the body and run now. */
  readonly timers: number;
}

/** Runs `body`, which must not wait; time stands still in it but for what it does to `nowMs`. */
export const withFakeTime = (body: (time: FakeTime) => void): void => {
  const { setInterval, clearInterval } = globalThis;
  const { now } = performance;
  const timers = new Set<object>();
  const time = {
    nowMs: Math.floor(performance.now()),
    get timers() {
      return timers.size;
    },
  };
  performance.now = () => time.nowMs;
  globalThis.setInterval = (() => {
    const timer = {};
    timers.add(timer);
    return timer;
  }) as never;
  globalThis.clearInterval = ((timer: object) => timers.delete(timer)) as never;
  try {
    refreshClock();
    body(time);
  } finally {
    performance.now = now;
    Object.assign(globalThis, { setInterval, clearInterval });
    refreshClock();
  }
};

/** Lets `ms` milliseconds pass, a step of the wheel at a time. */
export const passTime = (time: FakeTime, ms: number): void => {
  for (const endMs = time.nowMs + ms; time.nowMs < endMs; ) {
    time.nowMs += tickMs;
    tickDeadlines();
  }
};
