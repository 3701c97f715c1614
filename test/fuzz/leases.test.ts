// Leases by chance, with every balancing policy, on members that two listeners share, that come and go, fill up and change
// their weights: every count is the number of leases, and nobody is picked who can't be, nor missed who can.
import { describe, expect, test } from "bun:test";
import { balancerPolicies } from "../../src/balance/balancers.ts";
import { Lease } from "../../src/balance/lease.ts";
import { Member } from "../../src/balance/member.ts";
import { makeMembership } from "../../src/balance/membership.ts";
import type { BalancerPolicy } from "../../src/policy/index.ts";
import { makeSpyPolicy } from "../unit/balance/spy-policy.ts";
import { forSeeds, type Random } from "./random.ts";

const steps = 150;

const runSteps = (policy: BalancerPolicy, random: Random): void => {
  const members = Array.from({ length: 1 + random.below(6) }, (_, index) => new Member(`i-${index}`));
  const some = (share: number) => members.filter(() => random.chance(share));
  // The second one checks what it is told.
  const memberships = [
    makeMembership(some(0.8), policy, { seed: random.seed }),
    makeMembership(some(0.8), makeSpyPolicy([])),
  ];
  const room: Array<Member> = [];
  memberships[0]!.onRoomMade = (member) => room.push(member);
  const leases = Array.from({ length: 8 }, () => new Lease<Member>());
  for (let step = 0; step < steps; step++) {
    const lease = random.pick(leases);
    const membership = random.pick(memberships);
    const member = random.pick(members);
    const chance = random.next();
    if (chance < 0.05) membership.replace(some(0.7));
    else if (chance < 0.1) {
      const weight = random.pick([0, 0.3, 1, 5]);
      const maxOutstanding = random.pick([1, 2, Number.POSITIVE_INFINITY]);
      member.setTerms({ weight, maxOutstanding, slowStartMs: random.pick([0, 50]) }, step);
    } else if (chance < 0.12) member.enterService(step);
    else if (chance < 0.14) membership.refresh(step);
    else if (chance < 0.16) membership.follow(membership.policy, { seed: random.seed });
    else if (chance < 0.2) {
      lease.giveBack();
      const { hasRoom } = member;
      expect(lease.hold(member)).toBe(hasRoom);
    } else {
      const wasFull = lease.member?.hasRoom === false ? lease.member : undefined;
      room.length = 0;
      lease.giveBack();
      if (wasFull?.hasRoom && memberships[0]!.has(wasFull)) expect(room).toEqual([wasFull]);
      if (random.chance(0.6)) {
        const exclude = random.chance(0.3) ? new Set(some(0.4)) : undefined;
        const able = membership.members.filter((one) => one.isOpen && exclude?.has(one) !== true);
        const taken = lease.take(membership, exclude, random.below(2 ** 32));
        expect(lease.member).toBe(taken);
        if (taken === undefined) expect(able).toEqual([]);
        else expect(able).toContain(taken);
      }
    }
    for (const one of members) {
      expect(one.outstanding).toBe(leases.filter(({ member }) => member === one).length);
      expect(one.isOpen).toBe(one.weight > 0 && one.hasRoom);
    }
  }
  for (const lease of leases) lease.giveBack();
  expect(members.map(({ outstanding }) => outstanding)).toEqual(members.map(() => 0));
  // Nobody is lost: everyone who can be picked is, sooner or later.
  const [membership] = memberships;
  for (const one of members)
    one.setTerms({ weight: 1, maxOutstanding: Number.POSITIVE_INFINITY, slowStartMs: 0 }, steps);
  membership!.replace(members);
  const picked = new Set(Array.from({ length: 600 }, () => membership!.pick(undefined, random.below(2 ** 32))));
  expect(picked.size).toBe(members.length);
};

describe.each(balancerPolicies.map((policy) => [policy.name, policy] as const))("%s", (_, policy) => {
  test("what is taken is given back exactly once, and only who can be picked is picked", () => {
    forSeeds(1000, 300, (random) => runSteps(policy, random));
  });
});
