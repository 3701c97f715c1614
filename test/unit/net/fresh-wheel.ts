// A deadline wheel of its own, on a clock that only the test moves, with its one timer counted instead of run.
//
// The module is loaded anew for each wheel, so that no deadline of another test is on it.
import type * as Deadlines from "../../../src/net/deadlines.ts";
import { type FakeTime, withFakeTime } from "./fake-time.ts";

export type Wheel = Pick<typeof Deadlines, "Deadline" | "tickDeadlines" | "countArmedDeadlines" | "tickMs">;

let wheels = 0;

/** Runs `body`, which must not wait, with a new wheel and the system's clock and timers in its hands. */
export const withFreshWheel = async (body: (wheel: Wheel, time: FakeTime) => void): Promise<void> => {
  const path = `../../../src/net/deadlines.ts?wheel=${++wheels}`;
  const wheel = (await import(path)) as Wheel;
  withFakeTime((time) => body(wheel, time));
};
