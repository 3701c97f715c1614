// Certificates, keys and authorities that can't be used: each fault names the file, what is wrong, and what belongs there.
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { createPrivateKey, generateKeyPairSync, webcrypto } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Extension } from "@peculiar/x509";
import { Effect } from "effect";
import { issueCertificate, makeKeys } from "../../../certs/issuer.ts";
import type { PemSource } from "../../../src/model/certificate-source.ts";
import { loadAuthority, loadCertificate } from "../../../src/tls/certificate.ts";
import { maxPemSizeBytes } from "../../../src/tls/pem-file.ts";
import { x509 } from "../../../src/tls/x509.ts";
import { issueTestCertificate, testAuthority, testIntermediate } from "../../support/certificates.ts";
import { unsignedCertificate, der as writeDer } from "../../support/der.ts";
import { makeFolder } from "../../support/folder.ts";

setDefaultTimeout(30_000);

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());

const good = await issueTestCertificate();
const other = await issueTestCertificate({ names: ["other.test"], tag: "other" });
const rsa = await issueTestCertificate({ keyType: "RSA" });
const intermediate = await testIntermediate();

const passphrase = "open sesame";
const encrypt = (pem: string, type: "pkcs8" | "sec1"): string =>
  createPrivateKey(pem).export({ type, format: "pem", cipher: "aes-128-cbc", passphrase }).toString();

