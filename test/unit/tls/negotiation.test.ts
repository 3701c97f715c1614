// Policies written as attributes: every mistake in words, and none where there is none.
import { describe, expect, test } from "bun:test";
import { findNearestName } from "../../../src/control/configuration/nearest-name.ts";
import { findNegotiationProblems, negotiate } from "../../../src/tls/negotiation.ts";
import { securityPolicies } from "../../../src/tls/security-policies.ts";
import { matrixCiphers } from "../../support/security-policy-matrix.ts";

const problemsOf = (attributes: Record<string, unknown>): ReadonlyArray<string> =>
  findNegotiationProblems(attributes, findNearestName).map(
    ({ attribute, problem, expected }) => `${attribute ?? "all"}: ${problem}: ${expected}`,
  );

test.each<[string, Record<string, unknown>]>([
  ["a protocol and a suite", { "Protocol-TLSv1.2": true, "AES128-SHA": "true" }],
  ["TLS 1.3 alone", { "Protocol-TLSv1.3": true }],
  ["a reference", { "Reference-Security-Policy": "ELBSecurityPolicy-2016-08" }],
  [
    "a reference and its own switches",
    { "Reference-Security-Policy": "ELBSecurityPolicy-2016-08", "AES128-SHA": true },
  ],
])("%s is sound", (_, attributes) => expect(problemsOf(attributes)).toEqual([]));

test.each(securityPolicies)("$name, expanded as AWS tells it beside its reference, is sound and the same", (policy) => {
  const on = new Set<string>([...policy.ciphers, ...policy.protocols.map((protocol) => `Protocol-${protocol}`)]);
  const switches = Object.fromEntries(
    [
      ...matrixCiphers.map(({ name }) => name),
      ...["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"].map((one) => `Protocol-${one}`),
    ].map((name) => [name, String(on.has(name))]),
  );
  const expanded = { ...switches, "Server-Defined-Cipher-Order": String(policy.hasServerOrder) };
  const withReference = { ...expanded, "Reference-Security-Policy": policy.name };
  expect([problemsOf(expanded), problemsOf(withReference)]).toEqual([[], []]);
  expect(negotiate(withReference)).toEqual({
    protocols: policy.protocols,
    hasServerOrder: policy.hasServerOrder,
    ciphers: policy.ciphers,
  });
  const { protocols, ciphers } = negotiate(expanded);
  expect([protocols, [...ciphers].sort()]).toEqual([policy.protocols, [...policy.ciphers].sort()]);
});

describe("mistakes", () => {
  test.each<[Record<string, unknown>, ReadonlyArray<RegExp>]>([
    [{ "Protocol-TLSv1_2": true }, [/^Protocol-TLSv1_2: unknown attribute .*did you mean `Protocol-TLSv1\.2`\?/]],
    [{ "Protocol-TLSv1.0": true }, [/^Protocol-TLSv1\.0: unknown attribute .*did you mean `Protocol-TLSv1`\?/]],
    [{ "Protocol-TLS1.2": true }, [/^Protocol-TLS1\.2: unknown attribute .*did you mean `Protocol-TLSv1\.2`\?/]],
    [
      { "Protocol-TLSv1.2": true, "AES-128-SHA": true },
      [/^AES-128-SHA: unknown attribute .*did you mean `AES128-SHA`\?/],
    ],
    [{ "Protocol-TLSv1.2": "yes" }, [/^Protocol-TLSv1\.2: "yes" is not a switch: true or false$/]],
    [{ "AES128-SHA": 1 }, [/^AES128-SHA: 1 is not a switch/]],
    [{ "AES128-SHA": ["true"] }, [/^AES128-SHA: a list is not a switch/]],
    [{ TLS_AES_128_GCM_SHA256: true }, [/^TLS_AES_128_GCM_SHA256: .*one by one.*Protocol-TLSv1\.3/]],
    [{}, [/^all: no protocol is switched on/]],
    [{ "AES128-SHA": true, "Protocol-TLSv1.2": false }, [/^all: no protocol is switched on/]],
    [{ "Protocol-TLSv1.2": true }, [/^all: no cipher suite is switched on/]],
    [{ "Protocol-TLSv1.2": true, "Protocol-TLSv1.3": true, "AES128-SHA": false }, [/^all: no cipher suite/]],
    [{ "Reference-Security-Policy": true }, [/^Reference-Security-Policy: true is not the name of a policy/]],
    [
      { "Reference-Security-Policy": "ELBSecurityPolicy-2016-8" },
      [/^Reference-Security-Policy: .*no predefined policy; did you mean `ELBSecurityPolicy-2016-08`\?/],
    ],
    [
      { "Reference-Security-Policy": "ELBSecurityPolicy-2016-08", "RC4-SHA": true, "Protocol-TLSv1": "false" },
      [/^RC4-SHA: true contradicts ELBSecurityPolicy-2016-08/, /^Protocol-TLSv1: "false" contradicts/],
    ],
    [{ nonsense: true, "AES128-SHA": "maybe" }, [/^nonsense: unknown attribute `nonsense`:/, /^AES128-SHA: "maybe"/]],
    [{ toString: true }, [/^toString: unknown attribute/]],
  ])("%j", (attributes, expected) => {
    const problems = problemsOf(attributes);
    expect(problems).toHaveLength(expected.length);
    for (const [index, pattern] of expected.entries()) expect(problems[index]).toMatch(pattern);
  });
});
