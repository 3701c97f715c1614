// Least outstanding: always one with the least in progress for its weight; equals by the last pick, or by weight; a slow
// instance gets little.
import { expect, test } from "bun:test";
import leastOutstanding from "../../../../policies/balance/least-outstanding.ts";
import roundRobin from "../../../../policies/balance/round-robin.ts";
import type { BalancerPolicy } from "../../../../src/policy/index.ts";
import { forSeeds } from "../../../fuzz/random.ts";
import { countById, makeTableMember, makeTableMembers, Table, type TableMember } from "./table.ts";

const loadOf = ({ outstanding, weight }: TableMember): number => outstanding / weight;

test("the one with the least in progress; among equals the least recently picked", () => {
  const members = makeTableMembers(3);
  const [a, b, c] = members as [TableMember, TableMember, TableMember];
  const one = new Table(leastOutstanding, members);
  expect([one.lease(), one.lease(), one.lease()]).toEqual([a, b, c]);
  one.end(b);
  expect(one.lease()).toBe(b);
  one.end(c);
  one.end(a);
  // Both are idle, and c was picked after a.
  expect([one.lease(), one.lease()]).toEqual([a, c]);
});

test("nobody is owed the turns that it missed while it was busy", () => {
  const members = makeTableMembers(3);
  const [a, b, c] = members as [TableMember, TableMember, TableMember];
  const one = new Table(leastOutstanding, members);
  one.begin(a);
  expect(one.picks(6)).toEqual(["i-1", "i-2", "i-1", "i-2", "i-1", "i-2"]);
  one.end(a);
  expect(one.picks(5)).toEqual([a.id, b.id, c.id, a.id, b.id]);
});

test("the excluded are passed over; nobody when all are, or there are none", () => {
  const members = makeTableMembers(2);
  const [a, b] = members as [TableMember, TableMember];
  const one = new Table(leastOutstanding, members);
  one.begin(b);
  expect(one.pick(new Set([a]))).toBe(b);
  expect(one.pick(new Set(members))).toBeUndefined();
  expect(one.pick()).toBe(a);
  for (const member of members) one.balancer.remove(member);
  expect(one.pick()).toBeUndefined();
});

test("what is in progress on a member that joins counts, whoever began it", () => {
  const [a, b] = makeTableMembers(2) as [TableMember, TableMember];
  const one = new Table(leastOutstanding, [a]);
  one.begin(a);
  b.outstanding = 2;
  one.balancer.add(b);
  expect([one.lease(), one.lease(), one.lease()]).toEqual([a, b, a]);
});

test("weights divide what is in progress, and the turns of those that are idle", () => {
  const members = [makeTableMember("a", 3), makeTableMember("b", 1)];
  const one = new Table(leastOutstanding, members);
  expect(countById(one.picks(400))).toEqual({ a: 300, b: 100 });
  for (let count = 0; count < 400; count++) one.lease();
  expect(members.map(({ outstanding }) => outstanding)).toEqual([300, 100]);
  one.reweigh(members[1]!, 3);
  for (let count = 0; count < 200; count++) one.lease();
  expect(members.map(({ outstanding }) => outstanding)).toEqual([300, 300]);
});

test("by chance, equal weights: the same as a search through all members", () => {
  forSeeds(300, 300, (random) => {
    const members = makeTableMembers(1 + random.below(8));
    const one = new Table(leastOutstanding, []);
    const pickedAt = new Map<TableMember, number>();
    for (let step = 0; step < 200; step++) {
      const member = random.pick(members);
      if (random.chance(0.1)) {
        if (pickedAt.delete(member)) one.balancer.remove(member);
        else {
          one.balancer.add(member);
          pickedAt.set(member, step);
        }
      } else if (random.chance(0.4)) {
        if (member.outstanding === 0) continue;
        if (pickedAt.has(member)) one.end(member);
        else member.outstanding--;
      } else {
        const exclude = random.chance(0.2) ? new Set(members.filter(() => random.chance(0.5))) : undefined;
        const [next] = [...pickedAt.keys()]
          .filter((candidate) => exclude?.has(candidate) !== true)
          .sort((x, y) => x.outstanding - y.outstanding || pickedAt.get(x)! - pickedAt.get(y)!);
        expect(one.lease(exclude)).toBe(next);
        if (next !== undefined) pickedAt.set(next, step);
      }
    }
  });
});

test("by chance, any weights: always the least load", () => {
  forSeeds(300, 300, (random) => {
    const members = makeTableMembers(1 + random.below(8)).map(({ id }) => makeTableMember(id, 0.1 + random.below(9)));
    const one = new Table(leastOutstanding, members);
    for (let step = 0; step < 200; step++) {
      const member = random.pick(members);
      if (random.chance(0.1)) one.reweigh(member, 0.1 + random.below(9));
      else if (random.chance(0.4) && member.outstanding > 0) one.end(member);
      else {
        const least = Math.min(...members.map(loadOf));
        const next = one.pick()!;
        expect(loadOf(next)).toBe(least);
        one.begin(next);
      }
    }
  });
});

/** The most that is ever in progress on a slow member, one request a tick; two others take 2 ticks, it takes 40. */
const queueOfSlowMember = (policy: BalancerPolicy): number => {
  const members = makeTableMembers(3);
  const slow = members[2]!;
  const one = new Table(policy, members);
  const ends: Array<Array<TableMember>> = [];
  let most = 0;
  for (let tick = 0; tick < 10_000; tick++) {
    for (const member of ends[tick] ?? []) one.end(member);
    const member = one.lease()!;
    const end = tick + (member === slow ? 40 : 2);
    ends[end] = [...(ends[end] ?? []), member];
    most = Math.max(most, slow.outstanding);
  }
  return most;
};

test("a member that is twenty times slower than two others has one request at a time, where round robin gives it 14", () => {
  expect(queueOfSlowMember(leastOutstanding)).toBe(1);
  expect(queueOfSlowMember(roundRobin)).toBe(14);
});
