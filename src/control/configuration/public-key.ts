/**
 * Reads the public key of a PublicKeyPolicyType policy: SubjectPublicKeyInfo in base64, with or without its PEM lines.
 * Serves policy-rules.ts; owns what is told of something that is no public key, a certificate above all.
 * Never quotes what was written: it may be a private key.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";

/** What is wrong with a text that should have been a public key. */
export interface PublicKeyFault {
  readonly problem: string;
  readonly expected: string;
}

const expected = "the base64 text that `openssl x509 -in FILE -pubkey -noout` prints";

/** SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7) as the library writes it, or why the text has none. */
export const readPublicKey = (text: string): Uint8Array | PublicKeyFault => {
  const blocks = [...text.matchAll(/-----BEGIN ([^-]*)-----/g)].map(([, label = ""]) => label);
  if (blocks.length > 1) return { problem: "has several PEM blocks", expected: "one public key; one policy for each" };
  const other = blocks.find((label) => label !== "PUBLIC KEY");
  if (other !== undefined) return { problem: `is ${nameBlock(other)}, not a public key`, expected };
  // The command line of AWS takes no white space in a value, so keys come as one long line as well as in many.
  const body = text.replaceAll(/-----(?:BEGIN|END) PUBLIC KEY-----/g, "").replaceAll(/\s+/g, "");
  if (body === "") return { problem: "is empty", expected };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) return { problem: "is not base64", expected };
  const der = Buffer.from(body, "base64");
  const key = attempt(() => createPublicKey({ key: der, format: "der", type: "spki" }));
  if (key === undefined) return { problem: `is ${nameContent(der)}, not a public key`, expected };
  const spki = key.export({ format: "der", type: "spki" });
  // An instance's key is compared byte by byte, in the library's encoding, whatever its certificate has.
  const isCompressed = key.asymmetricKeyType === "ec" && der.equals(compressPoint(spki));
  if (!spki.equals(der) && !isCompressed)
    return { problem: "is a public key with something more behind it or in it", expected };
  return new Uint8Array(spki);
};

/**
 * A key on an elliptic curve with its point compressed (RFC 5480 §2.2): one coordinate, and whether the other one is odd.
 * Short enough on every curve that the library knows for lengths of one byte.
 */
const compressPoint = (spki: Buffer): Buffer => {
  const sizeOfHead = (at: number) => (spki[at + 1]! < 0x80 ? 2 : 3);
  const algorithmAt = sizeOfHead(0);
  const pointAt = algorithmAt + 2 + spki[algorithmAt + 1]!;
  const algorithm = spki.subarray(algorithmAt, pointAt);
  // Behind the count of unused bits: 4 for both coordinates.
  const both = spki.subarray(pointAt + sizeOfHead(pointAt) + 2);
  const one = both.subarray(0, both.length / 2);
  const point = Buffer.from([0x03, one.length + 2, 0, 2 | (both.at(-1)! & 1), ...one]);
  return Buffer.concat([Buffer.from([0x30, algorithm.length + point.length]), algorithm, point]);
};

const nameBlock = (label: string): string => {
  if (label.includes("CERTIFICATE REQUEST")) return "a certificate request";
  if (label.includes("CERTIFICATE")) return "a certificate";
  if (label.includes("PRIVATE KEY")) return "a private key";
  return label === "RSA PUBLIC KEY" ? "a bare RSA key (PKCS#1)" : "another kind of PEM block";
};

/** People cut the PEM lines off other things too. */
const nameContent = (der: Buffer): string => {
  if (attempt(() => new X509Certificate(der)) !== undefined) return "a certificate";
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    if (attempt(() => createPrivateKey({ key: der, format: "der", type })) !== undefined) return "a private key";
  }
  const isPkcs1 = attempt(() => createPublicKey({ key: der, format: "der", type: "pkcs1" })) !== undefined;
  return isPkcs1 ? "a bare RSA key (PKCS#1)" : "something else";
};

const attempt = <T>(read: () => T): T | undefined => {
  try {
    return read();
  } catch {
    return undefined;
  }
};
