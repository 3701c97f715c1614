// What names say of cipher suites, against IANA's numbers and against the library itself.
import { describe, expect, test } from "bun:test";
import { createSecureContext } from "node:tls";
import { cipherSuiteNames, findCipherSuite, hasCipherSuite } from "../../../src/tls/cipher-suites.ts";
import {
  ecdsaRows,
  libraryRows,
  matrixCiphers,
  matrixStrangers,
  tls12Rows,
} from "../../support/security-policy-matrix.ts";

test("every attribute's suite is known, in AWS's order, with its number", () => {
  expect(cipherSuiteNames.slice(0, 88)).toEqual(matrixCiphers.map(({ name }) => name));
  for (const { name, id } of matrixCiphers) expect([name, findCipherSuite(name)?.id]).toEqual([name, id]);
  for (const [id, name] of matrixStrangers.slice(0, 2)) expect(findCipherSuite(name)?.id).toBe(id);
});

test.each(["", "nonsense", "aes128-sha", "AES128-SHA ", "TLS_AES_128_GCM_SHA256", "HIGH", "toString"])(
  "%p is no suite",
  (name) => expect(findCipherSuite(name)).toBeUndefined(),
);

test.each([
  ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE", "ECDSA", "TLSv1.2"],
  ["ECDHE-RSA-AES256-SHA384", "ECDHE", "RSA", "TLSv1.2"],
  ["ECDHE-RSA-AES128-SHA", "ECDHE", "RSA", "TLSv1"],
  ["ECDHE-RSA-CHACHA20-POLY1305", "ECDHE", "RSA", "TLSv1.2"],
  ["AES128-SHA", "RSA", "RSA", "SSLv3"],
  ["AES256-SHA256", "RSA", "RSA", "TLSv1.2"],
  ["DES-CBC3-SHA", "RSA", "RSA", "SSLv3"],
  ["DHE-DSS-AES256-GCM-SHA384", "DHE", "DSS", "TLSv1.2"],
  ["EDH-RSA-DES-CBC3-SHA", "DHE", "RSA", "SSLv3"],
  ["EXP-EDH-DSS-DES-CBC-SHA", "DHE", "DSS", "SSLv3"],
  ["EXP-RC4-MD5", "RSA", "RSA", "SSLv3"],
  ["EXP-ADH-RC4-MD5", "ADH", "none", "SSLv3"],
  ["ADH-AES128-SHA256", "ADH", "none", "TLSv1.2"],
  ["PSK-AES128-CBC-SHA", "PSK", "none", "SSLv3"],
  ["EXP-KRB5-RC2-CBC-MD5", "KRB5", "none", "SSLv3"],
  ["DES-CBC3-MD5", "RSA", "RSA", "SSLv2"],
] as const)("%s: key exchange %s, certificate %s, since %s", (name, keyExchange, authentication, minProtocol) => {
  expect(findCipherSuite(name)).toMatchObject({ keyExchange, authentication, minProtocol });
});

describe("the library", () => {
  const takes = (name: string): boolean => {
    try {
      createSecureContext({ ciphers: name });
      return true;
    } catch {
      return false;
    }
  };

  test.each(matrixCiphers)("$name", ({ row, name }) => {
    const suite = findCipherSuite(name);
    if (suite === undefined) throw new Error(`${name} isn't known`);
    expect(hasCipherSuite(suite)).toBe(libraryRows.includes(row));
    // It takes PSK suites into its list, and then has no key for them.
    if (suite.keyExchange !== "PSK") expect(takes(name)).toBe(libraryRows.includes(row));
    if (!libraryRows.includes(row)) return;
    expect(suite.authentication).toBe(ecdsaRows.includes(row) ? "ECDSA" : "RSA");
    expect(suite.minProtocol === "TLSv1.2").toBe(tls12Rows.includes(row));
  });
});
