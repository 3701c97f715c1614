// What is counted of each load balancer by itself, beside its listeners and instances.
//
// Counters of a load balancer must not fall when one of its listeners or instances goes, or whoever reads them takes it
// for a restart. Owns one object for each name that is configured, made when it is first asked for; it adds nothing up.
import { LoadBalancerCounters } from "../observe/counters.ts";

export class LoadBalancerCounts {
  private readonly counts = new Map<string, LoadBalancerCounters>();

  /** The counts of a load balancer. */
  of(loadBalancer: string): LoadBalancerCounters {
    const known = this.counts.get(loadBalancer);
    if (known !== undefined) return known;
    const counters = new LoadBalancerCounters();
    this.counts.set(loadBalancer, counters);
    return counters;
  }

  /** Forgets load balancers that are gone. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const name of this.counts.keys()) if (!names.has(name)) this.counts.delete(name);
  }
}
