/**
 * What is worth a word in a configuration that is sound: policies of which the TLS library lacks a part or, where no
 * listener uses them, everything; certificates that end soon or are odd, certificates that nobody will ever be shown;
 * instances that prove nothing though they are listed as if they should; PROXY headers that are never sent, or believed of
 * anybody; keys that nothing is balanced by; zones that keep nobody apart, or everybody out.
 * Asked by `check`, at the start and after a reload; the words on one policy or one certificate are tls/'s.
 * Owns who is told of what, once for all listeners that it concerns. Never refuses anything.
 */
import { Effect, Result } from "effect";
import { parseAddress } from "../../model/address.ts";
import type { CertificateSource, PemSource } from "../../model/certificate-source.ts";
import type { Configuration } from "../../model/configuration.ts";
import type { Listener } from "../../model/listener.ts";
import type { LoadBalancer } from "../../model/load-balancer.ts";
import { isLayer7 } from "../../model/protocol.ts";
import type { ListenerSecurity } from "../../model/security.ts";
import type { BalancerPolicy } from "../../policy/balancer.ts";
import { type Authority, type Certificate, loadAuthority, loadCertificate, remarksAt } from "../../tls/certificate.ts";
import type { CertificateError } from "../../tls/certificate-error.ts";
import { effectivePolicy, isUsableWith } from "../../tls/effective-policy.ts";
import { remarkOnPolicy } from "../../tls/policy-remarks.ts";
import { groupByNames, matchServerName } from "../../tls/server-names.ts";
import { balancerPolicyOf } from "../balance-terms.ts";
import { isNear } from "../choice.ts";

/** Remarks, and the listeners that each concerns. */
type Remarks = Map<string, Array<string>>;

/**
 * Everything worth a word at `nowMs`, one line each, with the listeners in front that it concerns. Certificates are read
 * anew; one that can't be read is passed over, since whoever loads the configuration has told it.
 */
export const findRemarks = Effect.fnUntraced(function* (
  configuration: Configuration,
  nowMs: number,
): Effect.fn.Return<ReadonlyArray<string>> {
  const remarks: Remarks = new Map();
  for (const loadBalancer of configuration.loadBalancers) {
    const { name, listeners, securityPolicies = [] } = loadBalancer;
    for (const text of findBalancingRemarks(loadBalancer)) addRemark(remarks, text, name);
    for (const text of findZoneRemarks(loadBalancer, configuration.zone)) addRemark(remarks, text, name);
    // In use it would have been refused; as it is, it waits to be.
    for (const policy of securityPolicies.filter((one) => effectivePolicy(one).isEmpty)) {
      remarks.set(`${remarkOnPolicy(policy)} A listener that names it will be refused.`, [name]);
    }
    for (const listener of listeners) {
      const who = `${name}, ${listener.protocol} ${listener.port}`;
      for (const text of yield* findListenerRemarks(listener, nowMs)) addRemark(remarks, text, who);
    }
  }
  return [...remarks].map(([text, who]) => `${who.join("; ")}: ${text}`);
});

const addRemark = (remarks: Remarks, text: string, who: string): void => {
  const known = remarks.get(text);
  if (known === undefined) remarks.set(text, [who]);
  else if (!known.includes(who)) known.push(who);
};

const findBalancingRemarks = ({ attributes, listeners }: LoadBalancer): ReadonlyArray<string> => {
  const policyOf = ({ protocol, balancer }: Listener) =>
    (balancer?.policy as BalancerPolicy | undefined) ?? balancerPolicyOf(attributes, protocol);
  const hasKeys = listeners.some((listener) => policyOf(listener).key !== undefined);
  if (attributes.balancingKey === "client-address" || hasKeys) return [];
  return [`\`balancingKey\` says nothing to \`balancing: "${attributes.balancing}"\`, which has no keys`];
};

