// What one pick costs: every balancing policy over 10, 100 and 1,000 members, each pick leased and given back, with some
// exchanges always in progress. `bun run bench/picking.ts` prints nanoseconds; a unit test holds them below their bound.
import { balancerPolicies } from "../src/balance/balancers.ts";
import { Lease } from "../src/balance/lease.ts";
import { Member } from "../src/balance/member.ts";
import { makeMembership } from "../src/balance/membership.ts";
import type { BalancerPolicy } from "../src/policy/balancer.ts";

/** The median and the least nanoseconds of wall-clock time for a pick with its lease. */
export interface PickingSample {
  readonly medianNs: number;
  readonly leastNs: number;
}

/** Measures `rounds` rounds of `picks` picks; three exchanges for each member are in progress throughout. */
export const measurePicking = (
  policy: BalancerPolicy,
  memberCount: number,
  rounds = 15,
  picks = 20_000,
): PickingSample => {
  const members = Array.from({ length: memberCount }, (_, index) => {
    const member = new Member(`i-${index}`);
    member.setTerms({ weight: 1 + (index % 3), maxOutstanding: 1000, slowStartMs: 0 }, 0);
    return member;
  });
  const membership = makeMembership(members, policy, { seed: 1 });
  const leases = Array.from({ length: 3 * memberCount }, () => new Lease<Member>());
  for (const lease of leases) lease.take(membership);
  let at = 0;
  let key = 1;
  const samples = Array.from({ length: rounds }, () => {
    const startedMs = performance.now();
    for (let pick = 0; pick < picks; pick++) {
      key = (Math.imul(key, 1_664_525) + 1_013_904_223) >>> 0;
      // Given back by what was taken, in the order of taking.
      (leases[at] as Lease<Member>).take(membership, undefined, key);
      at = at + 1 === leases.length ? 0 : at + 1;
    }
    return ((performance.now() - startedMs) * 1e6) / picks;
  }).sort((one, other) => one - other);
  return { medianNs: samples[samples.length >> 1] as number, leastNs: samples[0] as number };
};

if (import.meta.main) {
  for (const policy of balancerPolicies) {
    const cells = [10, 100, 1000].map((count) => {
      const { medianNs, leastNs } = measurePicking(policy, count);
      return `${count} members: ${medianNs.toFixed(0)} ns (least ${leastNs.toFixed(0)})`;
    });
    process.stdout.write(`${policy.name.padEnd(22)} ${cells.join("   ")}\n`);
  }
}
