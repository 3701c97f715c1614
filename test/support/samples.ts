// Numbers of the metrics page, by name and labels.
import { collectMetrics } from "../../src/observe/metrics.ts";

/** The sum of the samples of a metric that have these labels; undefined when there is none. */
export const sampleOf = (name: string, labels: Readonly<Record<string, string>> = {}): number | undefined => {
  const samples = collectMetrics()
    .filter((family) => family.name === name)
    .flatMap((family) => family.samples)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value));
  return samples.length === 0 ? undefined : samples.reduce((sum, { value }) => sum + value, 0);
};
