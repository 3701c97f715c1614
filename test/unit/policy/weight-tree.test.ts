// The tree of weights that balancers draw from: each item a stretch as long as its weight, and nothing else on the line.
import { expect, test } from "bun:test";
import { WeightTree } from "../../../src/policy/index.ts";
import { forSeeds } from "../../fuzz/random.ts";

test("nothing is found where nothing weighs", () => {
  const tree = new WeightTree<string>();
  expect([tree.size, tree.total, tree.find(0)]).toEqual([0, 0, undefined]);
  tree.set("a", 0);
  expect([tree.size, tree.total, tree.find(0)]).toEqual([1, 0, undefined]);
  tree.set("b", 2);
  expect([tree.find(0), tree.find(1.999), tree.find(2)]).toEqual(["b", "b", "b"]);
  tree.delete("b");
  tree.delete("b");
  expect([tree.size, tree.total, tree.find(0), tree.weightOf("b")]).toEqual([1, 0, undefined, 0]);
});

test("a place that rounding has put at the very end belongs to the last who weighs anything", () => {
  const tree = new WeightTree<string>();
  tree.set("a", 1);
  tree.set("b", 0);
  expect(tree.find(1)).toBe("a");
});

test("by chance: stretches cover the line, each as long as its item's weight", () => {
  forSeeds(300, 300, (random) => {
    const tree = new WeightTree<number>();
    const weights = new Map<number, number>();
    for (let step = 0; step < 80; step++) {
      const item = random.below(30);
      if (random.chance(0.3)) {
        tree.delete(item);
        weights.delete(item);
      } else {
        const weight = random.below(8);
        tree.set(item, weight);
        weights.set(item, weight);
      }
    }
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    expect([tree.size, tree.total]).toEqual([weights.size, total]);
    const found = new Map<number, number>();
    for (let at = 0; at < total; at++) {
      const item = tree.find(at + random.next())!;
      found.set(item, (found.get(item) ?? 0) + 1);
      expect(tree.foundStart).toBeWithin(at - weights.get(item)! + 1 - 1e-9, at + 1e-9);
    }
    for (const [item, weight] of weights) expect([found.get(item) ?? 0, tree.weightOf(item)]).toEqual([weight, weight]);
  });
});

test("those excluded weigh nothing while another is drawn, and what they weighed afterwards", () => {
  const tree = new WeightTree<string>();
  tree.set("a", 1);
  tree.set("b", 2);
  const drawn = tree.without(new Set(["b", "stranger"]), () => [tree.total, tree.find(0.5)]);
  expect(drawn).toEqual([1, "a"]);
  expect([tree.total, tree.size, tree.weightOf("b")]).toEqual([3, 2, 2]);
});
