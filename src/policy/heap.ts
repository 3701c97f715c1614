/**
 * A binary heap whose items know their places, so that any of them can move or leave in O(log n).
 * Exported to balancing policies, which keep their members in order with it; owns the items' `index`.
 * Never allocates but when it grows, and in `firstWhere` when the first item won't do.
 */

/** An item of a {@link Heap}; one heap at a time. */
export interface HeapItem {
  /** Its place; only the heap changes it. */
  index: number;
}

/** Items in a partial order: the first one is known. */
export class Heap<T extends HeapItem> {
  private readonly items: Array<T> = [];

  /** @param isBefore a strict order in which no two items are alike, so that what is first never depends on history. */
  constructor(private readonly isBefore: (one: T, other: T) => boolean) {}

  get size(): number {
    return this.items.length;
  }

  /** The item before all others; undefined when there is none. */
  get first(): T | undefined {
    return this.items[0];
  }

  insert(item: T): void {
    item.index = this.items.length;
    this.items.push(item);
    this.rise(item);
  }

  remove(item: T): void {
    const last = this.items.pop() as T;
    if (last === item) return;
    this.items[item.index] = last;
    last.index = item.index;
    this.moved(last);
  }

  /** The item's place in the order has changed. */
  moved(item: T): void {
    this.rise(item);
    this.sink(item);
  }

  /** The first item that will do; O(k log n) after k that won't. */
  firstWhere(willDo: (item: T) => boolean): T | undefined {
    const { first } = this;
    if (first === undefined || willDo(first)) return first;
    const refused: Array<T> = [];
    let found = this.first;
    while (found !== undefined && !willDo(found)) {
      this.remove(found);
      refused.push(found);
      found = this.first;
    }
    for (const item of refused) this.insert(item);
    return found;
  }

  private rise(item: T): void {
    const { items, isBefore } = this;
    let { index } = item;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = items[above] as T;
      if (!isBefore(item, parent)) break;
      items[index] = parent;
      parent.index = index;
      index = above;
    }
    items[index] = item;
    item.index = index;
  }

  private sink(item: T): void {
    const { items, isBefore } = this;
    const { length } = items;
    let { index } = item;
    for (let below = 2 * index + 1; below < length; below = 2 * index + 1) {
      let child = items[below] as T;
      if (below + 1 < length) {
        const right = items[below + 1] as T;
        if (isBefore(right, child)) child = right;
      }
      if (!isBefore(child, item)) break;
      const freed = child.index;
      items[index] = child;
      child.index = index;
      index = freed;
    }
    items[index] = item;
    item.index = index;
  }
}
