/**
 * Settles what instances must prove, by instance port: the public keys and authorities of `backendPolicies`.
 * The second half of a check; needs the load balancer's own policies settled, and reads no file.
 * Owns what may stand there; the listeners of an instance port all get the same.
 */
import { isPort, portDescription } from "../../model/port.ts";
import { isSecure } from "../../model/protocol.ts";
import type { InstanceSecurity } from "../../model/security.ts";
import { findSecurityPolicy } from "../../tls/security-policies.ts";
import { describeUnknownPolicy, type SettledPolicy } from "./policy-rules.ts";
import { type Finding, spellPlace, spellValue } from "./problem.ts";
import type { SiftedLoadBalancer } from "./sift.ts";
import type { SiftedBackendPolicies } from "./sift-security.ts";
import { type PlacedSource, toPemSource } from "./sources.ts";

/** What the instances of each port must prove, what must be loaded for it, and what is wrong with it. */
export interface SettledBackendPolicies {
  readonly byPort: ReadonlyMap<number, InstanceSecurity>;
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
  const sources: Array<PlacedSource> = [];
  const findings: Array<Finding> = [];
  for (const entry of loadBalancer.backendPolicies) {
    findings.push(...findPortProblems(entry, loadBalancer));
    const settled = settlePort(entry, policies, directory);
    sources.push(...settled.sources);
    findings.push(...settled.findings);
    const { keys, authority } = settled.security;
    if (keys !== undefined || authority !== undefined) byPort.set(Number(entry.port), settled.security);
  }
  return { byPort, sources, findings };
};

/** AWS, "Configure back-end instance authentication": only an encrypted connection shows a key. */
const findPortProblems = (
  { place, port }: SiftedBackendPolicies,
  { listeners }: SiftedLoadBalancer,
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
  const secure = listeners.filter(({ instanceProtocol }) => isSecure(instanceProtocol!));
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
          : `an instance port that gets HTTPS or SSL: ${ports}`,
    },
  ];
};

interface SettledPort {
  readonly security: InstanceSecurity;
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
  let authority: InstanceSecurity["authority"];
  for (const { place, value } of entries) {
    if (typeof value === "string") {
      const policy = policies.get(value);
      if (policy?.kind === "backendAuthentication") keys = [...(keys ?? []), ...policy.keys];
      else if (policy?.kind !== "broken") findings.push({ place, ...describeMisfit(value, policy, policies) });
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
    security: { ...(keys === undefined ? {} : { keys }), ...(authority === undefined ? {} : { authority }) },
    sources,
    findings,
  };
};

const describeMisfit = (
  name: string,
  policy: SettledPolicy | undefined,
  policies: ReadonlyMap<string, SettledPolicy>,
): Pick<Finding, "problem" | "expected"> => {
  const expected = "the name of a BackendServerAuthenticationPolicyType policy of this load balancer";
  if (policy?.kind === "publicKey") {
    return { problem: `${spellValue(name)} is a public key`, expected: `${expected} that names it` };
  }
  if (policy !== undefined || findSecurityPolicy(name) !== undefined) {
    return { problem: `${spellValue(name)} negotiates TLS with clients, and instances aren't asked`, expected };
  }
  return { problem: describeUnknownPolicy(name, policies.keys()), expected };
};
