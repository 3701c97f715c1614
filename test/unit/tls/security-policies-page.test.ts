// docs/security-policies.md against the policies: every one of them, with its protocols, the counts of its suites and whose order
// decides.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Effect } from "effect";
import { loadConfiguration } from "../../../src/control/configuration/load.ts";
import type { SecurityPolicy, TlsProtocol } from "../../../src/model/security-policy.ts";
import { effectivePolicy } from "../../../src/tls/effective-policy.ts";
import { defaultSecurityPolicy, securityPolicies, securityPolicyNames } from "../../../src/tls/security-policies.ts";
import { issueTestCertificate } from "../../support/certificates.ts";
import { codeBlocksOf, tableRowsOf } from "../../support/documents.ts";
import { makeFolder } from "../../support/folder.ts";

const page = readFileSync(resolve(import.meta.dir, "../../../docs/security-policies.md"), "utf8");

const spellings: Partial<Record<TlsProtocol, string>> = {
  SSLv3: "SSL 3.0",
  TLSv1: "TLS 1.0",
  "TLSv1.1": "TLS 1.1",
  "TLSv1.2": "TLS 1.2",
  "TLSv1.3": "TLS 1.3",
};

/** Up to TLS 1.2; in TLS 1.3 it is never the server's. */
const orderOf = ({ ciphers, hasServerOrder }: SecurityPolicy): string =>
  hasServerOrder && ciphers.length > 0 ? "the server's" : "the client's";

test("the page's table is what the policies are", () => {
  const rows = tableRowsOf(page).filter(([name = ""]) => /^`ELBS/.test(name));
  expect(rows).toEqual(
    securityPolicies.map((policy) => [
      `\`${policy.name}\``,
      policy.protocols.map((protocol) => spellings[protocol]).join(", "),
      String(policy.ciphers.length),
      String(effectivePolicy(policy).ciphers.length),
      orderOf(policy),
    ]),
  );
});

test("every name is on the page, and the default", () => {
  for (const name of securityPolicyNames) expect(page).toContain(`\`${name}\``);
  expect(page).toContain(`One that names none gets \`${defaultSecurityPolicy.name}\``);
});

test("the page's module and the configuration that imports it make a policy", async () => {
  const { certPem, keyPem } = await issueTestCertificate();
  using folder = makeFolder({ "certs/site.pem": certPem, "certs/site.key": keyPem });
  const blocks = codeBlocksOf(page).filter(({ language }) => language === "ts");
  for (const { code } of blocks) folder.write(/^\/\/ ([\w.]+)/.exec(code)?.[1] ?? "", code);
  const { loadBalancers } = await Effect.runPromise(loadConfiguration(`${folder.path}/elbow.config.ts`));
  const policy = loadBalancers[0]?.listeners[0]?.security?.policy;
  expect(policy).toMatchObject({ name: "strict", protocols: ["TLSv1.2", "TLSv1.3"], hasServerOrder: true });
  expect(policy?.ciphers).toHaveLength(3);
});
