/**
 * Settles what instances must prove and what they are told first, by instance port: the public keys, authorities and PROXY
 * headers of `backendPolicies`.
 * The second half of a check; needs the load balancer's own policies settled, and reads no file.
 * Owns what may stand there; the listeners of an instance port all get the same.
 */
import backendServerAuthentication from "../../../policies/backend-auth/backend-server-authentication.ts";
import publicKeyType from "../../../policies/backend-auth/public-key.ts";
import proxyProtocol from "../../../policies/proxy-protocol/proxy-protocol.ts";
import type { InstancePreamble } from "../../model/listener.ts";
import { isPort, portDescription } from "../../model/port.ts";
import { isSecure } from "../../model/protocol.ts";
import type { InstanceSecurity } from "../../model/security.ts";
import { findSecurityPolicy } from "../../tls/security-policies.ts";
import { describeUndefined, type Finding, spellPlace, spellValue } from "./problem.ts";
import { describeUnknownPolicy, type SettledPolicy } from "./settled-policy.ts";
import type { SiftedLoadBalancer } from "./sift.ts";
import type { SiftedBackendPolicies } from "./sift-security.ts";
import { type PlacedSource, toPemSource } from "./sources.ts";

/** What the instances of each port must prove and are told, what must be loaded for it, and what is wrong with it. */
export interface SettledBackendPolicies {
  readonly byPort: ReadonlyMap<number, InstanceSecurity>;
  readonly preambles: ReadonlyMap<number, InstancePreamble>;
  readonly sources: ReadonlyArray<PlacedSource>;
  readonly findings: ReadonlyArray<Finding>;
}

/** Settles the `backendPolicies` of one load balancer; relative paths are relative to `directory`. */
export const settleBackendPolicies = (
  loadBalancer: SiftedLoadBalancer,
  policies: ReadonlyMap<string, SettledPolicy>,
  directory: string,
): SettledBackendPolicies => {
  const byPort = new Map<number, InstanceSecurity>();
  const preambles = new Map<number, InstancePreamble>();
  const sources: Array<PlacedSource> = [];
  const findings: Array<Finding> = loadBalancer.areBackendPoliciesUndefined
    ? [describeUndefined([...loadBalancer.place, "backendPolicies"])]
    : [];
  for (const entry of loadBalancer.backendPolicies) {
    const isProofAsked = asksForProof(entry, policies);
    findings.push(...findPortProblems(entry, loadBalancer, isProofAsked));
    const settled = settlePort(entry, policies, directory);
    sources.push(...settled.sources);
    findings.push(...settled.findings);
    // Also where nothing is demanded: on a port that could prove something, a list that is empty is worth a remark.
    if (isProofAsked || entry.entries.length === 0) byPort.set(Number(entry.port), settled.security);
    if (settled.preamble !== undefined) preambles.set(Number(entry.port), settled.preamble);
  }
  return { byPort, preambles, sources, findings };
};

/**
 * Whether something in the list is to be proved, which takes TLS. A PROXY header takes none; nor does an empty list, AWS's way
 * to switch the header off; and a name that is good for nothing here is told by itself.
 */
const asksForProof = ({ entries }: SiftedBackendPolicies, policies: ReadonlyMap<string, SettledPolicy>): boolean =>
  entries.some(({ value }) => typeof value !== "string" || isProof(policies.get(value)));

const isProof = (policy: SettledPolicy | undefined): boolean =>
  policy?.isBroken
    ? policy.type === backendServerAuthentication.type || policy.type === publicKeyType.type
    : (policy?.keys ?? policy?.judge ?? policy?.key) !== undefined;

/** AWS, "Configure back-end instance authentication": only an encrypted connection shows a key. A header needs none. */
const findPortProblems = (
  { place, port }: SiftedBackendPolicies,
  { listeners }: SiftedLoadBalancer,
  isProofAsked: boolean,
): ReadonlyArray<Finding> => {
  if (!/^[1-9]\d*$/.test(port) || !isPort(Number(port))) {
    const { title, expected } = portDescription;
    return [{ place, problem: `${spellValue(port)} is not ${title}`, expected }];
  }
  // A listener with a broken member may be the very one; without any sound listener there is nothing to compare with.
  const isSure = listeners.every(
    ({ instancePort, instanceProtocol }) => instancePort !== undefined && instanceProtocol !== undefined,
  );
  if (!isSure || listeners.length === 0) return [];
  const secure = isProofAsked ? listeners.filter(({ instanceProtocol }) => isSecure(instanceProtocol!)) : listeners;
  if (secure.some(({ instancePort }) => instancePort === Number(port))) return [];
  const clear = listeners.find(({ instancePort }) => instancePort === Number(port));
  const ports = [...new Set(secure.map(({ instancePort }) => instancePort))].join(", ");
  return [
    {
      place,
      problem:
        clear === undefined
          ? `no listener has the instance port ${port}`
          : `instance port ${port} gets ${clear.instanceProtocol} in clear from ${spellPlace(clear.place)}`,
      expected:
        ports === ""
          ? "the instance port of a listener whose `instanceProtocol` is HTTPS or SSL"
          : `an instance port${isProofAsked ? " that gets HTTPS or SSL" : ""}: ${ports}`,
    },
  ];
};

