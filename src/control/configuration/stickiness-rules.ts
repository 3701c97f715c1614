/**
 * Settles how the clients of each listener stay with their instances: the stickiness policy among its `policies`.
 * The second half of a check; needs the load balancer's own policies settled.
 * Owns where such a policy may stand; names of policies that aren't there, listener-security-rules.ts tells.
 */
import { isLayer7 } from "../../model/protocol.ts";
import type { ListenerStickiness } from "../../model/stickiness.ts";
import { type Finding, type Place, spellPlace, spellValue } from "./problem.ts";
import type { SettledPolicy } from "./settled-policy.ts";
import type { SiftedListener } from "./sift.ts";

/** The stickiness of a listener, and what is wrong with it. */
export interface SettledStickiness {
  /** Undefined without a stickiness policy. */
  readonly stickiness: ListenerStickiness | undefined;
  readonly findings: ReadonlyArray<Finding>;
}

/** AWS, "Configure sticky sessions for your Classic Load Balancer": HTTP and HTTPS listeners, one policy each. */
export const settleStickiness = (
  { protocol, security }: SiftedListener,
  policies: ReadonlyMap<string, SettledPolicy>,
): SettledStickiness => {
  const findings: Array<Finding> = [];
  let chosen: { readonly stickiness: ListenerStickiness; readonly place: Place } | undefined;
  for (const { place, value: name } of security.policies) {
    const policy = policies.get(name);
    if (policy?.stickiness === undefined) continue;
    const problem = `${spellValue(name)} keeps clients with their instances`;
    if (protocol !== undefined && !isLayer7(protocol)) {
      findings.push({
        place,
        problem: `${problem} by cookies, and this listener speaks ${protocol}`,
        expected: `\`protocol: "${protocol === "SSL" ? "HTTPS" : "HTTP"}"\`, or no such policy`,
      });
    } else if (chosen !== undefined) {
      findings.push({
        place,
        problem: `${problem}, and so does ${spellPlace(chosen.place)}`,
        expected: "one such policy at most",
      });
    } else chosen = { stickiness: policy.stickiness, place };
  }
  return { stickiness: chosen?.stickiness, findings };
};
