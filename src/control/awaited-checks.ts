// Whose first check a change waits for, so that nobody is let go before somebody has come.
//
// Asked by the running state before it opens listeners and swaps routes. Pure: it reads what runs and what is to be, and
// neither waits nor changes anything.
import type { HealthTarget } from "../health/health-target.ts";
import type { Configuration } from "../model/configuration.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { addressKeyOf, reachedAddressesOf } from "./addresses.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Names } from "./resolver.ts";
import type { WantedListener } from "./routes.ts";
import type { RunningListener } from "./running-listener.ts";

/**
 * The targets of those load balancers that open a listener, or that take somebody away from those whom an open one sends to:
 * by deregistering it, or by asking for the first time how it is. Everybody whom `next` names is asked already.
 *
 * *Details*: where all who serve go on, whoever is new is worth no wait.
 */
export const findAwaited = (
  next: Configuration,
  wanted: ReadonlyArray<WantedListener>,
  names: Names,
  checks: InstanceChecks,
  running: ReadonlyMap<string, RunningListener>,
): ReadonlyArray<HealthTarget> =>
  next.loadBalancers.flatMap((loadBalancer) => {
    const staying = findStaying(loadBalancer, next.zone, names, checks);
    // By the socket: what was another load balancer's listener is this one's now.
    const isAwaited = ({ key }: WantedListener): boolean => {
      const serving = running.get(key)?.route.membership.members;
      return (
        serving?.some(({ id, endpoint, weight }) => weight > 0 && !staying.has(addressKeyOf(id, endpoint.address))) ??
        true
      );
    };
    const own = wanted.filter((one) => one.loadBalancer === loadBalancer);
    return own.some(isAwaited) ? checks.of(loadBalancer, names) : [];
  });

/** Where clients of a load balancer can be sent without an answer that is still to come. */
const findStaying = (
  loadBalancer: LoadBalancer,
  zone: string | undefined,
  names: Names,
  checks: InstanceChecks,
): ReadonlySet<string> => {
  // One without a share, drained, or out of this node's reach, isn't there for those who will be picked.
  const reached = reachedAddressesOf(loadBalancer, zone, names).filter(
    ({ instance }) => instance.weight !== 0 && instance.drainedSinceMs === undefined,
  );
  return new Set(
    reached
      .filter(({ instance, address }) => checks.find(loadBalancer.name, instance, address)?.isRegistering !== true)
      .map(({ instance, address }) => addressKeyOf(instance.id, address)),
  );
};
