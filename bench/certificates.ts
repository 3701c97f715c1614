// The certificates of one run of the bench: ECDSA on P-256 and RSA of 2048 bits, each with its intermediate, made anew and
// left in the run's directory, which goes with it. Every proxy serves the same two. It verifies nothing: no client of the
// bench does.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Extension } from "@peculiar/x509";
import { x509 } from "../src/tls/x509.ts";
import { serverName } from "./messages.ts";

/** The files of one certificate, PEM. */
export interface CertificateFiles {
  /** The certificate and its intermediate. */
  readonly cert: string;
  readonly key: string;
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly both: string;
}

/** One certificate of each kind. */
export interface Certificates {
  readonly ecdsa: CertificateFiles;
  readonly rsa: CertificateFiles;
}

const hash = "SHA-256";
const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash };
const rsa = {
  name: "RSASSA-PKCS1-v1_5",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash,
};
const dayMs = 24 * 3600 * 1000;

interface Issuer {
  readonly name: string;
  readonly key: CryptoKey;
}

const makeKeys = async (algorithm: typeof ecdsa | typeof rsa) =>
  (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;

let serial = 0;

/** A certificate for a public key, signed by the issuer, PEM. */
async function sign(issuer: Issuer, subject: string, publicKey: CryptoKey, extensions: Extension[]): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `0${++serial}`,
    subject,
    issuer: issuer.name,
    publicKey,
    signingKey: issuer.key,
    signingAlgorithm: ecdsa,
    notBefore: new Date(Date.now() - dayMs),
    // Longer than elbow's warning of an end that is near.
    notAfter: new Date(Date.now() + 60 * dayMs),
    extensions,
  });
  return `${certificate.toString("pem")}\n`;
}

/**
 * Makes both certificates with their keys in a directory.
 *
 * *Details*: each with its intermediate, as public authorities give them; the root is nowhere.
 */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const root = { name: "CN=bench root", key: (await makeKeys(ecdsa)).privateKey };
  const intermediateKeys = await makeKeys(ecdsa);
  const intermediate = { name: "CN=bench intermediate", key: intermediateKeys.privateKey };
  const chainPem = await sign(root, intermediate.name, intermediateKeys.publicKey, [
    new x509.BasicConstraintsExtension(true, 0, true),
  ]);
  const makeFiles = async (name: string, algorithm: typeof ecdsa | typeof rsa): Promise<CertificateFiles> => {
    const keys = await makeKeys(algorithm);
    const names = new x509.SubjectAlternativeNameExtension([{ type: "dns", value: serverName }]);
    const certPem = (await sign(intermediate, `CN=${serverName}`, keys.publicKey, [names])) + chainPem;
    const keyPem = `${x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY")}\n`;
    const fileOf = (end: string) => join(directory, `${name}${end}`);
    const files = { cert: fileOf(".pem"), key: fileOf("-key.pem"), both: fileOf("-both.pem") };
    writeFileSync(files.cert, certPem);
    writeFileSync(files.key, keyPem, { mode: 0o600 });
    writeFileSync(files.both, certPem + keyPem, { mode: 0o600 });
    return files;
  };
  return { ecdsa: await makeFiles("ecdsa", ecdsa), rsa: await makeFiles("rsa", rsa) };
}
