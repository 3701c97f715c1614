// The Prometheus text format: metric families in, one scrape body out. It sits at the end of the metrics path, behind
// GET /metrics. It owns the escaping rules; it never counts anything itself.
// Source: Prometheus documentation, "Exposition formats", text-based format 0.0.4.

import type { MetricFamily } from "../observe/metrics.ts";

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

const formatLabels = (labels: Readonly<Record<string, string>>): string => {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabelValue(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
};

/** Renders metric families as one scrape body; a family without samples still tells its name and type. */
export const formatMetrics = (families: ReadonlyArray<MetricFamily>): string => {
  const lines: Array<string> = [];
  for (const family of families) {
    lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`);
    for (const sample of family.samples) {
      lines.push(`${family.name}${formatLabels(sample.labels)} ${formatValue(sample.value)}`);
    }
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
};
