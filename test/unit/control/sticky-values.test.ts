// Values of stickiness cookies: the same for who has the secret, anything but for everybody else.
import { describe, expect, test } from "bun:test";
import { StickyTable, stickyValueLength } from "../../../src/balance/sticky-table.ts";
import { makeStickyValues, type StickyScope } from "../../../src/control/sticky-values.ts";
import { toCookieSecret } from "../../../src/model/cookie-secret.ts";

const secret = toCookieSecret("0123456789abcdef0123456789abcdef");
const otherSecret = toCookieSecret("another 89abcdef0123456789abcdef");
const scope: StickyScope = { loadBalancer: "web", instancePort: 80 };

const makeValues = (secrets = [secret], place = scope) => makeStickyValues(secrets, place, (name: string) => name);
const makeValue = (name: string, secrets = [secret], place = scope): string =>
  Buffer.from(makeValues(secrets, place).valuesOf(name)[0]!).toString("latin1");
const isOurs = (value: string, secrets = [secret], place = scope): boolean => {
  const bytes = Buffer.from(`;${value};`, "latin1");
  return makeValues(secrets, place).isOurs(bytes, 1, bytes.length - 1);
};

test("the recipe doesn't change: cookies that are out stay good", () => {
  expect(makeValue("i-web1 10.0.0.5:80")).toBe(
    "9DB9015C011DC0F86906C748F57D8559468213BF38AD99199D23D6056C0990114DFD4" +
      "30FDD2BD440715AD9AA6EA7E15793F0E399B285762C122BE8BEEDEFD533F4E1EA3B0F",
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
  const find = (value: string) => table.find(Buffer.from(value, "latin1"), 0, value.length);
  expect([find(before), find(makeValue("a", after)), find(makeValue("b"))]).toEqual(["a", "a", "b"]);
});
