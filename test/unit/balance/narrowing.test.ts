// Parts of a membership that policies pick: balanced by themselves, in step with the whole, and bounded in number.
import { describe, expect, test } from "bun:test";
import roundRobin from "../../../policies/balance/round-robin.ts";
import { balancerPolicies } from "../../../src/balance/balancers.ts";
import { Lease } from "../../../src/balance/lease.ts";
import { LoosePart } from "../../../src/balance/loose-part.ts";
import { defaultBalanceTerms, Member } from "../../../src/balance/member.ts";
import { Membership, makeMembership, maxNarrowed, narrowedPatience } from "../../../src/balance/membership.ts";
import { hashText } from "../../../src/policy/hash.ts";
import { makeSpyPolicy } from "./spy-policy.ts";

const terms = defaultBalanceTerms;

const makeMembers = (...names: ReadonlyArray<string>) => names.map((name) => new Member(name));

/** Members that may have one exchange at a time. */
const makeNarrow = (...names: ReadonlyArray<string>) =>
  makeMembers(...names).map((member) => {
    member.setTerms({ ...terms, maxOutstanding: 1 }, 0);
    return member;
  });

describe("a part that a policy picks", () => {
  const isIn =
    (...names: ReadonlyArray<string>) =>
    ({ id }: Member) =>
      names.includes(id);

  test("is balanced by itself and kept under its key", () => {
    const [a, b, c] = makeMembers("a", "b", "c") as [Member, Member, Member];
    const membership = makeMembership([a, b, c], roundRobin);
    const part = membership.narrow("ab", isIn("a", "b"));
    expect(part.members).toEqual([a, b]);
    expect([part.pick(), part.pick(), part.pick()]).toEqual([a, b, a]);
    expect([membership.pick(), membership.pick(), membership.pick()]).toEqual([a, b, c]);
    expect(membership.narrow("ab", isIn("a", "b"))).toBe(part);
    expect([part.root, membership.root]).toEqual([membership, membership]);
  });

  test("follows members who come, go, fill up and change their mind, and policies", () => {
    const [a, b, c] = makeNarrow("a", "b", "c") as [Member, Member, Member];
    const membership = makeMembership([a, b], roundRobin);
    let wanted = ["a", "c"];
    const part = membership.narrow("k", ({ id }) => wanted.includes(id));
    expect(part.members).toEqual([a]);
    membership.replace([a, b, c]);
    expect(part.members).toEqual([a, c]);
    const lease = new Lease<Member>();
    expect(lease.take(part)).toBe(a);
    expect([part.pick(), part.pick()]).toEqual([c, c]);
    const other = new Lease<Member>();
    other.take(part);
    expect([part.pick(), part.hasFull()]).toEqual([undefined, true]);
    lease.giveBack();
    expect(part.pick()).toBe(a);
    other.giveBack();
    wanted = ["b"];
    membership.replace(membership.members);
    expect(part.members).toEqual([b]);
    const log: Array<string> = [];
    membership.follow(makeSpyPolicy(log));
    expect(log).toEqual(["+a", "+b", "+c", "+b"]);
    membership.replace([a]);
    expect([part.members, part.pick(), part.hasFull()]).toEqual([[], undefined, false]);
  });

  test("leaves no trace when it is forgotten: unused since the last change, or for long while there are too many", () => {
    const [a] = makeMembers("a") as [Member];
    const membership = makeMembership([a], roundRobin);
    const parts = Array.from(
      { length: maxNarrowed },
      (_, index) => membership.narrow(`${index}`, () => true) as Membership<Member>,
    );
    expect(membership.narrowedCount).toBe(maxNarrowed);
    for (let use = 0; use <= narrowedPatience; use++) membership.narrow("0", () => true);
    expect(membership.narrow("one more", () => true)).toBeInstanceOf(Membership);
    // Not so soon again.
    expect(membership.narrow("two more", () => true)).toBeInstanceOf(LoosePart);
    expect(membership.narrowedCount).toBe(maxNarrowed);
    expect(parts.map((part) => a.isFollowedBy(part)).indexOf(false)).toBe(1);
    membership.forgetUnused();
    expect(membership.narrowedCount).toBe(maxNarrowed);
    membership.narrow("2", () => true);
    membership.forgetUnused();
    expect(membership.narrowedCount).toBe(1);
    expect(parts.filter((part) => a.isFollowedBy(part))).toEqual([parts[2] as (typeof parts)[number]]);
    membership.forgetUnused();
    expect([membership.narrowedCount, membership.pick()]).toEqual([0, a]);
  });

  test.each(balancerPolicies)("beyond those that are kept, everyone still gets a share: $name", (policy) => {
    const members = makeMembers("a", "b", "c", "d") as [Member, Member, Member, Member];
    members[1].setTerms({ ...terms, weight: 2 }, 0);
    const membership = makeMembership(members, policy, { seed: 1 });
    const keyCount = 3 * maxNarrowed;
    const counts = new Map(members.map((member) => [member.id, 0]));
    const rounds = 20;
    for (let use = 0; use < rounds * keyCount; use++) {
      const part = membership.narrow(`${use % keyCount}`, isIn("a", "b", "c"));
      const lease = new Lease<Member>();
      const { id } = lease.take(part, undefined, hashText(`${use}`)) as Member;
      counts.set(id, (counts.get(id) ?? 0) + 1);
      lease.giveBack();
    }
    const shares = members.map(({ id }) => (counts.get(id) ?? 0) / (rounds * keyCount));
    for (const [index, share] of [0.25, 0.5, 0.25, 0].entries()) {
      expect(Math.abs((shares[index] as number) - share)).toBeLessThan(0.08);
    }
    expect(shares[3]).toBe(0);
  });

  test("beyond those that are kept, it leaves out who was tried and knows who is full", () => {
    const [a, b, c] = makeNarrow("a", "b", "c") as [Member, Member, Member];
    const membership = makeMembership([a, b, c], roundRobin);
    for (let index = 0; index < maxNarrowed; index++) membership.narrow(`${index}`, () => true);
    const part = membership.narrow("loose", isIn("a", "b"));
    expect(part).toBeInstanceOf(LoosePart);
    expect([part.members, part.root, part.has(a), part.has(c)]).toEqual([[a, b], membership, true, false]);
    expect(part.pick(new Set([a]))).toBe(b);
    const lease = new Lease<Member>();
    expect(lease.take(part, new Set([b]))).toBe(a);
    expect([part.hasFull(), part.hasFull(new Set([a])), part.pick()]).toEqual([true, false, b]);
    expect(part.pick(new Set([b]))).toBeUndefined();
  });
});
