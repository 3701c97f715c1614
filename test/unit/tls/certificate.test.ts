// Certificates as they load: every kind of key, every way to write it down, what is read from them; each one is then
// served to a client that verifies it.
import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import { connect, createSecureContext } from "node:tls";
import { Effect } from "effect";
import { issueCertificate } from "../../../certs/issuer.ts";
import type { CertificateSource } from "../../../src/model/certificate-source.ts";
import { type Certificate, loadAuthority, loadCertificate } from "../../../src/tls/certificate.ts";
import {
  inlineSource,
  issueTestCertificate,
  type TestCertificate,
  testAuthority,
  testIntermediate,
  writeCertificate,
} from "../../support/certificates.ts";
import { makeFolder } from "../../support/folder.ts";

setDefaultTimeout(30_000);

const folder = makeFolder();
afterAll(() => folder[Symbol.dispose]());

const load = (source: CertificateSource): Promise<Certificate> => Effect.runPromise(loadCertificate(source));

/** Serves it to a client that trusts `ca` and asks for `localhost`; what the client got. */
const handshake = async ({ certPem, keyPem }: Certificate, ca: string, version?: "TLSv1.2" | "TLSv1.3") => {
  const { context } = createSecureContext({ cert: certPem, key: keyPem });
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { secureContext: context } as unknown as Bun.TLSOptions,
    socket: { data() {}, handshake() {}, error() {} },
  });
  try {
    return await new Promise<{ readonly subject: string; readonly fingerprint256: string }>((resolve, reject) => {
      const socket = connect({
        host: "127.0.0.1",
        port: listener.port,
        servername: "localhost",
        ca,
        rejectUnauthorized: true,
        ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
      });
      socket.once("secureConnect", () => {
        const peer = socket.getPeerCertificate();
        resolve({ subject: String(peer.subject.CN), fingerprint256: peer.fingerprint256 });
        socket.destroy();
      });
      socket.once("error", reject);
    });
  } finally {
    listener.stop(true);
  }
};

const passphrase = "open sesame";
const privateKeyOf = ({ keyPem }: TestCertificate): KeyObject => createPrivateKey(keyPem);
const inPlain = (type: "pkcs8" | "pkcs1" | "sec1") => (key: KeyObject) =>
  key.export({ type, format: "pem" }).toString();
const encrypted = (type: "pkcs8" | "pkcs1" | "sec1", cipher: string) => (key: KeyObject) =>
  key.export({ type, format: "pem", cipher, passphrase }).toString();
const behindParameters = (key: KeyObject): string =>
  `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${inPlain("sec1")(key)}`;

const spellings = [
  { form: "PKCS#8", keyType: "RSA", spell: inPlain("pkcs8"), passphrase: undefined },
  { form: "PKCS#8", keyType: "ECDSA", spell: inPlain("pkcs8"), passphrase: undefined },
  { form: "PKCS#1", keyType: "RSA", spell: inPlain("pkcs1"), passphrase: undefined },
  { form: "SEC1", keyType: "ECDSA", spell: inPlain("sec1"), passphrase: undefined },
  { form: "SEC1 behind its parameters", keyType: "ECDSA", spell: behindParameters, passphrase: undefined },
  { form: "encrypted PKCS#8", keyType: "RSA", spell: encrypted("pkcs8", "aes-256-cbc"), passphrase },
  { form: "encrypted PKCS#8", keyType: "ECDSA", spell: encrypted("pkcs8", "aes-128-cbc"), passphrase },
  { form: "traditionally encrypted PKCS#1", keyType: "RSA", spell: encrypted("pkcs1", "aes-128-cbc"), passphrase },
  { form: "traditionally encrypted SEC1", keyType: "ECDSA", spell: encrypted("sec1", "aes-256-cbc"), passphrase },
  { form: "in plain, with a passphrase all the same", keyType: "ECDSA", spell: inPlain("pkcs8"), passphrase },
] as const;

