// The numbers of instances' health as metric families: checks, ejections, who is in service and what follows from it.
//
// Read from the running state when somebody asks. What is counted of each instance's connections is in listener-metrics.ts.
import { isInService } from "../backend/backend-member.ts";
import type { Configuration } from "../model/configuration.ts";
import type { MetricFamily, Sample } from "../observe/metrics.ts";
import { addressesOf } from "./addresses.ts";
import type { ChosenMembers } from "./chosen-members.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Outliers } from "./outliers.ts";
import type { Names } from "./resolver.ts";

/** A load balancer's instances in one zone, or in none that anybody has said. */
export interface HostCount {
  readonly loadBalancer: string;
  readonly zone: string | undefined;
  inService: number;
  outOfService: number;
}

/** Counts the addresses of every load balancer's instances by zone, in service and out of it; one without instances has 0. */
export const countHosts = (
  { loadBalancers }: Configuration,
  names: Names,
  checks: InstanceChecks,
  outliers: Outliers,
): ReadonlyArray<HostCount> =>
  loadBalancers.flatMap((loadBalancer) => {
    const { name, instances } = loadBalancer;
    const counts = new Map<string | undefined, HostCount>();
    const countOf = (zone: string | undefined): HostCount => {
      const count = counts.get(zone) ?? { loadBalancer: name, zone, inService: 0, outOfService: 0 };
      counts.set(zone, count);
      return count;
    };
    for (const { instance, address } of addressesOf(loadBalancer, names)) {
      const count = countOf(instance.zone);
      const isWell =
        instance.drainedSinceMs === undefined &&
        isInService(checks.findAsked(loadBalancer, instance, address), outliers.find(name, instance, address));
      if (isWell) count.inService++;
      else count.outOfService++;
    }
    // As in the status: every address by itself, and a name without one is out of service.
    for (const { host, zone } of instances) if (names.get(host).addresses.length === 0) countOf(zone).outOfService++;
    if (counts.size === 0) countOf(undefined);
    return [...counts.values()];
  });

/** Families of every load balancer that the configuration names; `hosts` are its instances. */
export const readHealthMetrics = (
  { loadBalancers }: Configuration,
  hosts: ReadonlyArray<HostCount>,
  checks: InstanceChecks,
  outliers: Outliers,
  chosen: ChosenMembers,
): ReadonlyArray<MetricFamily> => {
  const counts = loadBalancers.map(({ name }) => {
    const own = hosts.filter(({ loadBalancer }) => loadBalancer === name);
    return {
      labels: { load_balancer: name },
      inService: own.reduce((sum, { inService }) => sum + inService, 0),
      outOfService: own.reduce((sum, { outOfService }) => sum + outOfService, 0),
    };
  });
  return [
    {
      name: "elbow_instances_in_service",
      help: "Addresses of registered instances that are in service; AWS's HealthyHostCount.",
      type: "gauge",
      samples: counts.map(({ labels, inService }) => ({ labels, value: inService })),
    },
    {
      name: "elbow_instances_out_of_service",
      help: "Addresses of registered instances that are out of service; AWS's UnHealthyHostCount.",
      type: "gauge",
      samples: counts.map(({ labels, outOfService }) => ({ labels, value: outOfService })),
    },
    {
      name: "elbow_panic",
      help: "1 while instances get traffic whatever their health, because too few are in service.",
      type: "gauge",
      samples: loadBalancers.map(({ name }) => ({
        labels: { load_balancer: name },
        value: chosen.isPanicking(name) ? 1 : 0,
      })),
    },
    {
      name: "elbow_health_checks_total",
      help: "Health checks that were made, by their result.",
      type: "counter",
      samples: [...checks.counts].flatMap(([name, results]) =>
        Object.entries(results).map(([result, value]): Sample => ({ labels: { load_balancer: name, result }, value })),
      ),
    },
    {
      name: "elbow_outlier_ejections_total",
      help: "Addresses of instances that outlier detection has ejected.",
      type: "counter",
      samples: outliers.ejections.map(([name, value]) => ({ labels: { load_balancer: name }, value })),
    },
  ];
};
