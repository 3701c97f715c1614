/**
 * A private key read from PEM: PKCS#8, PKCS#1 or SEC1, encrypted or not.
 * Used when a certificate is loaded; owns which kinds of key can be served, and what is said of the others.
 * Never decides whose key it is (tls/certificate.ts does), and never quotes a key or a passphrase.
 */
import { createPrivateKey, type KeyObject } from "node:crypto";
import { CertificateError } from "./certificate-error.ts";
import { describeUnservedCurve, findUnservedCurve, isServedCurve, nameCurve } from "./elliptic-curve.ts";
import { describeOtherContent, type PemBlock } from "./pem.ts";
import type { PemText } from "./pem-file.ts";

/** A private key's kind, by which a listener chooses among its certificates. */
export type KeyType = "RSA" | "ECDSA" | "Ed25519";

const keyLabels = ["PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
const strangeKeyLabel = /PRIVATE KEY$/;

/** The kinds of keys that can be served, in words that follow "expected". */
export const servedKeys = "an RSA, ECDSA (P-256, P-384 or P-521) or Ed25519 key";

/** What is expected where an encrypted key has no passphrase, in words that follow "expected". */
export const missingPassphrase = "its passphrase, in `passphrase`";

/** The smallest RSA key that TLS can use at all; from 2048 bits on there is no remark. */
const minRsaBits = 1024;

/** Reads the one private key of a PEM text, or says what is wrong with it. */
export const readPrivateKey = (pem: PemText, passphrase: string | undefined): KeyObject | CertificateError => {
  const fail = (problem: string, expected: string) => new CertificateError({ label: pem.label, problem, expected });
  const blocks = pem.blocks.filter(({ label }) => keyLabels.includes(label));
  const [block] = blocks;
  if (block === undefined) {
    const strange = pem.blocks.find(({ label }) => strangeKeyLabel.test(label));
    if (strange !== undefined)
      return fail(`holds ${/^[AEIO]/.test(strange.label) ? "an" : "a"} ${strange.label}`, servedKeys);
    return fail(describeOtherContent(pem.bytes, pem.blocks), "a PEM block like -----BEGIN PRIVATE KEY-----");
  }
  if (blocks.length > 1) return fail(`holds ${blocks.length} private keys`, "the one key of the certificate");
  const isEncrypted = block.hasEncryptionHeader || block.label === "ENCRYPTED PRIVATE KEY";
  if (isEncrypted && (passphrase === undefined || passphrase === "")) {
    return fail("the private key is encrypted", missingPassphrase);
  }
  if (!block.hasEncryptionHeader && block.der === undefined) {
    return fail("the private key is damaged", "whole lines of base64 from -----BEGIN to -----END");
  }
  try {
    const key = createPrivateKey({
      key: block.text,
      format: "pem",
      ...(isEncrypted && passphrase !== undefined ? { passphrase } : {}),
    });
    const refusal = findKeyRefusal(key);
    return refusal === undefined ? key : fail(refusal, servedKeys);
  } catch (cause) {
    return isEncrypted ? explainDecryption(pem.label, cause) : explainKey(pem.label, block, cause);
  }
};

/** The kind of a key that can be served, or undefined. */
export const keyTypeOf = (key: KeyObject): KeyType | undefined => {
  if (key.asymmetricKeyType === "rsa") return "RSA";
  if (key.asymmetricKeyType === "ec") return "ECDSA";
  return key.asymmetricKeyType === "ed25519" ? "Ed25519" : undefined;
};

/** What a key is, for people: `RSA 2048`, `ECDSA P-256`, `Ed25519`. */
export const describeKey = (key: KeyObject): string => {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (keyTypeOf(key)) {
    case "RSA":
      return `RSA ${modulusLength}`;
    case "ECDSA":
      return `ECDSA ${nameCurve(namedCurve ?? "unknown")}`;
    case "Ed25519":
      return "Ed25519";
    default:
      return key.asymmetricKeyType ?? key.type;
  }
};

/** Why a key that was read can't be served, or undefined. */
export const findKeyRefusal = (key: KeyObject): string | undefined => {
  if (keyTypeOf(key) === undefined) return `the key is of the kind ${key.asymmetricKeyType}`;
  const { modulusLength: bits = minRsaBits, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (namedCurve !== undefined && !isServedCurve(namedCurve)) {
    return `the key ${describeUnservedCurve(nameCurve(namedCurve))}`;
  }
  return bits < minRsaBits ? `the RSA key has ${bits} bits, too few for TLS` : undefined;
};

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : "no further reason";

const explainDecryption = (label: string, cause: unknown): CertificateError => {
  const code = codeOf(cause);
  // The TLS library has neither scrypt, nor PBKDF2 with SHA-384 and SHA-512, nor single DES.
  if (/UNSUPPORTED|UNKNOWN_ALGORITHM|UNKNOWN_CIPHER/.test(code)) {
    return new CertificateError({
      label,
      problem: `the private key is encrypted in a way that the TLS library doesn't know (${code})`,
      expected: "PBES2 with AES-256-CBC and HMAC-SHA-256, as `openssl pkcs8 -topk8 -v2 aes-256-cbc` writes it",
    });
  }
  return new CertificateError({
    label,
    problem: "the private key doesn't open with the passphrase",
    expected: "the passphrase that it was encrypted with",
  });
};

const explainKey = (label: string, block: PemBlock, cause: unknown): CertificateError => {
  const curve = findUnservedCurve(block.der ?? new Uint8Array());
  return new CertificateError({
    label,
    problem:
      curve === undefined
        ? `the ${block.label} is damaged, or of a kind that the TLS library doesn't know (${codeOf(cause)})`
        : `the key ${describeUnservedCurve(curve)}`,
    expected: servedKeys,
  });
};
