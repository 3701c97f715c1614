// elbow inside the test process on a clock that only the test moves: health checks, look-ups and slow starts are due when
// the test says so. Sockets and what they wait for are real, and so are the deadlines of dials and checks.
import { Effect, Layer, ManagedRuntime, Metric } from "effect";
import { TestClock } from "effect/testing";
import { Control } from "../../src/control/control.ts";
import type { Configuration } from "../../src/model/configuration.ts";
import { within } from "./eventually.ts";

/** elbow whose minutes take as long as the test wants. */
export interface VirtualElbow extends AsyncDisposable {
  readonly status: () => ReturnType<Control["Service"]["status"]>;
  /** Applies a configuration; time passes by itself meanwhile, a tenth of a second at a time. */
  readonly apply: (configuration: Configuration) => Promise<void>;
  /** Lets so many seconds pass in steps of one second, each with a moment of real time for the sockets. */
  readonly pass: (seconds: number) => Promise<void>;
  /** How many fibers have started and not ended. */
  readonly activeFibers: () => number;
}

/** Real milliseconds that the sockets get for each step. */
const stepMs = 5;

/** Starts it with nothing applied. */
export const startVirtualElbow = async (): Promise<VirtualElbow> => {
  let activeFibers = 0;
  const fibers = Layer.succeed(Metric.FiberRuntimeMetrics, {
    recordFiberStart: () => void activeFibers++,
    recordFiberEnd: () => void activeFibers--,
  });
  const runtime = ManagedRuntime.make(
    Control.layer.pipe(Layer.provideMerge(TestClock.layer({ warningDelay: "1 hour" })), Layer.provideMerge(fibers)),
  );
  const control = await runtime.runPromise(Control.use((service) => Effect.succeed(service)));
  const step = async (ms: number): Promise<void> => {
    await runtime.runPromise(TestClock.adjust(ms));
    await Bun.sleep(stepMs);
  };
  return {
    status: () => control.status(),
    apply: async (configuration) => {
      let isApplied = false;
      const applied = runtime.runPromise(control.apply(configuration)).finally(() => {
        isApplied = true;
      });
      const passing = (async () => {
        for (let turn = 0; !isApplied && turn < 3000; turn++) await step(100);
      })();
      await within(applied, 25_000, () => "the configuration isn't applied");
      await passing;
    },
    pass: async (seconds) => {
      for (let second = 0; second < seconds; second++) await step(1000);
    },
    activeFibers: () => activeFibers,
    [Symbol.asyncDispose]: () => runtime.dispose(),
  };
};
