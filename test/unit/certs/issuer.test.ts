// The issuer: what its certificates say, judged by another library, and by openssl where it is installed.
import { expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { type IssuedKeyType, issueCertificate, makeAuthority } from "../../../certs/issuer.ts";
import { makeFolder } from "../../support/folder.ts";

setDefaultTimeout(30_000);

const keyTypes: ReadonlyArray<IssuedKeyType> = ["ECDSA", "RSA"];
const authorities = new Map(
  await Promise.all(keyTypes.map(async (keyType) => [keyType, await makeAuthority({ keyType })] as const)),
);
const pairs = keyTypes.flatMap((authority) => keyTypes.map((leaf) => [authority, leaf] as const));
const terms = { names: ["localhost", "*.a.test"], ips: ["127.0.0.1", "::1"] };

test.each(pairs)("an %s authority signs an %s leaf", async (authorityType, keyType) => {
  const authority = authorities.get(authorityType)!;
  const issued = await issueCertificate({ ...terms, keyType }, authority);
  const [leaf, root] = [new X509Certificate(issued.certPem), new X509Certificate(authority.certPem)];
  expect([leaf.verify(root.publicKey), root.verify(root.publicKey), leaf.ca, root.ca]).toEqual([
    true,
    true,
    false,
    true,
  ]);
  expect(leaf.publicKey.asymmetricKeyType).toBe(keyType === "RSA" ? "rsa" : "ec");
  expect(leaf.subjectAltName).toBe("DNS:localhost, DNS:*.a.test, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
  // Browsers count both ends; 398 days are the most that they accept, 365 the default.
  expect(leaf.validToDate.getTime() - leaf.validFromDate.getTime()).toBe(365 * 86_400_000 - 1000);
});

test("serial numbers are random, positive, and of at least 64 bits (CA/Browser Forum Baseline Requirements §7.1)", async () => {
  const authority = authorities.get("ECDSA")!;
  const serials = new Set<string>();
  for (let count = 0; count < 20; count++) {
    const { certificate } = await issueCertificate({ ...terms, keys: authority.keys }, authority);
    expect(certificate.serialNumber).toMatch(/^[4-7][0-9a-f]{31}$/);
    serials.add(certificate.serialNumber);
  }
  expect(serials.size).toBe(20);
});

test("a name longer than a common name may be stands in the alternative names only", async () => {
  const name = `${"a".repeat(60)}.${"b".repeat(60)}.test`;
  const issued = await issueCertificate({ names: [name] }, authorities.get("ECDSA"));
  expect(issued.certificate.subject).toBe(`CN=${name.slice(0, 64)}`);
  expect(new X509Certificate(issued.certPem).subjectAltName).toBe(`DNS:${name}`);
});

const openssl = Bun.which("openssl");

test.skipIf(openssl === null).each(pairs)("openssl accepts it strictly: %s over %s", async (authorityType, keyType) => {
  const authority = authorities.get(authorityType)!;
  const issued = await issueCertificate({ ...terms, keyType, days: 398, usages: ["server", "client"] }, authority);
  using folder = makeFolder({ "ca.pem": authority.certPem, "leaf.pem": issued.certPem });
  const run = (...args: ReadonlyArray<string>): string => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([openssl!, ...args], { cwd: folder.path });
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
    return stdout.toString();
  };
  for (const [purpose, ...names] of [
    ["sslserver", "-verify_hostname", "b.a.test", "-verify_ip", "127.0.0.1"],
    ["sslclient"],
  ] as const) {
    const verdict = run("verify", "-x509_strict", "-purpose", purpose, ...names, "-CAfile", "ca.pem", "leaf.pem");
    expect(verdict).toBe("leaf.pem: OK\n");
  }
  const text = run("x509", "-in", "leaf.pem", "-noout", "-text");
  expect(text).toContain(keyType === "RSA" ? "Digital Signature, Key Encipherment\n" : "Digital Signature\n");
  expect(text).toContain("X509v3 Authority Key Identifier");
  const root = run("x509", "-in", "ca.pem", "-noout", "-text");
  expect(root).toContain("CA:TRUE, pathlen:0");
  expect(root).toContain("Certificate Sign, CRL Sign");
});

test("what is issued for clients only isn't for servers", async () => {
  const issued = await issueCertificate({ ...terms, usages: ["client"] }, authorities.get("ECDSA"));
  expect(new X509Certificate(issued.certPem).keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
});
