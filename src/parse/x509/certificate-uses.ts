// Reads what a certificate is for: the names it is shown under, its extended key usage, whether it may certify others
// (RFC 5280 §4.2.1.6, §4.2.1.9, §4.2.1.12).
//
// Pure, and safe on any bytes. Owns how these three extensions and the common name are read, and nothing of what follows
// from them. It verifies nothing.
import { type DerElement, hexOf, readElement, readElements, Tag } from "./der.ts";
import { readText } from "./distinguished-name.ts";

/** What a certificate is for. */
export interface CertificateUses {
  /** DNS names and addresses of the subject alternative name, as written and in its order. */
  readonly alternatives: ReadonlyArray<string>;
  readonly commonNames: ReadonlyArray<string>;
  /** Whether it may certify others (basicConstraints). */
  readonly isAuthority: boolean;
  /** Whether TLS servers may show it: its extended key usage says so, or isn't there. */
  readonly isForServers: boolean;
}

/** Object identifiers, as the hexadecimal of their content. */
const Oid = {
  commonName: "550403",
  subjectAlternativeName: "551D11",
  basicConstraints: "551D13",
  extendedKeyUsage: "551D25",
  anyExtendedKeyUsage: "551D2500",
  serverAuth: "2B06010505070301",
} as const;

/** Context-specific tags: of the version and the extensions (RFC 5280 §4.1), and of names (§4.2.1.6). */
const versionTag = 0xa0;
const extensionsTag = 0xa3;
const dnsNameTag = 0x82;
const addressTag = 0x87;
const booleanTag = 0x01;
const octetStringTag = 0x04;

/** Reads a certificate in DER; undefined when it isn't one, or when one of the three extensions is damaged. */
export const readCertificateUses = (der: Uint8Array): CertificateUses | undefined => {
  const certificate = readSequence(der, readElement(der, 0, der.length));
  const members = readSequence(der, certificate?.[0]);
  if (members === undefined) return undefined;
  const [, , , , subject] = members[0]?.tag === versionTag ? members.slice(1) : members;
  const commonNames = readCommonNames(der, subject);
  const extensions = readExtensions(
    der,
    members.find(({ tag }) => tag === extensionsTag),
  );
  if (commonNames === undefined || extensions === undefined) return undefined;
  const alternatives = readOr([], extensions.get(Oid.subjectAlternativeName), (value) => readAlternatives(der, value));
  const isAuthority = readOr(false, extensions.get(Oid.basicConstraints), (value) => readAuthority(der, value));
  const isForServers = readOr(true, extensions.get(Oid.extendedKeyUsage), (value) => readForServers(der, value));
  if (alternatives === undefined || isAuthority === undefined || isForServers === undefined) return undefined;
  return { alternatives, commonNames, isAuthority, isForServers };
};

const readOr = <T>(
  absent: T,
  value: DerElement | undefined,
  read: (value: DerElement) => T | undefined,
): T | undefined => (value === undefined ? absent : read(value));

const readSequence = (der: Uint8Array, element: DerElement | undefined): ReadonlyArray<DerElement> | undefined =>
  element?.tag === Tag.sequence ? readElements(der, element) : undefined;

const oidOf = (der: Uint8Array, element: DerElement | undefined): string | undefined =>
  element?.tag === Tag.oid ? hexOf(der, element.contentStart, element.end) : undefined;

/** Each extension's value by its object identifier, the first where there are several; empty where there are none. */
const readExtensions = (
  der: Uint8Array,
  wrapper: DerElement | undefined,
): ReadonlyMap<string, DerElement> | undefined => {
  const values = new Map<string, DerElement>();
  if (wrapper === undefined) return values;
  const extensions = readSequence(der, readElement(der, wrapper.contentStart, wrapper.end));
  if (extensions === undefined) return undefined;
  for (const extension of extensions) {
    const parts = readSequence(der, extension);
    const oid = oidOf(der, parts?.[0]);
    const octets = parts?.at(-1);
    if (oid === undefined || octets?.tag !== octetStringTag) return undefined;
    const value = readElement(der, octets.contentStart, octets.end);
    // What others hold needn't be DER for this reader.
    if (value !== undefined && value.end === octets.end && !values.has(oid)) values.set(oid, value);
    else if (isKnown(oid)) return undefined;
  }
  return values;
};

const isKnown = (oid: string): boolean =>
  oid === Oid.subjectAlternativeName || oid === Oid.basicConstraints || oid === Oid.extendedKeyUsage;

const readAlternatives = (der: Uint8Array, value: DerElement): ReadonlyArray<string> | undefined =>
  readSequence(der, value)?.flatMap(({ tag, contentStart, end }) => {
    const content = der.subarray(contentStart, end);
    if (tag === dnsNameTag) return [Buffer.from(content).toString("latin1")];
    return tag === addressTag ? [spellAddress(content)] : [];
  });

/** An address as text; what has neither four nor sixteen bytes is none, and comes out as the hexadecimal that it is. */
const spellAddress = (bytes: Uint8Array): string => {
  if (bytes.length === 4) return bytes.join(".");
  const hex = bytes.toHex();
  return bytes.length === 16 ? (hex.match(/.{4}/g) ?? []).join(":") : hex;
};

const readAuthority = (der: Uint8Array, value: DerElement): boolean | undefined => {
  const first = readSequence(der, value);
  if (first === undefined) return undefined;
  const [flag] = first;
  return flag?.tag === booleanTag && der[flag.contentStart] !== 0;
};

const readForServers = (der: Uint8Array, value: DerElement): boolean | undefined =>
  readSequence(der, value)?.some((purpose) => {
    const oid = oidOf(der, purpose);
    return oid === Oid.serverAuth || oid === Oid.anyExtendedKeyUsage;
  });

/** Those that are text, in the subject's order. */
const readCommonNames = (der: Uint8Array, subject: DerElement | undefined): ReadonlyArray<string> | undefined =>
  readSequence(der, subject)?.flatMap((part) =>
    (readElements(der, part) ?? []).flatMap((attribute) => {
      const [type, value] = readSequence(der, attribute) ?? [];
      if (oidOf(der, type) !== Oid.commonName || value === undefined) return [];
      const text = readText(der, value);
      return text === undefined ? [] : [Buffer.from(text).toString()];
    }),
  );
