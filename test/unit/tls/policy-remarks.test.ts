// What people are told of a policy: every name that isn't on offer with its reason, and what is.
import { expect, test } from "bun:test";
import type { TlsProtocol } from "../../../src/model/security-policy.ts";
import { effectivePolicy } from "../../../src/tls/effective-policy.ts";
import { findOmissions, remarkOnPolicy } from "../../../src/tls/policy-remarks.ts";
import { findSecurityPolicy, securityPolicies } from "../../../src/tls/security-policies.ts";
import { libraryRows, matrixCiphers } from "../../support/security-policy-matrix.ts";

test.each(securityPolicies)("$name: every name that is left out is told once", (policy) => {
  const effective = effectivePolicy(policy);
  const told = findOmissions(policy, effective).flatMap(({ names }) => names);
  expect([...told].sort()).toEqual([...effective.missingProtocols, ...effective.missingCiphers].sort());
  expect(remarkOnPolicy(policy) === undefined).toBe(told.length === 0);
});

test("the remark names the policy, what is left out and why, and what is on offer in order", () => {
  const policy = findSecurityPolicy("ELBSample-OpenSSLDefaultCipherPolicy");
  if (policy === undefined) throw new Error("isn't known");
  expect(remarkOnPolicy(policy)).toBe(
    "ELBSample-OpenSSLDefaultCipherPolicy leaves out SSLv3 (the TLS library has no SSL any more); " +
      "RC4-SHA, RC4-MD5 (the TLS library has no RC4). On offer: TLSv1 with AES128-SHA, AES256-SHA, DES-CBC3-SHA.",
  );
});

const reasonsOf = (protocols: ReadonlyArray<TlsProtocol>, ...ciphers: ReadonlyArray<string>) => {
  const policy = { protocols, hasServerOrder: true, ciphers };
  return findOmissions(policy, effectivePolicy(policy)).map(({ names, reason }) => `${names.join(" ")}: ${reason}`);
};

test("every suite that the library hasn't has a reason of its own", () => {
  const names = matrixCiphers.filter(({ row }) => !libraryRows.includes(row)).map(({ name }) => name);
  const reasons = reasonsOf(["TLSv1.2"], "AES128-SHA", ...names);
  for (const reason of reasons) expect(reason).not.toContain("no such suite");
  expect(reasons.join("\n")).toContain("EXP-RC4-MD5");
  expect(reasons.find((reason) => reason.startsWith("ECDHE-ECDSA-AES256-SHA384"))).toBe(
    "ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 AES128-SHA256 AES256-SHA256: " +
      "the TLS library has no CBC mode with SHA-384, and with SHA-256 only under ECDHE",
  );
});

test.each<[ReadonlyArray<TlsProtocol>, string, RegExp]>([
  [["TLSv1.2"], "nonsense", /^nonsense: no suite of this name is known$/],
  [["TLSv1.2"], "TLS_AES_128_GCM_SHA256", /^TLS_AES_128_GCM_SHA256: TLS 1\.3 brings it/],
  [["TLSv1.2"], "PSK-AES128-CBC-SHA", /^PSK-AES128-CBC-SHA: a listener has no key/],
  [["TLSv1.2"], "DES-CBC3-MD5", /^DES-CBC3-MD5: .*no SSL/],
  [["TLSv1.1"], "AES128-GCM-SHA256", /^AES128-GCM-SHA256: it came with TLS 1\.2, which the policy doesn't have$/],
  [["TLSv1.3"], "AES128-SHA", /^AES128-SHA AES256-SHA: TLS 1\.3 has no use for it$/],
  [["SSLv3"], "AES128-SHA", /^AES128-SHA AES256-SHA: no protocol that has it is on offer$/],
  [["SSLv3", "TLSv1.2"], "AES128-SHA", /^SSLv3: the TLS library has no SSL any more$/],
])("%p with %s", (protocols, cipher, reason) => {
  expect(reasonsOf(protocols, cipher, "AES256-SHA").join("\n")).toMatch(new RegExp(reason.source, "m"));
});

test("a protocol without a suite is told as such", () => {
  expect(reasonsOf(["TLSv1.1", "TLSv1.2"], "AES128-GCM-SHA256")).toEqual([
    "TLSv1.1: the policy leaves no cipher suite for it",
  ]);
});

test("a policy of which nothing is left says so", () => {
  const policy = { name: "mine", protocols: ["SSLv3" as const], hasServerOrder: true, ciphers: ["AES128-SHA"] };
  expect(remarkOnPolicy(policy)).toMatch(/^mine leaves out .*Nothing is on offer\.$/);
});
