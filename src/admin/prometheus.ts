// The Prometheus text format: metric families in, one scrape body out. It sits at the end of the metrics path, behind
// GET /metrics. It owns the escaping rules and how a histogram is spelt; it never counts anything itself.
// Source: Prometheus documentation, "Exposition formats", text-based format 0.0.4.

import type { Labels, MetricFamily, Spread } from "../observe/metrics.ts";

/** The content type of a scrape body in the text format. */
export const prometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

const escapeHelp = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");

const escapeLabelValue = (text: string): string => escapeHelp(text).replaceAll('"', '\\"');

// The format spells the special floats as Go does, not as JavaScript does.
const formatValue = (value: number): string => {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return String(value);
};

const formatLabels = (labels: Labels): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabelValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
};

/** The same labels and one more, last. */
const formatBucketLabels = (formatted: string, bound: string): string =>
  formatted === "" ? `{le="${bound}"}` : `${formatted.slice(0, -1)},le="${bound}"}`;

/** Cumulative buckets, the last of them of all values, then the sum and the count. */
const writeSpread = (
  name: string,
  formatted: string,
  { bounds, counts, sum, count }: Spread,
  lines: Array<string>,
): void => {
  let below = 0;
  for (let index = 0; index < bounds.length; index++) {
    below += counts[index] as number;
    lines.push(`${name}_bucket${formatBucketLabels(formatted, formatValue(bounds[index] as number))} ${below}`);
  }
  lines.push(
    `${name}_bucket${formatBucketLabels(formatted, "+Inf")} ${count}`,
    `${name}_sum${formatted} ${formatValue(sum)}`,
    `${name}_count${formatted} ${count}`,
  );
};

/** Renders metric families as one scrape body; a family without samples still tells its name and type. */
export const formatMetrics = (families: ReadonlyArray<MetricFamily>): string => {
  const lines: Array<string> = [];
  for (const family of families) {
    lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`);
    for (const { labels, value, spread } of family.samples) {
      const formatted = formatLabels(labels);
      if (spread === undefined) lines.push(`${family.name}${formatted} ${formatValue(value)}`);
      else writeSpread(family.name, formatted, spread, lines);
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
};
