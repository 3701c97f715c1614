// The checks of every target of the process: who is asked when, and what becomes of the answers.
//
// One fiber follows the schedule, on Effect's clock; each check is a fiber for as long as it lasts. Owns the targets from
// registration to deregistration and interrupts what is under way for those that leave. It opens no connection (probe.ts
// does) and takes nobody out of service (who observes a target does).
import { Cause, Clock, Context, Effect, type Fiber, FiberSet, Latch, Layer } from "effect";
import type { Endpoint } from "../net/endpoint.ts";
import { tellNotice } from "../observe/notices.ts";
import { type HealthObserver, HealthTarget } from "./health-target.ts";
import { type ProbeResult, type ProbeTerms, probe } from "./probe.ts";
import { Schedule } from "./schedule.ts";

/** Asks an instance once; {@link probe}, or a test's own. */
export type Ask = (endpoint: Endpoint, terms: ProbeTerms) => Effect.Effect<ProbeResult>;

/** Checks targets as long as its layer lives. */
export class HealthChecker extends Context.Service<
  HealthChecker,
  {
    /** Everything that is checked now. */
    readonly targets: ReadonlySet<HealthTarget>;
    /** Checks a new target: first within a second when no more than 100 wait, then every interval. */
    readonly register: (
      label: string,
      endpoint: Endpoint,
      terms: ProbeTerms,
      observer?: HealthObserver,
    ) => HealthTarget;
    /**
     * Asks otherwise from now on, or at another port; state and history stay.
     *
     * *Details*: counts stay, too, and the check under way, when only times and thresholds differ. When something else is
     * asked, old answers don't count, and the first new check comes as soon as that of a new target.
     */
    readonly reconfigure: (target: HealthTarget, terms: ProbeTerms, endpoint?: Endpoint) => void;
    /** Checks a target no more; what is under way is given up, and its observer hears no more. */
    readonly deregister: (target: HealthTarget) => void;
    /**
     * Ends when each of `targets` (default: all that are registered now) has answered, or has left, at the latest after the
     * longest timeout of those that haven't.
     *
     * *Details*: who has failed too few checks to be out of service is asked once more, now, since it may be well by now; if
     * it isn't, that doesn't count, as its next regular check will.
     */
    readonly firstRound: (targets?: Iterable<HealthTarget>) => Effect.Effect<void>;
  }
>()("elbow/health/HealthChecker") {
  /** Real checks. */
  static get layer(): Layer.Layer<HealthChecker> {
    return layerHealthChecker(probe);
  }
}

/** A checker that asks in its own way. */
export const layerHealthChecker = (ask: Ask): Layer.Layer<HealthChecker> =>
  Layer.effect(
    HealthChecker,
    Effect.gen(function* () {
      const fork = yield* FiberSet.makeRuntime<never, void, never>();
      const checker = new Checker(ask, fork, yield* Clock.Clock);
      yield* Effect.forkScoped(checker.run);
      return HealthChecker.of({
        targets: checker.targets,
        register: (label, endpoint, terms, observer) => checker.register(label, endpoint, terms, observer),
        reconfigure: (target, terms, endpoint) => checker.reconfigure(target, terms, endpoint),
        deregister: (target) => checker.deregister(target),
        firstRound: (targets) => checker.firstRound(targets),
      });
    }),
  );

class Checker {
  readonly targets = new Set<HealthTarget>();
  private readonly schedule = new Schedule<HealthTarget>();
  private readonly underWay = new Map<HealthTarget, Fiber.Fiber<void>>();
  /** Those whose next check comes early, because somebody waits for it. */
  private readonly early = new Set<HealthTarget>();
  /** Who waits for a target's next answer. */
  private readonly waiters = new Map<HealthTarget, Set<() => void>>();
  /** Opened when somebody may be due earlier than the one who was slept for. */
  private readonly bell = Latch.makeUnsafe();

  constructor(
    private readonly ask: Ask,
    private readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>,
    private readonly clock: Clock.Clock,
  ) {}

  /** Starts checks when they are due, for ever. */
  readonly run: Effect.Effect<void> = Effect.forever(
    Effect.suspend(() => {
      const { schedule, bell } = this;
      bell.closeUnsafe();
      const nowMs = this.nowMs;
      for (let due = schedule.takeDue(nowMs); due !== undefined; due = schedule.takeDue(nowMs)) this.begin(due);
      const waitMs = schedule.nextDueMs - nowMs;
      return waitMs === Number.POSITIVE_INFINITY
        ? bell.await
        : Effect.raceFirst(bell.await, Effect.sleep(Math.max(1, Math.ceil(waitMs))));
    }),
  );

