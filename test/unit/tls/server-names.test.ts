// Which certificates are served side by side, and which of them fits a name.
import { expect, test } from "bun:test";
import { groupByNames, matchServerName, type Named } from "../../../src/tls/server-names.ts";

const rsa = (...names: ReadonlyArray<string>): Named => ({ names, keyType: "RSA" });
const ecdsa = (...names: ReadonlyArray<string>): Named => ({ names, keyType: "ECDSA" });

test("the same names and another kind of key make one group, in the order of the first of each", () => {
  const [a, b, c, d] = [rsa("a.test", "b.test"), rsa("c.test"), ecdsa("b.test", "a.test"), ecdsa("c.test", "d.test")];
  expect(groupByNames([a, b, c, d])).toEqual([[a, c], [b], [d]]);
});

test("two certificates of the same kind and names are never side by side", () => {
  const [first, second, third] = [rsa("a.test"), rsa("a.test"), ecdsa("a.test")];
  expect(groupByNames([first, second, third])).toEqual([[first, third], [second]]);
});

test("names that only look alike when joined are no twins", () => {
  const groups = groupByNames([rsa("a.test"), ecdsa("a.test", "b.test"), ecdsa()]);
  expect(groups).toHaveLength(3);
});

const groups = [
  { names: ["first.test"] },
  { names: ["*.wild.test", "wild.test"] },
  { names: ["a.wild.test"] },
  { names: ["*.deep.wild.test"] },
  { names: ["*.wild.test"] },
  { names: ["127.0.0.1", "*"] },
];

test.each([
  ["first.test", 0],
  ["wild.test", 1],
  ["b.wild.test", 1],
  // The very name comes before a wildcard that stands earlier.
  ["a.wild.test", 2],
  ["x.deep.wild.test", 3],
  // One label, never two, never none, and never a part of one.
  ["x.a.wild.test", undefined],
  ["deep.wild.test", 1],
  ["xwild.test", undefined],
  [".wild.test", undefined],
  ["localhost", undefined],
  ["first.test.", undefined],
  ["127.0.0.1", 5],
  ["", undefined],
  [".", undefined],
  // A client that asks for a wildcard by its name shows no more than it could have guessed.
  ["*.deep.wild.test", 3],
] as ReadonlyArray<readonly [string, number | undefined]>)("%p fits group %p", (name, index) => {
  const found = matchServerName(groups, name);
  expect(found === undefined ? undefined : groups.indexOf(found)).toBe(index);
});

test("a client without a server name fits none", () => {
  expect(matchServerName(groups, undefined)).toBeUndefined();
});
