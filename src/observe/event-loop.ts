// How late the event loop is: whatever keeps it busy keeps every client waiting, a policy that computes too long above all.
//
// One timer, started and stopped by main/serve.ts, compares when it runs with when it was due. Owns that timer and the
// histogram; it registers itself as a metric source. It never keeps the process alive.
import { delayBounds, Histogram } from "./histogram.ts";
import { registerMetrics, sampleOf } from "./metrics.ts";

/** How often is looked, in milliseconds. */
const lookEveryMs = 100;

/** Measures the event loop's delay until the returned function is called. */
export const watchEventLoop = (): (() => void) => {
  const delays = new Histogram(delayBounds);
  let dueMs = performance.now() + lookEveryMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    delays.observe(Math.max(0, nowMs - dueMs) / 1000);
    dueMs = nowMs + lookEveryMs;
  }, lookEveryMs);
  timer.unref();
  const unregister = registerMetrics(() => [
    {
      name: "elbow_event_loop_delay_seconds",
      help: "How late a timer of the event loop ran, looked at ten times a second: everything else was as late.",
      type: "histogram",
      samples: [sampleOf({}, delays)],
    },
  ]);
  return () => {
    clearInterval(timer);
    unregister();
  };
};
