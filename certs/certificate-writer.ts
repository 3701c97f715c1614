/**
 * Writes and signs certificates in DER (RFC 5280 §4.1).
 * Under certs/issuer.ts, which says what stands in them; owns how it is written. The library that reads certificates could
 * do it as well, but takes longer to load than everything else at demo mode's first start.
 * Never makes a key, and never touches a file.
 */
import { createHash, type KeyObject, sign } from "node:crypto";
import { parseAddress, parseIpv6 } from "../src/model/address.ts";
import { type DerElement, readElement, readElements } from "../src/parse/x509/der.ts";

/** What a certificate may be used for: bits of keyUsage (RFC 5280 §4.2.1.3), the first bit leftmost. */
export const KeyUse = { digitalSignature: 0x80, keyEncipherment: 0x20, keyCertSign: 0x04, cRLSign: 0x02 } as const;

/** A certificate to be written. */
export interface CertificateTerms {
  /** A common name; the issuer's name is its certificate's, or the same. */
  readonly subject: string;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  /** Included. */
  readonly notAfter: Date;
  readonly serialNumber: Uint8Array;
  /** How many authorities may stand below this one (RFC 5280 §4.2.1.9), up to 127; undefined: it is no authority. */
  readonly pathLength: number | undefined;
  /** Of {@link KeyUse}. */
  readonly keyUses: number;
  /** What its owner may prove with it (RFC 5280 §4.2.1.12); none: anything. */
  readonly usages: ReadonlyArray<"server" | "client">;
  readonly names: ReadonlyArray<string>;
  readonly ips: ReadonlyArray<string>;
}

/** Who signs: an RSA or ECDSA key, and the certificate of it; without one the certificate is its own. */
export interface Signer {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  readonly certificate: Uint8Array | undefined;
}

/** The certificate in DER, signed with SHA-256. */
export const writeCertificate = (terms: CertificateTerms, signer: Signer): Buffer => {
  const subject = writeName(terms.subject);
  // RFC 4055 §5 and RFC 5758 §3.2: RSA has parameters, which are null.
  const isRsa = signer.privateKey.asymmetricKeyType === "rsa";
  const algorithm = isRsa
    ? der(Tag.sequence, oid("2a864886f70d01010b"), hex("0500"))
    : der(Tag.sequence, oid("2a8648ce3d040302"));
  const signed = der(
    Tag.sequence,
    der(Tag.version, hex("020102")),
    der(Tag.integer, terms.serialNumber),
    algorithm,
    signer.certificate === undefined ? subject : subjectOf(signer.certificate),
    der(Tag.sequence, writeTime(terms.notBefore), writeTime(terms.notAfter)),
    subject,
    spkiOf(terms.publicKey),
    der(Tag.extensions, der(Tag.sequence, ...writeExtensions(terms, signer))),
  );
  return der(Tag.sequence, signed, algorithm, writeBits(sign("sha256", signed, signer.privateKey), 0));
};

const Tag = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** Context-specific: of names, of key identifiers, of the version and of extensions (RFC 5280 §4.1, §4.2.1). */
  keyIdentifier: 0x80,
  dnsName: 0x82,
  address: 0x87,
  version: 0xa0,
  extensions: 0xa3,
} as const;

const purposes = { server: "2b06010505070301", client: "2b06010505070302" } as const;

