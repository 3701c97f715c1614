// Values to members: every registered one is found, nothing else is, and values stay as long as their members do.
import { describe, expect, test } from "bun:test";
import { StickyTable, type StickyValues, stickyValueLength } from "../../../src/balance/sticky-table.ts";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { forSeeds, type Random } from "../../fuzz/random.ts";

interface Named {
  readonly name: string;
}

/** A value that begins with `start`, filled up with a digit. */
const makeValue = (start: string, fill = "0"): Uint8Array => bytesOf(start.padEnd(stickyValueLength, fill));

class FakeValues implements StickyValues<Named> {
  readonly madeFor: Array<string> = [];
  valuesOf({ name }: Named): ReadonlyArray<Uint8Array> {
    this.madeFor.push(name);
    return [makeValue(name), makeValue(name, "F")];
  }
  isOurs(bytes: Uint8Array, start: number): boolean {
    return bytes[start] === 0x41;
  }
}

const find = <M>(table: StickyTable<M>, value: Uint8Array): M | undefined => {
  // Within other bytes, as it lies in a head.
  const bytes = new Uint8Array(value.length + 20).fill(0x30);
  bytes.set(value, 7);
  return table.find(bytes, 7, 7 + value.length);
};

const [a, b, c] = [{ name: "A" }, { name: "B" }, { name: "C" }];

test("a table without members finds none", () => {
  const table = new StickyTable(new FakeValues());
  expect(find(table, makeValue("A"))).toBeUndefined();
  expect(table.valueOf(a)).toBeUndefined();
});

test("every value finds its member, and the first is given out", () => {
  const table = new StickyTable(new FakeValues());
  table.replace([a, b]);
  expect(
    [makeValue("A"), makeValue("A", "F"), makeValue("B"), makeValue("B", "F")].map((value) => find(table, value)),
  ).toEqual([a, a, b, b]);
  expect(table.valueOf(a)).toEqual(makeValue("A"));
});

describe("what isn't a value to the byte finds none", () => {
  const table = new StickyTable(new FakeValues());
  table.replace([a, b, c]);
  const text = new TextDecoder().decode(makeValue("A", "F"));
  test.each([
    ["", "empty"],
    [text.slice(1), "shorter"],
    [text.slice(0, -1), "cut"],
    [`${text}0`, "longer"],
    [text.toLowerCase(), "in lower case"],
    [`${text.slice(0, -1)}0`, "another last digit"],
    [`B${text.slice(1, -1)}\0`, "a byte that is no digit"],
    ["\xff".repeat(stickyValueLength), "bytes that are no digits"],
    ["0".repeat(stickyValueLength), "zeros"],
  ])("%j (%s)", (value) => {
    expect(find(table, bytesOf(value))).toBeUndefined();
  });
});

test("a member's values are made once while it stays; one that goes is found no more, and none is given out for it", () => {
  const values = new FakeValues();
  const table = new StickyTable(values);
  table.replace([a, b]);
  const value = table.valueOf(a);
  table.replace([a, c]);
  expect(table.valueOf(a)).toBe(value as Uint8Array);
  expect(find(table, makeValue("B"))).toBeUndefined();
  expect(table.valueOf(b)).toBeUndefined();
  expect(find(table, makeValue("C"))).toBe(c);
  table.replace([a, b, c]);
  expect(find(table, makeValue("B"))).toBe(b);
  expect(values.madeFor).toEqual(["A", "B", "C", "B"]);
});

test("only what has a value's length is proved", () => {
  const table = new StickyTable(new FakeValues());
  const prove = (value: Uint8Array) => table.isOurs(value, 0, value.length);
  expect(prove(makeValue("A"))).toBe(true);
  expect(prove(makeValue("B"))).toBe(false);
  expect(prove(bytesOf("A"))).toBe(false);
  expect(prove(bytesOf("A".repeat(stickyValueLength + 1)))).toBe(false);
});

const makeRandomValue = (random: Random, digits: string): Uint8Array =>
  bytesOf(random.text(digits, stickyValueLength, stickyValueLength));

test("random tables against a map, values that begin alike among them", () => {
  forSeeds(30, 3000, (random) => {
    // With few digits many values share their first eight, and so their place.
    const digits = random.pick(["0123456789ABCDEF", "0F"]);
    const known = new Map<string, number>();
    const values: StickyValues<number> = {
      valuesOf: (member) => {
        const own = [makeRandomValue(random, digits), makeRandomValue(random, digits)];
        for (const value of own) known.set(new TextDecoder().decode(value), member);
        return own;
      },
      isOurs: () => false,
    };
    const table = new StickyTable(values);
    table.replace(Array.from({ length: random.below(200) }, (_, index) => index));
    for (const [text, member] of known) expect(find(table, bytesOf(text))).toBe(member);
    for (let count = 0; count < 50; count++) {
      const value = makeRandomValue(random, digits);
      expect(find(table, value)).toBe(known.get(new TextDecoder().decode(value)) as number);
    }
  });
});
