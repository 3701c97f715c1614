// Certificates for tests: a root, authorities below it, and leaves, RSA or ECDSA, made by the development issuer.
// The same terms give the same certificate within a process (RSA keys are slow); `tag` makes another one of the same terms.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Issued,
  type IssuedAuthority,
  type IssuedKeyType,
  issueCertificate,
  makeAuthority,
} from "../../certs/issuer.ts";
import type { CertificateSource } from "../../src/model/certificate-source.ts";

/** An authority that tests trust. */
export type TestAuthority = IssuedAuthority;

/** What a test certificate is to say. */
export interface TestCertificateTerms {
  /** DNS names; default `localhost`, and `ips` `127.0.0.1`, when neither is given. */
  readonly names?: ReadonlyArray<string>;
  readonly ips?: ReadonlyArray<string>;
  readonly commonName?: string;
  /** Default ECDSA. */
  readonly keyType?: IssuedKeyType;
  /** Default 365; with `notBefore` in the past it may have ended. */
  readonly days?: number;
  readonly notBefore?: Date;
  /** Default `testAuthority()`; "self" signs with its own key. */
  readonly issuer?: TestAuthority | "self";
  /** Default server and client. */
  readonly usages?: ReadonlyArray<"server" | "client">;
  /** Two certificates with different tags have different keys. */
  readonly tag?: string;
}

/** A leaf certificate with everything that a test may want to compare. */
export interface TestCertificate extends Issued {
  /** The certificate and the intermediates above it, without the root. */
  readonly chainPem: string;
  /** The root's certificate: what a client has to trust. */
  readonly caPem: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** The same in base64: a PublicKey attribute's value. */
  readonly publicKey: string;
  /** SHA-256 of the SPKI, base64 (RFC 7469 §2.4). */
  readonly pin: string;
  /** SHA-256 of the DER, as `AB:CD:…`, the way that `X509Certificate.fingerprint256` spells it. */
  readonly fingerprint256: string;
}

const made = new Map<string, Promise<unknown>>();

const once = <A>(name: string, make: () => Promise<A>): Promise<A> => {
  const known = made.get(name) as Promise<A> | undefined;
  if (known !== undefined) return known;
  const making = make();
  made.set(name, making);
  return making;
};

/** The root that signs test certificates; another name is another root. */
export const testAuthority = (name = "root", keyType: IssuedKeyType = "ECDSA"): Promise<TestAuthority> =>
  once(`authority ${name} ${keyType}`, () =>
    makeAuthority({ commonName: `elbow test ${name}`, keyType, pathLength: 2 }),
  );

/** An authority below another; default below `testAuthority()`. */
export const testIntermediate = (name = "intermediate", issuer?: TestAuthority): Promise<TestAuthority> =>
  once(`intermediate ${name} ${issuer?.certificate.serialNumber}`, async () =>
    makeAuthority({ commonName: `elbow test ${name}`, issuer: issuer ?? (await testAuthority()), days: 1000 }),
  );

/** Issues a certificate for tests. */
export const issueTestCertificate = (terms: TestCertificateTerms = {}): Promise<TestCertificate> => {
  const issuerName = typeof terms.issuer === "object" ? terms.issuer.certificate.serialNumber : terms.issuer;
  return once(JSON.stringify({ ...terms, issuer: issuerName }), async () => {
    const isUnnamed = terms.names === undefined && terms.ips === undefined;
    const { names = isUnnamed ? ["localhost"] : [], ips = isUnnamed ? ["127.0.0.1"] : [] } = terms;
    const issuer = terms.issuer === "self" ? undefined : (terms.issuer ?? (await testAuthority()));
    const issued = await issueCertificate({ usages: ["server", "client"], ...terms, names, ips }, issuer);
    const blocks = issuer?.chainPem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g) ?? [];
    const spki = new Uint8Array(issued.certificate.publicKey.rawData);
    const sha256 = (bytes: ArrayBuffer) => createHash("sha256").update(new Uint8Array(bytes));
    return {
      ...issued,
      chainPem: issued.certPem + blocks.slice(0, -1).join(""),
      caPem: blocks.at(-1) ?? issued.certPem,
      spki,
      publicKey: Buffer.from(spki).toString("base64"),
      pin: sha256(issued.certificate.publicKey.rawData).digest("base64"),
      fingerprint256: sha256(issued.certificate.rawData)
        .digest("hex")
        .toUpperCase()
        .replace(/..(?=.)/g, "$&:"),
    };
  });
};

/** The certificate as inline text. */
export const inlineSource = (certificate: TestCertificate): CertificateSource => ({
  cert: { text: certificate.chainPem },
  key: { text: certificate.keyPem },
});

/** Writes `<name>.pem` (with intermediates) and `<name>.key` into a folder; returns the source that names them. */
export const writeCertificate = (folder: string, name: string, certificate: TestCertificate): CertificateSource => {
  const [cert, key] = [`${name}.pem`, `${name}.key`].map((file) => ({ file, path: join(folder, file) }));
  writeFileSync(cert!.path, certificate.chainPem);
  writeFileSync(key!.path, certificate.keyPem, { mode: 0o600 });
  return { cert: cert!, key: key! };
};
