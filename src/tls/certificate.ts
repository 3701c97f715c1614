/**
 * Certificates and authorities, loaded from where the configuration says and checked.
 * What control/ calls when a configuration is applied or a file has changed; owns what is checked and in which order.
 * Never serves one, and never watches a file: `signatureOf` in tls/pem-file.ts is for that.
 */
import { createHash, type KeyObject } from "node:crypto";
import { createSecureContext } from "node:tls";
import { Effect } from "effect";
import type { CertificateSource, PemSource } from "../model/certificate-source.ts";
import {
  type Chain,
  type ChainLink,
  isSelfIssued,
  orderChain,
  readLinkUnsafe,
  spellIssuer,
  spellSubject,
} from "./certificate-chain.ts";
import { CertificateError } from "./certificate-error.ts";
import { readNames } from "./certificate-names.ts";
import { describeEnding, describeInvalidity, describeOddities, type Validity } from "./certificate-remarks.ts";
import { describeUnservedCurve, findUnservedCurve } from "./elliptic-curve.ts";
import { describeOtherContent, writePemBlock } from "./pem.ts";
import { type PemText, readPem } from "./pem-file.ts";
import { describeKey, findKeyRefusal, type KeyType, keyTypeOf, readPrivateKey, servedKeys } from "./private-key.ts";

/** A certificate with its private key, ready to be served. */
export interface Certificate {
  readonly source: CertificateSource;
  /** What messages call it: the certificate's file. */
  readonly label: string;
  /** The leaf, then its intermediates in order; without a root. */
  readonly certPem: string;
  /** PKCS#8, decrypted: it needs no passphrase any more. */
  readonly keyPem: string;
  readonly keyType: KeyType;
  /** What it is for, in lower case: DNS names, `*.` in front for wildcards, and addresses. */
  readonly names: ReadonlyArray<string>;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** What is odd about it and will stay so; `remarksAt` has what comes with time as well. */
  readonly remarks: ReadonlyArray<string>;
  /** From when to when the leaf and each intermediate is valid. */
  readonly validities: ReadonlyArray<Validity>;
  /** The same certificates, and with them the same key, however they are written: the same text. */
  readonly fingerprint: string;
}

/** Certificate authorities that somebody's certificate is verified with. */
export interface Authority {
  /** What messages call it: its file. */
  readonly label: string;
  readonly pem: string;
  /** The same certificates in the same order: the same text. */
  readonly fingerprint: string;
  /** What is odd about it and will stay so; `remarksAt` has what comes with time as well. */
  readonly remarks: ReadonlyArray<string>;
  readonly validities: ReadonlyArray<Validity>;
}

/**
 * Loads a certificate, its intermediates and its key, and checks that they belong together and can be served. One that has
 * ended or hasn't begun loads, see `expiryProblem`. Fails with the first fault, and the file that it is in.
 */
export const loadCertificate = Effect.fnUntraced(function* (
  source: CertificateSource,
): Effect.fn.Return<Certificate, CertificateError> {
  const certText = yield* readPem(source.cert, "certificate");
  const chainText = source.chain === undefined ? undefined : yield* readPem(source.chain, "chain");
  const keyText = yield* readPem(source.key, "private key");
  const links = yield* orFail(() => readLinks(certText, "certificate"));
  const above = chainText === undefined ? [] : yield* orFail(() => readLinks(chainText, "chain"));
  const key = yield* orFail(() => readPrivateKey(keyText, source.passphrase));
  const leaf = yield* orFail(() => findLeaf(links, above, key, keyText.label));
  const chain = orderChain(leaf, [...links, ...above]);
  const [stranger] = chain.unrelated;
  if (stranger !== undefined) return yield* makeStrangerError(stranger, leaf);
  const certificate = yield* orFail(() => tryToDescribe(source, certText.label, chain, key));
  // The last word has the library that will serve it.
  yield* orFail(() => tryToServe(certificate));
  return certificate;
});

/** Loads authorities: one or more certificates, of which one at least is a root. */
export const loadAuthority = Effect.fnUntraced(function* (
  source: PemSource,
): Effect.fn.Return<Authority, CertificateError> {
  const text = yield* readPem(source, "authority");
  const links = yield* orFail(() => readLinks(text, "authority"));
  if (!links.some(isSelfIssued)) {
    return yield* new CertificateError({
      label: text.label,
      problem: `holds no root: ${spellSubject(links[0]!)} is issued by ${spellIssuer(links[0]!)}`,
      expected: "the root certificate as well: certificates are verified up to a self-signed one",
    });
  }
  return {
    label: text.label,
    pem: links.map(toPem).join(""),
    fingerprint: digest(links.map(({ native }) => native.raw)),
    remarks: [],
    validities: links.map((link) => toValidity(link, `${spellSubject(link)}: `)),
  };
});

/** Why clients refuse this certificate at `nowMs`: it has ended, or hasn't begun. It is served all the same. */
export const expiryProblem = ({ notBeforeMs, notAfterMs }: Certificate, nowMs: number): string | undefined =>
  describeInvalidity({ name: "", notBeforeMs, notAfterMs }, nowMs);

/** Everything that is odd at `nowMs`: `expiryProblem`, an end within 30 days, and what stays. */
export const remarksAt = ({ remarks, validities }: Certificate | Authority, nowMs: number): ReadonlyArray<string> => [
  ...validities.flatMap((validity) => {
    const remark = describeInvalidity(validity, nowMs) ?? describeEnding(validity, nowMs);
    return remark === undefined ? [] : [`${validity.name}${remark}`];
  }),
  ...remarks,
];

