// The two policy types of back-end authentication: their attributes, and which key is let through.
import { expect, test } from "bun:test";
import { Result, Schema } from "effect";
import authentication from "../../../../policies/backend-auth/backend-server-authentication.ts";
import publicKey from "../../../../policies/backend-auth/public-key.ts";

const keyOf = (...bytes: ReadonlyArray<number>) => ({ spki: Uint8Array.from(bytes), pin: "same for all" });

test("a key passes when it equals a trusted one to the last byte", () => {
  const trusted = [keyOf(1, 2, 3), keyOf(4, 5)];
  const isTrusted = (offered: ReturnType<typeof keyOf>) => authentication.authenticateBackend?.(trusted, offered);
  expect([keyOf(1, 2, 3), keyOf(4, 5)].map(isTrusted)).toEqual([true, true]);
  expect([keyOf(1, 2), keyOf(1, 2, 3, 4), keyOf(4, 6), keyOf()].map(isTrusted)).toEqual([false, false, false, false]);
  expect(authentication.authenticateBackend?.([], keyOf(1))).toBe(false);
});

test.each<readonly [unknown, boolean]>([
  [{ PublicKeyPolicyName: ["key1"] }, true],
  [{ PublicKeyPolicyName: ["key1", "key2"] }, true],
  [{ PublicKeyPolicyName: [] }, false],
  [{ PublicKeyPolicyName: "key1" }, false],
  [{}, false],
])("attributes of an authentication policy %#", (attributes, isLegal) => {
  expect(Result.isSuccess(Schema.decodeUnknownResult(authentication.attributes)(attributes))).toBe(isLegal);
});

test.each<readonly [unknown, boolean]>([
  [{ PublicKey: "MIIB" }, true],
  [{ PublicKey: ["MIIB"] }, false],
  [{}, false],
])("attributes of a public key policy %#", (attributes, isLegal) => {
  expect(Result.isSuccess(Schema.decodeUnknownResult(publicKey.attributes)(attributes))).toBe(isLegal);
});

test("types have the names of the Elastic Load Balancing API, and a key decides nothing by itself", () => {
  expect([authentication.type, publicKey.type]).toEqual([
    "BackendServerAuthenticationPolicyType",
    "PublicKeyPolicyType",
  ]);
  expect([publicKey.authenticateBackend, publicKey.negotiate, authentication.negotiate]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
