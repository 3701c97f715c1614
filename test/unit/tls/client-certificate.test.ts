// A client's certificate as header lines: AWS's names and formats, nothing that could end a line, nothing too long.
import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import {
  type ClientCertificate,
  certificateLineMaxBytes,
  commonNameOf,
  isValidAt,
  makeClientCertificateLines,
  readClientCertificate,
} from "../../../src/tls/client-certificate.ts";
import { issueTestCertificate } from "../../support/certificates.ts";
import { der, name, Str, unsignedCertificate } from "../../support/der.ts";

const linesOf = (certificate: ClientCertificate): string =>
  new TextDecoder().decode(makeClientCertificateLines(certificate));

test("a certificate as AWS writes it, whether it is given parsed or as DER", async () => {
  const { certPem } = await issueTestCertificate({
    commonName: "a client",
    notBefore: new Date("2026-09-21T01:50:17Z"),
  });
  const parsed = new X509Certificate(certPem);
  const certificate = readClientCertificate(parsed);
  expect(certificate).toEqual({
    serialNumber: parsed.serialNumber,
    issuer: "CN=elbow test root",
    subject: "CN=a client",
    validity: "NotBefore=2026-09-21T01:50:17Z;NotAfter=2027-09-21T01:50:16Z",
    leaf: certPem.replaceAll("\n", "%0A").replaceAll(" ", "%20"),
  });
  expect(readClientCertificate(new Uint8Array(parsed.raw))).toEqual(certificate);
  expect(decodeURIComponent(certificate?.leaf ?? "")).toBe(certPem);
});

test("five lines, in AWS's order", () => {
  const certificate = {
    serialNumber: "03A5B1",
    issuer: "CN=rootcamtls.com,OU=rootCA,O=mTLS,L=Seattle,ST=Washington,C=US",
    subject: "CN=client_.com,OU=client-3,O=mTLS,ST=Washington,C=US",
    validity: "NotBefore=2023-09-21T01:50:17Z;NotAfter=2024-09-20T01:50:17Z",
    leaf: "-----BEGIN%20CERTIFICATE-----%0AMIIG+/==%0A-----END%20CERTIFICATE-----%0A",
  };
  expect(linesOf(certificate)).toBe(
    "X-Amzn-Mtls-Clientcert-Serial-Number: 03A5B1\r\n" +
      "X-Amzn-Mtls-Clientcert-Issuer: CN=rootcamtls.com,OU=rootCA,O=mTLS,L=Seattle,ST=Washington,C=US\r\n" +
      "X-Amzn-Mtls-Clientcert-Subject: CN=client_.com,OU=client-3,O=mTLS,ST=Washington,C=US\r\n" +
      "X-Amzn-Mtls-Clientcert-Validity: NotBefore=2023-09-21T01:50:17Z;NotAfter=2024-09-20T01:50:17Z\r\n" +
      "X-Amzn-Mtls-Clientcert-Leaf: -----BEGIN%20CERTIFICATE-----%0AMIIG+/==%0A-----END%20CERTIFICATE-----%0A\r\n",
  );
});

test("a name can't end its line, nor begin another", () => {
  const subject = name(["2.5.4.3", Str.utf8, "a\r\nX-Amzn-Mtls-Clientcert-Subject: CN=admin\r\n\r\nGET / HTTP/1.1\n"]);
  const certificate = readClientCertificate(unsignedCertificate({ subject }));
  const lines = linesOf(certificate as ClientCertificate).split("\r\n");
  expect(lines).toHaveLength(6);
  expect(lines[2]).toBe(
    "X-Amzn-Mtls-Clientcert-Subject: " +
      "CN=a\\0D\\0AX-Amzn-Mtls-Clientcert-Subject: CN=admin\\0D\\0A\\0D\\0AGET / HTTP/1.1\\0A",
  );
  expect(lines.join("")).toMatch(/^[ -~]+$/);
});

test("a line that no instance would take is left out, and the others stay", () => {
  const roomBytes = certificateLineMaxBytes - "X-Amzn-Mtls-Clientcert-Subject: CN=\r\n".length;
  const withSubject = (lengthBytes: number) =>
    linesOf(
      readClientCertificate(
        unsignedCertificate({ subject: name(["2.5.4.3", Str.utf8, "x".repeat(lengthBytes)]) }),
      ) as ClientCertificate,
    );
  // A subject so long makes the certificate itself too long for its line.
  const names = (text: string) => [...text.matchAll(/^X-Amzn-Mtls-Clientcert-([\w-]+): /gm)].map(([, label]) => label);
  expect(names(withSubject(1_000))).toEqual(["Serial-Number", "Issuer", "Subject", "Validity", "Leaf"]);
  expect(names(withSubject(roomBytes))).toEqual(["Serial-Number", "Issuer", "Subject", "Validity"]);
  expect(names(withSubject(roomBytes + 1))).toEqual(["Serial-Number", "Issuer", "Validity"]);
});

test("its time begins and ends to the second", () => {
  const certificate = readClientCertificate(unsignedCertificate()) as ClientCertificate;
  const at = (time: string) => isValidAt(certificate, Date.parse(time));
  expect(at("2023-09-21T01:50:16.999Z")).toBe(false);
  expect(at("2023-09-21T01:50:17.000Z")).toBe(true);
  expect(at("2024-09-20T01:50:17.999Z")).toBe(true);
  expect(at("2024-09-20T01:50:18.000Z")).toBe(false);
});

test("what can't be said isn't made up", () => {
  expect(readClientCertificate(unsignedCertificate({ notAfter: der(0x17, "240920015017+0100") }))).toBeUndefined();
  expect(readClientCertificate(new Uint8Array(0))).toBeUndefined();
});

test("the Common Name, the first of several, and none", async () => {
  const commonNameIn = (subject: Uint8Array) => commonNameOf(new X509Certificate(unsignedCertificate({ subject })));
  const { certPem } = await issueTestCertificate({ commonName: "Zoë, of the house" });
  expect(commonNameOf(new X509Certificate(certPem))).toBe("Zoë, of the house");
  expect(commonNameOf(undefined)).toBeUndefined();
  const [first, second] = [
    ["2.5.4.3", Str.utf8, "first"],
    ["2.5.4.3", Str.utf8, "second"],
  ] as const;
  expect(commonNameIn(name(["2.5.4.10", Str.utf8, "Example"], first, second))).toBe("first");
  expect(commonNameIn(name(["2.5.4.10", Str.utf8, "Example"]))).toBeUndefined();
  // A value can't make another one of itself.
  const odd = 'a, b="c"\r\nCN=admin';
  expect(commonNameIn(name(["2.5.4.3", Str.utf8, odd]))).toBe(odd);
});
