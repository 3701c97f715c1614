// What a metrics page shows: families of samples, gathered from whoever has registered a source.
//
// Owns the list of sources and nothing else; how they are written (Prometheus text, OTLP) is the reader's affair.
import type { Histogram } from "./histogram.ts";

/** What a series is told apart by; never a client's value. */
export type Labels = Readonly<Record<string, string>>;

/** A spread of values, as far as it is shown. */
export type Spread = Pick<Histogram, "bounds" | "counts" | "sum" | "count">;

/** One number with its labels. */
export interface Sample {
  readonly labels: Labels;
  /** Of a histogram, how many values there were. */
  readonly value: number;
  /** Of a histogram, and there only. */
  readonly spread?: Spread;
}

/** Samples of one name. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: ReadonlyArray<Sample>;
}

/** A histogram as a sample. */
export const sampleOf = (labels: Labels, spread: Spread): Sample => ({ labels, value: spread.count, spread });

/** Answers the current numbers of one part of the program. */
export type MetricSource = () => ReadonlyArray<MetricFamily>;

const sources = new Set<MetricSource>();

/** Adds a source until the returned function is called. */
export const registerMetrics = (source: MetricSource): (() => void) => {
  sources.add(source);
  return () => {
    sources.delete(source);
  };
};

/** Every family of every source; families of the same name are joined. */
export const collectMetrics = (): ReadonlyArray<MetricFamily> => {
  const families = new Map<string, MetricFamily>();
  for (const source of sources) {
    for (const family of source()) {
      const known = families.get(family.name);
      families.set(family.name, known ? { ...known, samples: [...known.samples, ...family.samples] } : family);
    }
  }
  return [...families.values()];
};