  register(label: string, endpoint: Endpoint, terms: ProbeTerms, observer: HealthObserver = {}): HealthTarget {
    const target = new HealthTarget(label, endpoint, terms, observer);
    this.targets.add(target);
    this.schedule.add(target, this.nowMs);
    this.bell.openUnsafe();
    return target;
  }

  reconfigure(target: HealthTarget, terms: ProbeTerms, endpoint = target.endpoint): void {
    if (!this.targets.has(target)) return;
    const isOther = target.asksDifferently(terms, endpoint);
    const { intervalMs } = target;
    target.setTerms(terms, endpoint);
    if (isOther) {
      this.giveUp(target);
      this.early.delete(target);
      this.schedule.restart(target, this.nowMs);
    } else if (target.intervalMs !== intervalMs) this.schedule.rephase(target, this.nowMs);
    this.bell.openUnsafe();
  }

  deregister(target: HealthTarget): void {
    if (!this.targets.delete(target)) return;
    this.schedule.remove(target, this.nowMs);
    this.bell.openUnsafe();
    this.giveUp(target);
    this.early.delete(target);
    this.release(target);
  }

  firstRound(targets: Iterable<HealthTarget> = this.targets): Effect.Effect<void> {
    return Effect.suspend(() => {
      const pending = [...targets].filter((target) => this.targets.has(target) && hasYetToAnswer(target));
      if (pending.length === 0) return Effect.void;
      for (const target of pending) if (target.lastResult !== undefined) this.askEarly(target);
      const limitMs = Math.max(...pending.map(({ terms }) => terms.check.timeout * 1000));
      const all = Effect.callback<void>((resume) => {
        let left = pending.length;
        const answered = (): void => {
          if (--left === 0) resume(Effect.void);
        };
        for (const target of pending) this.waitersOf(target).add(answered);
        return Effect.sync(() => {
          for (const target of pending) this.waiters.get(target)?.delete(answered);
        });
      });
      return Effect.asVoid(Effect.timeoutOption(all, limitMs));
    });
  }

  /** Asks in the place of the next regular check, unless an answer is on its way. */
  private askEarly(target: HealthTarget): void {
    if (this.underWay.has(target)) return;
    this.early.add(target);
    this.schedule.restart(target, this.nowMs);
    this.bell.openUnsafe();
  }

  /** On a clock that nobody sets. */
  private get nowMs(): number {
    return Number(this.clock.monotonicTimeNanosUnsafe() / 1_000_000n);
  }

  private begin(target: HealthTarget): void {
    // A check that has outlived the interval (one with a timeout as long as that) isn't joined by a second.
    if (this.underWay.has(target)) return;
    const isEarly = this.early.delete(target);
    let isDone = false;
    const end = (): void => {
      isDone = true;
      this.underWay.delete(target);
    };
    const check = Effect.suspend(() => this.ask(target.endpoint, target.terms)).pipe(
      Effect.flatMap((result) =>
        Effect.sync(() => {
          end();
          target.note(result, this.clock.currentTimeMillisUnsafe(), isEarly);
          this.release(target);
        }),
      ),
      Effect.catchCause((cause) =>
        Effect.sync(() => {
          if (Cause.hasInterruptsOnly(cause)) return;
          end();
          tellNotice(`defect in a health check of ${target.label}: ${Cause.pretty(cause)}`, "error");
        }),
      ),
    );
    const fiber = this.fork(check);
    if (!isDone) this.underWay.set(target, fiber);
  }

  /** Ends what is under way, unheard. */
  private giveUp(target: HealthTarget): void {
    const fiber = this.underWay.get(target);
    this.underWay.delete(target);
    fiber?.interruptUnsafe();
  }

  private waitersOf(target: HealthTarget): Set<() => void> {
    const waiters = this.waiters.get(target) ?? new Set();
    this.waiters.set(target, waiters);
    return waiters;
  }

  /** Nobody need wait for this target any longer. */
  private release(target: HealthTarget): void {
    const waiters = this.waiters.get(target);
    this.waiters.delete(target);
    for (const waiter of waiters ?? []) waiter();
  }
}

/** Nothing that it has answered so far has settled where it stands. */
const hasYetToAnswer = ({ lastResult, isRegistering }: HealthTarget): boolean =>
  lastResult === undefined || isRegistering;
