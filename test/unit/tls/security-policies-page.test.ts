// docs/security-policies.md against the policies: every one of them, with its protocols and the counts of its suites.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { TlsProtocol } from "../../../src/model/security-policy.ts";
import { effectivePolicy } from "../../../src/tls/effective-policy.ts";
import { defaultSecurityPolicy, securityPolicies, securityPolicyNames } from "../../../src/tls/security-policies.ts";
import { tableRowsOf } from "../../support/documents.ts";

const page = readFileSync(resolve(import.meta.dir, "../../../docs/security-policies.md"), "utf8");

const spellings: Partial<Record<TlsProtocol, string>> = {
  SSLv3: "SSL 3.0",
  TLSv1: "TLS 1.0",
  "TLSv1.1": "TLS 1.1",
  "TLSv1.2": "TLS 1.2",
  "TLSv1.3": "TLS 1.3",
};

test("the page's table is what the policies are", () => {
  const rows = tableRowsOf(page).filter(([name = ""]) => /^`ELBS/.test(name));
  expect(rows).toEqual(
    securityPolicies.map((policy) => [
      `\`${policy.name}\``,
      policy.protocols.map((protocol) => spellings[protocol]).join(", "),
      String(policy.ciphers.length),
      String(effectivePolicy(policy).ciphers.length),
    ]),
  );
});

test("every name is on the page, and the default", () => {
  for (const name of securityPolicyNames) expect(page).toContain(`\`${name}\``);
  expect(page).toContain(`One that names none gets \`${defaultSecurityPolicy.name}\``);
});
