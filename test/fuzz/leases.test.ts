// Leases by chance, over memberships that come and go: every member's count is the number of leases that hold it.
import { expect, test } from "bun:test";
import roundRobin from "../../policies/balance/round-robin.ts";
import { Lease } from "../../src/balance/lease.ts";
import { type Membership, makeMembership } from "../../src/balance/membership.ts";
import { forSeeds } from "./random.ts";

interface Member {
  readonly id: string;
  outstanding: number;
}

test("what is taken is given back exactly once, to the balancer that gave it", () => {
  forSeeds(2000, 300, (random) => {
    const members: Array<Member> = Array.from({ length: 1 + random.below(5) }, (_, index) => ({
      id: `i-${index}`,
      outstanding: 0,
    }));
    const balances: Array<Map<Member, number>> = [];
    const make = (): Membership<Member> => {
      const held = new Map<Member, number>();
      balances.push(held);
      const some = members.filter(() => random.chance(0.8));
      const { balancer } = makeMembership(some, roundRobin);
      return {
        members: some,
        balancer: {
          pick: (exclude) => balancer.pick(exclude),
          leased: (member) => held.set(member, (held.get(member) ?? 0) + 1),
          returned: (member) => {
            expect(held.get(member)).toBeGreaterThan(0);
            held.set(member, (held.get(member) ?? 0) - 1);
          },
        },
      };
    };
    let membership = make();
    const leases = Array.from({ length: 6 }, () => new Lease<Member>());
    for (let step = 0; step < 100; step++) {
      const lease = random.pick(leases);
      if (random.chance(0.1)) membership = make();
      if (random.chance(0.5)) lease.giveBack();
      else {
        const exclude = new Set(members.filter(() => random.chance(0.3)));
        const taken = lease.take(membership, exclude);
        expect(lease.member).toBe(taken);
        expect(taken === undefined).toBe(membership.members.every((member) => exclude.has(member)));
        if (taken !== undefined)
          expect([exclude.has(taken), membership.members.includes(taken)]).toEqual([false, true]);
      }
      for (const member of members)
        expect(member.outstanding).toBe(leases.filter((one) => one.member === member).length);
    }
    for (const lease of leases) lease.giveBack();
    expect(members.map(({ outstanding }) => outstanding)).toEqual(members.map(() => 0));
    for (const held of balances) for (const count of held.values()) expect(count).toBe(0);
  });
});
