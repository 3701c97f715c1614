// Which of two certificates a handshake up to TLS 1.2 needs.
import { describe, expect, test } from "bun:test";
import { effectivePolicy } from "../../../src/tls/effective-policy.ts";
import { SuiteOrder } from "../../../src/tls/suite-order.ts";

const [ecdsaGcm, rsaGcm, ecdsaSha, rsaSha, plainRsa] = [0xc02b, 0xc02f, 0xc009, 0xc013, 0x002f] as const;

const orderOf = (hasServerOrder: boolean) =>
  new SuiteOrder(
    effectivePolicy({
      protocols: ["TLSv1", "TLSv1.2"],
      hasServerOrder,
      ciphers: ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "AES128-SHA"],
    }),
  );

describe.each([
  // The policy's best that the client has; in an older version, of those that it has there.
  [true, [ecdsaGcm, rsaGcm], true, true],
  [true, [plainRsa, ecdsaSha], true, false],
  [true, [rsaGcm, ecdsaSha], false, false],
  [true, [rsaGcm, plainRsa], false, true],
  // The client's best that the policy has.
  [false, [ecdsaGcm, rsaGcm], true, false],
  [false, [plainRsa, ecdsaSha], true, true],
  [false, [rsaGcm, ecdsaSha, plainRsa], false, false],
  [false, [0x0a0a, rsaSha, plainRsa, ecdsaGcm], true, true],
  // Nothing in common: the library says so, with whatever certificate.
  [true, [rsaSha, 0x1301], true, false],
  [false, [rsaSha, 0x1301], true, false],
  [true, [], true, false],
] as const)("server order %p, client %p, TLS 1.2 %p", (hasServerOrder, offered, isTls12, prefersRsa) => {
  test(prefersRsa ? "RSA" : "not RSA", () => {
    expect(orderOf(hasServerOrder).prefersRsa(offered, isTls12)).toBe(prefersRsa);
  });
});
