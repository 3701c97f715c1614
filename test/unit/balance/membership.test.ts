// Members of a listener: they come and go one by one, leave the balancer while they are full or weigh nothing, and tell
// when there is room again.
import { describe, expect, test } from "bun:test";
import roundRobin from "../../../policies/balance/round-robin.ts";
import { Lease } from "../../../src/balance/lease.ts";
import { defaultBalanceTerms, Member } from "../../../src/balance/member.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { makeSpyPolicy } from "./spy-policy.ts";

const terms = defaultBalanceTerms;

const makeMembers = (...names: ReadonlyArray<string>) => names.map((name) => new Member(name));

/** Members that may have one exchange at a time. */
const makeNarrow = (...names: ReadonlyArray<string>) =>
  makeMembers(...names).map((member) => {
    member.setTerms({ ...terms, maxOutstanding: 1 }, 0);
    return member;
  });

describe("coming and going", () => {
  test("who is new joins, who is missing leaves, nobody else notices; a member that is listed twice is one", () => {
    const log: Array<string> = [];
    const [a, b, c] = makeMembers("a", "b", "c") as [Member, Member, Member];
    const membership = makeMembership([a, b, a], makeSpyPolicy(log));
    expect(membership.members).toEqual([a, b]);
    membership.replace([c, b]);
    expect(membership.members).toEqual([c, b]);
    membership.replace([b, c]);
    expect(log).toEqual(["+a", "+b", "-a", "+c"]);
    expect([a, b, c].map((member) => membership.has(member))).toEqual([false, true, true]);
  });

  test("turns survive", () => {
    const [a, b, c, d] = makeMembers("a", "b", "c", "d") as [Member, Member, Member, Member];
    const membership = makeMembership([a, b, c], roundRobin);
    expect([membership.pick(), membership.pick()]).toEqual([a, b]);
    membership.replace([a, b, c, d]);
    expect([membership.pick(), membership.pick()]).toEqual([c, a]);
    membership.replace([b, d]);
    expect([membership.pick(), membership.pick(), membership.pick()]).toEqual([b, d, b]);
  });

  test("another policy takes over with the members that can be picked, and the old one hears no more", () => {
    const [old, fresh]: [Array<string>, Array<string>] = [[], []];
    const members = makeMembers("a", "b");
    members[1]!.setTerms({ ...terms, weight: 0 }, 0);
    const membership = makeMembership(members, makeSpyPolicy(old, "old"));
    const lease = new Lease<Member>();
    lease.take(membership);
    membership.follow(makeSpyPolicy(fresh, "fresh"));
    expect(membership.policy.name).toBe("fresh");
    lease.giveBack();
    expect([old, fresh]).toEqual([
      ["+a", "(a"],
      ["+a", ")a"],
    ]);
  });

  test("two listeners that share a member both hear of every lease", () => {
    const [one, other]: [Array<string>, Array<string>] = [[], []];
    const [a] = makeMembers("a") as [Member];
    const first = makeMembership([a], makeSpyPolicy(one));
    const second = makeMembership([a], makeSpyPolicy(other));
    const lease = new Lease<Member>();
    lease.take(first);
    lease.giveBack();
    second.replace([]);
    lease.take(first);
    expect([one, other]).toEqual([
      ["+a", "(a", ")a", "(a"],
      ["+a", "(a", ")a", "-a"],
    ]);
  });
});

