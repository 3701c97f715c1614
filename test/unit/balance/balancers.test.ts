// The built-in balancing policies: by name, and what a listener gets that names none.
import { expect, test } from "bun:test";
import { balancerPolicies, defaultBalancerPolicy, findBalancerPolicy } from "../../../src/balance/balancers.ts";

test("every policy is found by its name, nothing by another", () => {
  const names = balancerPolicies.map(({ name }) => name);
  expect(names).toEqual(["round-robin", "least-outstanding", "power-of-two-choices", "random", "consistent-hash"]);
  for (const policy of balancerPolicies) expect(findBalancerPolicy(policy.name)).toBe(policy);
  expect(findBalancerPolicy("Round-Robin")).toBeUndefined();
});

test("every module of policies/balance/ is built in, under its own name", () => {
  const files = [...new Bun.Glob("*.ts").scanSync(`${import.meta.dir}/../../../policies/balance`)];
  expect(files.map((file) => file.replace(/\.ts$/, "")).sort()).toEqual(
    balancerPolicies.map(({ name }) => name).sort(),
  );
});

test("layer 4 takes turns, layer 7 goes by what is outstanding", () => {
  const names = (["TCP", "SSL", "HTTP", "HTTPS"] as const).map((protocol) => defaultBalancerPolicy(protocol).name);
  expect(names).toEqual(["round-robin", "round-robin", "least-outstanding", "least-outstanding"]);
});
