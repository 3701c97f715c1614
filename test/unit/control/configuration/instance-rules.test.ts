// Instance lists as they are settled: which of several entries for one server stays, and how long a list may take.
import { expect, test } from "bun:test";
import { settleInstances } from "../../../../src/control/configuration/instance-rules.ts";
import type { Instance } from "../../../../src/model/instance.ts";

const settle = (texts: ReadonlyArray<string>, ports: ReadonlyArray<number> = [80], inventory = emptyInventory) =>
  settleInstances(
    {
      instances: texts.map((text, index) => ({ place: ["instances", index], text })),
      listeners: ports.map((instancePort) => ({ instancePort })),
    },
    inventory,
  );

const emptyInventory: ReadonlyMap<string, Omit<Instance, "id">> = new Map();

test("of two entries for one server the first stays, and the other is told of the first that it repeats", () => {
  const inventory = new Map([["i-1", { host: "10.0.0.1" }]]);
  const { instances, findings } = settle(["10.0.0.1:80", "i-1", "10.0.0.2", "i-1:81", "i-1"], [80], inventory);
  expect(instances.map(({ id }) => id)).toEqual(["10.0.0.1:80", "10.0.0.2", "i-1"]);
  expect(findings.map(({ place, problem }) => [place[1], problem])).toEqual([
    [1, '"i-1" is the same server as "10.0.0.1:80", instances[0]'],
    [4, '"i-1" is the same server as "10.0.0.1:80", instances[0]'],
  ]);
});

test("without one instance port for all, an entry with a port is another server than one without", () => {
  const { instances, findings } = settle(["10.0.0.1", "10.0.0.1:80"], [80, 81]);
  expect(instances).toHaveLength(2);
  expect(findings.map(({ problem }) => problem)).toEqual([
    'port 80 of "10.0.0.1:80" overrides the instance port, but the listeners have different ones (80, 81)',
  ]);
});

test("a long list takes as long as it is long, not as its square", () => {
  const timeOf = (count: number): number => {
    const texts = Array.from({ length: count }, (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`);
    const startedMs = performance.now();
    expect(settle(texts).instances).toHaveLength(count);
    return performance.now() - startedMs;
  };
  timeOf(1000);
  // Each against all before it would be 1.8 thousand million looks, for some ten seconds.
  expect(timeOf(60_000)).toBeLessThan(3000);
});