interface SettledPort {
  readonly security: InstanceSecurity;
  readonly preamble: InstancePreamble | undefined;
  readonly sources: ReadonlyArray<PlacedSource>;
  readonly findings: ReadonlyArray<Finding>;
}

/** Keys of several policies are one set, any of which will do; one authority can be asked for beside them. */
const settlePort = (
  { entries }: SiftedBackendPolicies,
  policies: ReadonlyMap<string, SettledPolicy>,
  directory: string,
): SettledPort => {
  const sources: Array<PlacedSource> = [];
  const findings: Array<Finding> = [];
  let keys: InstanceSecurity["keys"];
  let judges: InstanceSecurity["judges"];
  let authority: InstanceSecurity["authority"];
  let header: string | undefined;
  let preamble: InstancePreamble | undefined;
  for (const { place, value } of entries) {
    if (typeof value === "string") {
      const policy = policies.get(value);
      if (policy?.keys !== undefined) keys = [...(keys ?? []), ...policy.keys];
      if (policy?.judge !== undefined) judges = [...(judges ?? []), policy.judge];
      if (policy?.preamble !== undefined) {
        if (header !== undefined) findings.push({ place, ...describeSecondHeader(value, header) });
        header ??= value;
        preamble ??= policy.preamble.value;
      }
      const isFit = (policy?.keys ?? policy?.judge ?? policy?.preamble) !== undefined;
      if (!isFit && !policy?.isBroken) findings.push({ place, ...describeMisfit(value, policy, policies) });
      continue;
    }
    const ca = toPemSource(value.ca, directory);
    sources.push({ place: [...place, "ca"], authority: ca });
    if (authority !== undefined) {
      findings.push({ place, problem: "is a second authority", expected: "one at most; its file may hold several" });
    }
    authority ??= { ca, ...(value.serverName === undefined ? {} : { serverName: value.serverName.toLowerCase() }) };
  }
  return {
    security: {
      ...(keys === undefined ? {} : { keys }),
      ...(judges === undefined ? {} : { judges }),
      ...(authority === undefined ? {} : { authority }),
    },
    preamble,
    sources,
    findings,
  };
};

const describeSecondHeader = (name: string, other: string): Pick<Finding, "problem" | "expected"> => ({
  problem:
    name === other
      ? `is ${spellValue(name)} again`
      : `${spellValue(name)} sends a header, and so does ${spellValue(other)}`,
  expected: `one ${proxyProtocol.type} policy at most`,
});

const describeMisfit = (
  name: string,
  policy: SettledPolicy | undefined,
  policies: ReadonlyMap<string, SettledPolicy>,
): Pick<Finding, "problem" | "expected"> => {
  const expected =
    "the name of a BackendServerAuthenticationPolicyType or ProxyProtocolPolicyType policy of this load balancer";
  if (policy?.key !== undefined) {
    const auth = "the name of a BackendServerAuthenticationPolicyType policy of this load balancer that names it";
    return { problem: `${spellValue(name)} is a public key`, expected: auth };
  }
  if (policy?.traffic !== undefined || policy?.balancer !== undefined) {
    const problem = `${spellValue(name)} is a policy of listeners, and has no hook for instances`;
    return { problem, expected: "a policy with `authenticateBackend` or `backendPreamble`" };
  }
  if (policy?.stickiness !== undefined) {
    const problem = `${spellValue(name)} keeps clients with their instances, and instances aren't asked`;
    return { problem, expected: `${expected}; a stickiness policy stands in a listener's \`policies\`` };
  }
  if (policy !== undefined || findSecurityPolicy(name) !== undefined) {
    return { problem: `${spellValue(name)} negotiates TLS with clients, and instances aren't asked`, expected };
  }
  return { problem: describeUnknownPolicy(name, policies.keys()), expected };
};
