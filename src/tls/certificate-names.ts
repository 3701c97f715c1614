/**
 * The names that a certificate is for.
 * Server names (SNI) are compared with them; owns what counts as a name and how it is spelled.
 * Never matches one: it only reads.
 */
import { parseAddress } from "../model/address.ts";
import type { CertificateUses } from "../parse/x509/certificate-uses.ts";

/** What a certificate calls its owner. */
export interface CertificateNames {
  /** DNS names, wildcards and addresses; in lower case, without a trailing dot, each once. */
  readonly names: ReadonlyArray<string>;
  /** They come from the subject's common name, which browsers don't look at any more (RFC 9525 §2). */
  readonly isFromCommonName: boolean;
  /** Names that no client can ask for, such as `a.*.test`. */
  readonly unusable: ReadonlyArray<string>;
}

/** Reads names from the subject alternative name, or from the common name when there are none (RFC 6125 §6.4.4). */
export const readNames = ({ alternatives, commonNames }: CertificateUses): CertificateNames => {
  const isFromCommonName = alternatives.length === 0;
  const written = isFromCommonName ? commonNames : alternatives;
  const names = new Set<string>();
  const unusable = new Set<string>();
  for (const name of written) {
    const spelled = spellName(name);
    if (spelled !== undefined) names.add(spelled);
    else unusable.add(name);
  }
  return { names: [...names], isFromCommonName, unusable: isFromCommonName ? [] : [...unusable] };
};

const label = "[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?";
const dnsName = new RegExp(String.raw`^(?:\*\.)?${label}(?:\.${label})*$`);

/** One spelling for one name; undefined for what is neither a name, a wildcard in its first label, nor an address. */
const spellName = (written: string): string | undefined => {
  const address = parseAddress(written);
  if (address !== undefined) return address.text;
  const name = written.toLowerCase().replace(/\.$/, "");
  return name.length <= 253 && dnsName.test(name) ? name : undefined;
};
