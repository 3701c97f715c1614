/**
 * Settles how each listener terminates TLS: its certificates, its security policy and what it asks of clients.
 * The second half of a check; needs the load balancer's own policies settled, and reads no file.
 * Owns what goes with HTTPS and SSL and with nothing else; what an instance must prove, backend-policy-rules.ts settles.
 */
import { isLayer7, isSecure, type Protocol } from "../../model/protocol.ts";
import type { ListenerSecurity } from "../../model/security.ts";
import type { SecurityPolicy } from "../../model/security-policy.ts";
import { type EffectivePolicy, effectivePolicy } from "../../tls/effective-policy.ts";
import { findOmissions } from "../../tls/policy-remarks.ts";
import { defaultSecurityPolicy, findSecurityPolicy, securityPolicyNames } from "../../tls/security-policies.ts";
import { describeUndefined, type Finding, spellPlace, spellValue } from "./problem.ts";
import { describeUnknownPolicy, type SettledPolicy } from "./settled-policy.ts";
import type { SiftedListener } from "./sift.ts";
import type { Placed } from "./sift-security.ts";
import { type PlacedSource, toCertificateSource, toPemSource } from "./sources.ts";

type Policies = ReadonlyMap<string, SettledPolicy>;

/** What a listener shows its clients, what must be loaded for it, and what is wrong with it. */
export interface SettledListenerSecurity {
  /** Undefined for HTTP and TCP, and where something is wrong. */
  readonly security: ListenerSecurity | undefined;
  readonly sources: ReadonlyArray<PlacedSource>;
  readonly findings: ReadonlyArray<Finding>;
}

/** Settles one listener; relative paths are relative to `directory`. */
export const settleListenerSecurity = (
  listener: SiftedListener,
  policies: Policies,
  directory: string,
): SettledListenerSecurity => {
  const { protocol, security: written } = listener;
  const certificates = written.certificates.map(({ place, value }) => ({
    place,
    source: toCertificateSource(value, directory),
  }));
  const clientAuth = written.clientAuth && {
    place: [...written.clientAuth.place, "ca"],
    ca: toPemSource(written.clientAuth.value.ca, directory),
    mode: written.clientAuth.value.mode,
  };
  const sources: ReadonlyArray<PlacedSource> = [
    ...certificates.map(({ place, source }) => ({ place, certificate: source })),
    ...(clientAuth === undefined ? [] : [{ place: clientAuth.place, authority: clientAuth.ca }]),
  ];
  const chosen = choosePolicy(written.policies, policies, protocol);
  const findings = [
    ...(protocol === undefined
      ? []
      : isSecure(protocol)
        ? [...findCertificateProblems(listener, protocol), ...findUndefined(listener)]
        : findStrays(listener, protocol)),
    ...chosen.findings,
  ];
  if (protocol === undefined || !isSecure(protocol) || chosen.policy === undefined || findings.length > 0) {
    return { security: undefined, sources, findings };
  }
  const security: ListenerSecurity = {
    certificates: certificates.map(({ source }) => source),
    policy: chosen.policy,
    ...(clientAuth === undefined ? {} : { clientAuth: { ca: clientAuth.ca, mode: clientAuth.mode } }),
  };
  return { security, sources, findings };
};

/** AWS, "HTTPS listeners for your Classic Load Balancer": a secure listener has a certificate. */
const findCertificateProblems = ({ place, security }: SiftedListener, protocol: Protocol): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = [];
  if (!security.isCertificateWritten && !security.areCertificatesWritten) {
    findings.push({
      place: [...place, "certificate"],
      problem: `is missing, and ${protocol} needs one to show its clients`,
      expected: 'one such as { cert: "certs/site.pem", key: "certs/site.key" }',
    });
  }
  if (security.isCertificateWritten && security.areCertificatesWritten) {
    findings.push({
      place: [...place, "certificates"],
      problem: "stands beside `certificate`",
      expected: "one of the two; `certificates` is a list, and its first entry is the default",
    });
  }
  if (security.hasEmptyCertificates) {
    findings.push({ place: [...place, "certificates"], problem: "is empty", expected: "at least one certificate" });
  }
  return findings;
};

