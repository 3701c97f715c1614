/**
 * What a check makes of one policy of a load balancer: the things that it is good for.
 * Made by policy-rules.ts and module-policy-rules.ts, asked by the rules of listeners and back ends.
 * Owns the shape and what is the same for built-in policies and a user's.
 */
import { Result } from "effect";
import publicKeyType from "../../../policies/backend-auth/public-key.ts";
import type { InstancePreamble } from "../../model/listener.ts";
import type { PolicyModule, PolicyUse } from "../../model/policy-use.ts";
import type { InstanceJudge, TrustedKey } from "../../model/security.ts";
import type { SecurityPolicy } from "../../model/security-policy.ts";
import type { ListenerStickiness } from "../../model/stickiness.ts";
import { trafficHooks } from "../../policy/hooks.ts";
import type { AnyPolicy } from "../policy-types.ts";
import { findNearestName } from "./nearest-name.ts";
import { type Finding, type Place, spellValue } from "./problem.ts";
import { decodePart } from "./shape.ts";

/** A policy by what it is good for; one that is broken has been told and is good for nothing. */
export interface SettledPolicy {
  /** Undefined where it has none, or not even that is sound. */
  readonly type: string | undefined;
  readonly isBroken?: true;
  /** Where the hooks of a user's module stand, as `file:line:column` by name. */
  readonly hookPlaces?: ReadonlyMap<string, string>;
  /** What a listener with it negotiates. */
  readonly negotiation?: SecurityPolicy;
  readonly stickiness?: ListenerStickiness;
  readonly balancer?: PolicyUse;
  /** It has hooks of traffic. */
  readonly traffic?: PolicyUse;
  /** The key that it is. */
  readonly key?: TrustedKey;
  /** The keys of which an instance must have one. */
  readonly keys?: ReadonlyArray<TrustedKey>;
  /** It judges the keys of instances itself. */
  readonly judge?: InstanceJudge;
  /** What instances are told; nothing without a value: its switch is off. */
  readonly preamble?: { readonly value: InstancePreamble | undefined };
}

/** A settled policy, or what is wrong with it. */
export type Settled = Result.Result<SettledPolicy, ReadonlyArray<Finding>>;

/** A policy with attributes as they are written. */
interface WrittenUse {
  readonly name: string;
  readonly policy: AnyPolicy;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly module: PolicyModule | undefined;
}

/** Settles what every policy has: attributes after its Schema, and the hooks that stand by themselves. */
export const settleHooks = ({ name, policy, attributes, module }: WrittenUse, at: Place): Settled =>
  Result.map(decodePart(policy.attributes, at, attributes), (decoded): SettledPolicy => {
    const use: PolicyUse = { name, type: policy.type, attributes: decoded, written: attributes, policy, module };
    return {
      type: policy.type,
      // Each listener makes its own of the attributes as they are written.
      ...(policy.stick === undefined
        ? {}
        : { stickiness: { name, type: policy.type, attributes, ...(module === undefined ? {} : { own: use }) } }),
      ...(policy.backendPreamble === undefined ? {} : { preamble: { value: { version: 1, own: use } } }),
      ...(hasTraffic(policy) ? { traffic: use } : {}),
    };
  });

/** Whether a policy has a hook of traffic. */
const hasTraffic = (policy: AnyPolicy): boolean => trafficHooks.some((hook) => policy[hook] !== undefined);

/** The keys of the policies of these names; fails where one is none, without words for those that have been told. */
export const findKeys = (
  names: ReadonlyArray<string>,
  placeOf: (index: number) => Place,
  others: ReadonlyMap<string, SettledPolicy>,
): Result.Result<ReadonlyArray<TrustedKey>, ReadonlyArray<Finding>> => {
  const keys: Array<TrustedKey> = [];
  const findings: Array<Finding> = [];
  for (const [index, name] of names.entries()) {
    const other = others.get(name);
    if (other?.key !== undefined) keys.push(other.key);
    // A key that is broken has been told where it stands.
    else if (!other?.isBroken || (other.type !== publicKeyType.type && other.type !== undefined)) {
      findings.push({ place: placeOf(index), ...describeMissingKey(name, other, others) });
    }
  }
  return keys.length === names.length ? Result.succeed(keys) : Result.fail(findings);
};

const describeMissingKey = (
  name: string,
  other: SettledPolicy | undefined,
  others: ReadonlyMap<string, SettledPolicy>,
): Pick<Finding, "problem" | "expected"> => {
  const expected = `the name of a ${publicKeyType.type} policy of this load balancer`;
  if (other !== undefined) return { problem: `${spellValue(name)} is no public key`, expected };
  return { problem: describeUnknownPolicy(name, others.keys()), expected };
};

/** The words for a policy that nobody has defined, with the nearest name that somebody has. */
export const describeUnknownPolicy = (name: string, known: Iterable<string>): string => {
  const nearest = findNearestName(name, known);
  return `${spellValue(name)} is not a policy${nearest === undefined ? "" : `; did you mean ${spellValue(nearest)}?`}`;
};
