// Round robin: everyone in turn, the excluded keep theirs, who joins goes to the end, weights are shares of the turns.
import { expect, test } from "bun:test";
import roundRobin from "../../../../policies/balance/round-robin.ts";
import { forSeeds } from "../../../fuzz/random.ts";
import { countById, makeTableMember, makeTableMembers, Table, type TableMember } from "./table.ts";

const [a, b, c, d] = ["a", "b", "c", "d"].map((id) => makeTableMember(id)) as [
  TableMember,
  TableMember,
  TableMember,
  TableMember,
];
const table = () => new Table(roundRobin, [a, b, c]);

test("each member in turn, over and over", () => {
  expect(table().picks(7)).toEqual(["a", "b", "c", "a", "b", "c", "a"]);
});

test("an excluded member is skipped and keeps its turn", () => {
  const one = table();
  expect(one.pick(new Set([a]))).toBe(b);
  expect(one.picks(4)).toEqual(["a", "c", "b", "a"]);
});

test("nobody when all are excluded or there are none, and then everyone again", () => {
  const one = table();
  expect(one.pick(new Set([a, b, c]))).toBeUndefined();
  expect(one.picks(3)).toEqual(["a", "b", "c"]);
  for (const member of [a, b, c]) one.balancer.remove(member);
  expect(one.pick()).toBeUndefined();
});

test("who joins goes to the end of the line, who leaves takes nobody's turn", () => {
  const one = table();
  one.pick();
  one.balancer.add(d);
  expect(one.picks(4)).toEqual(["b", "c", "a", "d"]);
  one.pick();
  one.balancer.remove(c);
  expect(one.picks(4)).toEqual(["a", "d", "b", "a"]);
  one.balancer.remove(d);
  one.balancer.add(c);
  expect(one.picks(4)).toEqual(["b", "a", "c", "b"]);
});

test("leases don't change whose turn it is", () => {
  const one = table();
  one.begin(one.pick()!);
  one.begin(b);
  expect(one.picks(2)).toEqual(["b", "c"]);
  one.end(a);
  one.end(b);
});

test("weights are shares of a round, spread over it", () => {
  const one = new Table(roundRobin, [makeTableMember("a", 3), makeTableMember("b"), makeTableMember("c", 2)]);
  expect(one.picks(12).join("")).toBe("acabca".repeat(2));
});

test("with another weight, what is left of the wait is another", () => {
  const light = makeTableMember("light", 0.1);
  const one = new Table(roundRobin, [makeTableMember("a"), light]);
  expect(countById(one.picks(11))).toEqual({ a: 10, light: 1 });
  one.picks(1);
  // The light one's next turn would be after nine more.
  one.reweigh(light, 1);
  expect(countById(one.picks(4))).toEqual({ a: 2, light: 2 });
  expect(countById(one.picks(20))).toEqual({ a: 10, light: 10 });
});

test("by chance: the same as a line of people", () => {
  forSeeds(300, 300, (random) => {
    const members = makeTableMembers(1 + random.below(8));
    const one = new Table(roundRobin, []);
    const line: Array<TableMember> = [];
    for (let step = 0; step < 200; step++) {
      if (random.chance(0.1)) {
        const member = random.pick(members);
        const at = line.indexOf(member);
        if (at < 0) {
          one.balancer.add(member);
          line.push(member);
        } else {
          one.balancer.remove(member);
          line.splice(at, 1);
        }
        continue;
      }
      const next = line.shift();
      expect(one.pick()).toBe(next);
      if (next !== undefined) line.push(next);
    }
  });
});

test("by chance: somebody is picked whenever somebody isn't excluded, and exclusions are forgotten soon", () => {
  forSeeds(200, 300, (random) => {
    const members = makeTableMembers(1 + random.below(8)).map(({ id }) => makeTableMember(id, 1 + random.below(4)));
    const one = new Table(roundRobin, members);
    for (let step = 0; step < 200; step++) {
      const exclude = new Set(members.filter(() => random.chance(0.5)));
      const next = one.pick(exclude);
      expect(next === undefined).toBe(exclude.size === members.length);
      if (next !== undefined) expect(exclude.has(next)).toBe(false);
    }
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    const counts = countById(one.picks(20 * total));
    for (const { id, weight } of members) expect(Math.abs((counts[id] ?? 0) - 20 * weight)).toBeLessThanOrEqual(4);
  });
});

test("by chance: nobody is ever two turns off the exact share, nor off at all after whole rounds", () => {
  forSeeds(100, 300, (random) => {
    const members = makeTableMembers(2 + random.below(10)).map(({ id }) => makeTableMember(id, 1 + random.below(9)));
    const one = new Table(roundRobin, members);
    const total = members.reduce((sum, { weight }) => sum + weight, 0);
    const counts = new Map(members.map((member) => [member, 0]));
    for (let turn = 1; turn <= 20 * total; turn++) {
      const member = one.pick()!;
      counts.set(member, counts.get(member)! + 1);
      for (const [{ weight }, count] of counts) {
        expect(Math.abs(count - (turn * weight) / total)).toBeLessThan(turn % total === 0 ? 1e-9 : 2);
      }
    }
  });
});
