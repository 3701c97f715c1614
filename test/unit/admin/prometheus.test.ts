// The Prometheus text format: layout, escaping, and the spelling of special numbers.
import { expect, test } from "bun:test";
import { formatMetrics } from "../../../src/admin/prometheus.ts";
import { Histogram } from "../../../src/observe/histogram.ts";
import { sampleOf } from "../../../src/observe/metrics.ts";

test("a family is its help, its type and a line for each sample", () => {
  const text = formatMetrics([
    {
      name: "elbow_connections_total",
      help: "Accepted connections.",
      type: "counter",
      samples: [
        { labels: { listener: "web:8080", protocol: "HTTP" }, value: 3 },
        { labels: {}, value: 0.5 },
      ],
    },
    { name: "elbow_open", help: "Open.", type: "gauge", samples: [] },
  ]);
  expect(text).toBe(
    [
      "# HELP elbow_connections_total Accepted connections.",
      "# TYPE elbow_connections_total counter",
      'elbow_connections_total{listener="web:8080",protocol="HTTP"} 3',
      "elbow_connections_total 0.5",
      "# HELP elbow_open Open.",
      "# TYPE elbow_open gauge",
      "",
    ].join("\n"),
  );
});

test("a histogram's buckets are cumulative, and the last one counts all", () => {
  const histogram = new Histogram([0.5, 1]);
  for (const value of [0.1, 0.5, 0.7, 3]) histogram.observe(value);
  const family = (labels: Record<string, string>) =>
    formatMetrics([{ name: "m_seconds", help: "h", type: "histogram", samples: [sampleOf(labels, histogram)] }]);
  expect(family({})).toBe(
    [
      "# HELP m_seconds h",
      "# TYPE m_seconds histogram",
      'm_seconds_bucket{le="0.5"} 2',
      'm_seconds_bucket{le="1"} 3',
      'm_seconds_bucket{le="+Inf"} 4',
      "m_seconds_sum 4.3",
      "m_seconds_count 4",
      "",
    ].join("\n"),
  );
  expect(family({ listener: "80" })).toContain(
    'm_seconds_bucket{listener="80",le="+Inf"} 4\nm_seconds_sum{listener="80"} 4.3',
  );
});

test("help escapes backslash and line feed; a label value escapes quotes as well", () => {
  const text = formatMetrics([
    { name: "m", help: 'a\\b\n"c"', type: "gauge", samples: [{ labels: { l: 'a\\b\n"c"' }, value: 1 }] },
  ]);
  expect(text).toBe('# HELP m a\\\\b\\n"c"\n# TYPE m gauge\nm{l="a\\\\b\\n\\"c\\""} 1\n');
});

test.each([
  [Number.POSITIVE_INFINITY, "+Inf"],
  [Number.NEGATIVE_INFINITY, "-Inf"],
  [Number.NaN, "NaN"],
  [1e21, "1e+21"],
  [1795336872.761, "1795336872.761"],
])("the value %p is written %s", (value, text) => {
  expect(formatMetrics([{ name: "m", help: "h", type: "gauge", samples: [{ labels: {}, value }] }])).toEndWith(
    `\nm ${text}\n`,
  );
});

test("nothing to tell is an empty body", () => {
  expect(formatMetrics([])).toBe("");
});
