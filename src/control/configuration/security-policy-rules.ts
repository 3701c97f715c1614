/**
 * Settles a security policy that is written out in a configuration, as a module of policies/tls/ is: names and gaps.
 * The part of policy-rules.ts for policies without a type; owns what its members may say together.
 * Never knows what the TLS library has: who uses the policy asks tls/effective-policy.ts.
 */
import { Result } from "effect";
import type { SecurityPolicy } from "../../model/security-policy.ts";
import { cipherSuiteNames, findCipherSuite, suites13 } from "../../tls/cipher-suites.ts";
import { findNearestName } from "./nearest-name.ts";
import { type Finding, type Place, spellValue } from "./problem.ts";
import type { SiftedSecurityPolicy } from "./sift-security.ts";

/** The policy under the name of its key, or what is wrong with it; what is broken by itself has been told. */
export const settleSecurityPolicy = (
  name: string,
  place: Place,
  { protocols, hasServerOrder, ciphers }: SiftedSecurityPolicy,
): Result.Result<SecurityPolicy, ReadonlyArray<Finding>> => {
  const findings = (ciphers ?? []).flatMap((cipher, index) => {
    const problem = findCipherProblem(cipher);
    return problem === undefined ? [] : [{ place: [...place, "ciphers", index], ...problem }];
  });
  if (protocols?.length === 0) {
    findings.push({ place: [...place, "protocols"], problem: "is empty", expected: 'one such as ["TLSv1.2"]' });
  }
  if (ciphers?.length === 0 && protocols?.some((protocol) => protocol !== "TLSv1.3")) {
    const problem = "is empty, and only TLS 1.3 does without";
    const expected = 'one such as ["ECDHE-RSA-AES128-GCM-SHA256"]';
    findings.push({ place: [...place, "ciphers"], problem, expected });
  }
  const isWhole = protocols !== undefined && hasServerOrder !== undefined && ciphers !== undefined;
  return isWhole && findings.length === 0
    ? Result.succeed({ name, protocols, hasServerOrder, ciphers })
    : Result.fail(findings);
};

const findCipherProblem = (cipher: string): Pick<Finding, "problem" | "expected"> | undefined => {
  if (findCipherSuite(cipher) !== undefined) return undefined;
  if (suites13.includes(cipher)) {
    const problem = `${spellValue(cipher)} is a suite of TLS 1.3, and those aren't named one by one`;
    return { problem, expected: '"TLSv1.3" among the `protocols`, which brings all of them' };
  }
  const nearest = findNearestName(cipher, cipherSuiteNames);
  const hint = nearest === undefined ? "" : `; did you mean ${spellValue(nearest)}?`;
  return {
    problem: `${spellValue(cipher)} is not a cipher suite${hint}`,
    expected: "OpenSSL's name of one, such as ECDHE-RSA-AES128-GCM-SHA256",
  };
};
