// What is odd about a certificate: said, and served all the same. Its end is told by the time of asking.
import { expect, setDefaultTimeout, test } from "bun:test";
import { webcrypto } from "node:crypto";
import { Effect } from "effect";
import { issueCertificate, type LeafTerms, makeAuthority } from "../../../certs/issuer.ts";
import {
  type Certificate,
  expiryProblem,
  loadAuthority,
  loadCertificate,
  remarksAt,
} from "../../../src/tls/certificate.ts";
import { x509 } from "../../../src/tls/x509.ts";
import { issueTestCertificate, testAuthority } from "../../support/certificates.ts";

setDefaultTimeout(30_000);

const root = await testAuthority();

const load = (certPem: string, keyPem: string): Promise<Certificate> =>
  Effect.runPromise(loadCertificate({ cert: { text: certPem }, key: { text: keyPem } }));

/** A certificate of these terms, with the root beside it, so that its chain is whole. */
const issue = async (terms: LeafTerms): Promise<Certificate> => {
  const issued = await issueCertificate({ names: ["a.test"], ...terms }, root);
  return load(issued.certPem + root.certPem, issued.keyPem);
};

const dayMs = 86_400_000;
const begin = Date.parse("2026-03-01T00:00:00Z");

test("its end, and its beginning, by the time of asking", async () => {
  const certificate = await issue({ notBefore: new Date(begin), days: 90 });
  const end = begin + 90 * dayMs - 1000;
  expect([certificate.notBeforeMs, certificate.notAfterMs]).toEqual([begin, end]);
  const at = (ms: number) => [remarksAt(certificate, ms), expiryProblem(certificate, ms)];
  expect(at(begin)).toEqual([[], undefined]);
  expect(at(end - 30 * dayMs)).toEqual([[], undefined]);
  expect(at(end - 30 * dayMs + 1)).toEqual([["it ends on 2026-05-29 23:59 UTC, in 29 days"], undefined]);
  expect(at(end - 1.5 * dayMs)).toEqual([["it ends on 2026-05-29 23:59 UTC, in 1 day"], undefined]);
  expect(at(end)).toEqual([["it ends on 2026-05-29 23:59 UTC, in less than a day"], undefined]);
  const ended = "it ended on 2026-05-29 23:59 UTC, 2 days ago";
  expect(at(end + 2 * dayMs)).toEqual([[ended], ended]);
  const early = "it isn't valid before 2026-03-01 00:00 UTC, in less than a day";
  expect(at(begin - 1)).toEqual([[early], early]);
});

test("an intermediate that ends is remarked by its name, and is no problem of the certificate's", async () => {
  const issuer = await makeAuthority({ commonName: "brief", issuer: root, notBefore: new Date(begin), days: 10 });
  const issued = await issueCertificate({ names: ["a.test"], notBefore: new Date(begin), days: 90 }, issuer);
  const certificate = await load(issued.certPem + issuer.certPem, issued.keyPem);
  const now = begin + 11 * dayMs;
  expect(remarksAt(certificate, now)).toEqual(["“CN=brief”: it ended on 2026-03-10 23:59 UTC, 1 day ago"]);
  expect(expiryProblem(certificate, now)).toBeUndefined();
  const authority = await Effect.runPromise(loadAuthority({ text: root.certPem + issuer.certPem }));
  expect(remarksAt(authority, root.certificate.notBefore.getTime())).toEqual([
    expect.stringMatching(/^“CN=brief”: it ended on 2026-03-10 23:59 UTC, \d+ days ago$/),
  ]);
});

test.each([
  [{ names: [] }, ["it has no DNS name and no address: it can be served as a listener's first certificate only"], []],
  [
    { names: [], commonName: "Old.Example.test" },
    ["its only name is its common name, old.example.test: clients look at the subject alternative name"],
    ["old.example.test"],
  ],
  [{ names: ["ok.test", "a.*.test"] }, ['"a.*.test" is no name that a client can ask for'], ["ok.test"]],
  [
    { names: ["f*.test", "*"], ips: ["10.0.0.1"] },
    ['"f*.test" is no name that a client can ask for', '"*" is no name that a client can ask for'],
    ["10.0.0.1"],
  ],
  [
    { names: ["a.test", "*.test"] },
    ["browsers and curl don't accept *.test: a wildcard needs two labels behind it"],
    ["a.test", "*.test"],
  ],
  [{ usages: ["client"] }, ["it isn't for servers: its extended key usage has no serverAuth"], ["a.test"]],
  [
    { names: ["xn--bcher-kva.test", "_srv.a.test", "*.a.test", "dotted.test."] },
    [],
    ["xn--bcher-kva.test", "_srv.a.test", "*.a.test", "dotted.test"],
  ],
] as const)("%j", async (terms, remarks, names) => {
  const certificate = await issue({ commonName: "a name of spaces", ...terms });
  expect(certificate.remarks).toEqual([...remarks]);
  expect(certificate.names).toEqual([...names]);
});

const makeKeysOf = async (algorithm: object): Promise<CryptoKeyPair> =>
  (await webcrypto.subtle.generateKey(algorithm as { name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair;
const publicExponent = new Uint8Array([1, 0, 1]);

test("a key that is weak, or that browsers don't know", async () => {
  const rsa = { name: "RSASSA-PKCS1-v1_5", modulusLength: 1024, publicExponent, hash: "SHA-256" };
  const weak = await issue({ keyType: "RSA", keys: await makeKeysOf(rsa) });
  expect(weak.remarks).toEqual(["its RSA key has 1024 bits only; today's clients ask for 2048"]);
  const p521 = await issue({ keys: await makeKeysOf({ name: "ECDSA", namedCurve: "P-521" }) });
  expect(p521.remarks).toEqual(["browsers don't accept its ECDSA P-521 key"]);
  const ed25519 = await issue({ keys: await makeKeysOf({ name: "Ed25519" }) });
  expect(ed25519.remarks).toEqual(["browsers don't accept its Ed25519 key"]);
});

test("a signature with SHA-1", async () => {
  const sha1 = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-1" };
  const keys = await makeKeysOf({ ...sha1, modulusLength: 2048, publicExponent });
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    keys,
    signingAlgorithm: sha1,
    name: "CN=a.test",
  });
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  const { remarks } = await load(
    certificate.toString("pem"),
    `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n`,
  );
  expect(remarks).toContain("it is signed with sha1WithRSAEncryption: today's clients refuse that");
});

test("an intermediate that isn't an authority", async () => {
  const issued = await issueTestCertificate({ commonName: "not an authority" });
  const leaf = await issueCertificate({ names: ["a.test"] }, { ...issued, chainPem: issued.certPem });
  const certificate = await load(leaf.certPem + issued.certPem, leaf.keyPem);
  expect(certificate.remarks).toEqual([
    "“CN=not an authority”: it isn't marked as an authority, so clients refuse what it signed",
  ]);
});
