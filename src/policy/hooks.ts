/**
 * The hooks of traffic, by their names in `Policy`.
 * Read where policies are checked (control/configuration/policy-contract.ts), asked and counted (pipeline/policy/chain.ts,
 * pipeline/policy/errors.ts). Owns the list; what each hook is, the contract says (policy.ts).
 */
import type { Policy } from "./policy.ts";

/** In the order in which they are called. */
export const trafficHooks = [
  "admit",
  "pick",
  "requestHead",
  "responseHead",
  "onFault",
  "log",
] as const satisfies ReadonlyArray<keyof Policy<unknown>>;

/** One of {@link trafficHooks}. */
export type TrafficHook = (typeof trafficHooks)[number];
