// Metric families as OTLP has them: sums, gauges and histograms with their points, under the names of the metrics page.
//
// Behind the sources of metrics, in front of Effect's OTLP exporter. It is told the time, and counts nothing.
// Source: OpenTelemetry Protocol Specification, "Metrics Data Model"; counts are cumulative since the process's start.
import type { OtlpMetrics, OtlpResource } from "effect/observability";
import type { Labels, MetricFamily, Sample } from "../metrics.ts";

/** Who speaks, and when. */
interface MetricsMoment {
  readonly resource: OtlpResource.Resource;
  readonly version: string;
  /** When counting began, and now; Unix time in nanoseconds. */
  readonly startNanos: string;
  readonly nowNanos: string;
}

type Metric = OtlpMetrics.MetricsData["resourceMetrics"][number]["scopeMetrics"][number]["metrics"][number];

/** "AGGREGATION_TEMPORALITY_CUMULATIVE". */
const cumulative = 2;

/** Every family with a sample, as one message. */
export const makeMetricsData = (
  families: ReadonlyArray<MetricFamily>,
  moment: MetricsMoment,
): OtlpMetrics.MetricsData => ({
  resourceMetrics: [
    {
      resource: moment.resource,
      scopeMetrics: [
        {
          scope: { name: "elbow", version: moment.version },
          metrics: families.filter(({ samples }) => samples.length > 0).map((family) => toMetric(family, moment)),
        },
      ],
    },
  ],
});

const toMetric = (family: MetricFamily, { startNanos, nowNanos }: MetricsMoment): Metric => {
  const { name, help, type, samples } = family;
  const described = { name, description: help, unit: unitOf(name) };
  const times = { startTimeUnixNano: startNanos, timeUnixNano: nowNanos };
  const pointOf = ({ labels, value }: Sample) => ({
    attributes: attributesOf(labels),
    ...times,
    asDouble: value,
  });
  switch (type) {
    case "gauge":
      return { ...described, gauge: { dataPoints: samples.map(pointOf) } };
    case "counter":
      return {
        ...described,
        sum: {
          dataPoints: samples.map(pointOf),
          aggregationTemporality: cumulative,
          isMonotonic: true,
        },
      };
    case "histogram":
      return {
        ...described,
        histogram: {
          dataPoints: samples.flatMap(({ labels, spread }) =>
            spread === undefined
              ? []
              : [
                  {
                    attributes: attributesOf(labels),
                    ...times,
                    count: spread.count,
                    sum: spread.sum,
                    bucketCounts: [...spread.counts],
                    explicitBounds: [...spread.bounds],
                  },
                ],
          ),
          aggregationTemporality: cumulative,
        },
      };
  }
};

const attributesOf = (labels: Labels) =>
  Object.entries(labels).map(([key, value]) => ({ key, value: { stringValue: value } }));

/** By the unit that our names carry, in UCUM's spelling; a number without a unit is `1`. */
const unitOf = (name: string): string => {
  if (/_seconds(?:_total)?$/.test(name)) return "s";
  return /_bytes(?:_total)?$/.test(name) ? "By" : "1";
};