const orFail = <A>(read: () => A | CertificateError): Effect.Effect<A, CertificateError> =>
  Effect.suspend(() => {
    const result = read();
    return result instanceof CertificateError ? Effect.fail(result) : Effect.succeed(result);
  });

/** Reads every certificate of a text; at least one. */
const readLinks = (text: PemText, role: string): ReadonlyArray<ChainLink> | CertificateError => {
  const fail = (problem: string, expected: string) => new CertificateError({ label: text.label, problem, expected });
  const blocks = text.blocks.filter(({ label }) => label === "CERTIFICATE" || label === "X509 CERTIFICATE");
  if (blocks.length === 0) {
    const what = describeOtherContent(text.bytes, text.blocks);
    return fail(what, `the ${role} in PEM, with -----BEGIN CERTIFICATE-----`);
  }
  const links: Array<ChainLink> = [];
  for (const [index, { der }] of blocks.entries()) {
    const which = blocks.length === 1 ? "the certificate" : `certificate ${index + 1} of ${blocks.length}`;
    if (der === undefined) return fail(`${which} is damaged`, "whole lines of base64 from -----BEGIN to -----END");
    try {
      const link = readLinkUnsafe(der, text.label);
      // The library reads past such a date, and then nobody knows when the certificate ends.
      if (!hasReadableDates(link)) return fail(`${which} has a date that can't be read`, readableDates);
      links.push(link);
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? ` (${cause.code})` : "";
      const curve = findUnservedCurve(der);
      return fail(
        curve === undefined
          ? `${which} is damaged, or has a key that the TLS library doesn't know${code}`
          : `the key of ${which} ${describeUnservedCurve(curve)}`,
        "X.509 certificates with RSA, ECDSA (P-256, P-384 or P-521) or Ed25519 keys",
      );
    }
  }
  return links;
};

/** RFC 5280 §4.1.2.5 allows nothing else. */
const readableDates = "dates in UTC down to the second, such as 20270131235959Z";

const hasReadableDates = ({ native }: ChainLink): boolean =>
  Number.isFinite(native.validFromDate.getTime()) && Number.isFinite(native.validToDate.getTime());

/** The certificate that the key is for; it should be the first, but a wrong order is mended. */
const findLeaf = (
  links: ReadonlyArray<ChainLink>,
  above: ReadonlyArray<ChainLink>,
  key: KeyObject,
  keyLabel: string,
): ChainLink | CertificateError => {
  const found = [...links, ...above].find(({ native }) => native.checkPrivateKey(key));
  const first = links[0]!;
  const { label, native } = found ?? first;
  const refusal = findKeyRefusal(native.publicKey);
  // Another's key doesn't help a certificate whose own can't be served.
  if (refusal !== undefined) return new CertificateError({ label, problem: refusal, expected: servedKeys });
  if (found !== undefined) return found;
  return new CertificateError({
    label: keyLabel,
    problem: `the private key (${describeKey(key)}) doesn't belong to ${first.label}`,
    expected: `the ${describeKey(first.native.publicKey)} key that ${spellSubject(first)} was issued for`,
  });
};

const makeStrangerError = (stranger: ChainLink, leaf: ChainLink): CertificateError =>
  new CertificateError({
    label: stranger.label,
    problem: `${spellSubject(stranger)} has no part in the chain of ${spellSubject(leaf)}`,
    expected: `the certificate, that of its issuer ${spellIssuer(leaf)}, and those above`,
  });

/** What is read from a chain; its extensions are looked into here for the first time. */
const tryToDescribe = (
  source: CertificateSource,
  label: string,
  chain: Chain,
  key: KeyObject,
): Certificate | CertificateError => {
  try {
    return describeCertificate(source, label, chain, key);
  } catch {
    return new CertificateError({
      label,
      problem: "an extension of the certificate, or of one above it, is damaged",
      expected: "the certificates as their authority issued them",
    });
  }
};

const describeCertificate = (source: CertificateSource, label: string, chain: Chain, key: KeyObject): Certificate => {
  const leaf = chain.served[0]!;
  const names = readNames(leaf.uses);
  const validities = chain.served.map((link) => toValidity(link, link === leaf ? "" : `${spellSubject(link)}: `));
  return {
    source,
    label,
    certPem: chain.served.map(toPem).join(""),
    keyPem: key.export({ type: "pkcs8", format: "pem" }).toString(),
    keyType: keyTypeOf(key)!,
    names: names.names,
    notBeforeMs: validities[0]!.notBeforeMs,
    notAfterMs: validities[0]!.notAfterMs,
    remarks: describeOddities(chain, names),
    validities,
    // The key is the leaf's, so the certificates say it all.
    fingerprint: digest(chain.served.map(({ native }) => native.raw)),
  };
};

const tryToServe = ({ certPem, keyPem, label }: Certificate): undefined | CertificateError => {
  try {
    createSecureContext({ cert: certPem, key: keyPem });
    return undefined;
  } catch (cause) {
    const isKeyUsage = cause instanceof Error && "code" in cause && cause.code === "ERR_SSL_KEY_USAGE_BIT_INCORRECT";
    return new CertificateError({
      label,
      problem: isKeyUsage
        ? "its key usage doesn't allow signatures"
        : `the TLS library refuses it: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: isKeyUsage ? "the key usage digitalSignature" : "a certificate that it can serve",
    });
  }
};

const toPem = ({ native }: ChainLink): string => writePemBlock("CERTIFICATE", native.raw);

const toValidity = ({ native }: ChainLink, name: string): Validity => ({
  name,
  notBeforeMs: native.validFromDate.getTime(),
  notAfterMs: native.validToDate.getTime(),
});

const digest = (parts: ReadonlyArray<Uint8Array>): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};
