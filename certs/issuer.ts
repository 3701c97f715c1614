/**
 * Makes certificate authorities and certificates, in memory.
 * Behind `elbow cert issue`, demo mode and the tests; owns what the certificates say.
 * Never touches a file (certs/development.ts does), and isn't meant for anything that strangers are to trust.
 */
import { createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import type { Extension, JsonName, X509Certificate } from "@peculiar/x509";
import { x509 } from "../src/tls/x509.ts";

/** RSA with 2048 bits, or ECDSA on P-256. */
export type IssuedKeyType = "RSA" | "ECDSA";

const dayMs = 86_400_000;

const keyParameters = {
  RSA: {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  },
  ECDSA: { name: "ECDSA", namedCurve: "P-256" },
} as const;

const signatureParameters = {
  RSA: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ECDSA: { name: "ECDSA", hash: "SHA-256" },
} as const;

/** A certificate and its private key. */
export interface Issued {
  readonly certificate: X509Certificate;
  readonly keys: CryptoKeyPair;
  readonly keyType: IssuedKeyType;
  /** The certificate alone. */
  readonly certPem: string;
  /** PKCS#8, not encrypted. */
  readonly keyPem: string;
}

/** A certificate that signs others. */
export interface IssuedAuthority extends Issued {
  /** Its own certificate and those above it, up to the root. */
  readonly chainPem: string;
}

/** What every certificate has. */
export interface IssueTerms {
  readonly commonName?: string | undefined;
  readonly keyType?: IssuedKeyType | undefined;
  /** Uses this key instead of a new one; its type is `keyType`. */
  readonly keys?: CryptoKeyPair | undefined;
  readonly days?: number | undefined;
  /** Default: five minutes ago, for clients whose clock is a little behind. */
  readonly notBefore?: Date | undefined;
}

/** An authority's terms. */
export interface AuthorityTerms extends IssueTerms {
  /** Default: none, a root. */
  readonly issuer?: IssuedAuthority | undefined;
  /** How many authorities may stand below it (RFC 5280 §4.2.1.9); default none. */
  readonly pathLength?: number | undefined;
}

/** A leaf certificate's terms. */
export interface LeafTerms extends IssueTerms {
  /** DNS names; a leftmost `*` label stands for any one. */
  readonly names?: ReadonlyArray<string> | undefined;
  /** Addresses. */
  readonly ips?: ReadonlyArray<string> | undefined;
  /** `server` unless given; what its owner may prove with it (RFC 5280 §4.2.1.12). */
  readonly usages?: ReadonlyArray<"server" | "client"> | undefined;
}

/** Makes a key pair that can be exported. */
export const makeKeys = async (keyType: IssuedKeyType): Promise<CryptoKeyPair> =>
  (await webcrypto.subtle.generateKey(keyParameters[keyType], true, ["sign", "verify"])) as CryptoKeyPair;

/** Makes an authority: a root, or one below `issuer`. */
export const makeAuthority = async (terms: AuthorityTerms = {}): Promise<IssuedAuthority> => {
  const issued = await issue(terms, terms.issuer, "elbow development authority", 3650, [
    new x509.BasicConstraintsExtension(true, terms.pathLength ?? 0, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
  ]);
  return { ...issued, chainPem: issued.certPem + (terms.issuer?.chainPem ?? "") };
};

/** Issues a leaf certificate, signed by `issuer`, or by its own key where there is none. */
export const issueCertificate = async (terms: LeafTerms, issuer?: IssuedAuthority): Promise<Issued> => {
  const { names = [], ips = [], usages = ["server"] } = terms;
  const extensions: Array<Extension> = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    new x509.KeyUsagesExtension(
      terms.keyType === "RSA"
        ? x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment
        : x509.KeyUsageFlags.digitalSignature,
      true,
    ),
    new x509.ExtendedKeyUsageExtension(
      usages.map((usage) => (usage === "server" ? x509.ExtendedKeyUsage.serverAuth : x509.ExtendedKeyUsage.clientAuth)),
    ),
  ];
  const alternatives = [
    ...names.map((value) => ({ type: "dns" as const, value })),
    ...ips.map((value) => ({ type: "ip" as const, value })),
  ];
  if (alternatives.length > 0) extensions.push(new x509.SubjectAlternativeNameExtension(alternatives));
  return issue(terms, issuer, names[0] ?? ips[0] ?? "elbow", 365, extensions);
};

/** Makes a key pair of a private key that was read; throws unless it is RSA, P-256 or P-384. */
export const restoreKeysUnsafe = async (key: KeyObject): Promise<CryptoKeyPair> => {
  const isP384 = key.asymmetricKeyDetails?.namedCurve === "secp384r1";
  const algorithm =
    key.asymmetricKeyType === "rsa"
      ? { ...keyParameters.RSA }
      : { ...keyParameters.ECDSA, namedCurve: isP384 ? "P-384" : "P-256" };
  const pkcs8 = new Uint8Array(key.export({ type: "pkcs8", format: "der" }));
  const spki = new Uint8Array(createPublicKey(key).export({ type: "spki", format: "der" }));
  return {
    privateKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, algorithm, true, ["sign"]),
    publicKey: await webcrypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]),
  };
};

/** Makes an authority of what was read from its files; throws unless its key is RSA, P-256 or P-384. */
export const restoreAuthorityUnsafe = async (certificatePem: string, key: KeyObject): Promise<IssuedAuthority> => {
  const certificate = new x509.X509Certificate(certificatePem);
  const keyType = key.asymmetricKeyType === "rsa" ? "RSA" : "ECDSA";
  const certPem = toPem(certificate);
  const keyPem = key.export({ type: "pkcs8", format: "pem" }).toString();
  return { certificate, keys: await restoreKeysUnsafe(key), keyType, certPem, keyPem, chainPem: certPem };
};

/** Sixteen random bytes, as a positive number (RFC 5280 §4.1.2.2). */
const makeSerialNumber = (): string => {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
};

const issue = async (
  terms: IssueTerms,
  issuer: IssuedAuthority | undefined,
  commonName: string,
  days: number,
  extensions: ReadonlyArray<Extension>,
): Promise<Issued> => {
  const keyType = terms.keyType ?? "ECDSA";
  const keys = terms.keys ?? (await makeKeys(keyType));
  const notBefore = terms.notBefore ?? new Date(Date.now() - 300_000);
  // A common name has at most 64 characters (RFC 5280, appendix A.1, ub-common-name).
  const subject: JsonName = [{ CN: [(terms.commonName ?? commonName).slice(0, 64)] }];
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: makeSerialNumber(),
    subject,
    issuer: issuer === undefined ? subject : issuer.certificate.subjectName.toJSON(),
    notBefore,
    // Certificates count whole seconds, and both ends are included.
    notAfter: new Date(notBefore.getTime() + (terms.days ?? days) * dayMs - 1000),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: signatureParameters[issuer?.keyType ?? keyType],
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create((issuer?.keys ?? keys).publicKey),
    ],
  });
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  const keyPem = `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`;
  return { certificate, keys, keyType, certPem: toPem(certificate), keyPem };
};

const toPem = (certificate: X509Certificate): string => `${certificate.toString("pem")}\n`;
