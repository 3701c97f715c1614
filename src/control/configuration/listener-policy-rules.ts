/**
 * Settles which policies of traffic a listener asks, in which order, and what module of the user's it balances by.
 * The second half of a check; needs the load balancer's own policies settled.
 * Owns which hooks fit which listener; TLS is listener-security-rules.ts's affair, stickiness stickiness-rules.ts's.
 */
import type { PolicyUse } from "../../model/policy-use.ts";
import { isLayer7 } from "../../model/protocol.ts";
import { type Finding, type Place, spellPlace, spellValue } from "./problem.ts";
import type { SettledPolicy } from "./settled-policy.ts";
import type { SiftedListener } from "./sift.ts";

/** The policies of a listener, and what is wrong with them. */
export interface SettledListenerPolicies {
  /** Those with hooks of traffic, in the listener's order. */
  readonly policies: ReadonlyArray<PolicyUse>;
  readonly balancer: PolicyUse | undefined;
  readonly findings: ReadonlyArray<Finding>;
}

/** Hooks that see requests. */
const requestHooks = ["requestHead", "responseHead"] as const;

/** Settles one listener. */
export const settleListenerPolicies = (
  { protocol, security }: SiftedListener,
  settled: ReadonlyMap<string, SettledPolicy>,
): SettledListenerPolicies => {
  const policies: Array<PolicyUse> = [];
  const findings: Array<Finding> = [];
  const places = new Map<string, Place>();
  let balancer: { readonly use: PolicyUse; readonly place: Place } | undefined;
  for (const { place, value: name } of security.policies) {
    const policy = settled.get(name);
    if (policy === undefined) continue;
    const { traffic, hookPlaces, balancer: own } = policy;
    if (own !== undefined) {
      if (balancer === undefined) balancer = { use: own, place };
      else {
        const problem = `${spellValue(name)} balances, and so does ${spellPlace(balancer.place)}`;
        findings.push({ place, problem, expected: "one such policy at most" });
      }
    }
    if (traffic === undefined) continue;
    const before = places.get(name);
    if (before !== undefined) {
      const problem = `${spellValue(name)} stands there already, at ${spellPlace(before)}`;
      findings.push({ place, problem, expected: "each policy once" });
      continue;
    }
    places.set(name, place);
    policies.push(traffic);
    if (protocol === undefined || isLayer7(protocol)) continue;
    const hook = requestHooks.find((one) => (traffic.policy as Record<string, unknown>)[one] !== undefined);
    if (hook === undefined) continue;
    const where = hookPlaces?.get(hook);
    findings.push({
      place,
      problem: `${spellValue(name)} has the hook \`${hook}\`${where === undefined ? "" : ` (${where})`}, and this listener speaks ${protocol}, which has no requests`,
      expected: `\`protocol: "${protocol === "SSL" ? "HTTPS" : "HTTP"}"\`, or a policy without that hook`,
    });
  }
  return { policies, balancer: balancer?.use, findings };
};
