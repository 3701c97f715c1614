// Values to members: every registered one is found, nothing else is, and values stay as long as their members do.
import { describe, expect, test } from "bun:test";
import {
  StickyTable,
  type StickyValues,
  stickyNameLength,
  stickyValueLength,
} from "../../../src/balance/sticky-table.ts";
import { type CookiePlace, makeCookiePlace, plainPlace } from "../../../src/model/cookie-place.ts";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { forSeeds, type Random } from "../../fuzz/random.ts";

interface Named {
  readonly name: string;
}

/** A value that begins with `start`, filled up with a digit; the last four say the place, its path being 1 long or 2. */
const makeValue = (start: string, fill = "0", place = plainPlace): Uint8Array =>
  bytesOf(start.padEnd(stickyValueLength - 4, fill) + (place === plainPlace ? "0001" : place.toString().slice(-4)));

const elsewhere = makeCookiePlace(2, 0, 0);

class FakeValues implements StickyValues<Named> {
  readonly madeFor: Array<string> = [];
  proofCount = 0;
  valuesOf({ name }: Named, place: CookiePlace): ReadonlyArray<Uint8Array> {
    this.madeFor.push(place === plainPlace ? name : `${name} ${place}`);
    return [makeValue(name, "0", place), makeValue(name, "F", place)];
  }
  placeOf(bytes: Uint8Array, start: number): CookiePlace | undefined {
    this.proofCount++;
    return bytes[start] === 0x5a ? undefined : elsewhere;
  }
}

const find = <M>(table: StickyTable<M>, value: Uint8Array): M | undefined => {
  // Within other bytes, as it lies in a head.
  const bytes = new Uint8Array(value.length + 20).fill(0x30);
  bytes.set(value, 7);
  return table.find(bytes, 7, 7 + value.length)?.member;
};

const [a, b, c] = [{ name: "A" }, { name: "B" }, { name: "C" }];

test("a table without members finds none", () => {
  const table = new StickyTable(new FakeValues());
  expect(find(table, makeValue("A"))).toBeUndefined();
  expect(table.valueOf(a, plainPlace)).toBeUndefined();
});

test("every value finds its member, and the first is given out", () => {
  const table = new StickyTable(new FakeValues());
  table.replace([a, b]);
  expect(
    [makeValue("A"), makeValue("A", "F"), makeValue("B"), makeValue("B", "F")].map((value) => find(table, value)),
  ).toEqual([a, a, b, b]);
  expect(table.valueOf(a, plainPlace)).toEqual(makeValue("A"));
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
  const value = table.valueOf(a, plainPlace);
  table.replace([a, c]);
  expect(table.valueOf(a, plainPlace)).toBe(value as Uint8Array);
  expect(find(table, makeValue("B"))).toBeUndefined();
  expect(table.valueOf(b, plainPlace)).toBeUndefined();
  expect(find(table, makeValue("C"))).toBe(c);
  table.replace([a, b, c]);
  expect(find(table, makeValue("B"))).toBe(b);
  expect(values.madeFor).toEqual(["A", "B", "C", "B"]);
});

