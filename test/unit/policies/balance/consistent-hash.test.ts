// Consistent hash: the same key, the same member; who comes or goes moves its own keys only; nobody owns much more than its
// share; nothing depends on what happened before.
import { describe, expect, test } from "bun:test";
import consistentHash from "../../../../policies/balance/consistent-hash.ts";
import { hashText } from "../../../../src/policy/index.ts";
import { forSeeds } from "../../../fuzz/random.ts";
import { makeTableMember, makeTableMembers, Table, type TableMember } from "./table.ts";

const makeTable = (members: ReadonlyArray<TableMember>) => new Table(consistentHash, members);

/** Keys of as many clients' addresses. */
const makeKeys = (count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) => hashText(`10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`));

const keys = makeKeys(20_000);

const ownersOf = (table: Table, exclude?: ReadonlySet<TableMember>) => keys.map((key) => table.pick(exclude, key));

/** The keys that have another owner, by their number. */
const movedBetween = (one: ReadonlyArray<unknown>, other: ReadonlyArray<unknown>): ReadonlyArray<number> =>
  one.flatMap((owner, index) => (owner === other[index] ? [] : [index]));

test("the policy asks for the client's address", () => expect(consistentHash.key).toBe("clientAddress"));

test("a key stays with its member, and the order of joining doesn't matter", () => {
  const members = makeTableMembers(20);
  const table = makeTable(members);
  const owners = ownersOf(table);
  expect(ownersOf(table)).toEqual(owners);
  expect(movedBetween(ownersOf(makeTable([...members].reverse())), owners)).toEqual([]);
});

test("keys stay where they are from one version to the next", () => {
  const table = makeTable(makeTableMembers(5));
  const numbers = keys.slice(0, 16).map((key) => table.pick(undefined, key)?.id.slice(2));
  expect(numbers.join("")).toBe("2433413200021410");
});

test.each([2, 3, 20, 200])("of %d members, one leaves and comes back: only its keys move", (count) => {
  const members = makeTableMembers(count);
  const table = makeTable(members);
  const owners = ownersOf(table);
  for (const leaving of members.slice(0, 20)) {
    table.balancer.remove(leaving);
    const moved = movedBetween(ownersOf(table), owners);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved).toEqual(owners.flatMap((owner, index) => (owner === leaving ? [index] : [])));
    table.balancer.add(leaving);
    expect(movedBetween(ownersOf(table), owners)).toEqual([]);
  }
});

test("a leaving member's keys are spread over the others", () => {
  const members = makeTableMembers(10);
  const table = makeTable(members);
  const leaving = members[3]!;
  const orphans = keys.filter((key) => table.pick(undefined, key) === leaving);
  table.balancer.remove(leaving);
  const heirs = new Map<TableMember, number>();
  for (const key of orphans) {
    const heir = table.pick(undefined, key)!;
    heirs.set(heir, (heirs.get(heir) ?? 0) + 1);
  }
  expect(heirs.size).toBe(9);
  expect(Math.max(...heirs.values())).toBeLessThan((2 * orphans.length) / 9);
});

describe("shares", () => {
  const shapes: ReadonlyArray<readonly [string, (index: number) => string]> = [
    ["ids with addresses", (index) => `i-web${index} 10.0.${index >> 8}.${index & 255}:80`],
    ["EC2's ids", (index) => `i-0${(0x1234_5678 + index * 7919).toString(16)}`],
    ["ports of one host", (index) => `127.0.0.1:${3000 + index}`],
  ];
  test.each([2, 3, 5, 10, 30, 100])("of %d members, none owns more than 1.25/n of the keys", (count) => {
    for (const [, nameOf] of shapes) {
      const members = Array.from({ length: count }, (_, index) => makeTableMember(nameOf(index)));
      expect(mostShare(members, 100_000)).toBeLessThan(1.25);
    }
  });

  test("of 1,000 members, none owns more than 1.25/n of the keys", () => {
    const [, nameOf] = shapes[0]!;
    const members = Array.from({ length: 1000 }, (_, index) => makeTableMember(nameOf(index)));
    expect(mostShare(members, 1_500_000)).toBeLessThan(1.25);
  });

  test("follow weights", () => {
    const members = [0.5, 1, 2, 4, 8].map((weight, index) => makeTableMember(`i-${index}`, weight));
    for (const [member, share] of sharesOf(members, 200_000)) {
      const fair = member.weight / 15.5;
      expect(share / fair).toBeWithin(0.75, 1.25);
    }
  });
});

