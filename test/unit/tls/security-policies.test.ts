// The predefined policies by name: every module is known, names and aliases lead to it, and nothing else does.
import { expect, test } from "bun:test";
import { effectivePolicy } from "../../../src/tls/effective-policy.ts";
import {
  defaultSecurityPolicy,
  findSecurityPolicy,
  securityPolicies,
  securityPolicyNames,
} from "../../../src/tls/security-policies.ts";
import { matrixPolicies } from "../../support/security-policy-matrix.ts";

test("every predefined policy is found by its name and its aliases", () => {
  const names = Object.entries(matrixPolicies).flatMap(([name, { aliases = [] }]) => [name, ...aliases]);
  expect([...securityPolicyNames].sort()).toEqual(names.sort());
  for (const [name, { aliases = [] }] of Object.entries(matrixPolicies)) {
    for (const known of [name, ...aliases]) expect(findSecurityPolicy(known)?.name).toBe(name);
  }
  expect(new Set(securityPolicies).size).toBe(Object.keys(matrixPolicies).length);
});

test.each(["", "elbsecuritypolicy-2016-08", "ELBSecurityPolicy-2016-8", "constructor", "__proto__"])(
  "%p is none",
  (name) => expect(findSecurityPolicy(name)).toBeUndefined(),
);

test("the default is on offer whole", () => {
  expect(defaultSecurityPolicy.name).toBe("ELBSecurityPolicy-TLS13-1-2-Res-2021-06");
  const effective = effectivePolicy(defaultSecurityPolicy);
  expect([effective.missingProtocols, effective.missingCiphers]).toEqual([[], []]);
});

test("no predefined policy is empty", () => {
  for (const policy of securityPolicies)
    expect([policy.name, effectivePolicy(policy).isEmpty]).toEqual([policy.name, false]);
});
