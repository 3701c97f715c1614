// SSLNegotiationPolicyType: the attributes that AWS's tools send, and the terms that they come to.
import { describe, expect, test } from "bun:test";
import { Result, Schema } from "effect";
import sslNegotiation, { attributeNames } from "../../../../policies/tls/ssl-negotiation.ts";
import { findSecurityPolicy } from "../../../../src/tls/security-policies.ts";
import { matrixCiphers } from "../../../support/security-policy-matrix.ts";

const decode = Schema.decodeUnknownResult(sslNegotiation.attributes);

const negotiate = (attributes: Record<string, unknown>) =>
  sslNegotiation.negotiate?.(Result.getOrThrow(decode(attributes)), { findSecurityPolicy });

test("its name is AWS's", () => expect(sslNegotiation.type).toBe("SSLNegotiationPolicyType"));

test("its attributes are AWS's, and Protocol-TLSv1.3", () => {
  expect(attributeNames).toEqual([
    "Protocol-SSLv2",
    "Protocol-SSLv3",
    "Protocol-TLSv1",
    "Protocol-TLSv1.1",
    "Protocol-TLSv1.2",
    "Protocol-TLSv1.3",
    "Server-Defined-Cipher-Order",
    ...matrixCiphers.map(({ name }) => name),
    "Reference-Security-Policy",
  ]);
});

test.each(attributeNames.filter((name) => name !== "Reference-Security-Policy"))(
  "%s is a switch, as a boolean or as AWS's text",
  (name) => {
    for (const [written, decoded] of [
      [true, true],
      [false, false],
      ["true", true],
      ["false", false],
    ] as const) {
      expect(Result.getOrThrow(decode({ [name]: written }))).toEqual({ [name]: decoded } as never);
    }
    for (const written of ["yes", "True", "", 1, 0, null, undefined, [true], {}]) {
      expect(Result.isFailure(decode({ [name]: written }))).toBe(true);
    }
  },
);

describe("negotiate", () => {
  test("what is on, in AWS's order, however it is written", () => {
    const attributes = Object.fromEntries(matrixCiphers.map(({ name }) => [name, true] as const).reverse());
    expect(negotiate({ ...attributes, "Protocol-TLSv1.2": true, "Protocol-SSLv2": "true" })).toEqual({
      protocols: ["SSLv2", "TLSv1.2"],
      hasServerOrder: false,
      ciphers: matrixCiphers.map(({ name }) => name),
    });
  });

  test("what is off is not there", () => {
    const attributes = { "Protocol-TLSv1.2": "true", "Protocol-TLSv1": "false", "AES128-SHA": true, "RC4-SHA": false };
    expect(negotiate({ ...attributes, "Server-Defined-Cipher-Order": "true" })).toEqual({
      protocols: ["TLSv1.2"],
      hasServerOrder: true,
      ciphers: ["AES128-SHA"],
    });
  });

  test("TLS 1.3 needs no suites", () => {
    expect(negotiate({ "Protocol-TLSv1.3": true })).toEqual({
      protocols: ["TLSv1.3"],
      hasServerOrder: false,
      ciphers: [],
    });
  });

  test("a reference is the policy that it names, by its alias too", () => {
    const reference = (name: string) => negotiate({ "Reference-Security-Policy": name });
    expect(reference("ELBSecurityPolicy-2016-08")).toMatchObject({
      protocols: ["TLSv1", "TLSv1.1", "TLSv1.2"],
      hasServerOrder: true,
    });
    expect(reference("ELBSample-OpenSSLDefaultNegotiationPolicy")?.ciphers).toHaveLength(5);
    expect(reference("nonsense")).toEqual({ protocols: [], hasServerOrder: false, ciphers: [] });
  });
});
