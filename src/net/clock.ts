// The coarse clock: one number per process, moved by the deadline ticker while any connection lives.
//
// A chunk of bytes stores this number instead of asking the system for the time (about 30 ns each), so every idle
// deadline is exact to one tick and costs nothing. It never goes backwards.

/** Milliseconds on a monotonic clock, as of the last tick; at most one tick (100 ms) plus the event loop's delay old. */
export const clock = { nowMs: Math.floor(performance.now()) };

/** Reads the system's monotonic clock into {@link clock} and returns it, in milliseconds. */
export const refreshClock = (): number => {
  clock.nowMs = Math.floor(performance.now());
  return clock.nowMs;
};

/** The system's monotonic clock, now and to less than a millisecond; for what happens seldom, such as slow starts and limits. */
export const monotonicMs = (): number => performance.now();
