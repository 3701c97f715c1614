// How a load balancer's instances share its traffic, from its attributes and its instances' entries.
import { defaultBalancerPolicy, findBalancerPolicy } from "../balance/balancers.ts";
import type { BalanceTerms } from "../balance/member.ts";
import type { Attributes } from "../model/attributes.ts";
import type { Instance } from "../model/instance.ts";
import type { Protocol } from "../model/protocol.ts";
import type { BalancerPolicy } from "../policy/balancer.ts";

/** The clock of slow starts, in milliseconds. */
export const monotonicMs = (): number => performance.now();

/** What holds for every address of an instance. */
export const makeBalanceTerms = ({ slowStart }: Attributes, { weight = 1 }: Instance): BalanceTerms => ({
  weight,
  maxOutstanding: Number.POSITIVE_INFINITY,
  slowStartMs: slowStart * 1000,
});

/** The policy that a load balancer's listeners of a protocol balance by. */
export const balancerPolicyOf = ({ balancing }: Attributes, protocol: Protocol): BalancerPolicy =>
  findBalancerPolicy(balancing) ?? defaultBalancerPolicy(protocol);
