// One address of one instance as the checks see it: what it is asked, what it answered, where it stands.
//
// Made and moved by the checker; read by whoever shows states. It lives from registration to deregistration, through every
// change of what is asked. Never asks by itself.
import type { HealthCheck } from "../model/health-check.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { ProbeResult, ProbeTerms } from "./probe.ts";
import type { Scheduled } from "./schedule.ts";
import { type HealthChange, type HealthPhase, type InstanceState, Thresholds } from "./thresholds.ts";

/** Told of what checks find, synchronously and in order. */
export interface HealthObserver {
  /** After every check, and after {@link onChange} when it brought one. */
  onResult?(target: HealthTarget, result: CheckResult): void;
  /** The instance came into service or went out of it. */
  onChange?(target: HealthTarget, change: HealthChange): void;
}

/** A result and the Unix time in milliseconds at which it was there. */
export interface CheckResult extends ProbeResult {
  readonly atMs: number;
}

export class HealthTarget implements Scheduled {
  /** @internal */ dueMs = 0;
  /** @internal */ queueIndex = -1;
  /** @internal */ place = 0;
  /** @internal */ startedMs = 0;
  /** @internal */ intervalMs: number;
  /** How the last check ended; undefined before the first. */
  lastResult: CheckResult | undefined = undefined;
  private readonly thresholds: Thresholds;
  private asked: ProbeTerms;

  /** @internal */
  constructor(
    /** What people call it, such as the instance's id. */
    readonly label: string,
    private asksAt: Endpoint,
    terms: ProbeTerms,
    private readonly observer: HealthObserver,
  ) {
    this.asked = terms;
    this.intervalMs = terms.check.interval * 1000;
    this.thresholds = new Thresholds(terms.check);
  }

  /** Where it is asked. */
  get endpoint(): Endpoint {
    return this.asksAt;
  }

  /** What it is asked. */
  get terms(): ProbeTerms {
    return this.asked;
  }

  get isInService(): boolean {
    return this.thresholds.phase === "inService";
  }

  get isRegistering(): boolean {
    return this.thresholds.phase === "registering";
  }

  get phase(): HealthPhase {
    return this.thresholds.phase;
  }

  /** The phase in AWS's words. */
  get instanceState(): InstanceState {
    return this.thresholds.instanceState;
  }

  /** The last changes of the phase, oldest first. */
  get history(): ReadonlyArray<HealthChange> {
    return this.thresholds.history;
  }

  /** Checks passed in a row. */
  get passes(): number {
    return this.thresholds.passes;
  }

  /** Checks failed in a row. */
  get failures(): number {
    return this.thresholds.failures;
  }

  /** @internal Whether this would ask the instance something else. */
  asksDifferently({ check, security, preamble }: ProbeTerms, endpoint: Endpoint): boolean {
    const { asked } = this;
    if (String(endpoint) !== String(this.asksAt)) return true;
    const isSamePreamble = Buffer.compare(asked.preamble ?? nothing, preamble ?? nothing) === 0;
    return asked.security !== security || !isSamePreamble || questionOf(asked.check) !== questionOf(check);
  }

  /** @internal */
  setTerms(terms: ProbeTerms, endpoint: Endpoint): void {
    if (this.asksDifferently(terms, endpoint)) this.thresholds.forgetCounts();
    this.asksAt = endpoint;
    this.asked = terms;
    this.intervalMs = terms.check.interval * 1000;
    this.thresholds.setTerms(terms.check);
  }

  /** @internal A check that came early brings good news or none: failures in a row are an interval apart. */
  note(probed: ProbeResult, atMs: number, isEarly = false): void {
    const result = { ...probed, atMs };
    this.lastResult = result;
    const counts = result.isConclusive && (result.isHealthy || !isEarly);
    const change = counts ? this.thresholds.note(result.isHealthy, result.reason, atMs) : undefined;
    if (change !== undefined) this.observer.onChange?.(this, change);
    this.observer.onResult?.(this, result);
  }
}

const nothing = new Uint8Array(0);

/** What an instance is asked, and what counts as an answer: all of a check but its times and thresholds. */
const questionOf = ({ target, successCodes, host, headers, expectBody, proxyProtocol }: HealthCheck): string =>
  JSON.stringify([target, successCodes, host ?? null, headers, expectBody ?? null, proxyProtocol]);
