// Reloads of a serving process: whoever asks, one at a time, and how the last one ended.
//
// Between the signals, the watch and the management server on one side and main/serve.ts on the other, which says what a
// reload does. Any number of requests that come while one runs are one more. Owns the reports; never reads a configuration.
import { Deferred, Effect, Exit } from "effect";
import type { ReloadCause, ReloadReport } from "../control/reload-report.ts";
import { tellEvent } from "../observe/events.ts";
import type { MetricFamily } from "../observe/metrics.ts";
import type { CommandFailure } from "./command-failure.ts";

interface Asked {
  readonly cause: ReloadCause;
  readonly report: Deferred.Deferred<ReloadReport>;
}

export class Reloads {
  private asked: Asked | undefined = undefined;
  private running: Asked | undefined = undefined;
  private isOver = false;
  private wake = Deferred.makeUnsafe<void>();
  private lastReport: ReloadReport | undefined = undefined;
  private applied = 0;
  private refused = 0;

  /** How the last reload ended; undefined before the first. */
  get last(): ReloadReport | undefined {
    return this.lastReport;
  }

  /** Asks for a reload that begins after this moment; answers when it is over, or at once where there are no more. */
  request(cause: ReloadCause): Effect.Effect<ReloadReport> {
    return Effect.suspend(() => {
      if (this.isOver) return Effect.succeed(reportEnd(cause));
      const asked = this.asked ?? { cause, report: Deferred.makeUnsafe() };
      this.asked = asked;
      Deferred.doneUnsafe(this.wake, Exit.void);
      return Deferred.await(asked.report);
    });
  }

  /**
   * Reloads whenever it is asked for, until it is interrupted: then whoever still waits is told so. `reload` fails with what is
   * wrong, and has changed nothing then; `told` says how each ended.
   */
  serve<R>(
    reload: Effect.Effect<void, CommandFailure, R>,
    told: (report: ReloadReport, failure: CommandFailure | undefined) => Effect.Effect<void>,
  ): Effect.Effect<never, never, R> {
    return Effect.forever(
      Effect.suspend(() =>
        Effect.andThen(
          Deferred.await(this.wake),
          Effect.suspend(() => this.runAsked(reload, told)),
        ),
      ),
    ).pipe(Effect.ensuring(Effect.sync(() => this.close())));
  }

  private close(): void {
    this.isOver = true;
    for (const waiting of [this.running, this.asked]) {
      if (waiting !== undefined) Deferred.doneUnsafe(waiting.report, Exit.succeed(reportEnd(waiting.cause)));
    }
  }

  readMetrics(): ReadonlyArray<MetricFamily> {
    return [
      {
        name: "elbow_reloads_total",
        help: "Reloads of the configuration, by how they ended.",
        type: "counter",
        samples: [
          { labels: { result: "applied" }, value: this.applied },
          { labels: { result: "refused" }, value: this.refused },
        ],
      },
    ];
  }

  private runAsked<R>(
    reload: Effect.Effect<void, CommandFailure, R>,
    told: (report: ReloadReport, failure: CommandFailure | undefined) => Effect.Effect<void>,
  ): Effect.Effect<void, never, R> {
    const { asked } = this;
    // Whoever asks from now on gets another one.
    this.asked = undefined;
    this.wake = Deferred.makeUnsafe();
    if (asked === undefined) return Effect.void;
    this.running = asked;
    const beganMs = performance.now();
    return Effect.matchEffect(reload, {
      onSuccess: () => this.end(asked, beganMs, undefined, told),
      onFailure: (failure) => this.end(asked, beganMs, failure, told),
    });
  }

  private end(
    { cause, report }: Asked,
    beganMs: number,
    failure: CommandFailure | undefined,
    told: (report: ReloadReport, failure: CommandFailure | undefined) => Effect.Effect<void>,
  ): Effect.Effect<void> {
    return Effect.suspend(() => {
      const isApplied = failure === undefined;
      const ended: ReloadReport = {
        cause,
        at: new Date().toISOString(),
        durationMs: Math.round(performance.now() - beganMs),
        isApplied,
        problems: failure === undefined ? [] : (failure.problems ?? [failure.text.replace(/^elbow: /, "")]),
      };
      this.lastReport = ended;
      if (isApplied) this.applied++;
      else this.refused++;
      const message = isApplied ? `reloaded (${cause})` : `reload refused (${cause}): ${ended.problems.join("; ")}`;
      tellEvent({ type: "reload", message });
      return Effect.andThen(
        told(ended, failure),
        Effect.sync(() => Deferred.doneUnsafe(report, Exit.succeed(ended))),
      );
    });
  }
}

/** Of a reload that the end of the process came before. */
const reportEnd = (cause: ReloadCause): ReloadReport => ({
  cause,
  at: new Date().toISOString(),
  durationMs: 0,
  isApplied: false,
  problems: ["elbow is shutting down"],
});