const writeExtensions = (terms: CertificateTerms, signer: Signer): ReadonlyArray<Uint8Array> => {
  const { pathLength, keyUses, usages, names, ips, publicKey } = terms;
  const basicConstraints =
    pathLength === undefined
      ? der(Tag.sequence)
      : der(Tag.sequence, writeTrue(), der(Tag.integer, Uint8Array.of(pathLength)));
  const alternatives = [
    ...names.map((name) => der(Tag.dnsName, Buffer.from(name, "latin1"))),
    ...ips.map((ip) => der(Tag.address, bytesOf(ip))),
  ];
  const extendedKeyUsage = der(Tag.sequence, ...usages.map((usage) => oid(purposes[usage])));
  return [
    writeExtension("551d13", basicConstraints, true),
    // DER: the bits behind the last one that is set are left out (X.690 §11.2.2).
    writeExtension("551d0f", writeBits(Uint8Array.of(keyUses), Math.log2(keyUses & -keyUses)), true),
    ...(usages.length === 0 ? [] : [writeExtension("551d25", extendedKeyUsage)]),
    ...(alternatives.length === 0 ? [] : [writeExtension("551d11", der(Tag.sequence, ...alternatives))]),
    writeExtension("551d0e", der(Tag.octets, identify(publicKey))),
    writeExtension("551d23", der(Tag.sequence, der(Tag.keyIdentifier, identify(signer.publicKey)))),
  ];
};

const hex = (digits: string): Buffer => Buffer.from(digits, "hex");

/** An element around its parts (X.690 §8.1); no certificate of ours has 64 KiB. */
const der = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...octets), content]);
};

const oid = (digits: string): Buffer => der(Tag.oid, hex(digits));

const writeTrue = (): Buffer => der(Tag.boolean, Uint8Array.of(0xff));

/** The last byte's `unused` lowest bits don't count. */
const writeBits = (bytes: Uint8Array, unused: number): Buffer => der(Tag.bits, Uint8Array.of(unused), bytes);

const writeExtension = (id: string, value: Uint8Array, isCritical = false): Buffer =>
  der(Tag.sequence, oid(id), ...(isCritical ? [writeTrue()] : []), der(Tag.octets, value));

const writeName = (commonName: string): Buffer =>
  der(Tag.sequence, der(Tag.set, der(Tag.sequence, oid("550403"), der(Tag.utf8, Buffer.from(commonName)))));

/** UTCTime up to 2049, GeneralizedTime from then on (RFC 5280 §4.1.2.5). */
const writeTime = (time: Date): Buffer => {
  const digits = `${time.toISOString().slice(0, 19).replaceAll(/\D/g, "")}Z`;
  return digits < "2050"
    ? der(Tag.utcTime, Buffer.from(digits.slice(2)))
    : der(Tag.generalizedTime, Buffer.from(digits));
};

const bytesOf = (ip: string): Uint8Array => {
  const address = parseAddress(ip);
  if (address === undefined) throw new TypeError(`${ip} is no address`);
  if (address.family === 4) return Uint8Array.from(address.text.split("."), Number);
  return Uint8Array.from((parseIpv6(address.text) ?? []).flatMap((group) => [group >> 8, group & 0xff]));
};

const spkiOf = (key: KeyObject): Buffer => key.export({ type: "spki", format: "der" });

/** SHA-1 of the public key's bits (RFC 5280 §4.2.1.2, method 1). */
const identify = (key: KeyObject): Buffer => {
  const spki = spkiOf(key);
  const bits = partsOf(spki, readElement(spki, 0, spki.length))[1];
  // In front of them stands how many of the last byte's don't count.
  return createHash("sha1")
    .update(bits === undefined ? spki : spki.subarray(bits.contentStart + 1, bits.end))
    .digest();
};

/** The subject's name as it stands there: an issuer is written as its own certificate has it (RFC 5280 §4.1.2.4). */
const subjectOf = (certificate: Uint8Array): Uint8Array => {
  const [signed] = partsOf(certificate, readElement(certificate, 0, certificate.length));
  const members = partsOf(certificate, signed);
  const subject = members[members[0]?.tag === Tag.version ? 5 : 4];
  if (subject === undefined) throw new TypeError("the issuer's certificate is damaged");
  return certificate.subarray(subject.start, subject.end);
};

const partsOf = (bytes: Uint8Array, element: DerElement | undefined): ReadonlyArray<DerElement> =>
  (element && readElements(bytes, element)) ?? [];
