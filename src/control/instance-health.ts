// The health of instances as DescribeInstanceHealth tells it (Elastic Load Balancing API): one state for each id, in its words.
//
// Reads what status.ts shows of each address; adds those that are being deregistered, and those that were.
import type { Departed, MembersAlike } from "./members.ts";
import type { InstanceStatus } from "./status.ts";

/** The state of one instance, with those words of `InstanceState` (Elastic Load Balancing API). */
export interface InstanceHealth extends Pick<InstanceStatus, "id" | "state" | "reasonCode" | "description"> {}

/** In service until it is done ("Configure connection draining for your Classic Load Balancer", AWS); it isn't its own doing. */
export const drainingState = {
  state: "InService",
  reasonCode: "ELB",
  description: "Instance deregistration currently in progress.",
} as const;

/** Nobody's failure, but the load balancer's doing that it gets nothing. */
export const unregisteredState = {
  state: "OutOfService",
  reasonCode: "ELB",
  description: "Instance is not currently registered with the LoadBalancer.",
} as const;

/** Those that are at one address of one instance, together. */
export const groupDeparted = (
  departed: ReadonlyArray<Departed>,
): ReadonlyArray<{ readonly departed: Departed; readonly alike: MembersAlike }> => {
  const groups = new Map<string, { readonly departed: Departed; readonly alike: Array<Departed["member"]> }>();
  for (const one of departed) {
    const group = groups.get(one.member.name);
    if (group === undefined) groups.set(one.member.name, { departed: one, alike: [one.member] });
    else group.alike.push(one.member);
  }
  return [...groups.values()].map(({ departed: one, alike }) => ({
    departed: one,
    alike: alike as unknown as MembersAlike,
  }));
};

/**
 * The health of the instances of `ids`, in their order; without ids of all that are registered or being deregistered. An
 * instance with several addresses is in service while one of them is.
 */
export const readInstanceHealth = (
  addresses: ReadonlyArray<InstanceStatus>,
  ids: ReadonlyArray<string> | undefined,
): ReadonlyArray<InstanceHealth> => {
  const found = new Map<string, InstanceHealth>();
  for (const { id, state, reasonCode, description } of addresses) {
    const known = found.get(id);
    const isBetter = known?.state === "OutOfService" && state === "InService";
    // Listed behind the registered ones: an address that has gone says nothing of an instance that is there.
    if (known === undefined || (isBetter && description !== drainingState.description)) {
      found.set(id, { id, state, reasonCode, description });
    }
  }
  return (ids ?? [...found.keys()]).map((id) => found.get(id) ?? { id, ...unregisteredState });
};
