/**
 * What a person is told of a security policy: what is on offer, what is left out, and why.
 * Printed by `check`, at start-up and by `elbow policy show`; owns the words.
 * Never decides anything: effective-policy.ts does.
 */
import type { NegotiationTerms, SecurityPolicy, TlsProtocol } from "../model/security-policy.ts";
import { findCipherSuite, hasCipherSuite, suites13 } from "./cipher-suites.ts";
import { type EffectivePolicy, effectivePolicy } from "./effective-policy.ts";

/** Names that a policy has and a listener doesn't offer, with the reason that they share. */
export interface Omission {
  readonly names: ReadonlyArray<string>;
  /** In words that follow "left out:". */
  readonly reason: string;
}

/** Everything that a policy names and a listener doesn't offer: protocols, then suites, by their reasons. */
export const findOmissions = (policy: NegotiationTerms, effective: EffectivePolicy): ReadonlyArray<Omission> => {
  const reasons = new Map<string, Array<string>>();
  const add = (name: string, reason: string): void => {
    const names = reasons.get(reason);
    if (names === undefined) reasons.set(reason, [name]);
    else names.push(name);
  };
  for (const protocol of effective.missingProtocols) add(protocol, explainProtocol(protocol));
  for (const cipher of effective.missingCiphers) add(cipher, explainCipher(cipher, policy));
  return [...reasons].map(([reason, names]) => ({ names, reason }));
};

/** One line on a policy of which something is left out, such as `check` prints; undefined when it is on offer whole. */
export const remarkOnPolicy = (policy: SecurityPolicy): string | undefined => {
  const effective = effectivePolicy(policy);
  const omissions = findOmissions(policy, effective);
  if (omissions.length === 0) return undefined;
  const left = omissions.map(({ names, reason }) => `${names.join(", ")} (${reason})`).join("; ");
  return `${policy.name} leaves out ${left}. ${spellOffer(effective)}`;
};

/** What is on offer, in one sentence. */
const spellOffer = ({ protocols, ciphers, suites13 }: EffectivePolicy): string => {
  if (protocols.length === 0) return "Nothing is on offer.";
  return `On offer: ${protocols.join(", ")} with ${[...suites13, ...ciphers].join(", ")}.`;
};

const explainProtocol = (protocol: TlsProtocol): string =>
  protocol === "SSLv2" || protocol === "SSLv3"
    ? "the TLS library has no SSL any more"
    : "the policy leaves no cipher suite for it";

/** What the library has left behind, by what gives it away in a name; the first that fits is told. */
const absences: ReadonlyArray<readonly [RegExp, string]> = [
  [/^EXP-/, "no export-grade suites"],
  [/^ADH-/, "no suites without a certificate"],
  [/^KRB5-/, "no Kerberos"],
  [/-DSS-/, "no DSS"],
  [/^(DHE|EDH)-/, "no DHE"],
  [/RC4/, "no RC4"],
  [/RC2/, "no RC2"],
  [/CAMELLIA/, "no Camellia"],
  [/SEED/, "no SEED"],
  [/IDEA/, "no IDEA"],
  [/DES-CBC-/, "no single DES"],
  [/AES\d+-SHA(256|384)$/, "no CBC mode with SHA-384, and with SHA-256 only under ECDHE"],
];

const explainCipher = (name: string, policy: NegotiationTerms): string => {
  if (suites13.includes(name)) return "TLS 1.3 brings it, by `TLSv1.3`; it isn't named by itself";
  const suite = findCipherSuite(name);
  if (suite === undefined) return "no suite of this name is known";
  if (suite.id === undefined) return "the TLS library has no SSL any more";
  if (suite.keyExchange === "PSK") return "a listener has no key that it shares with clients";
  if (!hasCipherSuite(suite)) {
    return `the TLS library has ${absences.find(([pattern]) => pattern.test(name))?.[1] ?? "no such suite"}`;
  }
  if (policy.protocols.every((protocol) => protocol === "TLSv1.3")) return "TLS 1.3 has no use for it";
  return suite.minProtocol === "TLSv1.2" && !policy.protocols.includes("TLSv1.2")
    ? "it came with TLS 1.2, which the policy doesn't have"
    : "no protocol that has it is on offer";
};
