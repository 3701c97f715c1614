/**
 * A leaf certificate and those above it, put in order (RFC 8446 §4.4.2: each certifies the one before).
 * Used when a certificate is loaded; owns which certificates of a file are served, and which don't belong there.
 * Never judges whether clients will trust the chain: they do.
 */
import { X509Certificate as NodeCertificate } from "node:crypto";
import { type CertificateUses, readCertificateUses } from "../parse/x509/certificate-uses.ts";

/** One certificate, read by the library that TLS uses, and what it is for. */
export interface ChainLink {
  /** Read when it is asked for; throws when an extension is damaged. */
  readonly uses: CertificateUses;
  readonly native: NodeCertificate;
  /** The file that it stands in, for messages. */
  readonly label: string;
}

/** What became of the certificates of a file. */
export interface Chain {
  /** The leaf, then intermediates; without the root. */
  readonly served: ReadonlyArray<ChainLink>;
  /** Whether they stood in this order. */
  readonly isMended: boolean;
  /** Whether the last one's issuer isn't there, and it isn't its own. */
  readonly isOpen: boolean;
  /** Whether the leaf is its own issuer. */
  readonly isSelfSigned: boolean;
  /** Other ways up, of no use to this chain: cross-signed twins. */
  readonly spare: ReadonlyArray<ChainLink>;
  /** Those that certify nothing in the chain. */
  readonly unrelated: ReadonlyArray<ChainLink>;
}

/** Reads one certificate from DER; throws when it isn't one, or has a key that the TLS library doesn't know. */
export const readLinkUnsafe = (der: Uint8Array, label: string): ChainLink => {
  const native = new NodeCertificate(der);
  // Reading the key is what fails for keys that the library doesn't know.
  native.publicKey;
  let uses: CertificateUses | undefined;
  return {
    native,
    label,
    get uses() {
      uses ??= readCertificateUses(native.raw);
      if (uses === undefined) throw new TypeError("an extension is damaged");
      return uses;
    },
  };
};

/** What messages call a certificate. */
export const spellSubject = ({ native }: ChainLink): string =>
  native.subject ? `“${spellName(native.subject)}”` : `number ${native.serialNumber}`;

/** What messages call a certificate's issuer. */
export const spellIssuer = ({ native }: ChainLink): string => `“${spellName(native.issuer ?? "")}”`;

/** The library writes each part of a name on a line of its own. */
const spellName = (name: string): string => name.replaceAll("\n", ", ");

/** Puts certificates in order above `leaf`. */
export const orderChain = (leaf: ChainLink, all: ReadonlyArray<ChainLink>): Chain => {
  const rest = withoutTwins(all).filter((link) => !isSame(link, leaf));
  const path = [leaf];
  for (let last = leaf; !isSelfIssued(last); last = path.at(-1)!) {
    const above = rest.filter((link) => !path.includes(link) && isIssuedBy(last, link));
    // A cross-signed certificate leads further than a root of the same name and key.
    const next = above.find((link) => !isSelfIssued(link)) ?? above[0];
    if (next === undefined) break;
    path.push(next);
  }
  const top = path.at(-1)!;
  const served = path.length > 1 && isSelfIssued(top) ? path.slice(0, -1) : path;
  const others = rest.filter((link) => !path.includes(link));
  const isTwin = (link: ChainLink) => path.some((member) => isIssuedBy(member, link) && !isSame(member, link));
  const spare = findReachable(others, isTwin);
  const written = withoutTwins(all).filter((link) => path.includes(link));
  return {
    served,
    isMended: written.some((link, index) => !isSame(link, path[index]!)),
    isOpen: !isSelfIssued(top),
    isSelfSigned: isSelfIssued(leaf),
    spare,
    unrelated: others.filter((link) => !spare.includes(link)),
  };
};

/** Those that certify something in the chain, and those that certify these. */
const findReachable = (
  others: ReadonlyArray<ChainLink>,
  isFirst: (link: ChainLink) => boolean,
): ReadonlyArray<ChainLink> => {
  const found = others.filter(isFirst);
  for (let at = 0; at < found.length; at++) {
    found.push(...others.filter((link) => !found.includes(link) && isIssuedBy(found[at]!, link)));
  }
  return found;
};

const isSame = (one: ChainLink, other: ChainLink): boolean => one.native.raw.equals(other.native.raw);

const withoutTwins = (links: ReadonlyArray<ChainLink>): ReadonlyArray<ChainLink> =>
  links.filter((link, index) => links.findIndex((other) => isSame(other, link)) === index);

/** Whether a certificate signed itself: a root, or a self-signed leaf. */
export const isSelfIssued = (link: ChainLink): boolean => isIssuedBy(link, link);

const isIssuedBy = (link: ChainLink, issuer: ChainLink): boolean =>
  link.native.issuer === issuer.native.subject &&
  (!canVerify(link.native) || link.native.verify(issuer.native.publicKey));

// The TLS library answers `false` for signatures that it doesn't know, such as MD5's, and for some of RSA-PSS.
const verifiable = /^(?:1\.2\.840\.113549\.1\.1\.(?:5|11|12|13)|1\.2\.840\.10045\.4\.(?:1|3\.[234])|1\.3\.101\.112)$/;

const canVerify = (certificate: NodeCertificate): boolean => verifiable.test(certificate.signatureAlgorithmOid ?? "");
