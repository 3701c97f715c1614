// The numbers of instances' health as metric families: checks, ejections, who is in service and what follows from it.
//
// Read from the running state when somebody asks. What is counted of each instance's connections is in listener-metrics.ts.
import type { Configuration } from "../model/configuration.ts";
import type { MetricFamily, Sample } from "../observe/metrics.ts";
import type { Choosing } from "./choosing.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Outliers } from "./outliers.ts";
import type { Names } from "./resolver.ts";

/** Families of every load balancer that the configuration names. */
export const readHealthMetrics = (
  { loadBalancers }: Configuration,
  names: Names,
  checks: InstanceChecks,
  outliers: Outliers,
  choosing: Choosing,
): ReadonlyArray<MetricFamily> => {
  const counts = loadBalancers.map(({ name, instances, healthCheck }) => {
    // As in the status: every address by itself, and a name without one is out of service.
    const states = instances.flatMap((instance) => {
      const { addresses } = names.get(instance.host);
      if (addresses.length === 0) return [false];
      return addresses.map(
        (address) =>
          // While a first check is waited for, nobody is asked by what holds yet.
          (healthCheck && checks.find(name, instance, address))?.isInService !== false &&
          outliers.find(name, instance, address)?.isEjected !== true,
      );
    });
    const inService = states.filter((isInService) => isInService).length;
    return { labels: { load_balancer: name }, inService, outOfService: states.length - inService };
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
        value: choosing.isPanicking(name) ? 1 : 0,
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
