/**
 * Settles the policies that a load balancer defines: what each is good for, and what is wrong with it.
 * The second half of a check, before the listeners and back ends that name policies.
 * Owns names, types and the references between policies; what attributes mean is the affair of each type's module, a
 * user's as well as a built-in one.
 */
import { Result } from "effect";
import backendServerAuthentication from "../../../policies/backend-auth/backend-server-authentication.ts";
import publicKeyType from "../../../policies/backend-auth/public-key.ts";
import proxyProtocol from "../../../policies/proxy-protocol/proxy-protocol.ts";
import sslNegotiation from "../../../policies/tls/ssl-negotiation.ts";
import { findNegotiationProblems, negotiate } from "../../tls/negotiation.ts";
import { type AnyPolicy, findPolicyType, policyTypes } from "../policy-types.ts";
import { settleModulePolicy } from "./module-policy-rules.ts";
import { findNearestName } from "./nearest-name.ts";
import type { LoadedPolicies } from "./policy-modules.ts";
import { type Finding, type Place, spellChoice, spellValue } from "./problem.ts";
import { readPublicKey } from "./public-key.ts";
import { settleSecurityPolicy } from "./security-policy-rules.ts";
import { findKeys, type Settled, type SettledPolicy, settleHooks } from "./settled-policy.ts";
import { decodePart } from "./shape.ts";
import type { SiftedPolicy } from "./sift-security.ts";

/** The policies of a load balancer by name. */
export interface SettledPolicies {
  readonly policies: ReadonlyMap<string, SettledPolicy>;
  readonly findings: ReadonlyArray<Finding>;
}

/** Prefixes of the names that AWS keeps for itself ("SSL negotiation configurations for Classic Load Balancers"). */
const reservedPrefixes = ["ELBSecurityPolicy-", "ELBSample-"];

/** Settles all policies of one load balancer; `modules` are those that have been imported for them. */
export const settlePolicies = (sifted: ReadonlyArray<SiftedPolicy>, modules: LoadedPolicies): SettledPolicies => {
  const policies = new Map<string, SettledPolicy>();
  const findings: Array<Finding> = [];
  // These name others, in whatever order they are written.
  const isNaming = ({ type, module }: SiftedPolicy) =>
    type === backendServerAuthentication.type || module !== undefined;
  for (const one of [...sifted].sort((a, b) => Number(isNaming(a)) - Number(isNaming(b)))) {
    const settled = settle(one, policies, modules);
    findings.push(...findNameProblems(one), ...Result.getOrElse(Result.flip(settled), () => []));
    policies.set(
      one.name,
      Result.getOrElse(settled, () => ({ type: one.type, isBroken: true })),
    );
  }
  return { policies, findings };
};

const settle = (sifted: SiftedPolicy, others: ReadonlyMap<string, SettledPolicy>, modules: LoadedPolicies): Settled => {
  const { place, name, type, module, attributes, securityPolicy } = sifted;
  const at: Place = [...place, "attributes"];
  if (securityPolicy !== undefined) {
    return Result.map(settleSecurityPolicy(name, place, securityPolicy), (negotiation) => ({ type, negotiation }));
  }
  if (module !== undefined) return settleModulePolicy(sifted, module, modules, others);
  const policy = type === undefined ? undefined : findPolicyType(type);
  if (type !== undefined && policy === undefined) return Result.fail([unknownType(place, type)]);
  if (policy === undefined || attributes === undefined) return Result.fail([]);
  const rules = ownRules.get(policy);
  if (rules !== undefined) return rules(name, attributes, at, others);
  return settleHooks({ name, policy, attributes, module: undefined }, at);
};

type Rules = (
  name: string,
  attributes: Readonly<Record<string, unknown>>,
  at: Place,
  others: ReadonlyMap<string, SettledPolicy>,
) => Settled;

/** Of those types whose attributes mean more than their Schemas can say. */
const ownRules: ReadonlyMap<AnyPolicy, Rules> = new Map<AnyPolicy, Rules>([
  [sslNegotiation, (name, attributes, at) => settleNegotiation(name, attributes, at)],
  [
    publicKeyType,
    (name, attributes, at) =>
      Result.flatMap(decodePart(publicKeyType.attributes, at, attributes), ({ PublicKey }) =>
        settlePublicKey(name, PublicKey, [...at, "PublicKey"]),
      ),
  ],
  [backendServerAuthentication, (_, attributes, at, others) => settleAuthentication(attributes, at, others)],
  [
    proxyProtocol,
    (_, attributes, at) =>
      Result.map(decodePart(proxyProtocol.attributes, at, attributes), (decoded) => ({
        type: proxyProtocol.type,
        preamble: { value: decoded.ProxyProtocol ? { version: decoded.ProxyProtocolVersion ?? 1 } : undefined },
      })),
  ],
]);

const settleNegotiation = (name: string, attributes: Readonly<Record<string, unknown>>, place: Place): Settled => {
  const problems = findNegotiationProblems(attributes, findNearestName);
  const { type } = sslNegotiation;
  if (problems.length === 0) return Result.succeed({ type, negotiation: { name, ...negotiate(attributes) } });
  return Result.fail(
    problems.map(({ attribute, problem, expected }) => ({
      place: attribute === undefined ? place : [...place, attribute],
      problem,
      expected,
    })),
  );
};

const settlePublicKey = (name: string, text: string, place: Place): Settled => {
  const key = readPublicKey(text);
  if ("problem" in key) return Result.fail([{ place, ...key }]);
  return Result.succeed({ type: publicKeyType.type, key: { policy: name, spki: key } });
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
  const names = decoded.success.PublicKeyPolicyName;
  const found = findKeys(names, (index) => (Array.isArray(written) ? [...place, index] : place), others);
  return Result.map(found, (keys) => ({ type: backendServerAuthentication.type, keys }));
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
