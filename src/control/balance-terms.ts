// How a load balancer's instances share its traffic, from its attributes and its instances' entries.
import { defaultBalancerPolicy, findBalancerPolicy } from "../balance/balancers.ts";
import type { BalanceTerms } from "../balance/member.ts";
import type { Attributes } from "../model/attributes.ts";
import type { Instance } from "../model/instance.ts";
import type { Listener } from "../model/listener.ts";
import type { Protocol } from "../model/protocol.ts";
import { PickKey } from "../pipeline/pick-key.ts";
import type { BalancerPolicy } from "../policy/balancer.ts";
import { guardBalancer } from "./own-hooks.ts";
import { boundOf } from "./policies.ts";

/** What holds for every address of an instance. */
export const makeBalanceTerms = (
  { slowStart }: Attributes,
  { weight = 1, maxConnections = Number.POSITIVE_INFINITY }: Instance,
): BalanceTerms => ({
  weight,
  maxOutstanding: maxConnections,
  slowStartMs: slowStart * 1000,
});

/** The built-in policy that a load balancer's listeners of a protocol balance by, where they name none of the user's. */
export const balancerPolicyOf = ({ balancing }: Attributes, protocol: Protocol): BalancerPolicy =>
  findBalancerPolicy(balancing) ?? defaultBalancerPolicy(protocol);

/** The policy that a listener balances by. */
export const listenerBalancerOf = (attributes: Attributes, { balancer, protocol }: Listener): BalancerPolicy =>
  balancer === undefined ? balancerPolicyOf(attributes, protocol) : guardBalancer(boundOf(balancer));

/** What a listener picks by; undefined where its policy has no keys. Where none is written, the policy's own holds. */
export const makePickKey = ({ balancingKey }: Attributes, { key }: BalancerPolicy): PickKey | undefined =>
  key && new PickKey(balancingKey === "client-address" ? key : balancingKey);
