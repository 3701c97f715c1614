// Which hooks can look at their context: none is kept from one that can.
import { expect, test } from "bun:test";
import { seesContext } from "../../../../src/pipeline/policy/sight.ts";

type Hook = (...args: ReadonlyArray<never>) => unknown;

const blind: ReadonlyArray<readonly [string, Hook]> = [
  ["no parameter", () => ({})],
  ["attributes alone", (attributes) => attributes],
  ["a part of the attributes", ({ a, b: c }: { readonly a: number; readonly b: number }) => a + c],
];

test.each(blind)("%s: it can't look", (_title, hook) => {
  expect(seesContext(hook)).toBe(false);
});

const seeing: ReadonlyArray<readonly [string, Hook]> = [
  ["both", (_attributes, context) => context],
  ["the rest", (...rest) => rest[1]],
  ["attributes and the rest", (_attributes, ...rest) => rest[0]],
  ["a default behind the attributes", (_attributes, context = undefined as never) => context],
  ["a default in a pattern", ({ a = 1 }: { readonly a?: number }) => a],
  ["a pattern in a pattern", ({ a: { b } }: { readonly a: { readonly b: number } }) => b],
  ["two patterns", ({ a }: { readonly a: number }, { b }: { readonly b: number }) => a + b],
  [
    "a function",
    function hook() {
      // biome-ignore lint/complexity/noArguments: that is how it looks.
      return arguments[1];
    },
  ],
  [
    "a method",
    {
      hook() {
        // biome-ignore lint/complexity/noArguments: that is how it looks.
        return [arguments].map((one) => one[1]);
      },
    }.hook,
  ],
  ["a bound function", ((_attributes: never, context: never) => context).bind(undefined)],
  ["a proxy", new Proxy((_attributes: never, context: never) => context, {})],
  ["one of the system's own", Object.is],
];

test.each(seeing)("%s: it may look", (_title, hook) => {
  expect(seesContext(hook)).toBe(true);
});

test("no hook looks at nothing", () => {
  expect(seesContext(undefined)).toBe(false);
});
