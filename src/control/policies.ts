// The policies at work: one for each that a load balancer's listeners use, with what it keeps and what went wrong in it.
//
// In two steps as routes are: `prepare` makes what is new, and may refuse the change; `settle` ends what nothing uses any more.
// A policy whose module and attributes are the same is left as it is, with its state. Owns their life; what their hooks are
// asked is pipeline/'s affair, and own-hooks.ts's.
import { isDeepStrictEqual } from "node:util";
import type { Configuration } from "../model/configuration.ts";
import type { Listener } from "../model/listener.ts";
import type { PolicyUse } from "../model/policy-use.ts";
import type { MetricFamily, Sample } from "../observe/metrics.ts";
import { framesOf, isEngines, messageOf } from "../observe/thrown.ts";
import { type BoundPolicy, makePolicyChain, type PolicyChain } from "../pipeline/policy/chain.ts";
import { notePolicyError, type PolicyPhase } from "../pipeline/policy/errors.ts";
import { PolicyLife } from "../pipeline/policy/life.ts";
import { trialProblem } from "./own-hooks.ts";
import { PolicyError } from "./policy-error.ts";
import type { AnyPolicy } from "./policy-types.ts";

interface Bound extends BoundPolicy {
  readonly use: PolicyUse;
}

/** How often a policy of a load balancer has failed, by phase. */
interface Failures {
  readonly loadBalancer: string;
  readonly policy: string;
  readonly byPhase: Map<PolicyPhase, number>;
}

/** Whose use it is; a configuration's uses are its own objects. */
const byUse = new WeakMap<PolicyUse, Bound>();

/** The policy at work behind one use of it; throws before {@link Policies.prepareUnsafe} has seen the use. */
export const boundOf = (use: PolicyUse): BoundPolicy => {
  const bound = byUse.get(use);
  if (bound === undefined) throw new Error(`policy ${use.name} was not prepared`);
  return bound;
};

export class Policies {
  /** By load balancer and name; those in force. */
  private bound = new Map<string, Bound>();
  /** Made for a change that may still be refused. */
  private fresh = new Map<string, Bound>();
  private readonly chains = new WeakMap<ReadonlyArray<PolicyUse>, PolicyChain>();
  private readonly failures = new Map<string, Failures>();
  /** Those that nobody begins under any more, and somebody still asks. */
  private readonly ending = new Set<PolicyLife>();
  /** What came out of users' code, and nobody knows of which policy. */
  private unattributed = 0;

  /**
   * Makes what a configuration's policies need, and leaves those alone that are as they were.
   *
   * *Fails with*: throws {@link PolicyError} where a policy can't begin; nothing of the change is left then.
   */
  prepareUnsafe({ loadBalancers }: Configuration): void {
    try {
      for (const { name, listeners } of loadBalancers) {
        for (const use of listeners.flatMap(usesOf)) byUse.set(use, this.bind(name, use));
      }
    } catch (error) {
      this.dropFresh();
      throw error;
    }
  }

  /** What this configuration uses is in force from now on; all else ends. */
  settle({ loadBalancers }: Pick<Configuration, "loadBalancers">): void {
    const used = new Map<string, Bound>();
    for (const { name, listeners } of loadBalancers) {
      for (const use of listeners.flatMap(usesOf)) {
        const bound = byUse.get(use);
        if (bound !== undefined) used.set(keyOf(name, use), bound);
      }
    }
    const kept = new Set(used.values());
    const ended = [...this.bound.values(), ...this.fresh.values()].filter((one) => !kept.has(one));
    this.bound = used;
    this.fresh.clear();
    for (const one of new Set(ended)) this.endLater(one);
    for (const key of this.failures.keys()) if (!used.has(key)) this.failures.delete(key);
  }

  /** The process ends, and every connection with it: so does all that policies keep. */
  end(): void {
    this.settle({ loadBalancers: [] });
    for (const life of [...this.ending]) life.endNow();
  }

  /** The policies that see a listener's traffic; undefined where there are none. */
  chainOf({ policies }: Listener): PolicyChain | undefined {
    if (policies === undefined) return undefined;
    const known = this.chains.get(policies);
    if (known !== undefined) return known;
    const chain = makePolicyChain(policies.map(boundOf));
    if (chain !== undefined) this.chains.set(policies, chain);
    return chain;
  }

