/**
 * Settles the policies that a load balancer defines: what each is good for, and what is wrong with it.
 * The second half of a check, before the listeners and back ends that name policies.
 * Owns names, types and the references between policies; what attributes mean is the affair of each type's module.
 */
import { Result } from "effect";
import backendServerAuthentication from "../../../policies/backend-auth/backend-server-authentication.ts";
import publicKeyType from "../../../policies/backend-auth/public-key.ts";
import proxyProtocol from "../../../policies/proxy-protocol/proxy-protocol.ts";
import applicationCookie from "../../../policies/stickiness/application-cookie.ts";
import loadBalancerCookie from "../../../policies/stickiness/load-balancer-cookie.ts";
import sslNegotiation from "../../../policies/tls/ssl-negotiation.ts";
import type { InstancePreamble } from "../../model/listener.ts";
import type { TrustedKey } from "../../model/security.ts";
import type { SecurityPolicy } from "../../model/security-policy.ts";
import type { ListenerStickiness } from "../../model/stickiness.ts";
import type { Policy } from "../../policy/policy.ts";
import { findNegotiationProblems, negotiate } from "../../tls/negotiation.ts";
import { findNearestName } from "./nearest-name.ts";
import { type Finding, type Place, spellChoice, spellValue } from "./problem.ts";
import { readPublicKey } from "./public-key.ts";
import { settleSecurityPolicy } from "./security-policy-rules.ts";
import { decodePart } from "./shape.ts";
import type { SiftedPolicy } from "./sift-security.ts";

/** A policy by what it is good for; one that is broken has been told and is good for nothing. */
export type SettledPolicy =
  | { readonly kind: "negotiation"; readonly policy: SecurityPolicy }
  | { readonly kind: "publicKey"; readonly key: TrustedKey }
  | { readonly kind: "backendAuthentication"; readonly keys: ReadonlyArray<TrustedKey> }
  /** Sends nothing without a preamble: its switch is off. */
  | { readonly kind: "proxyProtocol"; readonly preamble: InstancePreamble | undefined }
  | { readonly kind: "stickiness"; readonly stickiness: ListenerStickiness }
  | { readonly kind: "broken"; readonly type: string | undefined };

/** The policies of a load balancer by name. */
export interface SettledPolicies {
  readonly policies: ReadonlyMap<string, SettledPolicy>;
  readonly findings: ReadonlyArray<Finding>;
}

const policyTypes: ReadonlyArray<string> = [
  sslNegotiation.type,
  publicKeyType.type,
  backendServerAuthentication.type,
  proxyProtocol.type,
  loadBalancerCookie.type,
  applicationCookie.type,
];

/** Prefixes of the names that AWS keeps for itself ("SSL negotiation configurations for Classic Load Balancers"). */
const reservedPrefixes = ["ELBSecurityPolicy-", "ELBSample-"];

/** Settles all policies of one load balancer. */
export const settlePolicies = (sifted: ReadonlyArray<SiftedPolicy>): SettledPolicies => {
  const policies = new Map<string, SettledPolicy>();
  const findings: Array<Finding> = [];
  // Authentication policies name the others, in whatever order they are written.
  const isAuthentication = ({ type }: SiftedPolicy) => type === backendServerAuthentication.type;
  for (const one of [...sifted].sort((a, b) => Number(isAuthentication(a)) - Number(isAuthentication(b)))) {
    const settled = settle(one, policies);
    findings.push(...findNameProblems(one), ...Result.getOrElse(Result.flip(settled), () => []));
    policies.set(
      one.name,
      Result.getOrElse(settled, () => ({ kind: "broken", type: one.type })),
    );
  }
  return { policies, findings };
};

type Settled = Result.Result<SettledPolicy, ReadonlyArray<Finding>>;

const settle = (sifted: SiftedPolicy, others: ReadonlyMap<string, SettledPolicy>): Settled => {
  const { place, name, type, attributes, securityPolicy } = sifted;
  const at: Place = [...place, "attributes"];
  if (securityPolicy !== undefined) {
    return Result.map(settleSecurityPolicy(name, place, securityPolicy), (policy) => ({ kind: "negotiation", policy }));
  }
  if (type !== undefined && !policyTypes.includes(type)) return Result.fail([unknownType(place, type)]);
  if (attributes === undefined) return Result.fail([]);
  switch (type) {
    case sslNegotiation.type:
      return settleNegotiation(name, attributes, at);
    case publicKeyType.type:
      return Result.flatMap(decodePart(publicKeyType.attributes, at, attributes), ({ PublicKey }) =>
        settlePublicKey(name, PublicKey, [...at, "PublicKey"]),
      );
    case backendServerAuthentication.type:
      return settleAuthentication(attributes, at, others);
    case proxyProtocol.type:
      return Result.map(decodePart(proxyProtocol.attributes, at, attributes), (decoded) => ({
        kind: "proxyProtocol",
        preamble: decoded.ProxyProtocol ? { version: decoded.ProxyProtocolVersion ?? 1 } : undefined,
      }));
    case loadBalancerCookie.type:
      return settleStickinessPolicy(loadBalancerCookie, attributes, at);
    case applicationCookie.type:
      return settleStickinessPolicy(applicationCookie, attributes, at);
    default:
      return Result.fail([]);
  }
};

