// Values of stickiness cookies: the same for who has the secret, anything but for everybody else.
import { describe, expect, test } from "bun:test";
import { StickyTable, stickyNameLength, stickyValueLength } from "../../../src/balance/sticky-table.ts";
import { makeStickyValues, type StickyScope } from "../../../src/control/sticky-values.ts";
import { type CookiePlace, makeCookiePlace, plainPlace } from "../../../src/model/cookie-place.ts";
import { toCookieSecret } from "../../../src/model/cookie-secret.ts";

const secret = toCookieSecret("0123456789abcdef0123456789abcdef");
const otherSecret = toCookieSecret("another 89abcdef0123456789abcdef");
const scope: StickyScope = { loadBalancer: "web", instancePort: 80 };

const makeValues = (secrets = [secret], at = scope) => makeStickyValues(secrets, at, (name: string) => name);
const makeValue = (name: string, secrets = [secret], at = scope, place: CookiePlace = plainPlace): string =>
  Buffer.from(makeValues(secrets, at).valuesOf(name, place)[0]!).toString("latin1");
const placeOf = (value: string, secrets = [secret], at = scope): CookiePlace | undefined => {
  const bytes = Buffer.from(`;${value};`, "latin1");
  return makeValues(secrets, at).placeOf(bytes, 1, bytes.length - 1);
};
const isOurs = (...args: Parameters<typeof placeOf>): boolean => placeOf(...args) !== undefined;

// Made by Python's hmac and `openssl enc -aes-256-ecb` from the words of docs/decisions/0016-stickiness.md.
test("the recipe doesn't change: cookies that are out stay good", () => {
  const member = "9DB9015C011DC0F86906C748F57D8559468213BF38AD99199D23D6056C099011";
  expect(makeValue("i-web1 10.0.0.5:80")).toBe(
    `${member}EACC5C348E35BD23A4DF6582C239B778C68127584FFFB7A48FB3DC343907B8B646EEE1AF22`,
  );
  expect(makeValue("i-web1 10.0.0.5:80", [secret], scope, makeCookiePlace(4, 9, 7))).toBe(
    `${member}C22258276AFF1A6A7AAF89959094D83EF74E854790DE36870D4A751C7F3084600E686362A1`,
  );
});

test("a value is 138 upper-case hexadecimal digits, and says nothing of its member", () => {
  const names = Array.from({ length: 200 }, (_, index) => `i-${index} 10.0.0.${index}:80`);
  const values = names.map((name) => makeValue(name));
  for (const value of values) expect(value).toMatch(/^[0-9A-F]{138}$/);
  expect(new Set(values.map((value) => value.slice(0, 8))).size).toBeGreaterThan(198);
  expect(new Set(values.map((value) => value.slice(-8))).size).toBeGreaterThan(198);
  // Each of the 552 bits is set in about half of the values: none is a counter, a length or an address.
  const ones = new Array<number>(stickyValueLength * 4).fill(0);
  for (const value of values) {
    [...value].forEach((digit, at) => {
      const number = Number.parseInt(digit, 16);
      for (let bit = 0; bit < 4; bit++) ones[at * 4 + bit]! += (number >> bit) & 1;
    });
  }
  expect(Math.min(...ones)).toBeGreaterThan(60);
  expect(Math.max(...ones)).toBeLessThan(140);
});

describe("another secret, load balancer, instance port or member has other values, and doesn't take these", () => {
  const value = makeValue("a");
  test("the same makes the same", () => {
    expect(makeValue("a")).toBe(value);
    expect(isOurs(value)).toBe(true);
  });
  test.each<readonly [string, ReadonlyArray<Uint8Array>, StickyScope]>([
    ["secret", [otherSecret], scope],
    ["load balancer", [secret], { ...scope, loadBalancer: "web2" }],
    ["instance port", [secret], { ...scope, instancePort: 8 }],
    ["nothing that could be taken for the scope's end", [secret], { loadBalancer: "web8", instancePort: 0 }],
  ])("%s", (_, secrets, place) => {
    expect(makeValue("a", [...secrets], place)).not.toBe(value);
    expect(isOurs(value, [...secrets], place)).toBe(false);
  });
  test("member", () => {
    expect(makeValue("b")).not.toBe(value);
    // Half of one and half of the other is nobody's.
    expect(isOurs(value.slice(0, 64) + makeValue("b").slice(64))).toBe(false);
  });
});

test("a value has its place, which nobody reads without the secret", () => {
  const places = [
    ...[plainPlace, makeCookiePlace(0xffff, 255, 15), makeCookiePlace(4, 9, 7), makeCookiePlace(5, 0, 0)],
    ...[makeCookiePlace(99_999, 999, 0), makeCookiePlace(0, 0, 0)],
  ];
  const values = places.map((place) => makeValue("a", [secret], scope, place));
  expect(values.map((value) => placeOf(value))).toEqual(
    places.map((place) => (place === places[4] ? makeCookiePlace(0xffff, 255, 0) : place)),
  );
  for (const value of values) expect(value).toMatch(/^[0-9A-F]{138}$/);
  // The member's part is the same for all; nothing of the others is.
  expect(new Set(values.map((value) => value.slice(0, stickyNameLength))).size).toBe(1);
  for (const [from, to] of [
    [64, 72],
    [88, 96],
    [96, 104],
    [130, 138],
  ]) {
    expect(new Set(values.map((value) => value.slice(from, to))).size).toBe(places.length);
  }
  // Nor is a place written alike for two members.
  expect(makeValue("b").slice(64, 96)).not.toBe(makeValue("a").slice(64, 96));
  // Nobody puts one place into another's value.
  expect(isOurs(values[0]!.slice(0, 64) + values[1]!.slice(64, 96) + values[0]!.slice(96))).toBe(false);
});

test("a value with any digit changed, cut, lengthened or in lower case isn't ours", () => {
  const value = makeValue("a");
  for (let at = 0; at < value.length; at++) {
    const digit = value[at] === "0" ? "1" : "0";
    expect(isOurs(value.slice(0, at) + digit + value.slice(at + 1))).toBe(false);
  }
  for (const wrong of [
    "",
    value.slice(1),
    value.slice(0, -1),
    `${value}0`,
    value.toLowerCase(),
    `${value.slice(0, -1)} `,
  ]) {
    expect(isOurs(wrong)).toBe(false);
  }
  expect(isOurs("0".repeat(stickyValueLength))).toBe(false);
});

test("rotation: the first secret makes the values, all are good, one that was removed is not", () => {
  const before = makeValue("a");
  const during = [otherSecret, secret];
  const after = [otherSecret];
  expect(makeValue("a", during)).toBe(makeValue("a", after));
  expect(makeValue("a", during)).not.toBe(before);
  expect([isOurs(before, during), isOurs(before, after), isOurs(makeValue("a", during), during)]).toEqual([
    true,
    false,
    true,
  ]);
  const table = new StickyTable(makeValues(during));
  table.replace(["a", "b"]);
  const find = (value: string) => table.find(Buffer.from(value, "latin1"), 0, value.length)?.member;
  expect([find(before), find(makeValue("a", after)), find(makeValue("b"))]).toEqual(["a", "a", "b"]);
});