test.each(spellings)("$form, $keyType: loads and is served", async ({ keyType, spell, passphrase }) => {
  const issued = await issueTestCertificate({ keyType });
  const certificate = await load({
    cert: { text: issued.certPem },
    key: { text: spell(privateKeyOf(issued)) },
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  expect(certificate.keyType).toBe(keyType);
  expect(certificate.keyPem).toBe(privateKeyOf(issued).export({ type: "pkcs8", format: "pem" }).toString());
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    expect(await handshake(certificate, issued.caPem, version)).toEqual({
      subject: "localhost",
      fingerprint256: issued.fingerprint256,
    });
  }
});

const strongKeys = [
  { curve: "P-384", keyType: "ECDSA", algorithm: { name: "ECDSA", namedCurve: "P-384" } },
  { curve: "P-521", keyType: "ECDSA", algorithm: { name: "ECDSA", namedCurve: "P-521" } },
  { curve: "Ed25519", keyType: "Ed25519", algorithm: { name: "Ed25519" } },
] as const;

test.each(strongKeys)("$curve loads, and loads into the library", async ({ keyType, algorithm }) => {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair;
  const issuer = await testAuthority();
  const issued = await issueCertificate({ names: ["localhost"], keys }, issuer);
  const certificate = await load({ cert: { text: issued.certPem }, key: { text: issued.keyPem } });
  expect(certificate.keyType).toBe(keyType);
  if (keyType === "ECDSA" && algorithm.namedCurve === "P-384") {
    expect(await handshake(certificate, issuer.certPem)).toMatchObject({ subject: "localhost" });
  }
});

test("text around the blocks, CRLF, a byte order mark and indentation don't matter", async () => {
  const issued = await issueTestCertificate();
  const plain = await load(inlineSource(issued));
  const decorate = (pem: string): string =>
    `\uFEFFsubject=/CN=localhost\r\n\r\n${pem.replaceAll("\n", "\r\n").replaceAll(/^/gm, "  ")}\r\nBag Attributes: none\r\n`;
  const decorated = await load({ cert: { text: decorate(issued.certPem) }, key: { text: decorate(issued.keyPem) } });
  expect({ ...decorated, source: undefined }).toEqual({ ...plain, source: undefined });
  expect(await handshake(decorated, issued.caPem)).toMatchObject({ subject: "localhost" });
});

test("one file may hold the key and the chain", async () => {
  const issuer = await testIntermediate();
  const issued = await issueTestCertificate({ issuer });
  const both = { text: issued.keyPem + issued.chainPem };
  const certificate = await load({ cert: both, key: both });
  expect(certificate.certPem).toBe(issued.chainPem);
  expect(await handshake(certificate, issued.caPem)).toMatchObject({ fingerprint256: issued.fingerprint256 });
});

test("what is read from it", async () => {
  const notBefore = new Date("2026-01-02T03:04:05Z");
  const issued = await issueTestCertificate({
    names: ["A.Example.TEST", "*.b.test", "a.example.test"],
    ips: ["127.0.0.1", "2001:db8:0:0:0:0:0:1"],
    notBefore,
    days: 90,
    keyType: "RSA",
  });
  const source = writeCertificate(folder.path, "site", issued);
  expect(await load(source)).toMatchObject({
    source,
    label: "site.pem",
    certPem: issued.certPem,
    keyType: "RSA",
    names: ["a.example.test", "*.b.test", "127.0.0.1", "2001:db8::1"],
    notBeforeMs: notBefore.getTime(),
    notAfterMs: notBefore.getTime() + 90 * 86_400_000 - 1000,
  });
});

test("the fingerprint tells content from content, however it is written", async () => {
  const [one, other] = [await issueTestCertificate(), await issueTestCertificate({ tag: "another key" })];
  const { fingerprint } = await load(inlineSource(one));
  expect((await load(writeCertificate(folder.path, "one", one))).fingerprint).toBe(fingerprint);
  expect((await load(inlineSource(other))).fingerprint).not.toBe(fingerprint);
});

test("an authority: every certificate of the file", async () => {
  const issuer = await testIntermediate();
  const issued = await issueTestCertificate({ issuer });
  const text = `# ours\n${issuer.certPem}${issued.caPem}`;
  const authority = await Effect.runPromise(loadAuthority({ file: "ca.pem", path: folder.write("ca.pem", text) }));
  expect(authority).toMatchObject({ label: "ca.pem", pem: issuer.certPem + issued.caPem, remarks: [] });
  const same = await Effect.runPromise(loadAuthority({ text: issuer.certPem + issued.caPem }));
  expect(same.fingerprint).toBe(authority.fingerprint);
  const less = await Effect.runPromise(loadAuthority({ text: issued.caPem }));
  expect(less.fingerprint).not.toBe(authority.fingerprint);
});