  /**
   * Blames what nobody caught on the policy whose module it came through; false where it came through none, and then it is
   * counted under no name if `isUsers`.
   */
  noteUnhandled(error: unknown, isUsers: boolean): boolean {
    const files = new Set(framesOf(error).map(({ file }) => file));
    const own = [...this.bound.values()].filter(({ file }) => file !== undefined);
    // What has no place at all can only be that of the one module there is.
    const isOnly = isUsers && [...files].every(isEngines) && new Set(own.map(({ file }) => file)).size === 1;
    const found = isOnly ? own : own.filter(({ use }) => use.module?.files.some((file) => files.has(file)));
    for (const one of found) notePolicyError(one, "unhandled", error);
    if (isUsers && found.length === 0) this.unattributed++;
    return found.length > 0;
  }

  readMetrics(): ReadonlyArray<MetricFamily> {
    const samples: Array<Sample> = [...this.failures.values()].flatMap(({ loadBalancer, policy, byPhase }) =>
      [...byPhase].map(([phase, value]) => ({ labels: { load_balancer: loadBalancer, policy, phase }, value })),
    );
    const nobody = { load_balancer: "", policy: "", phase: "unhandled" };
    if (this.unattributed > 0) samples.push({ labels: nobody, value: this.unattributed });
    return [
      {
        name: "elbow_policy_errors_total",
        help: "How often a policy threw or answered with what can't be carried out, by hook; unhandled is outside of any.",
        type: "counter",
        samples,
      },
    ];
  }

  private bind(loadBalancer: string, use: PolicyUse): Bound {
    const key = keyOf(loadBalancer, use);
    const known = [this.bound.get(key), this.fresh.get(key)].find((one) => one !== undefined && isSame(one.use, use));
    if (known !== undefined) return known;
    const policy = use.policy as AnyPolicy;
    const { attributes, name } = use;
    const bound: Bound = {
      name,
      loadBalancer,
      policy,
      attributes,
      state: begin(loadBalancer, use, () => policy.state?.(attributes)),
      file: use.module?.file,
      hookPositions: use.module?.hookPositions,
      life: policy.dispose === undefined ? undefined : new PolicyLife(),
      errors: this.failuresOf(loadBalancer, name),
      use,
    };
    this.fresh.set(key, bound);
    const problem = begin(loadBalancer, use, () => trialProblem(use));
    if (problem !== undefined) throw new PolicyError({ loadBalancer, policy: name, problem });
    return bound;
  }

  private failuresOf(loadBalancer: string, policy: string): Map<PolicyPhase, number> {
    const key = `${loadBalancer} ${policy}`;
    const known = this.failures.get(key) ?? { loadBalancer, policy, byPhase: new Map() };
    this.failures.set(key, known);
    return known.byPhase;
  }

  private dropFresh(): void {
    for (const one of this.fresh.values()) this.endLater(one);
    this.fresh.clear();
  }

  /** Nobody begins under it any more; what it keeps ends when the last who asks it is through. */
  private endLater(one: Bound): void {
    const { life } = one;
    if (life === undefined) return;
    this.ending.add(life);
    life.end(() => {
      this.ending.delete(life);
      dispose(one);
    });
  }
}

const keyOf = (loadBalancer: string, { name }: PolicyUse): string => `${loadBalancer} ${name}`;

/** Every policy that a listener uses and that may keep something, or fail. */
const usesOf = ({
  policies = [],
  balancer,
  stickiness,
  instancePreamble,
  instanceSecurity,
}: Listener): ReadonlyArray<PolicyUse> =>
  [
    ...policies,
    balancer,
    stickiness?.own,
    instancePreamble?.own,
    ...(instanceSecurity?.judges ?? []).map(({ use }) => use),
  ].flatMap((use) => use ?? []);

/** A module that has changed exports another object. */
const isSame = (one: PolicyUse, other: PolicyUse): boolean =>
  one.policy === other.policy && isDeepStrictEqual(one.written, other.written);

const begin = <T>(loadBalancer: string, use: PolicyUse, make: () => T): T => {
  try {
    return make();
  } catch (cause) {
    throw new PolicyError({ loadBalancer, policy: use.name, problem: describeThrown(cause, use) });
  }
};

const describeThrown = (cause: unknown, { module }: PolicyUse): string => {
  const own = framesOf(cause).find(({ file }) => module?.files.includes(file));
  const place = own?.place ?? module?.file;
  return `${place === undefined ? "" : `${place}: `}it can't begin: ${messageOf(cause)}`;
};

const dispose = (bound: Bound): void => {
  try {
    bound.policy.dispose?.(bound.attributes, bound.state);
  } catch (error) {
    notePolicyError(bound, "dispose", error);
  }
};
