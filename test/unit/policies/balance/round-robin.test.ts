// Round robin: everyone in turn, the excluded skipped, nobody when nobody is left.
import { expect, test } from "bun:test";
import roundRobin from "../../../../policies/balance/round-robin.ts";

const [a, b, c] = [{ id: "a" }, { id: "b" }, { id: "c" }] as const;
const balancer = () => roundRobin.make([a, b, c]);

test("each member in turn, over and over", () => {
  const { pick } = balancer();
  expect(Array.from({ length: 7 }, () => pick()?.id)).toEqual(["a", "b", "c", "a", "b", "c", "a"]);
});

test("an excluded member is skipped and the turn goes on after the one that was picked", () => {
  const { pick } = balancer();
  expect(pick(new Set([a]))).toBe(b);
  expect(pick()).toBe(c);
  expect(pick(new Set([a, b]))).toBe(c);
  expect(pick()).toBe(a);
});

test("nobody when all are excluded or there are none, and then everyone again", () => {
  const { pick } = balancer();
  expect(pick(new Set([a, b, c]))).toBeUndefined();
  expect(pick()).toBe(a);
  expect(roundRobin.make([]).pick()).toBeUndefined();
});

test("leases don't change whose turn it is", () => {
  const one = balancer();
  one.leased(one.pick()!);
  one.leased(b);
  one.returned(a);
  expect(one.pick()).toBe(b);
});
