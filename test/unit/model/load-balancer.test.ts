// Names of load balancers, as CreateLoadBalancer has them.
import { expect, test } from "bun:test";
import { isLoadBalancerName } from "../../../src/model/load-balancer.ts";

test.each(["a", "web", "Web-1", "1", "a--b", "a".repeat(32)])("%s is a name", (name) => {
  expect(isLoadBalancerName(name)).toBe(true);
});

test.each(["", "-", "-web", "web-", "my_web", "my.web", "wéb", "web\n", "a".repeat(33)])("%j is no name", (name) => {
  expect(isLoadBalancerName(name)).toBe(false);
});
