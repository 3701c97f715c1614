/**
 * What is odd about a certificate without keeping it from being served.
 * Said by `check`, at the start and when a file was read again; owns the words and the limits.
 * Never refuses anything: what can't be served is an error of tls/certificate.ts.
 */

import { type Chain, type ChainLink, spellIssuer, spellSubject } from "./certificate-chain.ts";
import type { CertificateNames } from "./certificate-names.ts";
import { describeKey, keyTypeOf } from "./private-key.ts";

/** From when this little time is left, a certificate's end is remarked. */
export const endingSoonMs = 30 * 86_400_000;

const goodRsaBits = 2048;
const weakSignature = /(?:^|[^a-z])(?:md[245]|sha-?1)(?:[^0-9]|$)/i;

/** What is odd and stays odd. */
export const describeOddities = (chain: Chain, names: CertificateNames): ReadonlyArray<string> => {
  const remarks: Array<string> = [];
  const [leaf] = chain.served as readonly [ChainLink, ...Array<ChainLink>];
  const last = chain.served.at(-1)!;
  if (chain.isMended)
    remarks.push("the certificates are served in another order than the file's: each must certify the one before");
  for (const link of chain.spare) remarks.push(`${spellSubject(link)} is not served: the chain does without it`);
  if (chain.isSelfSigned) {
    remarks.push("it is self-signed: only clients that trust this very certificate accept it");
  }
  if (last === leaf && chain.isOpen) {
    remarks.push(
      `the certificate of its issuer ${spellIssuer(leaf)} is not in the file: clients that don't have it refuse the chain (fine if it is a root that they trust)`,
    );
  }
  remarks.push(...describeNames(names), ...describeUse(leaf));
  for (const link of chain.served) {
    const name = link === leaf ? "" : `${spellSubject(link)}: `;
    remarks.push(...describeStrength(link).map((text) => name + text));
    if (link !== leaf && !link.uses.isAuthority) {
      remarks.push(`${name}it isn't marked as an authority, so clients refuse what it signed`);
    }
  }
  return remarks;
};

const describeNames = ({ names, isFromCommonName, unusable }: CertificateNames): ReadonlyArray<string> => [
  ...(names.length === 0
    ? ["it has no DNS name and no address: it can be served as a listener's first certificate only"]
    : []),
  ...(isFromCommonName && names.length > 0
    ? [`its only name is its common name, ${names[0]}: clients look at the subject alternative name`]
    : []),
  ...names
    .filter((name) => /^\*\.[^.]+$/.test(name))
    .map((name) => `browsers and curl don't accept ${name}: a wildcard needs two labels behind it`),
  ...unusable.map((name) => `${JSON.stringify(name)} is no name that a client can ask for`),
];

const describeUse = ({ uses }: ChainLink): ReadonlyArray<string> =>
  uses.isForServers ? [] : ["it isn't for servers: its extended key usage has no serverAuth"];

const describeStrength = ({ native }: ChainLink): ReadonlyArray<string> => {
  const remarks: Array<string> = [];
  const key = native.publicKey;
  const bits = key.asymmetricKeyDetails?.modulusLength ?? goodRsaBits;
  const signature = native.signatureAlgorithm ?? "";
  if (bits < goodRsaBits) remarks.push(`its RSA key has ${bits} bits only; today's clients ask for ${goodRsaBits}`);
  if (keyTypeOf(key) === "Ed25519" || key.asymmetricKeyDetails?.namedCurve === "secp521r1") {
    remarks.push(`browsers don't accept its ${describeKey(key)} key`);
  }
  if (weakSignature.test(signature.replace(/With.*/i, ""))) {
    remarks.push(`it is signed with ${signature}: today's clients refuse that`);
  }
  return remarks;
};

/** From when to when something is valid. */
export interface Validity {
  /** What messages call it: empty for the leaf. */
  readonly name: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Why clients refuse it at `nowMs`: it has ended, or hasn't begun. */
export const describeInvalidity = ({ notBeforeMs, notAfterMs }: Validity, nowMs: number): string | undefined => {
  if (nowMs > notAfterMs) return `it ended on ${spellDay(notAfterMs)}, ${spellDays(nowMs - notAfterMs)} ago`;
  if (nowMs < notBeforeMs)
    return `it isn't valid before ${spellDay(notBeforeMs)}, in ${spellDays(notBeforeMs - nowMs)}`;
  return undefined;
};

/** That it ends soon, or undefined. */
export const describeEnding = ({ notAfterMs }: Validity, nowMs: number): string | undefined =>
  nowMs <= notAfterMs && notAfterMs - nowMs < endingSoonMs
    ? `it ends on ${spellDay(notAfterMs)}, in ${spellDays(notAfterMs - nowMs)}`
    : undefined;

/** A day and its time, UTC, to the minute. */
const spellDay = (ms: number): string => `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;

const spellDays = (ms: number): string => {
  const days = Math.floor(ms / 86_400_000);
  if (days === 0) return "less than a day";
  return days === 1 ? "1 day" : `${days} days`;
};