describe("a value for another place", () => {
  const prove = <M>(table: StickyTable<M>, value: Uint8Array) => table.prove(value, 0, value.length);

  test("is made when it is first given out, and then found", () => {
    const values = new FakeValues();
    const table = new StickyTable(values);
    table.replace([a, b]);
    const value = makeValue("A", "0", elsewhere);
    expect(find(table, value)).toBeUndefined();
    expect(table.valueOf(a, elsewhere)).toEqual(value);
    expect(table.find(value, 0, value.length)).toMatchObject({ member: a, place: elsewhere });
    table.replace([a]);
    expect(table.valueOf(a, elsewhere)).toBe(table.valueOf(a, elsewhere)!);
    expect(table.valueOf(b, elsewhere)).toBeUndefined();
    expect(values.madeFor).toEqual(["A", "B", `A ${elsewhere}`]);
  });

  test("is proved once, by any of its member's names, and then found until its member goes", () => {
    const values = new FakeValues();
    const table = new StickyTable(values);
    table.replace([a, b]);
    for (const fill of ["0", "F"]) {
      const value = Buffer.from(makeValue("A", fill, elsewhere));
      expect(prove(table, value)).toEqual({ member: a, place: elsewhere });
      expect(find(table, value)).toBe(a);
      // The table has a copy: the head that it lay in is another's soon.
      const copy = Buffer.from(value);
      value.fill(0);
      expect(find(table, copy)).toBe(a);
      table.replace([b]);
      expect(find(table, copy)).toBeUndefined();
      expect(prove(table, copy)).toEqual({ member: undefined, place: elsewhere });
      table.replace([a, b]);
    }
    expect(prove(table, makeValue("Z"))).toBeUndefined();
    expect(values.proofCount).toBe(5);
  });

  test("nothing of another length is proved", () => {
    const values = new FakeValues();
    const table = new StickyTable(values);
    for (const text of ["", "A", "A".repeat(stickyValueLength + 1)]) {
      expect(prove(table, bytesOf(text))).toBeUndefined();
    }
    expect(values.proofCount).toBe(0);
  });

  test("the last ones of a member are kept, and the plain ones always", () => {
    const values = new FakeValues();
    const table = new StickyTable(values);
    table.replace([a, b]);
    table.valueOf(b, elsewhere);
    const places = Array.from({ length: 100 }, (_, index) => makeCookiePlace(1000 + index, 0, 0));
    for (const place of places) expect(table.valueOf(a, place)).toEqual(makeValue("A", "0", place));
    const found = places.filter((place) => find(table, makeValue("A", "0", place)) === a);
    expect(found).toEqual(places.slice(-32));
    for (const fill of ["0", "F"]) expect(find(table, makeValue("A", fill))).toBe(a);
    // Others' have a row of their own.
    expect(find(table, makeValue("B", "0", elsewhere))).toBe(b);
    // Those that are no longer kept are good, and once seen they are kept again.
    const madeCount = values.madeFor.length;
    const [first = 0, second = 0] = places;
    const value = makeValue("A", "0", second);
    expect(prove(table, value)).toMatchObject({ member: a });
    expect(find(table, value)).toBe(a);
    for (let count = 0; count < 5; count++) expect(table.valueOf(a, first)).toEqual(makeValue("A", "0", first));
    expect(values.madeFor.length).toBe(madeCount + 1);
    expect(find(table, makeValue("A", "0", first))).toBe(a);
  });

  test("random ones come and go, and every one that is kept is found", () => {
    forSeeds(30, 3000, (random) => {
      // With few digits most are not where their digits say, and move up when others go.
      const digits = random.pick(["0123456789ABCDEF", "0F"]);
      const names = Array.from({ length: 1 + random.below(3) }, (_, index) => `${index}`.repeat(stickyNameLength));
      const makeText = (name: string) =>
        name + random.text(digits, stickyValueLength - stickyNameLength, stickyValueLength - stickyNameLength);
      const values: StickyValues<string> = {
        valuesOf: (name) => [bytesOf(makeText(name))],
        placeOf: () => elsewhere,
      };
      const table = new StickyTable(values);
      table.replace(names);
      const seen = names.map((name): Array<string> => [new TextDecoder().decode(table.valueOf(name, plainPlace))]);
      for (let count = 0; count < 150; count++) {
        const index = random.below(names.length);
        const text = makeText(names[index]!);
        expect(find(table, bytesOf(text))).toBeUndefined();
        expect(prove(table, bytesOf(text))?.member).toBe(names[index]!);
        seen[index]?.push(text);
      }
      for (const [index, [plain = "", ...others]] of seen.entries()) {
        const found = others.filter((text) => find(table, bytesOf(text)) === names[index]);
        expect(found).toEqual(others.slice(-32));
        expect(find(table, bytesOf(plain))).toBe(names[index]!);
      }
    });
  });
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
      placeOf: () => undefined,
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
