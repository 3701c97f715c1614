// A checker on a clock that only the test moves, and instances without a network.
import { Clock, Effect } from "effect";
import { TestClock } from "effect/testing";
import { type Ask, HealthChecker, layerHealthChecker } from "../../../src/health/checker.ts";
import type { HealthTarget } from "../../../src/health/health-target.ts";
import type { ProbeResult, ProbeTerms } from "../../../src/health/probe.ts";
import { settleHealthCheck, type WrittenHealthCheck } from "../../../src/model/health-check.ts";
import { Endpoint } from "../../../src/net/endpoint.ts";

export const passed: ProbeResult = {
  isHealthy: true,
  reason: "status 200",
  durationMs: 1,
  isConnected: true,
  isConclusive: true,
};
export const failed: ProbeResult = { ...passed, isHealthy: false, reason: "status 500" };
export const unasked: ProbeResult = { ...failed, reason: "no file descriptor is free here", isConclusive: false };

export const termsOf = (written: WrittenHealthCheck = {}): ProbeTerms => ({ check: settleHealthCheck(written, 80) });

export const endpointOf = (index: number): Endpoint => new Endpoint(`10.0.${index >> 8}.${index & 255}`, 80);

/** Instances without a network: what each answers, how long it takes for that, and when it was asked. */
export class Instances {
  readonly askedMs = new Map<string, Array<number>>();
  readonly interrupted: Array<string> = [];
  /** Checks under way, now and at most, by instance. */
  readonly underWay = new Map<string, number>();
  most = 0;
  answers: ReadonlyArray<ProbeResult> = [];
  takesMs = 0;

  readonly ask: Ask = ({ address }) =>
    Effect.gen({ self: this }, function* () {
      const times = this.askedMs.get(address) ?? [];
      this.askedMs.set(address, times);
      times.push(yield* Clock.currentTimeMillis);
      const count = (this.underWay.get(address) ?? 0) + 1;
      this.underWay.set(address, count);
      this.most = Math.max(this.most, count);
      yield* Effect.onInterrupt(Effect.sleep(this.takesMs), () => Effect.sync(() => this.interrupted.push(address)));
      this.underWay.set(address, count - 1);
      return this.answers[times.length - 1] ?? passed;
    });

  timesOf(index: number): ReadonlyArray<number> {
    return this.askedMs.get(endpointOf(index).address) ?? [];
  }
}

export type Checker = HealthChecker["Service"];

/** Runs a body with a checker on a test's clock. */
export const withChecker = (
  body: (checker: Checker, instances: Instances) => Effect.Effect<void>,
  ask?: Ask,
): Promise<void> => {
  const instances = new Instances();
  return Effect.flatMap(HealthChecker, (checker) => body(checker, instances)).pipe(
    Effect.provide(layerHealthChecker(ask ?? instances.ask)),
    Effect.provide(TestClock.layer()),
    Effect.runPromise,
  );
};

export const registerAll = (checker: Checker, count: number, terms = termsOf()): ReadonlyArray<HealthTarget> =>
  Array.from({ length: count }, (_, index) => checker.register(`i-${index}`, endpointOf(index), terms));
