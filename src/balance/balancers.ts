/**
 * The balancing policies that are built in, by name.
 * Asked when a configuration is loaded; owns which modules of policies/balance/ these are, and which one a listener gets
 * that names none. Never makes a balancer: membership.ts does.
 */
import consistentHash from "../../policies/balance/consistent-hash.ts";
import leastOutstanding from "../../policies/balance/least-outstanding.ts";
import powerOfTwoChoices from "../../policies/balance/power-of-two-choices.ts";
import random from "../../policies/balance/random.ts";
import roundRobin from "../../policies/balance/round-robin.ts";
import { isLayer7, type Protocol } from "../model/protocol.ts";
import type { BalancerPolicy } from "../policy/balancer.ts";

/** Every built-in balancing policy. */
export const balancerPolicies: ReadonlyArray<BalancerPolicy> = [
  roundRobin,
  leastOutstanding,
  powerOfTwoChoices,
  random,
  consistentHash,
];

/** The built-in balancing policy of this name. */
export const findBalancerPolicy = (name: string): BalancerPolicy | undefined =>
  balancerPolicies.find((policy) => policy.name === name);

/** What listeners of a protocol balance by when nothing is said (AWS: "How Elastic Load Balancing works"). */
export const defaultBalancerPolicy = (protocol: Protocol): BalancerPolicy =>
  isLayer7(protocol) ? leastOutstanding : roundRobin;
