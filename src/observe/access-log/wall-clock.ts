// The time of day for log lines, made from the process's monotonic clock, so that a line needs no further look at a clock.
//
// Owns the difference between the two clocks, looked at again once a second, and the text of the present second. Lines of
// one second share that text.
import { bytesOf } from "../../parse/http1/bytes.ts";
import { putDigits, putFixed } from "./line-text.ts";

/** Smaller differences are the clocks' own resolution, and following them would make time jump to and fro. */
const toleranceMs = 5;
const lookEveryMs = 1000;

let offsetMs = Date.now() - performance.now();
let lookedAtMs = performance.now();
/** The second whose text this is, in microseconds since 1970. */
let textMicros = Number.NEGATIVE_INFINITY;
let text = bytesOf("");

/** When it was, in microseconds since 1970, as told by a time on the monotonic clock in milliseconds. */
const microsOf = (monotonicMs: number): number => {
  if (monotonicMs - lookedAtMs > lookEveryMs) {
    const nowMs = performance.now();
    lookedAtMs = nowMs;
    const difference = Date.now() - nowMs;
    if (Math.abs(difference - offsetMs) > toleranceMs) offsetMs = difference;
  }
  return Math.floor((offsetMs + monotonicMs) * 1000);
};

/** ISO 8601 in UTC with microseconds, such as `2015-05-13T23:39:43.945958Z`, from `at` on; answers what is behind it. */
export const putTime = (bytes: Uint8Array, at: number, monotonicMs: number): number => {
  const micros = microsOf(monotonicMs);
  let fraction = micros - textMicros;
  if (!(fraction >= 0 && fraction < 1e6)) {
    textMicros = Math.floor(micros / 1e6) * 1e6;
    text = bytesOf(`${new Date(textMicros / 1000).toISOString().slice(0, 19)}.`);
    fraction = micros - textMicros;
  }
  const behind = putDigits(bytes, putFixed(bytes, at, text), fraction, 6);
  bytes[behind] = 0x5a;
  return behind + 1;
};

const timeBytes = new Uint8Array(32);

/** The same as a text. */
export const timeText = (monotonicMs: number): string =>
  Buffer.from(timeBytes.buffer, 0, putTime(timeBytes, 0, monotonicMs)).toString("latin1");
