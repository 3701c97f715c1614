/**
 * Items with weights, drawn in proportion to them in O(log n): a binary tree of sums.
 * Exported to balancing policies that choose by chance; owns which leaf an item has.
 * Never drifts: a sum is always made anew from the two below it, however often weights change.
 */

/** Items that share the line from 0 to {@link WeightTree.total}, each a stretch as long as its weight. */
export class WeightTree<T> {
  private readonly leaves = new Map<T, number>();
  private readonly free: Array<number> = [];
  private items: Array<T | undefined> = [];
  /** The root is at 1, the children of n at 2n and 2n + 1, the leaves at `capacity` and on. */
  private sums = new Float64Array(2);
  private capacity = 1;
  private start = 0;

  get size(): number {
    return this.leaves.size;
  }

  /** The sum of all weights. */
  get total(): number {
    return this.sums[1] as number;
  }

  /** Where the stretch of the item begins that {@link find} found last. */
  get foundStart(): number {
    return this.start;
  }

  /** Puts an item in, or gives it another weight (at least 0). */
  set(item: T, weight: number): void {
    let leaf = this.leaves.get(item);
    if (leaf === undefined) {
      if (this.leaves.size === this.capacity) this.grow();
      leaf = this.free.pop() ?? this.leaves.size;
      this.leaves.set(item, leaf);
      this.items[leaf] = item;
    }
    this.weigh(leaf, weight);
  }

  delete(item: T): void {
    const leaf = this.leaves.get(item);
    if (leaf === undefined) return;
    this.leaves.delete(item);
    this.items[leaf] = undefined;
    this.free.push(leaf);
    this.weigh(leaf, 0);
  }

  /** An item's weight; 0 for one that isn't there. */
  weightOf(item: T): number {
    const leaf = this.leaves.get(item);
    return leaf === undefined ? 0 : (this.sums[this.capacity + leaf] as number);
  }

  /** The item whose stretch holds the place `at`, which is at least 0 and below the total; undefined when nothing weighs. */
  find(at: number): T | undefined {
    const { sums, capacity } = this;
    if (!(this.total > 0)) return undefined;
    let node = 1;
    let rest = at;
    while (node < capacity) {
      const left = sums[2 * node] as number;
      // The second condition is for the last bit of a sum: rounding must not lead to a side where nobody is.
      if (rest < left || sums[2 * node + 1] === 0) node = 2 * node;
      else {
        rest -= left;
        node = 2 * node + 1;
      }
    }
    this.start = at - rest;
    return this.items[node - capacity];
  }

  /** What `draw` gives as if those excluded weren't there: for the moment they weigh nothing. */
  without<R>(exclude: ReadonlySet<T>, draw: () => R): R {
    const hidden = [...exclude].map((item) => [item, this.weightOf(item)] as const).filter(([, weight]) => weight > 0);
    for (const [item] of hidden) this.set(item, 0);
    const drawn = draw();
    for (const [item, weight] of hidden) this.set(item, weight);
    return drawn;
  }

  private weigh(leaf: number, weight: number): void {
    const { sums } = this;
    let node = this.capacity + leaf;
    sums[node] = weight;
    for (node >>= 1; node > 0; node >>= 1) {
      sums[node] = (sums[2 * node] as number) + (sums[2 * node + 1] as number);
    }
  }

  private grow(): void {
    const { sums, capacity } = this;
    const weights = sums.slice(capacity);
    this.capacity = 2 * capacity;
    this.sums = new Float64Array(2 * this.capacity);
    this.sums.set(weights, this.capacity);
    for (let node = this.capacity - 1; node > 0; node--) {
      this.sums[node] = (this.sums[2 * node] as number) + (this.sums[2 * node + 1] as number);
    }
  }
}
