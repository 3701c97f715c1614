// What is left of a policy in this TLS library, and for which certificates.
import { describe, expect, test } from "bun:test";
import type { TlsProtocol } from "../../../src/model/security-policy.ts";
import { effectivePolicy, isUsableWith, usableCiphers } from "../../../src/tls/effective-policy.ts";
import { findSecurityPolicy } from "../../../src/tls/security-policies.ts";
import { libraryRows, matrixCiphers, matrixPolicies } from "../../support/security-policy-matrix.ts";

const terms = (protocols: ReadonlyArray<TlsProtocol>, ciphers: ReadonlyArray<string>, hasServerOrder = true) => ({
  protocols,
  hasServerOrder,
  ciphers,
});

const all13 = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

test.each(Object.keys(matrixPolicies))("%s", (name) => {
  const policy = findSecurityPolicy(name);
  if (policy === undefined) throw new Error(`${name} isn't known`);
  const { versions, hasServerOrder, rows } = matrixPolicies[name] as (typeof matrixPolicies)[string];
  const nameOf = (row: number) => matrixCiphers[row - 1]?.name as string;
  expect(effectivePolicy(policy)).toEqual({
    protocols: versions.filter((version) => version !== "SSLv3"),
    ciphers: rows.filter((row) => libraryRows.includes(row)).map(nameOf),
    suites13: versions.includes("TLSv1.3") ? all13 : [],
    hasServerOrder,
    missingProtocols: versions.filter((version) => version === "SSLv3"),
    missingCiphers: rows.filter((row) => !libraryRows.includes(row)).map(nameOf),
    isEmpty: false,
  });
});

test("protocols come out oldest first, suites as they were written", () => {
  const effective = effectivePolicy(terms(["TLSv1.2", "TLSv1", "TLSv1"], ["AES256-SHA", "AES128-SHA", "AES256-SHA"]));
  expect(effective.protocols).toEqual(["TLSv1", "TLSv1.2"]);
  expect(effective.ciphers).toEqual(["AES256-SHA", "AES128-SHA"]);
});

test.each([
  "nonsense",
  "aes128-sha",
  "HIGH",
  "ALL:COMPLEMENTOFALL",
  "AES128-SHA:AES256-SHA",
  "!AES128-SHA",
  "PSK-AES128-CBC-SHA",
])("%s never reaches the library", (name) => {
  const effective = effectivePolicy(terms(["TLSv1.2"], ["AES128-SHA", name]));
  expect([effective.ciphers, effective.missingCiphers]).toEqual([["AES128-SHA"], [name]]);
});

describe("nothing is left", () => {
  test.each<[string, ReadonlyArray<TlsProtocol>, ReadonlyArray<string>]>([
    ["without protocols", [], ["AES128-SHA"]],
    ["with SSL alone", ["SSLv2", "SSLv3"], ["AES128-SHA"]],
    ["without suites up to TLS 1.2", ["TLSv1.2"], []],
    ["of suites that the library hasn't", ["TLSv1.2"], ["RC4-SHA", "PSK-AES128-CBC-SHA"]],
    ["of suites of TLS 1.2 for TLS 1.1", ["TLSv1.1"], ["AES128-GCM-SHA256"]],
  ])("%s", (_, protocols, ciphers) => {
    const effective = effectivePolicy(terms(protocols, ciphers));
    expect(effective).toMatchObject({ isEmpty: true, protocols: [], ciphers: [], suites13: [] });
    expect(effective.missingProtocols).toEqual(protocols);
    expect(isUsableWith(effective, ["RSA", "ECDSA", "Ed25519"])).toBe(false);
  });
});

test("a version without a suite of its own isn't offered, though others are", () => {
  expect(effectivePolicy(terms(["TLSv1.1", "TLSv1.2"], ["AES128-GCM-SHA256"]))).toMatchObject({
    protocols: ["TLSv1.2"],
    missingProtocols: ["TLSv1.1"],
    missingCiphers: [],
  });
});

test("TLS 1.3 stands alone, and makes no use of other versions' suites", () => {
  expect(effectivePolicy(terms(["TLSv1.3"], ["AES128-SHA"], false))).toEqual({
    protocols: ["TLSv1.3"],
    ciphers: [],
    suites13: all13,
    hasServerOrder: false,
    missingProtocols: [],
    missingCiphers: ["AES128-SHA"],
    isEmpty: false,
  });
});

describe("with a certificate", () => {
  const ecdsa = ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"];
  const rsa = ["ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA", "DES-CBC3-SHA"];
  const effective = effectivePolicy(terms(["TLSv1", "TLSv1.2"], [...rsa, ...ecdsa]));

  test("each kind of key has its suites", () => {
    expect(usableCiphers(effective, ["RSA"])).toEqual(rsa);
    expect(usableCiphers(effective, ["ECDSA"])).toEqual(ecdsa);
    expect(usableCiphers(effective, ["ECDSA", "RSA"])).toEqual([...rsa, ...ecdsa]);
    expect(usableCiphers(effective, [])).toEqual([]);
  });

  test("Ed25519 takes ECDSA's, in TLS 1.2", () => {
    expect(usableCiphers(effective, ["Ed25519"])).toEqual(ecdsa);
    expect(usableCiphers(effectivePolicy(terms(["TLSv1"], [...rsa, ...ecdsa])), ["Ed25519"])).toEqual([]);
  });

  test("any will do in TLS 1.3", () => {
    const policy = effectivePolicy(terms(["TLSv1.2", "TLSv1.3"], rsa));
    expect([isUsableWith(policy, ["ECDSA"]), usableCiphers(policy, ["ECDSA"])]).toEqual([true, []]);
    expect(isUsableWith(effectivePolicy(terms(["TLSv1.2"], rsa)), ["ECDSA"])).toBe(false);
    expect(isUsableWith(effectivePolicy(terms(["TLSv1.2"], rsa)), ["ECDSA", "RSA"])).toBe(true);
  });
});
