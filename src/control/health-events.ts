// What is told to whoever observes events when an address of an instance comes into service, or goes out of it.
//
// Called by those who move addresses, checks and outlier detection. Owns the words; it decides nothing.
import type { HealthPhase } from "../health/thresholds.ts";
import { tellEvent } from "../observe/events.ts";

const words: Readonly<Record<HealthPhase, string>> = {
  inService: "in service",
  outOfService: "out of service",
  registering: "being registered",
};

/** Tells that an address of a load balancer's instance has changed its state, and why. */
export const tellHealthEvent = (
  loadBalancer: string,
  instance: string,
  address: { readonly toString: () => string },
  to: HealthPhase,
  reason: string,
): void => {
  const place = instance === String(address) ? instance : `${instance} at ${address}`;
  tellEvent({
    type: "health",
    loadBalancer,
    instance,
    message: `${loadBalancer}: ${place} is ${words[to]}: ${reason}`,
  });
};
