// The queue of who is due against a naive model: the earliest comes first, whoever leaves is gone.
import { expect, test } from "bun:test";
import { type DueEntry, DueQueue } from "../../../src/health/due-queue.ts";
import { Random } from "../../fuzz/random.ts";

test.each([1, 2, 3])("seed %d: it gives the earliest of those that are in it", (seed) => {
  const random = new Random(seed);
  const queue = new DueQueue<DueEntry>();
  const model = new Set<DueEntry>();
  for (let round = 0; round < 5000; round++) {
    const choice = random.below(4);
    if (choice < 2) {
      const entry = { dueMs: random.below(100), queueIndex: -1 };
      queue.add(entry);
      model.add(entry);
    } else if (model.size > 0) {
      const entry = choice === 2 ? queue.first! : [...model][random.below(model.size)]!;
      queue.remove(entry);
      // Twice is once.
      queue.remove(entry);
      model.delete(entry);
      expect(entry.queueIndex).toBe(-1);
    }
    expect(queue.size).toBe(model.size);
    const least = Math.min(...[...model].map(({ dueMs }) => dueMs));
    expect(queue.first?.dueMs ?? Number.POSITIVE_INFINITY).toBe(least);
  }
});
