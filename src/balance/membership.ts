// The members that may be picked now, with the balancer built over them: one immutable value per change.
//
// A reload or a name's new addresses make a new membership; leases of the old one are given back to the old balancer.
import type { Balancer, BalancerPolicy } from "../policy/index.ts";
import type { Member } from "./member.ts";

/** Members and the balancer that orders them. */
export interface Membership<M extends Member> {
  readonly members: ReadonlyArray<M>;
  readonly balancer: Balancer<M>;
}

/** Builds a balancer over the members. */
export const makeMembership = <M extends Member>(members: ReadonlyArray<M>, policy: BalancerPolicy): Membership<M> => ({
  members,
  balancer: policy.make(members),
});
