// How values are spread: a count for each of a few fixed ranges, their sum, and quantiles estimated from them.
//
// Observed on the data path with plain numbers, so an observation costs a short search and no allocation. Owns its
// counts; what they measure and how they are shown is for others. One lives as long as what it measures.

/** Upper bounds for times that a client waits, in seconds: half a millisecond to a minute, the default idle timeout. */
export const latencyBounds: ReadonlyArray<number> = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** Upper bounds for how late the event loop is, in seconds. */
export const delayBounds: ReadonlyArray<number> = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** Counts of values by range; each bound belongs to the range below it, as in Prometheus. */
export class Histogram {
  /** The upper bound of every range but the last, rising. */
  readonly bounds: Float64Array;
  /** How many values fell into each range by itself; the last is of those above every bound. */
  readonly counts: Float64Array;
  /** The sum of all values. */
  sum = 0;
  /** How many values there were. */
  count = 0;

  constructor(bounds: ReadonlyArray<number>) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
  }

  /** Takes over what another with the same bounds has counted. */
  add(other: Histogram): void {
    for (let index = 0; index < this.counts.length; index++) {
      this.counts[index] = (this.counts[index] as number) + (other.counts[index] as number);
    }
    this.sum += other.sum;
    this.count += other.count;
  }

  /** Counts one value; one that is no number is left out. */
  observe(value: number): void {
    if (Number.isNaN(value)) return;
    const bounds = this.bounds;
    let index = 0;
    while (index < bounds.length && value > (bounds[index] as number)) index++;
    this.counts[index] = (this.counts[index] as number) + 1;
    this.sum += value;
    this.count++;
  }
}

/**
 * The value below which a share `q` (0 to 1) of those observed lies, as well as its range tells: on a straight line
 * between the range's bounds, as Prometheus's `histogram_quantile`. The last bound for what lies above it; undefined
 * where nothing was observed.
 */
export const quantile = (histogram: Pick<Histogram, "bounds" | "counts" | "count">, q: number): number | undefined => {
  const { bounds, counts, count } = histogram;
  if (count === 0) return undefined;
  const rank = Math.min(Math.max(q, 0), 1) * count;
  let below = 0;
  for (let index = 0; index < bounds.length; index++) {
    const here = counts[index] as number;
    if (here > 0 && below + here >= rank) {
      const from = index === 0 ? 0 : (bounds[index - 1] as number);
      return from + ((bounds[index] as number) - from) * ((rank - below) / here);
    }
    below += here;
  }
  return bounds.at(-1);
};
