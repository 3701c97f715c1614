/**
 * A security policy written as attributes (SSLNegotiationPolicyType): what is wrong with it, and what it comes to.
 * Called by the rules of a configuration; owns the words for each mistake.
 * Never knows where in a configuration the attributes stand, and never what the TLS library has.
 */
import { Result, Schema } from "effect";
import sslNegotiation, { attributeNames } from "../../policies/tls/ssl-negotiation.ts";
import { isKeyText, keyWords } from "../model/key-text.ts";
import type { NegotiationTerms } from "../model/security-policy.ts";
import { suites13 } from "./cipher-suites.ts";
import { findSecurityPolicy, securityPolicyNames } from "./security-policies.ts";

/** One thing to mend, in the words of a configuration's problems. */
export interface NegotiationProblem {
  /** The attribute that is wrong; undefined where they are wrong together. */
  readonly attribute: string | undefined;
  readonly problem: string;
  readonly expected: string;
}

/** The name of the attribute that names a predefined policy. */
const reference = "Reference-Security-Policy";

const protocolNames = attributeNames.filter((name) => name.startsWith("Protocol-"));
const cipherNames = attributeNames.filter(
  (name) => !name.startsWith("Protocol-") && name !== reference && name !== "Server-Defined-Cipher-Order",
);

const decode = Schema.decodeUnknownResult(sslNegotiation.attributes);

/**
 * Everything that is wrong with the attributes of one policy, in their order; none means that {@link negotiate} gives
 * terms. `findNearest` gives the known name that a mistyped one was meant to be.
 */
export const findNegotiationProblems = (
  attributes: Readonly<Record<string, unknown>>,
  findNearest: (name: string, known: ReadonlyArray<string>) => string | undefined,
): ReadonlyArray<NegotiationProblem> => {
  const single = Object.entries(attributes).flatMap(([name, value]) => findOne(name, value, findNearest) ?? []);
  if (single.length > 0) return single;
  return typeof attributes[reference] === "string"
    ? findContradictions(attributes, attributes[reference])
    : findGaps(attributes);
};

const findOne = (
  attribute: string,
  value: unknown,
  findNearest: (name: string, known: ReadonlyArray<string>) => string | undefined,
): NegotiationProblem | undefined => {
  const meant = (name: string, known: ReadonlyArray<string>): string => {
    const nearest = findNearest(name, known);
    return nearest === undefined ? "" : `; did you mean \`${nearest}\`?`;
  };
  if (suites13.includes(attribute)) {
    const problem = `the suites of TLS 1.3 can't be switched one by one`;
    return { attribute, problem, expected: '"Protocol-TLSv1.3": true, which brings all of them' };
  }
  if (!attributeNames.includes(attribute)) {
    const problem = `unknown attribute \`${attribute}\`${meant(attribute, attributeNames)}`;
    return { attribute, problem, expected: "a protocol, an order or a cipher suite by the name that AWS gives it" };
  }
  if (attribute !== reference) {
    if (Result.isSuccess(decode({ [attribute]: value }))) return undefined;
    return { attribute, problem: `${spell(value)} is not a switch`, expected: "true or false" };
  }
  const expected = "one that `elbow policy list` prints";
  if (typeof value !== "string") return { attribute, problem: `${spell(value)} is not the name of a policy`, expected };
  if (findSecurityPolicy(value) !== undefined) return undefined;
  return {
    attribute,
    problem: `${spell(value)} is no predefined policy${meant(value, securityPolicyNames)}`,
    expected,
  };
};

const isOn = (value: unknown): boolean => value === true || value === "true";

/** AWS asks for at least one protocol and one cipher ("Create a Classic Load Balancer with an HTTPS listener"). */
const findGaps = (attributes: Readonly<Record<string, unknown>>): ReadonlyArray<NegotiationProblem> => {
  const on = new Set(Object.keys(attributes).filter((name) => isOn(attributes[name])));
  const protocols = protocolNames.filter((name) => on.has(name));
  if (protocols.length === 0) {
    const problem = "no protocol is switched on";
    return [{ attribute: undefined, problem, expected: 'one such as "Protocol-TLSv1.2": true' }];
  }
  // TLS 1.3 has suites of its own.
  if (protocols.every((name) => name === "Protocol-TLSv1.3") || cipherNames.some((name) => on.has(name))) return [];
  const problem = "no cipher suite is switched on, and only TLS 1.3 does without";
  return [{ attribute: undefined, problem, expected: 'one such as "ECDHE-RSA-AES128-GCM-SHA256": true' }];
};

/** AWS tells a policy's whole list beside its reference, and tools send that back: only a difference is a mistake. */
const findContradictions = (
  attributes: Readonly<Record<string, unknown>>,
  name: string,
): ReadonlyArray<NegotiationProblem> => {
  const { protocols, ciphers, hasServerOrder } = negotiate(attributes);
  const on = new Set<string>([...protocols.map((protocol) => `Protocol-${protocol}`), ...ciphers]);
  if (hasServerOrder) on.add("Server-Defined-Cipher-Order");
  return Object.entries(attributes)
    .filter(([attribute, value]) => attribute !== reference && isOn(value) !== on.has(attribute))
    .map(([attribute, value]) => ({
      attribute,
      problem: `${spell(value)} contradicts ${name}, which \`${reference}\` names`,
      expected: `no switches beside \`${reference}\`, or switches without it`,
    }));
};

/** What sound attributes come to. *Fails with*: throws for those that {@link findNegotiationProblems} finds fault with. */
export const negotiate = (attributes: Readonly<Record<string, unknown>>): NegotiationTerms => {
  const decoded = Result.getOrThrow(decode(attributes));
  const terms = sslNegotiation.negotiate?.(decoded, { findSecurityPolicy }) as NegotiationTerms;
  return { protocols: terms.protocols, hasServerOrder: terms.hasServerOrder, ciphers: terms.ciphers };
};

const spell = (value: unknown): string => {
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "a list" : "an object";
  return typeof value === "string" && isKeyText(value) ? keyWords : JSON.stringify(value);
};
