// The balancers that draw, random and power of two choices: shares by weight, nobody excluded, everything by the seed; and
// that a second choice evens the load out.
import { describe, expect, test } from "bun:test";
import powerOfTwoChoices from "../../../../policies/balance/power-of-two-choices.ts";
import random from "../../../../policies/balance/random.ts";
import type { BalancerPolicy } from "../../../../src/policy/index.ts";
import { countById, makeTableMember, makeTableMembers, Table, type TableMember } from "./table.ts";

describe.each([random, powerOfTwoChoices])("$name", (policy: BalancerPolicy) => {
  test("the same seed draws the same", () => {
    const members = makeTableMembers(10);
    const draw = (seed: number) => new Table(policy, members, seed).picks(50);
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    const unseeded = () => {
      const balancer = policy.make<TableMember>({});
      for (const member of members) balancer.add(member);
      return Array.from({ length: 50 }, () => balancer.pick(0)!.id);
    };
    expect(unseeded()).not.toEqual(unseeded());
  });

  test("idle members get their weight's share, within four standard deviations", () => {
    const members = [1, 2, 0.5, 6.5].map((weight, index) => makeTableMember(`i-${index}`, weight));
    const count = 100_000;
    const counts = countById(new Table(policy, members).picks(count));
    for (const { id, weight } of members) {
      const share = weight / 10;
      expect(Math.abs((counts[id] ?? 0) - count * share)).toBeLessThan(4 * Math.sqrt(count * share * (1 - share)));
    }
  });

  test("a new weight counts at once", () => {
    const members = makeTableMembers(2);
    const one = new Table(policy, members);
    one.reweigh(members[0]!, 9);
    expect(countById(one.picks(10_000))["i-0"]).toBeWithin(8850, 9150);
  });

  test("the excluded aren't drawn, the others in their shares; nobody when there is none else", () => {
    const members = [1, 3, 5].map((weight, index) => makeTableMember(`i-${index}`, weight));
    const stranger = makeTableMember("stranger");
    const one = new Table(policy, members);
    const drawn = Array.from({ length: 10_000 }, () => one.pick(new Set([members[2]!, stranger]))!.id);
    const counts = countById(drawn);
    expect(Object.keys(counts).sort()).toEqual(["i-0", "i-1"]);
    expect(counts["i-1"]).toBeWithin(7300, 7700);
    expect(one.pick(new Set(members))).toBeUndefined();
    expect(countById(one.picks(9000))["i-2"]).toBeWithin(4700, 5300);
  });

  test("who has left isn't drawn, who comes back is", () => {
    const members = makeTableMembers(3);
    const one = new Table(policy, members);
    one.balancer.remove(members[1]!);
    expect(Object.keys(countById(one.picks(200))).sort()).toEqual(["i-0", "i-2"]);
    one.balancer.add(members[1]!);
    expect(Object.keys(countById(one.picks(200))).sort()).toEqual(["i-0", "i-1", "i-2"]);
    for (const member of members) one.balancer.remove(member);
    expect(one.pick()).toBeUndefined();
  });
});

test("two choices: of two members always the one with less in progress for its weight", () => {
  const [a, b] = [makeTableMember("a", 2), makeTableMember("b", 1)];
  const one = new Table(powerOfTwoChoices, [a, b]);
  for (let step = 0; step < 300; step++) one.lease();
  expect([a.outstanding, b.outstanding]).toEqual([200, 100]);
});

/** How far the fullest of 100 members is above the even share, after 100 exchanges for each that don't end. */
const excessOf = (policy: BalancerPolicy): number => {
  const members = makeTableMembers(100);
  const one = new Table(policy, members);
  for (let step = 0; step < 10_000; step++) one.lease();
  return Math.max(...members.map(({ outstanding }) => outstanding)) - 100;
};

test("two choices keep the fullest of 100 members within 5 of the even share, where one choice leaves it 15 or more above", () => {
  expect(excessOf(powerOfTwoChoices)).toBeLessThanOrEqual(5);
  expect(excessOf(random)).toBeGreaterThanOrEqual(15);
});
