// The modules of policies/tls/ against what AWS documents (test/support/security-policy-matrix.ts): names, versions, suites,
// their order, and who decides by it.
import { describe, expect, test } from "bun:test";
import { basename, resolve } from "node:path";
import type { SecurityPolicy } from "../../../../src/model/security-policy.ts";
import { matrixCiphers, matrixPolicies } from "../../../support/security-policy-matrix.ts";

const folder = resolve(import.meta.dir, "../../../../policies/tls");
const files = [...new Bun.Glob("elb-*.ts").scanSync(folder)].sort();
const policies: ReadonlyArray<readonly [string, SecurityPolicy]> = await Promise.all(
  files.map(async (file) => [file, (await import(resolve(folder, file))).default] as const),
);

test("there is one module for each predefined policy", () => {
  expect(policies.map(([, { name }]) => name).sort()).toEqual(Object.keys(matrixPolicies).sort());
});

describe.each(policies)("%s", (file, policy) => {
  test("is what AWS documents", () => {
    const { versions, hasServerOrder, rows, aliases } = matrixPolicies[policy.name] as (typeof matrixPolicies)[string];
    expect(policy).toEqual({
      name: policy.name,
      ...(aliases === undefined ? {} : { aliases }),
      protocols: versions,
      hasServerOrder,
      ciphers: rows.map((row) => matrixCiphers[row - 1]?.name as string),
    });
  });

  test("is named like its policy", () => {
    const words = policy.name
      .replace("ELBSecurityPolicy", "elb-security-policy")
      .replace("ELBSample-ELBDefaultCipherPolicy", "elb-sample-elb-default-cipher-policy")
      .replace("ELBSample-OpenSSLDefaultCipherPolicy", "elb-sample-openssl-default-cipher-policy");
    expect(basename(file, ".ts")).toBe(words.toLowerCase());
  });
});
