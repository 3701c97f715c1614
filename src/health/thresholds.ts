// Whether one instance is in service, by counting the checks that it passed and failed in a row.
//
// Behind the probe, in front of whoever takes instances in and out. Pure: it is told each result and the time. Owns the
// counts, the history and AWS's words for the state; it never asks an instance.

/** Where an instance stands with its checks. */
export type HealthPhase = "registering" | "inService" | "outOfService";

/** An instance's state in AWS's words (`InstanceState`, Elastic Load Balancing API). */
export interface InstanceState {
  readonly state: "InService" | "OutOfService";
  readonly reasonCode: "ELB" | "Instance" | "N/A";
  readonly description: string;
}

/** It gets traffic, as far as anybody has said. */
export const inService: InstanceState = { state: "InService", reasonCode: "N/A", description: "N/A" };

/** Nothing is known yet, for want of a check or of an address. */
export const registering: InstanceState = {
  state: "OutOfService",
  reasonCode: "ELB",
  description: "Instance registration is still in progress.",
};

const failed: InstanceState = {
  state: "OutOfService",
  reasonCode: "Instance",
  description: "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
};

const unproven: InstanceState = {
  state: "OutOfService",
  reasonCode: "Instance",
  description: "Instance has not passed the configured HealthyThreshold number of health checks consecutively.",
};

/** How many checks in a row move an instance. */
export interface ThresholdTerms {
  readonly unhealthyThreshold: number;
  readonly healthyThreshold: number;
}

/** An instance went from one phase to another. */
export interface HealthChange {
  /** Unix time in milliseconds. */
  readonly atMs: number;
  readonly from: HealthPhase;
  readonly to: HealthPhase;
  /** How the check ended that moved it, such as `connect refused` or `status 200`. */
  readonly reason: string;
  /** How many checks in a row had that end, passed or failed. */
  readonly checks: number;
}

/** How many changes are remembered. */
export const historyMaxCount = 10;

export class Thresholds {
  phase: HealthPhase = "registering";
  /** Checks passed in a row. */
  passes = 0;
  /** Checks failed in a row. */
  failures = 0;
  private readonly changes: Array<HealthChange> = [];

  constructor(private terms: ThresholdTerms) {}

  /** The last changes, oldest first. */
  get history(): ReadonlyArray<HealthChange> {
    return this.changes;
  }

  /** The phase in AWS's words. */
  get instanceState(): InstanceState {
    if (this.phase === "inService") return inService;
    if (this.phase === "registering") return registering;
    return this.failures >= this.terms.unhealthyThreshold ? failed : unproven;
  }

  /** Other thresholds, from the next check on; counts and history stay. */
  setTerms(terms: ThresholdTerms): void {
    this.terms = terms;
  }

  /** Something else is asked from now on: old answers don't count towards a change, the phase and history stay. */
  forgetCounts(): void {
    this.passes = 0;
    this.failures = 0;
  }

  /** Counts one check, at Unix time `atMs` in milliseconds; says what changed by it, or undefined. */
  note(isHealthy: boolean, reason: string, atMs: number): HealthChange | undefined {
    this.passes = isHealthy ? this.passes + 1 : 0;
    this.failures = isHealthy ? 0 : this.failures + 1;
    const to = this.nextPhase();
    if (to === this.phase) return undefined;
    const change = { atMs, from: this.phase, to, reason, checks: this.passes + this.failures };
    this.phase = to;
    this.changes.push(change);
    if (this.changes.length > historyMaxCount) this.changes.shift();
    return change;
  }

  /** One pass is enough for an instance that was never in service nor found to fail (docs/decisions/0015-health-checks.md). */
  private nextPhase(): HealthPhase {
    const { phase } = this;
    const { unhealthyThreshold, healthyThreshold } = this.terms;
    if (phase !== "outOfService" && this.failures >= unhealthyThreshold) return "outOfService";
    if (phase === "registering" && this.passes >= 1) return "inService";
    if (phase === "outOfService" && this.passes >= healthyThreshold) return "inService";
    return phase;
  }
}
