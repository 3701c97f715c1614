// The time of day for log lines, made from the process's monotonic clock, so that a line needs no further look at a clock.
//
// Owns the difference between the two clocks, looked at again once a second, and the text of the present second. Lines of
// one second share that text.
import { FixedText, putFixed } from "./fixed-text.ts";
import { putMicros } from "./line-text.ts";

/** Smaller differences are the clocks' own resolution, and following them would make time jump to and fro. */
const toleranceMs = 5;
const lookEveryMs = 1000;
/** `Z`, as two bytes are stored. */
const zuluAndBlank = 0x205a;

let offsetMs = Date.now() - performance.now();
let lookedAtMs = performance.now();
/** The second whose text this is, in milliseconds since 1970. */
let textMs = Number.NEGATIVE_INFINITY;
let text = new FixedText("");

/** When it was, in milliseconds since 1970, as told by a time on the monotonic clock. */
const wallMsOf = (monotonicMs: number): number => {
  if (monotonicMs - lookedAtMs > lookEveryMs) {
    const nowMs = performance.now();
    lookedAtMs = nowMs;
    const difference = Date.now() - nowMs;
    if (Math.abs(difference - offsetMs) > toleranceMs) offsetMs = difference;
  }
  return offsetMs + monotonicMs;
};

/** ISO 8601 in UTC with microseconds, such as `2015-05-13T23:39:43.945958Z`, from `at` on; answers what is behind it. */
export const putTime = (line: DataView, at: number, monotonicMs: number): number => {
  const wallMs = wallMsOf(monotonicMs);
  let fractionMs = wallMs - textMs;
  if (!(fractionMs >= 0 && fractionMs < 1000)) {
    textMs = Math.floor(wallMs / 1000) * 1000;
    text = new FixedText(`${new Date(textMs).toISOString().slice(0, 19)}.`);
    fractionMs = wallMs - textMs;
  }
  const behind = putMicros(line, putFixed(line, at, text), (fractionMs * 1000) | 0);
  line.setInt16(behind, zuluAndBlank, true);
  return behind + 1;
};

const timeLine = new DataView(new ArrayBuffer(32));

/** The same as a text. */
export const timeText = (monotonicMs: number): string =>
  Buffer.from(timeLine.buffer, 0, putTime(timeLine, 0, monotonicMs)).toString("latin1");
