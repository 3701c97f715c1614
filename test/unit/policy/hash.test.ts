// Hashes: published values, the same for a text and its bytes, and spread over all bits.
import { expect, test } from "bun:test";
import { hashBytes, hashText, makeRandom, mixBits } from "../../../src/policy/index.ts";

/** MurmurHash3's last step undone, so that what FNV-1a gives can be compared with its published vectors. */
const unmixBits = (value: number): number => {
  let bits = value | 0;
  bits ^= bits >>> 16;
  bits = Math.imul(bits, 0x7ed1b41d);
  bits ^= (bits ^ (bits >>> 13)) >>> 13;
  bits = Math.imul(bits, 0xa5cb9243);
  return (bits ^ (bits >>> 16)) >>> 0;
};

// From the test vectors of draft-eastlake-fnv, 32 bits.
test.each([
  ["", 0x811c9dc5],
  ["a", 0xe40c292c],
  ["foobar", 0xbf9cf968],
])("FNV-1a of %p", (text, fnv) => {
  expect(unmixBits(hashText(text))).toBe(fnv);
  expect(hashText(text)).toBe(mixBits(fnv));
});

test("a text's hash is that of its bytes, wherever they lie", () => {
  for (const text of ["203.0.113.7", "2001:db8::1", "i-0123456789abcdef0", ""]) {
    const bytes = new TextEncoder().encode(`<${text}>`);
    expect(hashBytes(bytes, 1, bytes.length - 1)).toBe(hashText(text));
    expect(hashBytes(new TextEncoder().encode(text))).toBe(hashText(text));
  }
  expect(hashText("\u0161")).not.toBe(hashText("a"));
});

test("mixing is one to one and its bits are even", () => {
  const seen = new Set<number>();
  const ones = new Array<number>(32).fill(0);
  for (let value = 0; value < 20_000; value++) {
    const mixed = mixBits(value);
    expect(mixed).toBeWithin(0, 2 ** 32);
    seen.add(mixed);
    for (let bit = 0; bit < 32; bit++) ones[bit]! += (mixed >>> bit) & 1;
  }
  expect(seen.size).toBe(20_000);
  for (const count of ones) expect(count).toBeWithin(9500, 10_500);
});

test("chance repeats itself for a seed, and lies between 0 and 1", () => {
  const draw = (seed?: number) => Array.from({ length: 1000 }, makeRandom(seed));
  expect(draw(5)).toEqual(draw(5));
  expect(draw()).not.toEqual(draw());
  for (const one of draw(9)) expect(one).toBeWithin(0, 1);
});
