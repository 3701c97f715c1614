// The load balancers' numbers under the names and meaning that CloudWatch has for a Classic Load Balancer.
//
// For whoever moves dashboards and alarms over: one series for each load balancer, with the zone of this node where it has
// one, as CloudWatch's dimensions are. Read from the running state when somebody asks; it counts nothing itself.
// Source: "CloudWatch metrics for your Classic Load Balancer" (AWS), without the estimates for another product.
import type { Configuration } from "../model/configuration.ts";
import type { ListenerCounters, LoadBalancerCounters } from "../observe/counters.ts";
import { Histogram, latencyBounds } from "../observe/histogram.ts";
import { type Labels, type MetricFamily, type Sample, sampleOf } from "../observe/metrics.ts";
import type { HostCount } from "./health-metrics.ts";
import type { LoadBalancerCounts } from "./load-balancer-counts.ts";
import type { RunningListener } from "./running-listener.ts";

/** Everything that one load balancer's numbers are made of. */
interface Counted {
  readonly labels: Labels;
  readonly totals: LoadBalancerCounters;
  readonly listeners: ReadonlyArray<ListenerCounters>;
  readonly surge: RunningListener["route"]["surge"] | undefined;
}

/** Families of every load balancer that the configuration names; `hosts` are its instances, counted by zone. */
export const readCloudWatchMetrics = (
  { loadBalancers, zone }: Configuration,
  running: Iterable<RunningListener>,
  counts: LoadBalancerCounts,
  hosts: ReadonlyArray<HostCount>,
): ReadonlyArray<MetricFamily> => {
  const open = [...running];
  const counted = loadBalancers.map(({ name }): Counted => {
    const routes = open.map(({ route }) => route).filter(({ loadBalancer }) => loadBalancer === name);
    const totals = counts.of(name);
    return {
      labels: labelsOf(name, zone),
      totals,
      listeners: [...routes.map(({ counters }) => counters), ...totals.removedListeners],
      surge: routes[0]?.surge,
    };
  });
  const perLoadBalancer = (read: (one: Counted) => number): ReadonlyArray<Sample> =>
    counted.map((one) => ({ labels: one.labels, value: read(one) }));
  const summed = (read: (counters: ListenerCounters) => number) =>
    perLoadBalancer(({ listeners }) => listeners.reduce((sum, counters) => sum + read(counters), 0));
  const counter = (name: string, help: string, samples: ReadonlyArray<Sample>): MetricFamily => ({
    name,
    help,
    type: "counter",
    samples,
  });
  const gauge = (name: string, help: string, samples: ReadonlyArray<Sample>): MetricFamily => ({
    name,
    help,
    type: "gauge",
    samples,
  });
  const perZone = (read: (count: HostCount) => number): ReadonlyArray<Sample> =>
    hosts.map((count) => ({ labels: labelsOf(count.loadBalancer, count.zone), value: read(count) }));
  const byInstances =
    (statusClass: number) =>
    ({ answers, ownAnswers }: ListenerCounters): number =>
      (answers[statusClass] as number) - (ownAnswers[statusClass] as number);
  const byElbow =
    (statusClass: number) =>
    ({ ownAnswers }: ListenerCounters): number =>
      ownAnswers[statusClass] as number;
  return [
    counter(
      "elbow_cloudwatch_request_count_total",
      "RequestCount: HTTP requests sent to an instance; at layer 4, connections made to one for a client.",
      summed(({ routed }) => routed),
    ),
    counter(
      "elbow_cloudwatch_backend_connection_errors_total",
      "BackendConnectionErrors: connections to instances that failed, those ahead of demand, again and for health checks included.",
      perLoadBalancer(({ totals }) => totals.connectionErrors),
    ),
    counter(
      "elbow_cloudwatch_desync_mitigation_mode_non_compliant_request_count_total",
      "DesyncMitigationMode_NonCompliant_Request_Count: HTTP requests that don't comply with RFC 9112.",
      summed(({ desync }) => [...desync.values()].reduce((sum, count) => sum + count, 0)),
    ),
    gauge(
      "elbow_cloudwatch_healthy_hosts",
      "HealthyHostCount: addresses of registered instances that are in service, by their zone.",
      perZone(({ inService }) => inService),
    ),
    gauge(
      "elbow_cloudwatch_unhealthy_hosts",
      "UnHealthyHostCount: addresses of registered instances that aren't in service, by their zone.",
      perZone(({ outOfService }) => outOfService),
    ),
    counter(
      "elbow_cloudwatch_httpcode_backend_2xx_total",
      "HTTPCode_Backend_2XX: answers of instances with a status from 200 to 299.",
      summed(byInstances(2)),
    ),
    counter(
      "elbow_cloudwatch_httpcode_backend_3xx_total",
      "HTTPCode_Backend_3XX: answers of instances with a status from 300 to 399.",
      summed(byInstances(3)),
    ),
    counter(
      "elbow_cloudwatch_httpcode_backend_4xx_total",
      "HTTPCode_Backend_4XX: answers of instances with a status from 400 to 499.",
      summed(byInstances(4)),
    ),
    counter(
      "elbow_cloudwatch_httpcode_backend_5xx_total",
      "HTTPCode_Backend_5XX: answers of instances with a status from 500 to 599.",
      summed(byInstances(5)),
    ),
    counter(
      "elbow_cloudwatch_httpcode_elb_4xx_total",
      "HTTPCode_ELB_4XX: answers that elbow made itself with a status from 400 to 499.",
      summed(byElbow(4)),
    ),
    counter(
      "elbow_cloudwatch_httpcode_elb_5xx_total",
      "HTTPCode_ELB_5XX: answers that elbow made itself with a status from 500 to 599.",
      summed(byElbow(5)),
    ),
    {
      name: "elbow_cloudwatch_latency_seconds",
      help: "Latency: from a request sent to the response's head; at layer 4, to connect to an instance.",
      type: "histogram",
      samples: counted.map(({ labels, listeners }) => sampleOf(labels, sumLatency(listeners))),
    },
    counter(
      "elbow_cloudwatch_spillover_count_total",
      "SpilloverCount: requests and layer-4 connections refused because the surge queue was full.",
      perLoadBalancer(({ surge }) => surge?.spilled ?? 0),
    ),
    gauge(
      "elbow_cloudwatch_surge_queue_length",
      "SurgeQueueLength: requests and layer-4 connections that wait for room on an instance.",
      perLoadBalancer(({ surge }) => surge?.length ?? 0),
    ),
  ];
};

const labelsOf = (loadBalancer: string, zone: string | undefined): Labels =>
  zone === undefined ? { load_balancer: loadBalancer } : { load_balancer: loadBalancer, availability_zone: zone };

const sumLatency = (listeners: ReadonlyArray<ListenerCounters>): Histogram => {
  const sum = new Histogram(latencyBounds);
  for (const { latency } of listeners) sum.add(latency);
  return sum;
};
