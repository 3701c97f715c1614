// Elliptic curves by name, those that can't be served found by their numbers in what OpenSSL writes.
import { expect, test } from "bun:test";
import { findUnservedCurve, isServedCurve, nameCurve } from "../../../src/tls/elliptic-curve.ts";

/** AlgorithmIdentifiers of public keys, as `openssl ecparam -name … -genkey | openssl ec -pubout -outform der` begins with. */
test.each([
  ["secp256k1", "3056301006072a8648ce3d020106052b8104000a034200"],
  ["P-224", "304e301006072a8648ce3d020106052b81040021033a00"],
  ["P-192", "3049301306072a8648ce3d020106082a8648ce3d030101033200"],
  ["brainpoolP256r1", "305a301406072a8648ce3d020106092b2403030208010107034200"],
  ["brainpoolP384r1", "307a301406072a8648ce3d020106092b240303020801010b036200"],
  ["brainpoolP512r1", "30819b301406072a8648ce3d020106092b240303020801010d03818200"],
  [undefined, "3059301306072a8648ce3d020106082a8648ce3d030107034200"],
  [undefined, "3076301006072a8648ce3d020106052b81040022036200"],
  [undefined, ""],
])("%p is found", (name, hex) => {
  expect(findUnservedCurve(Buffer.from(hex, "hex"))).toBe(name);
});

test.each([
  ["prime256v1", "P-256", true],
  ["secp384r1", "P-384", true],
  ["secp521r1", "P-521", true],
  ["secp224r1", "P-224", false],
  ["secp256k1", "secp256k1", false],
])("%s is %s; served: %p", (name, known, isServed) => {
  expect([nameCurve(name), isServedCurve(name)]).toEqual([known, isServed]);
});
