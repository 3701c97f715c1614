// Lists in field values: where elements begin and end, and whether one is there.
import { expect, test } from "bun:test";
import { bytesOf, textOf } from "../../../../src/parse/http1/bytes.ts";
import { elementEnd, hasElement, nextElement } from "../../../../src/parse/http1/list.ts";

const elementsOf = (text: string): ReadonlyArray<string> => {
  const bytes = bytesOf(`,${text}, x`);
  const end = text.length + 1;
  const elements: Array<string> = [];
  for (let pos = nextElement(bytes, 1, end); pos < end; pos = nextElement(bytes, pos, end)) {
    const stop = elementEnd(bytes, pos, end);
    elements.push(textOf(bytes, pos, stop));
    pos = stop;
  }
  return elements;
};

test.each([
  ["", []],
  [" \t,, ,", []],
  ["a", ["a"]],
  ["a,b", ["a", "b"]],
  [" a ,\tb;q=1 ,,c", ["a ", "b;q=1 ", "c"]],
] as const)("%p has the elements %p", (text, expected) => {
  expect(elementsOf(text)).toEqual([...expected]);
});

test.each([
  ["trailers", true],
  ["TRAILERS", true],
  ["deflate, trailers", true],
  [",, \ttrailers;q=0.5", true],
  ["trailers ;q=0.5,deflate", true],
  ["", false],
  ["trailer", false],
  ["trailersx", false],
  ["x;trailers", false],
  ["deflate trailers", false],
] as const)("%p names trailers: %p", (text, expected) => {
  const bytes = bytesOf(`trailers,${text},trailers`);
  expect(hasElement(bytes, 9, 9 + text.length, bytesOf("trailers"))).toBe(expected);
});