const sharesOf = (members: ReadonlyArray<TableMember>, keyCount: number): ReadonlyMap<TableMember, number> => {
  const table = makeTable(members);
  const shares = new Map(members.map((member) => [member, 0]));
  for (let index = 0; index < keyCount; index++) {
    const owner = table.pick(undefined, (Math.imul(index, 2_654_435_761) + 12_345) >>> 0)!;
    shares.set(owner, shares.get(owner)! + 1 / keyCount);
  }
  return shares;
};

/** The largest share of the keys, in even shares. */
const mostShare = (members: ReadonlyArray<TableMember>, keyCount: number): number =>
  Math.max(...sharesOf(members, keyCount).values()) * members.length;

test("with a greater weight a member gains keys and nobody else does; back again, they go back", () => {
  const members = makeTableMembers(8);
  const grown = members[2]!;
  const table = makeTable(members);
  const before = ownersOf(table);
  table.reweigh(grown, 2);
  const after = ownersOf(table);
  const moved = movedBetween(after, before);
  expect(moved.length).toBeGreaterThan(keys.length / 20);
  expect(moved.every((index) => after[index] === grown)).toBe(true);
  table.reweigh(grown, 0.001);
  expect(ownersOf(table).filter((owner) => owner === grown).length).toBeWithin(1, keys.length / 40);
  table.reweigh(grown, 1);
  expect(movedBetween(ownersOf(table), before)).toEqual([]);
});

test("weights above 256 count as 256", () => {
  const heavy = makeTableMember("heavy", 256);
  const members = [heavy, makeTableMember("other", 100)];
  const table = makeTable(members);
  const before = ownersOf(table);
  table.reweigh(heavy, 10_000);
  expect(movedBetween(ownersOf(table), before)).toEqual([]);
});

test("without those excluded, keys go where they would go if these had left; nobody is left when all are", () => {
  const members = makeTableMembers(12);
  const table = makeTable(members);
  for (const gone of [[0], [1, 2, 3], [0, 2, 4, 6, 8, 10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]) {
    const exclude = new Set(gone.map((index) => members[index]!));
    const others = makeTable(members.filter((member) => !exclude.has(member)));
    expect(movedBetween(ownersOf(table, exclude), ownersOf(others))).toEqual([]);
  }
  expect(table.pick(new Set(members), 1)).toBeUndefined();
  expect(makeTable([]).pick(undefined, 1)).toBeUndefined();
  expect(makeTable([]).pick(new Set(), 1)).toBeUndefined();
});

test("from one member to many and back, nothing is remembered", () => {
  const members = makeTableMembers(600);
  const table = makeTable(members.slice(0, 1));
  for (const member of members.slice(1)) table.balancer.add(member);
  for (const member of members.slice(3)) table.balancer.remove(member);
  expect(movedBetween(ownersOf(table), ownersOf(makeTable(members.slice(0, 3))))).toEqual([]);
  for (const member of members.slice(3)) table.balancer.add(member);
  expect(movedBetween(ownersOf(table), ownersOf(makeTable(members)))).toEqual([]);
  for (const member of members.slice(1)) table.balancer.remove(member);
  expect(new Set(ownersOf(table))).toEqual(new Set(members.slice(0, 1)));
});

test("by chance: comings, goings and weights leave what a fresh ring would say", () => {
  forSeeds(60, 400, (random) => {
    const members = makeTableMembers(1 + random.below(30));
    const table = makeTable([]);
    const there = new Set<TableMember>();
    for (let step = 0; step < 60; step++) {
      const member = random.pick(members);
      if (there.has(member) && random.chance(0.5)) {
        there.delete(member);
        table.balancer.remove(member);
      } else {
        const weight = random.pick([0.1, 0.5, 1, 3]);
        if (there.has(member)) table.reweigh(member, weight);
        else {
          there.add(member);
          member.weight = weight;
          table.balancer.add(member);
        }
      }
    }
    const fresh = makeTable([...there].sort(() => random.next() - 0.5));
    for (let count = 0; count < 200; count++) {
      const key = random.below(2 ** 32);
      expect(table.pick(undefined, key)).toBe(fresh.pick(undefined, key));
    }
  });
});
