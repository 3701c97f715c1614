// Where a JSON text goes wrong: agreement with JSON.parse on what is JSON, and the offset where it isn't.
import { describe, expect, test } from "bun:test";
import { findJsonFault } from "../../../../src/control/configuration/json-syntax.ts";

describe("no fault in what JSON.parse accepts", () => {
  test.each([
    "{}",
    "[]",
    " [ 1 , -0.5e+3, true, false, null ] ",
    '{"a": {"b": ["\\u00e9\\n\\"", ""]}}',
    '"text"',
    "0",
    '{"a":1}\r\n\t',
    '{"__proto__": 1}',
  ])("%s", (text) => {
    JSON.parse(text);
    expect(findJsonFault(text)).toBeUndefined();
  });
});

describe("a fault where JSON.parse fails", () => {
  test.each([
    ["", 0, "the text ends too early"],
    ['{"a": 1,}', 8, "a key in double quotes must stand here"],
    ["{a: 1}", 1, "a key in double quotes must stand here"],
    ['{"a": 1 "b": 2}', 8, "a comma or } must stand here"],
    ['{"a" 1}', 5, "a colon must stand here"],
    ["[1 2]", 3, "a comma or ] must stand here"],
    ["[1,]", 3, "a value must stand here"],
    ["[1, 2", 5, "the text ends too early"],
    ['{"a": 1} x', 9, "text after the end of the value"],
    ["// note\n{}", 0, "a value must stand here"],
    ["[01]", 1, "a value must stand here"],
    ["[NaN]", 1, "a value must stand here"],
    ["['a']", 1, "a value must stand here"],
    ['["a\nb"]', 1, "a text in double quotes begins here and has no legal end"],
    ['["\\x"]', 1, "a text in double quotes begins here and has no legal end"],
  ] as const)("%j", (text, offset, problem) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(findJsonFault(text)).toEqual({ offset, problem });
  });
});

test("a key written twice is a fault, though JSON.parse would take the last", () => {
  expect(findJsonFault('{"a": 1, "b": {"a": 1}, "\\u0061": 2}')).toEqual({
    offset: 24,
    problem: 'the key "a" is written twice',
  });
});