describe("limits", () => {
  test("a full member can't be picked, by any listener, until it has room again", () => {
    const [one, other]: [Array<string>, Array<string>] = [[], []];
    const [a, b] = makeNarrow("a", "b") as [Member, Member];
    const first = makeMembership([a, b], makeSpyPolicy(one));
    const second = makeMembership([a], makeSpyPolicy(other));
    const leases = [new Lease<Member>(), new Lease<Member>(), new Lease<Member>()] as const;
    expect(leases.map((lease) => lease.take(first))).toEqual([a, b, undefined]);
    expect([second.pick(), first.members, second.has(a)]).toEqual([undefined, [a, b], true]);
    leases[0].giveBack();
    expect(leases[2].take(second)).toBe(a);
    expect(one).toEqual(["+a", "+b", "-a", "-b", "+a", "-a"]);
    expect(other).toEqual(["+a", "-a", "+a", "-a"]);
  });

  test("a full member joins when it gets room, and leaves without having joined", () => {
    const log: Array<string> = [];
    const [a] = makeNarrow("a") as [Member];
    const lease = new Lease<Member>();
    lease.hold(a);
    const membership = makeMembership([a], makeSpyPolicy(log));
    membership.replace([]);
    membership.replace([a]);
    expect(log).toEqual([]);
    lease.giveBack();
    expect(log).toEqual(["+a"]);
  });

  test("a lower limit leaves what is in progress alone; a higher one makes room at once", () => {
    const log: Array<string> = [];
    const [a] = makeMembers("a") as [Member];
    const membership = makeMembership([a], makeSpyPolicy(log));
    const leases = [new Lease<Member>(), new Lease<Member>(), new Lease<Member>()] as const;
    for (const lease of leases) lease.take(membership);
    a.setTerms({ ...terms, maxOutstanding: 2 }, 0);
    expect([a.outstanding, a.hasRoom, a.isOpen, membership.pick()]).toEqual([3, false, false, undefined]);
    leases[0].giveBack();
    expect(membership.pick()).toBeUndefined();
    leases[1].giveBack();
    expect(membership.pick()).toBe(a);
    a.setTerms({ ...terms, maxOutstanding: 1 }, 0);
    a.setTerms({ ...terms, maxOutstanding: 2 }, 0);
    expect(log).toEqual(["+a", "(a", "(a", "(a", "-a", "+a", "-a", "+a"]);
  });
});

describe("room", () => {
  test("is told when a full member gets some, after every listener knows, and when a member joins with some", () => {
    const [a, b] = makeNarrow("a", "b") as [Member, Member];
    const first = makeMembership([a], roundRobin);
    const second = makeMembership([a], roundRobin);
    const told: Array<string> = [];
    first.onRoomMade = (member) => told.push(`first ${member.name} ${second.pick()?.name}`);
    second.onRoomMade = (member) => told.push(`second ${member.name}`);
    const lease = new Lease<Member>();
    lease.take(first);
    expect(told).toEqual([]);
    lease.giveBack();
    expect(told).toEqual(["first a a", "second a"]);
    second.replace([a, b]);
    second.replace([a]);
    lease.hold(b);
    second.replace([a, b]);
    expect(told.slice(2)).toEqual(["second b"]);
  });

  test("goes to the first who takes it: nobody else is told of what is gone", () => {
    const [a] = makeNarrow("a") as [Member];
    const first = makeMembership([a], roundRobin);
    const second = makeMembership([a], roundRobin);
    const [holder, waiting] = [new Lease<Member>(), new Lease<Member>()];
    const told: Array<string> = [];
    first.onRoomMade = () => told.push(`first ${waiting.take(first)?.name}`);
    second.onRoomMade = () => told.push("second");
    holder.take(second);
    holder.giveBack();
    expect([told, a.outstanding, second.pick()]).toEqual([["first a"], 1, undefined]);
    waiting.giveBack();
    expect(a.outstanding).toBe(1);
  });

  test("isn't told to a listener that lets the member go meanwhile", () => {
    const [a] = makeNarrow("a") as [Member];
    const first = makeMembership([a], roundRobin);
    const second = makeMembership([a], roundRobin);
    const told: Array<string> = [];
    first.onRoomMade = () => second.replace([]);
    second.onRoomMade = () => told.push("second");
    const lease = new Lease<Member>();
    lease.hold(a);
    lease.giveBack();
    expect(told).toEqual([]);
  });

  test("is told when a limit rises or a weight comes back, and not when nothing was missing", () => {
    const [a] = makeNarrow("a") as [Member];
    const membership = makeMembership([a], roundRobin);
    const told: Array<string> = [];
    membership.onRoomMade = (member) => told.push(member.name);
    new Lease<Member>().take(membership);
    a.setTerms({ ...terms, maxOutstanding: 2 }, 0);
    expect(told).toEqual(["a"]);
    a.setTerms({ ...terms, maxOutstanding: 3 }, 0);
    a.setTerms({ ...terms, weight: 0 }, 0);
    expect(told).toEqual(["a"]);
    a.setTerms(terms, 0);
    expect(told).toEqual(["a", "a"]);
  });
});

