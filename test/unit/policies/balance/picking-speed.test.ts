// One pick with its lease costs under a microsecond among 1,000 members, whatever the policy. The best of many short
// rounds counts: what else runs on the machine is not the balancer's fault.
import { expect, test } from "bun:test";
import { measurePicking } from "../../../../bench/picking.ts";
import { balancerPolicies } from "../../../../src/balance/balancers.ts";

test.each(balancerPolicies.map((policy) => [policy.name, policy] as const))("%s", (_, policy) => {
  expect(measurePicking(policy, 1000, 20, 5000).leastNs).toBeLessThan(1000);
});