/** Left out, a key has its default; set to a variable that isn't there, it was meant to switch something on. */
const findUndefined = ({ place, security }: SiftedListener): ReadonlyArray<Finding> => {
  // Of the two keys for certificates, one that is missing has been told.
  const hasCertificate =
    security.isCertificateWritten || (security.areCertificatesWritten && !security.hasEmptyCertificates);
  return security.undefinedKeys
    .filter((key) => hasCertificate || !key.startsWith("certificate"))
    .map((key) => describeUndefined([...place, key]));
};

/** A certificate on a listener in clear would look like safety that isn't there. */
const findStrays = ({ place, security }: SiftedListener, protocol: Protocol): ReadonlyArray<Finding> => {
  const secure = isLayer7(protocol) ? "HTTPS" : "SSL";
  const strays = [
    ["certificate", security.isCertificateWritten],
    ["certificates", security.areCertificatesWritten],
    ["clientAuth", security.isClientAuthWritten],
  ] as const;
  return strays
    .filter(([, isWritten]) => isWritten)
    .map(([key]) => ({
      place: [...place, key],
      problem: `is for HTTPS and SSL, and this listener speaks ${protocol} in clear`,
      expected: `\`protocol: "${secure}"\`, or no \`${key}\``,
    }));
};

interface Choice {
  readonly policy: SecurityPolicy | undefined;
  readonly findings: ReadonlyArray<Finding>;
}

const choosePolicy = (
  names: ReadonlyArray<Placed<string>>,
  policies: Policies,
  protocol: Protocol | undefined,
): Choice => {
  const findings: Array<Finding> = [];
  let chosen: { readonly policy: SecurityPolicy; readonly place: Finding["place"] } | undefined;
  for (const { place, value: name } of names) {
    const found = findPolicy(name, policies);
    if (found === undefined) continue;
    if (!("protocols" in found)) findings.push({ place, ...found });
    else if (protocol !== undefined && !isSecure(protocol)) {
      findings.push({
        place,
        problem: `${spellValue(name)} negotiates TLS, and this listener speaks ${protocol} in clear`,
        expected: `\`protocol: "${isLayer7(protocol) ? "HTTPS" : "SSL"}"\`, or no such policy`,
      });
    } else if (chosen !== undefined) {
      findings.push({
        place,
        problem: `${spellValue(name)} negotiates TLS, and so does ${spellPlace(chosen.place)}`,
        expected: "one such policy at most",
      });
    } else {
      chosen = { policy: found, place };
      const effective = effectivePolicy(found);
      if (effective.isEmpty) findings.push({ place, ...describeEmpty(found, effective) });
    }
  }
  return { policy: chosen?.policy ?? defaultSecurityPolicy, findings };
};

/** A policy that negotiates, undefined for one that is somebody else's affair, or what is wrong with the name. */
const findPolicy = (
  name: string,
  policies: Policies,
): SecurityPolicy | undefined | Pick<Finding, "problem" | "expected"> => {
  const own = policies.get(name);
  if (own === undefined) {
    const predefined = findSecurityPolicy(name);
    if (predefined !== undefined) return predefined;
    return {
      problem: describeUnknownPolicy(name, [...policies.keys(), ...securityPolicyNames]),
      expected: "a name from the load balancer's `policies`, or one that `elbow policy list` prints",
    };
  }
  if (own.negotiation !== undefined) return own.negotiation;
  // One that is broken has been told where it is defined; the others are for other rules to judge.
  if (own.isBroken || (own.stickiness ?? own.balancer ?? own.traffic) !== undefined) return undefined;
  if (own.key !== undefined) {
    return {
      problem: `${spellValue(name)} is a public key, which no listener has a use for`,
      expected: "a BackendServerAuthenticationPolicyType policy in `backendPolicies` that names it",
    };
  }
  const act = (own.keys ?? own.judge) === undefined ? "sends instances a header" : "authenticates instances";
  return {
    problem: `${spellValue(name)} ${act}, and a listener faces clients`,
    expected: "the policy in `backendPolicies`, under the instance port",
  };
};

const describeEmpty = (policy: SecurityPolicy, effective: EffectivePolicy): Pick<Finding, "problem" | "expected"> => {
  const omissions = findOmissions(policy, effective).map(({ names, reason }) => `${names.join(", ")} (${reason})`);
  return {
    problem: `nothing of ${spellValue(policy.name)} is on offer: ${omissions.join("; ")}`,
    expected: "a policy of which something is left; `elbow policy show NAME` says what is left of the predefined ones",
  };
};
