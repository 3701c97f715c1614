// What a metrics page shows: families of samples, gathered from whoever has registered a source.
//
// Owns the list of sources and nothing else; how they are written (Prometheus text, later OTLP) is the reader's affair.

/** One number with its labels. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Samples of one name. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly samples: ReadonlyArray<Sample>;
}

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
