// A lease: one member at a time, given back exactly once, wherever the member is by then.
import { expect, test } from "bun:test";
import { Lease } from "../../../src/balance/lease.ts";
import { defaultBalanceTerms, Member } from "../../../src/balance/member.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { makeSpyPolicy } from "./spy-policy.ts";

test("taken, it counts; given back, it counts no more; given back again, nothing", () => {
  const log: Array<string> = [];
  const member = new Member("a");
  const lease = new Lease<Member>();
  lease.giveBack();
  expect(lease.take(makeMembership([member], makeSpyPolicy(log)))).toBe(member);
  expect([lease.member, member.outstanding]).toEqual([member, 1]);
  lease.giveBack();
  lease.giveBack();
  expect([lease.member, member.outstanding]).toEqual([undefined, 0]);
  expect(log).toEqual(["+a", "(a", ")a"]);
});

test("taking again gives the held member back first, even when nobody is left", () => {
  const log: Array<string> = [];
  const [a, b] = [new Member("a"), new Member("b")];
  const membership = makeMembership([a, b], makeSpyPolicy(log));
  const lease = new Lease<Member>();
  lease.take(membership);
  expect(lease.take(membership, new Set([a]))).toBe(b);
  expect([a.outstanding, b.outstanding]).toEqual([0, 1]);
  expect(lease.take(membership, new Set([a, b]))).toBeUndefined();
  expect([lease.member, a.outstanding, b.outstanding]).toEqual([undefined, 0, 0]);
  lease.giveBack();
  expect(log.slice(2)).toEqual(["(a", ")a", "(b", ")b"]);
});

test("a member that has left is given back, without its old listener", () => {
  const log: Array<string> = [];
  const member = new Member("a");
  const membership = makeMembership([member], makeSpyPolicy(log));
  const lease = new Lease<Member>();
  lease.take(membership);
  membership.replace([]);
  expect(lease.take(membership)).toBeUndefined();
  expect(member.outstanding).toBe(0);
  expect(log).toEqual(["+a", "(a", "-a"]);
});

test("leases on one member add up", () => {
  const member = new Member("a");
  const membership = makeMembership([member], makeSpyPolicy([]));
  const leases = Array.from({ length: 5 }, () => new Lease<Member>());
  for (const lease of leases) lease.take(membership);
  expect(member.outstanding).toBe(5);
  for (const lease of leases) lease.giveBack();
  expect(member.outstanding).toBe(0);
});

test("a member that is asked for by name is held if it has room, whoever would be picked", () => {
  const [a, b] = [new Member("a"), new Member("b")];
  b.setTerms({ ...defaultBalanceTerms, weight: 0, maxOutstanding: 1 }, 0);
  const membership = makeMembership([a, b], makeSpyPolicy([]));
  const [one, other] = [new Lease<Member>(), new Lease<Member>()];
  one.take(membership);
  expect([one.hold(b), one.member, a.outstanding, b.outstanding]).toEqual([true, b, 0, 1]);
  expect([other.hold(b), other.member, b.outstanding]).toEqual([false, undefined, 1]);
  one.giveBack();
  expect([other.hold(b), b.outstanding]).toEqual([true, 1]);
});

test("the key goes to the balancer", () => {
  const keys: Array<number> = [];
  const spy = makeSpyPolicy([]);
  const membership = makeMembership([new Member("a")], {
    name: "keyed",
    make: (options) => {
      const balancer = spy.make<never>(options);
      return {
        ...balancer,
        pick: (key) => {
          keys.push(key);
          return undefined;
        },
      };
    },
  });
  const lease = new Lease<Member>();
  lease.take(membership, undefined, 7);
  lease.take(membership);
  expect(keys).toEqual([7, 0]);
});
