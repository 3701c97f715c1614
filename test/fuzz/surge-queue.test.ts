// The surge queue by chance: waiters that exclude, name, leave and come again, on members of two listeners that come and go,
// fill up and change their weights. Nobody waits who could be served, or who waits for nobody; nobody overtakes.
import { expect, test } from "bun:test";
import roundRobin from "../../policies/balance/round-robin.ts";
import { Lease } from "../../src/balance/lease.ts";
import { Member } from "../../src/balance/member.ts";
import { makeMembership } from "../../src/balance/membership.ts";
import { SurgeQueue, Waiter } from "../../src/balance/surge-queue.ts";
import { forSeeds, isReplay, type Random } from "./random.ts";

const steps = 150;

interface Waiting {
  readonly number: number;
  readonly waiter: Waiter<Member>;
  readonly lease: Lease<Member>;
}

const runSteps = (random: Random): { readonly served: number; readonly failed: number } => {
  const members = Array.from({ length: 1 + random.below(4) }, (_, index) => new Member(`i-${index}`));
  const some = (share: number) => members.filter(() => random.chance(share));
  const memberships = [makeMembership(some(0.8), roundRobin), makeMembership(some(0.8), roundRobin)];
  const queue = new SurgeQueue<Member>(6);
  for (const membership of memberships) {
    membership.onRoomMade = queue.serve;
    membership.onLeft = queue.review;
  }
  const waiting = new Map<Waiter<Member>, Waiting>();
  const leases = new Set<Lease<Member>>();
  let [numbers, served, failed, spilled] = [0, 0, 0, 0];

  /** Who could use this member, and came before. */
  const overtaken = (member: Member, number: number) =>
    [...waiting.values()].filter((one) => one.number < number && one.waiter.wants(member));

  const enter = (): void => {
    const number = ++numbers;
    const lease = new Lease<Member>();
    const membership = random.pick(memberships);
    const named = random.chance(0.3) ? random.pick(members) : undefined;
    const isFleeting = random.chance(0.2);
    const owner = {
      onRoom: (member: Member) => {
        waiting.delete(waiter);
        served++;
        expect([lease.member, overtaken(member, number)]).toEqual([member, []]);
        if (isFleeting) lease.giveBack();
        else leases.add(lease);
      },
      onNobody: () => {
        waiting.delete(waiter);
        failed++;
        expect(membership.members.filter((one) => !waiter.excluded.has(one) && one.weight > 0)).toEqual([]);
      },
    };
    const waiter = new Waiter<Member>(owner, () => membership, 0, lease, new Set(some(0.2)), named);
    const taken = waiter.take();
    if (taken !== undefined) leases.add(lease);
    else if (waiter.canWait) {
      const isLetIn = waiting.size < 6;
      expect(queue.enter(waiter)).toBe(isLetIn);
      if (isLetIn) waiting.set(waiter, { number, waiter, lease });
      else spilled++;
    }
  };

  for (let step = 0; step < steps; step++) {
    const chance = random.next();
    if (chance < 0.5) enter();
    else if (chance < 0.8) {
      const lease = random.pick([...leases, new Lease<Member>()]);
      leases.delete(lease);
      lease.giveBack();
    } else if (chance < 0.85) random.pick(memberships).replace(some(0.7));
    else if (chance < 0.9 && waiting.size > 0) {
      const { waiter } = random.pick([...waiting.values()]);
      waiting.delete(waiter);
      waiter.leave();
    } else {
      const terms = { weight: random.pick([0, 1, 1, 5]), maxOutstanding: random.pick([1, 2, 3]), slowStartMs: 0 };
      random.pick(members).setTerms(terms, step);
      // As control does behind a change of weights.
      queue.review();
    }
    expect([queue.length, queue.spilled]).toEqual([waiting.size, spilled]);
    for (const { waiter, lease } of waiting.values()) {
      expect(lease.member).toBeUndefined();
      expect(waiter.canWait).toBe(true);
      expect(members.filter((member) => member.hasRoom && waiter.wants(member))).toEqual([]);
    }
  }
  for (const lease of leases) lease.giveBack();
  for (const membership of memberships) membership.replace([]);
  for (const lease of leases) lease.giveBack();
  expect([queue.length, members.map(({ outstanding }) => outstanding)]).toEqual([0, members.map(() => 0)]);
  return { served, failed };
};

test("whoever can be served is, in order; whoever can't ever be is told", () => {
  let [served, failed] = [0, 0];
  forSeeds(1000, 500, (random) => {
    const counts = runSteps(random);
    served += counts.served;
    failed += counts.failed;
  });
  if (!isReplay) expect(Math.min(served, failed)).toBeGreaterThan(0);
});
