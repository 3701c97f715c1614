// The addresses of instances as their names have them now, for whoever keeps or asks something of each.
//
// Behind the resolver. Pure; owns how an address is told from the others of its load balancer.
import type { Instance } from "../model/instance.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { isNear } from "./choice.ts";
import type { Names } from "./resolver.ts";

/** One address of one instance. */
export interface InstanceAddress {
  readonly instance: Instance;
  readonly address: string;
}

/** Every address of these instances, in their order; a name that has never resolved has none. */
export const addressesOf = (
  { instances }: Pick<LoadBalancer, "instances">,
  names: Names,
): ReadonlyArray<InstanceAddress> =>
  instances.flatMap((instance) => names.get(instance.host).addresses.map((address) => ({ instance, address })));

/** Those of a load balancer's instances that a node of this zone sends to. */
export const reachedAddressesOf = (
  { instances, attributes: { crossZone } }: LoadBalancer,
  zone: string | undefined,
  names: Names,
): ReadonlyArray<InstanceAddress> =>
  addressesOf({ instances: instances.filter((instance) => isNear(instance.zone, { crossZone, zone })) }, names);

/** An address's own among those of a load balancer, by its instance's id. */
export const addressKeyOf = (id: string, address: string): string => `${id} ${address}`;
