// The histogram: which range a value falls into, sums, and the quantiles that are estimated from the ranges.
import { expect, test } from "bun:test";
import { delayBounds, Histogram, latencyBounds, quantile } from "../../../src/observe/histogram.ts";

test("a bound belongs to the range below it, and what lies above every bound has a range of its own", () => {
  const histogram = new Histogram([1, 2, 5]);
  for (const value of [0, 1, 1.5, 2, 2.1, 5, 5.1, 1e9]) histogram.observe(value);
  expect([...histogram.counts]).toEqual([2, 2, 2, 2]);
  expect(histogram.count).toBe(8);
  expect(histogram.sum).toBe(0 + 1 + 1.5 + 2 + 2.1 + 5 + 5.1 + 1e9);
});

test("what is no number is left out", () => {
  const histogram = new Histogram([1]);
  histogram.observe(Number.NaN);
  expect([histogram.count, histogram.sum, ...histogram.counts]).toEqual([0, 0, 0, 0]);
});

test("one is added to another range by range", () => {
  const one = new Histogram([1, 2]);
  const other = new Histogram([1, 2]);
  one.observe(0.5);
  for (const value of [0.5, 1.5, 3]) other.observe(value);
  one.add(other);
  expect([one.count, one.sum, ...one.counts]).toEqual([4, 5.5, 2, 1, 1]);
});

test("quantiles lie on a straight line between a range's bounds", () => {
  const histogram = new Histogram([1, 2, 4]);
  for (const value of [0.1, 0.2, 1.1, 1.2, 1.3, 1.4, 3, 3]) histogram.observe(value);
  expect(quantile(histogram, 0)).toBe(0);
  expect(quantile(histogram, 0.25)).toBe(1);
  expect(quantile(histogram, 0.5)).toBe(1.5);
  expect(quantile(histogram, 0.875)).toBe(3);
  expect(quantile(histogram, 1)).toBe(4);
});

test("a quantile above every bound is the last bound; of nothing there is none", () => {
  const histogram = new Histogram([1, 2]);
  expect(quantile(histogram, 0.5)).toBeUndefined();
  histogram.observe(100);
  expect(quantile(histogram, 0.5)).toBe(2);
  expect(quantile(histogram, 7)).toBe(2);
});

test("the bounds in use rise", () => {
  for (const bounds of [latencyBounds, delayBounds]) {
    expect([...bounds].sort((one, other) => one - other)).toEqual([...bounds]);
  }
});