const settleNegotiation = (name: string, attributes: Readonly<Record<string, unknown>>, place: Place): Settled => {
  const problems = findNegotiationProblems(attributes, findNearestName);
  if (problems.length === 0) {
    return Result.succeed({ kind: "negotiation", policy: { name, ...negotiate(attributes) } });
  }
  return Result.fail(
    problems.map(({ attribute, problem, expected }) => ({
      place: attribute === undefined ? place : [...place, attribute],
      problem,
      expected,
    })),
  );
};

/** The attributes stay as written: each listener with the policy makes its own of it. */
const settleStickinessPolicy = <A>(
  policyType: Policy<A>,
  attributes: Readonly<Record<string, unknown>>,
  at: Place,
): Settled =>
  Result.map(decodePart(policyType.attributes, at, attributes), () => ({
    kind: "stickiness",
    stickiness: { type: policyType.type, attributes },
  }));

const settlePublicKey = (name: string, text: string, place: Place): Settled => {
  const key = readPublicKey(text);
  if ("problem" in key) return Result.fail([{ place, ...key }]);
  return Result.succeed({ kind: "publicKey", key: { policy: name, spki: key } });
};

const settleAuthentication = (
  attributes: Readonly<Record<string, unknown>>,
  at: Place,
  others: ReadonlyMap<string, SettledPolicy>,
): Settled => {
  // AWS repeats the attribute for each name; one name by itself is as good as a list of it.
  const { PublicKeyPolicyName: written } = attributes;
  const listed = typeof written === "string" ? { ...attributes, PublicKeyPolicyName: [written] } : attributes;
  const place: Place = [...at, "PublicKeyPolicyName"];
  if (Array.isArray(written) && written.length === 0) {
    return Result.fail([{ place, problem: "is empty", expected: `at least one ${publicKeyType.type} policy` }]);
  }
  const decoded = decodePart(backendServerAuthentication.attributes, at, listed);
  if (Result.isFailure(decoded)) return Result.fail(decoded.failure);
  const keys: Array<TrustedKey> = [];
  const findings: Array<Finding> = [];
  const names = decoded.success.PublicKeyPolicyName;
  for (const [index, name] of names.entries()) {
    const other = others.get(name);
    if (other?.kind === "publicKey") keys.push(other.key);
    // A key that is broken has been told where it stands.
    else if (other?.kind !== "broken" || (other.type !== publicKeyType.type && other.type !== undefined)) {
      const own = Array.isArray(written) ? [...place, index] : place;
      findings.push({ place: own, ...describeMissingKey(name, other, others) });
    }
  }
  const isWhole = keys.length === names.length;
  return isWhole ? Result.succeed({ kind: "backendAuthentication", keys }) : Result.fail(findings);
};

const describeMissingKey = (
  name: string,
  other: SettledPolicy | undefined,
  others: ReadonlyMap<string, SettledPolicy>,
): Pick<Finding, "problem" | "expected"> => {
  const expected = `the name of a ${publicKeyType.type} policy of this load balancer`;
  if (other !== undefined) return { problem: `${spellValue(name)} is no public key`, expected };
  return { problem: describeUnknownPolicy(name, others.keys()), expected };
};

/** The words for a policy that nobody has defined, with the nearest name that somebody has. */
export const describeUnknownPolicy = (name: string, known: Iterable<string>): string => {
  const nearest = findNearestName(name, known);
  return `${spellValue(name)} is not a policy${nearest === undefined ? "" : `; did you mean ${spellValue(nearest)}?`}`;
};

const unknownType = (place: Place, type: string): Finding => {
  const at: Place = [...place, "type"];
  const expected = spellChoice(policyTypes);
  const nearest = findNearestName(type, policyTypes);
  const hint = nearest === undefined ? "" : `; did you mean ${spellValue(nearest)}?`;
  return { place: at, problem: `${spellValue(type)} is not a policy type${hint}`, expected };
};

/** AWS, `CreateLoadBalancerPolicy` and "SSL negotiation configurations for Classic Load Balancers". */
const findNameProblems = ({ place, name }: SiftedPolicy): ReadonlyArray<Finding> => {
  if (!/^[A-Za-z0-9-]+$/.test(name)) {
    return [{ place, problem: `${spellValue(name)} is not a policy name`, expected: "letters, digits and hyphens" }];
  }
  const prefix = reservedPrefixes.find((one) => name.startsWith(one));
  if (prefix === undefined) return [];
  return [
    {
      place,
      problem: `${spellValue(name)} begins with ${prefix}, as only predefined policies do`,
      expected: "another name; a predefined policy needs no entry here",
    },
  ];
};