const der = Buffer.from(good.certificate.rawData);
const derOfKey = createPrivateKey(rsa.keyPem).export({ type: "pkcs8", format: "der" });
/** The key of `rsa`, said to be for RSA-PSS only (OID 1.2.840.113549.1.1.10). */
const pssKey = Buffer.from(derOfKey);
pssKey[pssKey.indexOf(Buffer.from("2a864886f70d010101", "hex")) + 8] = 0x0a;
const asPem = (label: string, bytes: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(bytes).toString("base64")}\n-----END ${label}-----\n`;
const truncate = (pem: string): string => pem.slice(0, pem.length / 2);
const scramble = (pem: string): string => pem.replace(/^MII?/m, "!!!!");
const request = asPem("CERTIFICATE REQUEST", der);

/** The same bytes, said to be on P-192 (OID 1.2.840.10045.3.1.1). */
const moveToP192 = (bytes: Uint8Array): Uint8Array => {
  const moved = Buffer.from(bytes);
  moved[moved.indexOf(Buffer.from("2a8648ce3d030107", "hex")) + 7] = 1;
  return moved;
};
const p192Key = asPem(
  "PRIVATE KEY",
  moveToP192(createPrivateKey(good.keyPem).export({ type: "pkcs8", format: "der" })),
);
const p224Key = generateKeyPairSync("ec", { namedCurve: "secp224r1" }).privateKey;
/** Made by OpenSSL, whose key nobody has any more. */
const p224Certificate = [
  "-----BEGIN CERTIFICATE-----",
  "MIIBYzCCARKgAwIBAgIUTW7CiyPGE/dSZ1lJmq368ZUf7p0wCgYIKoZIzj0EAwIw",
  "ETEPMA0GA1UEAwwGYS50ZXN0MB4XDTI2MTEyMjE1NDEwNVoXDTI2MTIyMjE1NDEw",
  "NVowETEPMA0GA1UEAwwGYS50ZXN0ME4wEAYHKoZIzj0CAQYFK4EEACEDOgAEALVW",
  "Hm+j24vLG8Dj1VG+zUx1sNsp1vokHGpK+hWQlDYlTmeIiAp8ovk8spVHth/jNPLw",
  "ugbLd9WjUzBRMB0GA1UdDgQWBBQK8VuBjj6oLdIxf+/SELFoXdNOwzAfBgNVHSME",
  "GDAWgBQK8VuBjj6oLdIxf+/SELFoXdNOwzAPBgNVHRMBAf8EBTADAQH/MAoGCCqG",
  "SM49BAMCAz8AMDwCHE11h6UeU8NLKAqtdxzvNJ+Z7eqkMLAZ/auWozcCHAFXXkH6",
  "qdQwqmqYlrnIB0ipcbdtJtu+T6qQ620=",
  "-----END CERTIFICATE-----",
  "",
].join("\n");

const load = async (files: {
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  readonly chain?: string;
  readonly passphrase?: string;
}): Promise<string> => {
  const write = (name: string, content: string | Uint8Array): PemSource => {
    const path = folder.write(name, "");
    writeFileSync(path, content);
    return { file: name, path };
  };
  const error = await Effect.runPromise(
    Effect.flip(
      loadCertificate({
        cert: write("site.pem", files.cert ?? good.certPem),
        key: write("site.key", files.key ?? good.keyPem),
        ...(files.chain === undefined ? {} : { chain: write("chain.pem", files.chain) }),
        ...(files.passphrase === undefined ? {} : { passphrase: files.passphrase }),
      }),
    ),
  );
  return error.message;
};

const faults: ReadonlyArray<readonly [string, Parameters<typeof load>[0], RegExp]> = [
  [
    "an empty certificate",
    { cert: "" },
    /^site\.pem: is empty \(expected the certificate in PEM, with -----BEGIN CERT/,
  ],
  ["blanks only", { cert: " \n\n" }, /^site\.pem: is empty/],
  ["DER", { cert: der }, /^site\.pem: is binary \(DER or PKCS#12\) \(expected the certificate in PEM/],
  ["garbage", { cert: "garbage\n" }, /^site\.pem: holds no PEM block/],
  ["UTF-16", { cert: Buffer.from(`\uFEFF${good.certPem}`, "utf16le") }, /^site\.pem: is UTF-16/],
  ["a key only", { cert: good.keyPem }, /^site\.pem: holds a PRIVATE KEY only \(expected the certificate/],
  ["a request", { cert: request }, /^site\.pem: holds a CERTIFICATE REQUEST only \(expected the certificate/],
  [
    "a trusted certificate",
    { cert: good.certPem.replaceAll("CERT", "TRUSTED CERT") },
    /holds a TRUSTED CERTIFICATE only/,
  ],
  ["half a certificate", { cert: truncate(good.certPem) }, /^site\.pem: the certificate is damaged/],
  ["bad base64", { cert: scramble(good.certPem) }, /^site\.pem: the certificate is damaged \(expected whole lines/],
  [
    "bad DER",
    { cert: asPem("CERTIFICATE", new Uint8Array(90)) },
    /^site\.pem: the certificate is damaged, or has a key/,
  ],
  [
    "a bad second one",
    { cert: good.certPem + truncate(intermediate.certPem) },
    /^site\.pem: certificate 2 of 2 is damaged/,
  ],
  ...["+0000", "+0100"].flatMap((offset) =>
    ["notBefore", "notAfter"].map(
      (end) =>
        [
          `${end} with the offset ${offset}`,
          { cert: asPem("CERTIFICATE", unsignedCertificate({ [end]: writeDer(0x17, `251101000000${offset}`) })) },
          /^site\.pem: the certificate has a date that can't be read \(expected dates in UTC down to the second, such as /,
        ] as const,
    ),
  ),
  ["an empty key", { key: "" }, /^site\.key: is empty \(expected a PEM block like -----BEGIN PRIVATE KEY-----\)/],
  ["a key in DER", { key: derOfKey }, /^site\.key: is binary/],
  ["a certificate for a key", { key: good.certPem }, /^site\.key: holds a CERTIFICATE only \(expected a PEM block/],
  ["a public key", { key: asPem("PUBLIC KEY", good.spki) }, /^site\.key: holds a PUBLIC KEY only/],
  ["half a key", { key: truncate(good.keyPem) }, /^site\.key: the private key is damaged/],
  [
    "a damaged key",
    { key: asPem("EC PRIVATE KEY", new Uint8Array(90)) },
    /^site\.key: the EC PRIVATE KEY is damaged, or/,
  ],
  ["two keys", { key: good.keyPem + other.keyPem }, /^site\.key: holds 2 private keys \(expected the one key/],
  [
    "DSA",
    { key: asPem("DSA PRIVATE KEY", new Uint8Array(9)) },
    /^site\.key: holds a DSA PRIVATE KEY \(expected an RSA, ECDSA/,
  ],
  ["OpenSSH", { key: asPem("OPENSSH PRIVATE KEY", new Uint8Array(9)) }, /^site\.key: holds an OPENSSH PRIVATE KEY/],
  ["RSA-PSS", { key: asPem("PRIVATE KEY", pssKey) }, /^site\.key: the PRIVATE KEY is damaged, or of a kind/],
  [
    "P-224",
    { key: p224Key.export({ type: "sec1", format: "pem" }) as string },
    /^site\.key: the key is on the curve P-224, which the TLS library doesn't serve \(expected an RSA, ECDSA \(P-256, P-384 or P-521\) or Ed25519 key\)$/,
  ],
  ["P-192", { key: p192Key }, /^site\.key: the key is on the curve P-192, .+ \(expected an RSA, ECDSA \(P-256/],
  [
    "a certificate for P-224",
    { cert: p224Certificate },
    /^site\.pem: the key is on the curve P-224, .+ \(expected an RSA, ECDSA \(P-256/,
  ],
  [
    "a certificate for P-192",
    { cert: asPem("CERTIFICATE", moveToP192(der)) },
    /^site\.pem: the key of the certificate is on the curve P-192, .+ \(expected X\.509 certificates with RSA, ECDSA \(P-256/,
  ],
  [
    "another's key",
    { key: other.keyPem },
    /^site\.key: the private key \(ECDSA P-256\) doesn't belong to site\.pem \(expected the ECDSA P-256 key that “CN=localhost” was issued for\)$/,
  ],
  ["another kind of key", { key: rsa.keyPem }, /^site\.key: the private key \(RSA 2048\) doesn't belong to site\.pem/],
  [
    "encrypted, no passphrase",
    { key: encrypt(good.keyPem, "pkcs8") },
    /^site\.key: the private key is encrypted \(expected its passphrase, in `passphrase`\)$/,
  ],
  [
    "encrypted, empty passphrase",
    { key: encrypt(good.keyPem, "sec1"), passphrase: "" },
    /^site\.key: the private key is encrypted/,
  ],
  [
    "wrong passphrase",
    { key: encrypt(good.keyPem, "pkcs8"), passphrase: "x" },
    /^site\.key: the private key doesn't open with the passphrase/,
  ],
  [
    "wrong passphrase, traditional",
    { key: encrypt(good.keyPem, "sec1"), passphrase: "x" },
    /^site\.key: the private key doesn't open/,
  ],
  [
    "an unrelated certificate",
    { cert: good.certPem + other.certPem },
    /^site\.pem: “CN=other\.test” has no part in the chain of “CN=localhost” \(expected the certificate, that of its issuer “CN=elbow test root”, and those above\)$/,
  ],
  [
    "an unrelated chain",
    { chain: intermediate.certPem },
    /^chain\.pem: “CN=elbow test intermediate” has no part in the chain/,
  ],
  ["a key for a chain", { chain: good.keyPem }, /^chain\.pem: holds a PRIVATE KEY only \(expected the chain in PEM/],
];

test.each(faults)("%s", async (_, files, message) => {
  expect(await load(files)).toMatch(message);
});

test("a message never quotes a key or a passphrase", async () => {
  const secrets = [good.keyPem, other.keyPem, rsa.keyPem].flatMap((pem) => pem.split("\n").slice(1, -2));
  for (const [, files] of faults) {
    const message = await load(files);
    expect(secrets.filter((secret) => message.includes(secret))).toEqual([]);
    expect(message).not.toContain(passphrase);
  }
});

test("an RSA key that is too small for TLS", async () => {
  const parameters = { name: "RSASSA-PKCS1-v1_5", modulusLength: 768, publicExponent: new Uint8Array([1, 0, 1]) };
  const keys = (await webcrypto.subtle.generateKey({ ...parameters, hash: "SHA-256" }, true, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  const issued = await issueCertificate({ names: ["a.test"], keyType: "RSA", keys });
  expect(await load({ cert: issued.certPem, key: issued.keyPem })).toMatch(
    /^site\.key: the RSA key has 768 bits, too few for TLS/,
  );
});

const failExtension = async (extension: Extension): Promise<string> => {
  const keys = await makeKeys("ECDSA");
  const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" };
  const terms = { keys, name: "CN=a.test", signingAlgorithm, extensions: [extension] };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(terms);
  const pkcs8 = new Uint8Array(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  return load({ cert: certificate.toString("pem"), key: asPem("PRIVATE KEY", pkcs8) });
};

test("an extension that is damaged, and a key usage that can't be served", async () => {
  expect(await failExtension(new x509.Extension("2.5.29.17", false, new Uint8Array([0x30, 0x7f, 1])))).toBe(
    "site.pem: an extension of the certificate, or of one above it, is damaged (expected the certificates as their authority issued them)",
  );
  expect(await failExtension(new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyAgreement, true))).toBe(
    "site.pem: its key usage doesn't allow signatures (expected the key usage digitalSignature)",
  );
});

const failFile = async (path: string): Promise<string> => {
  const key = { text: good.keyPem };
  return (await Effect.runPromise(Effect.flip(loadCertificate({ cert: { file: "site.pem", path }, key })))).message;
};

test("no such file, a directory, a pipe, a file too large, one that may not be read", async () => {
  expect(await failFile(join(folder.path, "nowhere.pem"))).toMatch(
    /^site\.pem: no such file \(expected a PEM file with the c/,
  );
  mkdirSync(join(folder.path, "directory"));
  expect(await failFile(join(folder.path, "directory"))).toMatch(/^site\.pem: is a directory/);
  const pipe = join(folder.path, "pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  expect(await failFile(pipe)).toMatch(/^site\.pem: is not a file/);
  expect(await failFile(folder.write("large.pem", " ".repeat(maxPemSizeBytes + 1)))).toMatch(
    /^site\.pem: is too large/,
  );
  const locked = folder.write("locked.pem", good.certPem);
  chmodSync(locked, 0);
  // The superuser may read everything.
  if (process.getuid?.() !== 0) expect(await failFile(locked)).toMatch(/^site\.pem: can't be read \(EACCES\)/);
});

test("inline texts are told apart", async () => {
  const fail = (source: Parameters<typeof loadCertificate>[0]) =>
    Effect.runPromise(Effect.flip(loadCertificate(source)));
  const [cert, key] = [{ text: good.certPem }, { text: good.keyPem }];
  expect((await fail({ cert: key, key })).label).toBe("the inline certificate");
  expect((await fail({ cert, key: cert })).label).toBe("the inline private key");
  expect((await fail({ cert, key, chain: key })).label).toBe("the inline chain");
});

const failAuthority = async (text: string): Promise<string> =>
  (await Effect.runPromise(Effect.flip(loadAuthority({ text })))).message;

test("authorities", async () => {
  expect(await failAuthority("")).toMatch(/^the inline authority: is empty/);
  expect(await failAuthority(good.keyPem)).toMatch(/^the inline authority: holds a PRIVATE KEY only/);
  expect(await failAuthority((await testAuthority()).certPem + truncate(good.certPem))).toMatch(
    /certificate 2 of 2 is dam/,
  );
  expect(await failAuthority(intermediate.certPem)).toMatch(
    /^the inline authority: holds no root: “CN=elbow test intermediate” is issued by “CN=elbow test root” \(expected the root/,
  );
});
