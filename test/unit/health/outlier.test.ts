// Ejections in virtual time: when they begin, how long they last, and how many there may be.
import { describe, expect, test } from "bun:test";
import { Outlier, OutlierGroup, type OutlierTerms } from "../../../src/health/outlier.ts";
import { makeRandom } from "../../../src/policy/random.ts";

const terms: OutlierTerms = { failures: 5, ejectionMs: 30_000, maxEjectionMs: 100_000, maxEjectedShare: 50 };

const makeGroup = (size: number, own: Partial<OutlierTerms> = {}) => ({
  group: new OutlierGroup({ ...terms, ...own }, size),
  outliers: Array.from({ length: size }, () => new Outlier()),
});

const at = <T>(items: ReadonlyArray<T>, index: number): T => items[index] as T;

test("who is ejected isn't ejected once more, room or not", () => {
  const { group, outliers } = makeGroup(4);
  const one = at(outliers, 0);
  expect(group.hasRoom).toBe(true);
  expect(group.eject(one, 0)).toBe(true);
  expect([one.isEjected, group.hasRoom]).toEqual([true, true]);
  expect(group.eject(one, 1)).toBe(false);
  expect(one.ejections).toBe(1);
  expect(group.eject(at(outliers, 1), 1)).toBe(true);
  expect(group.hasRoom).toBe(false);
});

describe("how long", () => {
  test("each ejection in a row lasts longer by the first one's time, up to the longest", () => {
    const { group, outliers } = makeGroup(2);
    const one = at(outliers, 0);
    const lasted: Array<number> = [];
    let nowMs = 1000;
    for (let round = 0; round < 5; round++) {
      expect(group.eject(one, nowMs)).toBe(true);
      const endMs = group.nextEndMs;
      expect(group.release(endMs - 1)).toEqual([]);
      expect(group.release(endMs)).toEqual([one]);
      lasted.push(endMs - nowMs);
      nowMs = endMs + 99_999;
    }
    expect(lasted).toEqual([30_000, 60_000, 90_000, 100_000, 100_000]);
    expect(group.nextEndMs).toBe(Number.POSITIVE_INFINITY);
  });

  test("who has been back for as long as the longest ejection begins anew", () => {
    const { group, outliers } = makeGroup(2);
    const one = at(outliers, 0);
    group.eject(one, 0);
    group.release(30_000);
    group.eject(one, 129_999);
    expect(one.ejections).toBe(2);
    group.release(189_999);
    group.eject(one, 289_999);
    expect(one.ejections).toBe(1);
    expect(group.nextEndMs).toBe(319_999);
  });

  test("other terms hold for ejections under way", () => {
    const { group, outliers } = makeGroup(2);
    const one = at(outliers, 0);
    group.eject(one, 0);
    group.terms = { ...terms, ejectionMs: 10_000 };
    expect(group.nextEndMs).toBe(10_000);
    expect(group.release(10_000)).toEqual([one]);
  });
});

describe("how many", () => {
  test.each([
    [1, 50, 0],
    [2, 50, 1],
    [3, 50, 1],
    [10, 10, 1],
    [9, 10, 0],
    [4, 100, 4],
    [4, 0, 0],
    [3, 66.7, 2],
  ])("of %d instances, %d %%: %d", (size, maxEjectedShare, most) => {
    const { group, outliers } = makeGroup(size, { maxEjectedShare });
    expect(outliers.filter((outlier) => group.eject(outlier, 0))).toHaveLength(most);
  });

  test("when there are fewer instances, or may be fewer ejected, those come back first whose time is over first", () => {
    const { group, outliers } = makeGroup(4);
    group.eject(at(outliers, 2), 0);
    group.eject(at(outliers, 1), 1);
    group.terms = { ...terms, maxEjectedShare: 25 };
    expect(group.release(2)).toEqual([at(outliers, 2)]);
    group.size = 3;
    expect(group.release(2)).toEqual([at(outliers, 1)]);
  });

  test("whoever has gone makes room for another", () => {
    const { group, outliers } = makeGroup(2);
    group.eject(at(outliers, 0), 0);
    expect(group.eject(at(outliers, 1), 0)).toBe(false);
    group.forget(at(outliers, 0));
    expect(group.eject(at(outliers, 1), 0)).toBe(true);
  });

  test("never more than the share, whatever happens in whatever order", () => {
    const { group, outliers } = makeGroup(20, { maxEjectedShare: 30 });
    const random = makeRandom(7);
    let nowMs = 0;
    let most = 0;
    for (let round = 0; round < 5000; round++) {
      nowMs += random() * 3000;
      if (random() < 0.2) group.release(nowMs);
      else group.eject(at(outliers, Math.floor(random() * 20)), nowMs);
      most = Math.max(most, outliers.filter(({ isEjected }) => isEjected).length);
    }
    expect(most).toBe(6);
  });
});
