// The heap that balancers keep their members in: its first item, whatever moves and leaves.
import { expect, test } from "bun:test";
import { Heap } from "../../../src/policy/index.ts";
import { forSeeds } from "../../fuzz/random.ts";

interface Item {
  readonly name: number;
  rank: number;
  index: number;
}

const isBefore = (one: Item, other: Item): boolean =>
  one.rank === other.rank ? one.name < other.name : one.rank < other.rank;

test("by chance: the first item is the one that a search finds", () => {
  forSeeds(300, 300, (random) => {
    const heap = new Heap<Item>(isBefore);
    const items: Array<Item> = [];
    const firstOf = (some: ReadonlyArray<Item>) => [...some].sort((x, y) => (isBefore(x, y) ? -1 : 1))[0];
    for (let step = 0; step < 100; step++) {
      if (items.length === 0 || random.chance(0.4)) {
        const item = { name: step, rank: random.below(20), index: -1 };
        heap.insert(item);
        items.push(item);
      } else {
        const at = random.below(items.length);
        const item = items[at]!;
        if (random.chance(0.3)) {
          heap.remove(item);
          items.splice(at, 1);
        } else {
          item.rank = random.below(20);
          heap.moved(item);
        }
      }
      expect(heap.size).toBe(items.length);
      expect(heap.first).toBe(firstOf(items));
      const least = random.below(20);
      const willDo = ({ rank }: Item): boolean => rank >= least;
      expect(heap.firstWhere(willDo)).toBe(firstOf(items.filter(willDo)));
      expect(heap.first).toBe(firstOf(items));
    }
  });
});
