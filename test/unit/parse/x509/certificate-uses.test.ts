// What a certificate is for, beside what the library of certificates reads; odd and damaged ones.
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { issueCertificate, makeAuthority, makeKeys } from "../../../../certs/issuer.ts";
import { readCertificateUses } from "../../../../src/parse/x509/certificate-uses.ts";
import { x509 } from "../../../../src/tls/x509.ts";
import { forSeeds } from "../../../fuzz/random.ts";

const derOf = (pem: string): Uint8Array => new Uint8Array(new X509Certificate(pem).raw);

const keys = await makeKeys("ECDSA");

/** Reads a certificate with one extension. */
const readWith = async (id: string, value: string, name = "CN=a.test") => {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ keys, name, signingAlgorithm: { name: "ECDSA", hash: "SHA-256" } },
    extensions: [new x509.Extension(id, false, Buffer.from(value, "hex"))],
  });
  return readCertificateUses(new Uint8Array(certificate.rawData));
};

const [alternativeName, basicConstraints, extendedKeyUsage] = ["2.5.29.17", "2.5.29.19", "2.5.29.37"];

test("names, addresses and purposes of what was issued", async () => {
  const authority = await makeAuthority();
  const names = ["a.test", "*.b.test"];
  const ips = ["10.0.0.1", "2001:db8::1"];
  const issued = await issueCertificate({ names, ips }, authority);
  expect(readCertificateUses(derOf(issued.certPem))).toEqual({
    alternatives: [...names, "10.0.0.1", "2001:0db8:0000:0000:0000:0000:0000:0001"],
    ...{ commonNames: ["a.test"], isAuthority: false, isForServers: true },
  });
  const library = new x509.X509Certificate(derOf(issued.certPem));
  const { items } = library.getExtension(x509.SubjectAlternativeNameExtension)?.names ?? { items: [] };
  expect(items.map(({ value }) => value)).toEqual([...names, ...ips]);
  expect(library.getExtension(x509.BasicConstraintsExtension)?.ca).toBe(false);
  expect(library.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([x509.ExtendedKeyUsage.serverAuth]);
  expect(library.getExtension(x509.KeyUsagesExtension)?.usages).toBe(x509.KeyUsageFlags.digitalSignature);
  expect(readCertificateUses(derOf(authority.certPem))).toMatchObject({ alternatives: [], isAuthority: true });
  const ofClient = await issueCertificate({ names, usages: ["client"] }, authority);
  expect(readCertificateUses(derOf(ofClient.certPem))).toMatchObject({ isForServers: false });
});

test("odd ones: other kinds of names, other lengths of addresses, any purpose, several common names", async () => {
  // An e-mail address, an address with a mask, a name.
  expect(await readWith(alternativeName, "301081016187080a000000ff000000820178")).toMatchObject({
    alternatives: ["0a000000ff000000", "x"],
  });
  expect(await readWith(extendedKeyUsage, "30060604551d2500")).toMatchObject({ isForServers: true });
  expect(await readWith(basicConstraints, "3000")).toMatchObject({ isAuthority: false });
  expect(await readWith(basicConstraints, "3003020100", "CN=a, O=b, CN=ü")).toMatchObject({
    ...{ isAuthority: false, commonNames: ["a", "ü"] },
  });
});

test.each([
  [alternativeName, "307f01"],
  [alternativeName, "3000ff"],
  [alternativeName, "0c0161"],
  [basicConstraints, "30030101"],
  [extendedKeyUsage, "04"],
])("damaged: %s %s", async (id, value) => {
  expect(await readWith(id, value)).toBeUndefined();
});

test("a damaged extension that says nothing of these is nobody's matter", async () => {
  expect(await readWith("1.2.3.4", "ff")).toMatchObject({ commonNames: ["a.test"] });
});

test("any bytes have an answer", async () => {
  const der = derOf((await issueCertificate({ names: ["a.test"], ips: ["::1"] })).certPem);
  forSeeds(200, 500, (random) => {
    const bytes = der.slice(0, random.below(der.length + 1));
    for (let change = 0; change < 3 && bytes.length > 0; change++) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    expect(() => readCertificateUses(bytes)).not.toThrow();
  });
});
