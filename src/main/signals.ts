// The signals of a serving process, as values: SIGTERM and SIGINT ask it to end, SIGHUP to read its configuration again,
// SIGUSR1 to open its log files anew.
// It sits between the system and main/serve.ts; it owns the handlers while its layer lives. It never decides what a
// reload or a shutdown does, except that a second request to end is obeyed on the spot.

import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import { Context, Deferred, Effect, Layer, Queue } from "effect";

/** A signal that asks the process to end. */
type Termination = "SIGTERM" | "SIGINT" | "SIGHUP";

/**
 * How long after the first request a second one is still the same: npm and Bun pass on to the script's process the
 * signals that they get, and a Ctrl-C or a signal to the whole process group has reached it already.
 */
const forwardedSignalMs = 100;

const isStartedByPackageScript = (process.env.npm_lifecycle_script ?? "").includes("src/main.ts");

/** Signals that a serving process acts on. */
export class Signals extends Context.Service<
  Signals,
  {
    /** Waits for the first request to end; the name says which signal it was. */
    readonly termination: Effect.Effect<Termination>;
    /** Waits for a request to reload; several that arrive during one reload count as one. */
    readonly reload: Effect.Effect<void>;
    /** Waits for a request to open log files anew. */
    readonly reopen: Effect.Effect<void>;
  }
>()("elbow/main/Signals") {
  /** Installs handlers on this process for as long as the layer lives. */
  static readonly layerProcess: Layer.Layer<Signals> = Layer.effect(
    Signals,
    Effect.gen(function* () {
      const termination = yield* Deferred.make<Termination>();
      const reloads = yield* Queue.sliding<void>(1);
      const reopenings = yield* Queue.sliding<void>(1);
      const startedInTerminal = process.stderr.isTTY === true && hasTerminal();
      let requestedAtMs: number | undefined;

      const onTermination = (signal: Termination): void => {
        const nowMs = performance.now();
        if (requestedAtMs === undefined) {
          requestedAtMs = nowMs;
          Deferred.doneUnsafe(termination, Effect.succeed(signal));
        } else if (!isStartedByPackageScript || nowMs - requestedAtMs > forwardedSignalMs) {
          process.exit(128 + constants.signals[signal]);
        }
      };
      const onTerm = () => onTermination("SIGTERM");
      const onInterrupt = () => onTermination("SIGINT");
      const onHangup = () => {
        // A closed terminal window sends the same signal as an operator who asks for a reload; what tells them apart is
        // whether the terminal is still there. Without this a closed window would leave the ports taken.
        if (startedInTerminal && !hasTerminal()) onTermination("SIGHUP");
        else Queue.offerUnsafe(reloads, undefined);
      };

      const onReopen = () => Queue.offerUnsafe(reopenings, undefined);

      yield* Effect.acquireRelease(
        Effect.sync(() => {
          process.on("SIGTERM", onTerm);
          process.on("SIGINT", onInterrupt);
          process.on("SIGHUP", onHangup);
          process.on("SIGUSR1", onReopen);
        }),
        () =>
          Effect.sync(() => {
            process.off("SIGTERM", onTerm);
            process.off("SIGINT", onInterrupt);
            process.off("SIGHUP", onHangup);
            process.off("SIGUSR1", onReopen);
          }),
      );
      return Signals.of({
        termination: Deferred.await(termination),
        reload: Queue.take(reloads),
        reopen: Queue.take(reopenings),
      });
    }),
  );
}

// The controlling terminal is gone once it hung up: open(2) of /dev/tty then fails (tty(4): ENXIO).
const hasTerminal = (): boolean => {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
};