describe("weights", () => {
  test("a member of weight 0 isn't picked, but can be asked for", () => {
    const log: Array<string> = [];
    const [a] = makeMembers("a") as [Member];
    const membership = makeMembership([a], makeSpyPolicy(log));
    a.setTerms({ ...terms, weight: 3 }, 0);
    a.setTerms({ ...terms, weight: 0 }, 0);
    const lease = new Lease<Member>();
    expect([membership.pick(), lease.hold(a), a.outstanding]).toEqual([undefined, true, 1]);
    a.setTerms({ ...terms, weight: 2 }, 0);
    lease.giveBack();
    expect(log).toEqual(["+a", "a=3", "-a", "+a", ")a"]);
  });

  test("a slow start begins at a tenth of the weight and grows with time to the whole", () => {
    const log: Array<string> = [];
    const [a, b] = makeMembers("a", "b") as [Member, Member];
    for (const member of [a, b]) member.setTerms({ ...terms, weight: 2, slowStartMs: 10_000 }, 0);
    // What has always been there doesn't start slowly.
    expect(a.weight).toBe(2);
    b.enterService(50_000);
    const membership = makeMembership([a, b], makeSpyPolicy(log));
    const weights = [50_000, 50_500, 52_000, 55_000, 59_999, 60_000, 99_000].map((nowMs) => {
      membership.refresh(nowMs);
      return [a.weight, Math.round(b.weight * 1000) / 1000];
    });
    expect(weights.map(([whole]) => whole)).toEqual([2, 2, 2, 2, 2, 2, 2]);
    expect(weights.map(([, slow]) => slow)).toEqual([0.2, 0.2, 0.4, 1, 2, 2, 2]);
    expect(log).toEqual(["+a", "+b", "b=0.4", "b=1", "b=1.9998", "b=2"]);
  });

  test("a slow start follows other terms, and begins anew when a member comes back", () => {
    const [a] = makeMembers("a") as [Member];
    a.enterService(1000);
    expect(a.weight).toBe(1);
    a.setTerms({ ...terms, slowStartMs: 1000 }, 1500);
    expect(a.weight).toBe(0.5);
    a.setTerms({ ...terms, slowStartMs: 2000, weight: 4 }, 1500);
    expect(a.weight).toBe(1);
    a.setTerms(terms, 1500);
    expect(a.weight).toBe(1);
    a.setTerms({ ...terms, slowStartMs: 1000 }, 9000);
    expect(a.weight).toBe(1);
    a.enterService(9000);
    expect(a.weight).toBe(0.1);
  });

  test("a member that starts slowly gets its growing share", () => {
    const [a, b] = makeMembers("a", "b") as [Member, Member];
    b.setTerms({ ...terms, slowStartMs: 10_000 }, 0);
    const membership = makeMembership([a], roundRobin);
    b.enterService(0);
    membership.replace([a, b]);
    const shares = Array.from({ length: 12 }, (_, second) => {
      membership.refresh(second * 1000);
      return Array.from({ length: 110 }, () => membership.pick()).filter((member) => member === b).length;
    });
    for (const [second, share] of shares.entries()) {
      const weight = Math.min(1, Math.max(0.1, second / 10));
      expect(Math.abs(share - (110 * weight) / (1 + weight))).toBeLessThan(2);
    }
  });
});