/** What keeps `crossZone: false` from doing what it is for. */
const findZoneRemarks = ({ attributes, instances }: LoadBalancer, zone: string | undefined): ReadonlyArray<string> => {
  if (attributes.crossZone) return [];
  if (zone === undefined) {
    return ["`crossZone` is false, but this node has no `zone`: instances of every zone get traffic from here"];
  }
  if (instances.length === 0 || instances.some((one) => isNear(one.zone, { crossZone: false, zone }))) return [];
  return [
    `\`crossZone\` is false, and no instance is in this node's zone, ${JSON.stringify(zone)}: none gets traffic from here`,
  ];
};

const findListenerRemarks = Effect.fnUntraced(function* (
  { protocol, security, instancePort, instanceSecurity, instancePreamble, trustedProxies = [] }: Listener,
  nowMs: number,
): Effect.fn.Return<ReadonlyArray<string>> {
  const remarks: Array<string> = [];
  const remark = (loaded: Certificate | Authority) => {
    remarks.push(...remarksAt(loaded, nowMs).map((text) => `${loaded.label}: ${text}`));
  };
  if (security !== undefined) {
    const onPolicy = remarkOnPolicy(security.policy);
    if (onPolicy !== undefined) remarks.push(onPolicy);
    const certificates: Array<Certificate> = [];
    for (const source of security.certificates) certificates.push(...(yield* tryToLoadCertificate(source)));
    for (const certificate of certificates) remark(certificate);
    if (certificates.length === security.certificates.length) remarks.push(...findMisfits(certificates, security));
  }
  if (instanceSecurity !== undefined && !instanceSecurity.keys && !instanceSecurity.authority) {
    remarks.push(`nothing is authenticated on instance port ${instancePort}: its list in \`backendPolicies\` is empty`);
  }
  if (instancePreamble !== undefined && isLayer7(protocol)) {
    remarks.push(
      `instance port ${instancePort} gets no PROXY header from here: requests of many clients share a connection, and X-Forwarded-For says whose each is`,
    );
  }
  if (trustedProxies.some(({ prefixBits }) => prefixBits === 0)) {
    remarks.push("`trustedProxies` has every address: any client can say that it is any other");
  }
  for (const authority of [security?.clientAuth?.ca, instanceSecurity?.authority?.ca]) {
    if (authority !== undefined) for (const loaded of yield* tryToLoadAuthority(authority)) remark(loaded);
  }
  return remarks;
});

const tryToLoadCertificate = (source: CertificateSource) => orNothing(loadCertificate(source));

const tryToLoadAuthority = (source: PemSource) => orNothing(loadAuthority(source));

const orNothing = <T>(loading: Effect.Effect<T, CertificateError>): Effect.Effect<ReadonlyArray<T>> =>
  Effect.map(Effect.result(loading), (loaded) => (Result.isSuccess(loaded) ? [loaded.success] : []));

/** Certificates that are never shown, and those with which no handshake can succeed. */
const findMisfits = (certificates: ReadonlyArray<Certificate>, { policy }: ListenerSecurity): ReadonlyArray<string> => {
  const groups = groupByNames(certificates).map((group) => ({ group, names: group[0]!.names }));
  const effective = effectivePolicy(policy);
  return groups.flatMap(({ group, names }, index) => {
    const labels = group.map(({ label }) => label).join(", ");
    const isShown = index === 0 || names.some((name) => findShown(groups, name) === groups[index]);
    if (!isShown)
      return [
        `${labels}: no client is ever shown it: the certificates before it have every name of it that can be asked for`,
      ];
    const keyTypes = group.map(({ keyType }) => keyType);
    if (isUsableWith(effective, keyTypes)) return [];
    return [
      `${labels}: no client can use it: ${policy.name} has no cipher suite for a key of the kind ${keyTypes.join(" or ")}`,
    ];
  });
};

/** Who is shown to some client that asks for a name. Addresses are no server names (RFC 6066 §3). */
const findShown = <G extends { readonly names: ReadonlyArray<string> }>(
  groups: ReadonlyArray<G>,
  name: string,
): G | undefined => {
  if (parseAddress(name) !== undefined) return undefined;
  return name.startsWith("*") ? groups.find(({ names }) => names.includes(name)) : matchServerName(groups, name);
};
