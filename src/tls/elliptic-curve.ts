/**
 * Elliptic curves by name: those that a listener's key may be on, and those that people have keys on all the same.
 * Asked for the words when a key or a certificate is refused; owns the curves' names and numbers.
 * Never reads a key: a library that doesn't know a curve says no more than that something is wrong, so this looks for its number.
 */

/** The curves that can be served, by the names that Bun and OpenSSL have for them. */
const served: ReadonlyMap<string, string> = new Map([
  ["prime256v1", "P-256"],
  ["secp384r1", "P-384"],
  ["secp521r1", "P-521"],
]);

/** Object identifiers in DER (RFC 5480 §2.1.1.1, SEC 2 §A.2, RFC 5639 §4.1), of curves that can't be. */
const unserved: ReadonlyArray<readonly [oid: string, name: string]> = [
  ["06052b81040021", "P-224"],
  ["06082a8648ce3d030101", "P-192"],
  ["06052b8104000a", "secp256k1"],
  ["06092b2403030208010107", "brainpoolP256r1"],
  ["06092b240303020801010b", "brainpoolP384r1"],
  ["06092b240303020801010d", "brainpoolP512r1"],
];

/** A curve as people call it: `P-256` for `prime256v1`. */
export const nameCurve = (name: string): string => served.get(name) ?? (name === "secp224r1" ? "P-224" : name);

/** Whether a key on the curve, by OpenSSL's name, can be served. */
export const isServedCurve = (name: string): boolean => served.has(name);

/** The curve that can't be served and whose number stands in a key or certificate (DER), by name; undefined where none does. */
export const findUnservedCurve = (der: Uint8Array): string | undefined => {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  return unserved.find(([oid]) => bytes.includes(Buffer.from(oid, "hex")))?.[1];
};

/** What is wrong with a key on a curve that can't be served, in words that follow "the key" or "the certificate's key". */
export const describeUnservedCurve = (name: string): string =>
  `is on the curve ${name}, which the TLS library doesn't serve`;
