// The health of instances as DescribeInstanceHealth tells it (Elastic Load Balancing API): one state for each id, in its words.
//
// Reads what status.ts shows of each address; adds those that are being deregistered, and those that were.
import { Array as Arr } from "effect";
import type { InstanceState } from "../health/thresholds.ts";
import type { Departed, MembersAlike } from "./members.ts";
import type { InstanceStatus } from "./status.ts";

/** The state of one instance, in AWS's words. */
export interface InstanceHealth extends InstanceState {
  readonly id: string;
}

/** In service until it is done ("Configure connection draining for your Classic Load Balancer", AWS); it isn't its own doing. */
export const drainingState: InstanceState = {
  state: "InService",
  reasonCode: "ELB",
  description: "Instance deregistration currently in progress.",
};

/** Registered, and an operator's doing that it gets nothing new. */
export const drainedState: InstanceState = {
  state: "OutOfService",
  reasonCode: "ELB",
  description: "drained by an operator",
};

/** Nobody's failure, but the load balancer's doing that it gets nothing. */
export const unregisteredState: InstanceState = {
  state: "OutOfService",
  reasonCode: "ELB",
  description: "Instance is not currently registered with the LoadBalancer.",
};

/** Those that are at one address of one instance, together. */
export const groupDeparted = (
  departed: ReadonlyArray<Departed>,
): ReadonlyArray<{ readonly departed: Departed; readonly alike: MembersAlike }> =>
  Object.values(Arr.groupBy(departed, ({ member }) => member.name)).map((group) => ({
    departed: group[0],
    alike: Arr.map(group, ({ member }) => member),
  }));

/**
 * The health of the instances of `ids`, in their order; without ids of all that are registered or being deregistered. An
 * instance with several addresses is in service while one of them is.
 */
export const readInstanceHealth = (
  addresses: ReadonlyArray<InstanceStatus>,
  ids: ReadonlyArray<string> | undefined,
): ReadonlyArray<InstanceHealth> => {
  const found = new Map<string, InstanceHealth>();
  for (const { id, phase, state, reasonCode, description } of addresses) {
    const known = found.get(id);
    // Those that drain are listed behind the registered ones: an address that has gone says nothing of an instance that is there.
    const isBetter = known?.state === "OutOfService" && phase === "inService";
    if (known === undefined || isBetter) {
      found.set(id, { id, state, reasonCode, description });
    }
  }
  return (ids ?? [...found.keys()]).map((id) => found.get(id) ?? { id, ...unregisteredState });
};
