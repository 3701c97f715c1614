// Who is due next: a binary heap that can let go of any entry. Pure; it knows no clock.
//
// Owned by the schedule. An entry keeps its own place in the heap, so that leaving costs no search.

/** What a queue can hold; an entry is in one queue at most. */
export interface DueEntry {
  /** On the schedule's clock, in milliseconds; only changed while the entry is in no queue. */
  dueMs: number;
  /** Its place in the heap, -1 while it is in none; only the queue changes it. */
  queueIndex: number;
}

export class DueQueue<T extends DueEntry> {
  private readonly heap: Array<T> = [];

  get size(): number {
    return this.heap.length;
  }

  /** Who is due first. */
  get first(): T | undefined {
    return this.heap[0];
  }

  add(entry: T): void {
    this.rise(entry, this.heap.length);
  }

  /** Takes an entry out; one that isn't in it is left alone. */
  remove(entry: T): void {
    const { heap } = this;
    const index = entry.queueIndex;
    if (index < 0) return;
    entry.queueIndex = -1;
    const last = heap.pop() as T;
    if (last === entry) return;
    if (index > 0 && last.dueMs < (heap[(index - 1) >> 1] as T).dueMs) this.rise(last, index);
    else this.sink(last, index);
  }

  private put(entry: T, index: number): void {
    this.heap[index] = entry;
    entry.queueIndex = index;
  }

  private rise(entry: T, from: number): void {
    let index = from;
    while (index > 0) {
      const parent = this.heap[(index - 1) >> 1] as T;
      if (parent.dueMs <= entry.dueMs) break;
      this.put(parent, index);
      index = (index - 1) >> 1;
    }
    this.put(entry, index);
  }

  private sink(entry: T, from: number): void {
    const { heap } = this;
    let index = from;
    for (;;) {
      let child = 2 * index + 1;
      const other = heap[child + 1];
      if (other !== undefined && other.dueMs < (heap[child] as T).dueMs) child++;
      const least = heap[child];
      if (least === undefined || entry.dueMs <= least.dueMs) break;
      this.put(least, index);
      index = child;
    }
    this.put(entry, index);
  }
}
