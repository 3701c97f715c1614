// A lease: one member at a time, given back exactly once, to the balancer that it came from.
import { expect, test } from "bun:test";
import { Lease } from "../../../src/balance/lease.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import type { BalancerPolicy } from "../../../src/policy/index.ts";

const makeMembers = (...ids: ReadonlyArray<string>) => ids.map((id) => ({ id, outstanding: 0 }));

/** The first that is not excluded; writes down what it is told. */
const makePolicy = (log: Array<string>, name = ""): BalancerPolicy => ({
  name: "first",
  make: (members) => ({
    pick: (exclude) => members.find((member) => exclude?.has(member) !== true),
    leased: (member) => log.push(`${name}+${member.id}`),
    returned: (member) => log.push(`${name}-${member.id}`),
  }),
});

test("a membership has its members and a balancer made for them", () => {
  const members = makeMembers("a", "b");
  const membership = makeMembership(members, makePolicy([]));
  expect(membership.members).toBe(members);
  expect(membership.balancer.pick()).toBe(members[0]);
});

test("taken, it counts; given back, it counts no more; given back again, nothing", () => {
  const log: Array<string> = [];
  const members = makeMembers("a");
  const lease = new Lease<(typeof members)[number]>();
  lease.giveBack();
  expect(lease.take(makeMembership(members, makePolicy(log)))).toBe(members[0]);
  expect([lease.member, members[0]?.outstanding]).toEqual([members[0], 1]);
  lease.giveBack();
  lease.giveBack();
  expect([lease.member, members[0]?.outstanding]).toEqual([undefined, 0]);
  expect(log).toEqual(["+a", "-a"]);
});

test("taking again gives the held member back first, even when nobody is left", () => {
  const log: Array<string> = [];
  const members = makeMembers("a", "b");
  const [a, b] = members as [(typeof members)[number], (typeof members)[number]];
  const membership = makeMembership(members, makePolicy(log));
  const lease = new Lease<(typeof members)[number]>();
  lease.take(membership);
  expect(lease.take(membership, new Set([a]))).toBe(b);
  expect([a.outstanding, b.outstanding]).toEqual([0, 1]);
  expect(lease.take(membership, new Set([a, b]))).toBeUndefined();
  expect([lease.member, a.outstanding, b.outstanding]).toEqual([undefined, 0, 0]);
  lease.giveBack();
  expect(log).toEqual(["+a", "-a", "+b", "-b"]);
});

test("after a reload the member goes back to the balancer that gave it", () => {
  const log: Array<string> = [];
  const members = makeMembers("a");
  const lease = new Lease<(typeof members)[number]>();
  lease.take(makeMembership(members, makePolicy(log, "old")));
  lease.take(makeMembership(members, makePolicy(log, "new")));
  lease.giveBack();
  expect(log).toEqual(["old+a", "old-a", "new+a", "new-a"]);
  expect(members[0]?.outstanding).toBe(0);
});

test("leases on one member add up", () => {
  const members = makeMembers("a");
  const membership = makeMembership(members, makePolicy([]));
  const leases = Array.from({ length: 5 }, () => new Lease<(typeof members)[number]>());
  for (const lease of leases) lease.take(membership);
  expect(members[0]?.outstanding).toBe(5);
  for (const lease of leases) lease.giveBack();
  expect(members[0]?.outstanding).toBe(0);
});
