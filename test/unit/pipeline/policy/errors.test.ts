// What is told of a policy's errors: each in its own words once a minute, so many of them, with the place in the module.
import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { observeNotices } from "../../../../src/observe/notices.ts";
import type { BoundPolicy } from "../../../../src/pipeline/policy/chain.ts";
import { notePolicyError, type PolicyPhase, UnfitValue } from "../../../../src/pipeline/policy/errors.ts";
import { Schema } from "../../../../src/policy/index.ts";

const bind = (facts: Partial<BoundPolicy> = {}): BoundPolicy => ({
  name: "p",
  loadBalancer: "web",
  policy: { type: "Tested", attributes: Schema.Unknown },
  attributes: undefined,
  state: undefined,
  file: "/policies/own.ts",
  errors: new Map(),
  ...facts,
});

let told: Array<string> = [];
let nowMs = 0;
let stops: ReadonlyArray<() => void> = [];

beforeEach(() => {
  told = [];
  const now = spyOn(performance, "now").mockImplementation(() => nowMs);
  stops = [observeNotices((text) => void told.push(text)), () => now.mockRestore()];
});

afterEach(() => {
  for (const stop of stops) stop();
});

const fail = (bound: BoundPolicy, words: string): void => notePolicyError(bound, "admit", new UnfitValue(words));

/** What was told, without what is the same each time. */
const words = (): ReadonlyArray<string> =>
  told
    .splice(0)
    .map((text) => text.replace("web: policy p, admit: answered with ", "").replace("(/policies/own.ts)", "@"));

test("each in its own words once a minute", () => {
  const bound = bind();
  for (let round = 0; round < 3; round++) for (const one of ["a", "b"]) fail(bound, one);
  expect(words()).toEqual(["a @", "b @"]);
  nowMs += 60_000;
  fail(bound, "b");
  expect(words()).toEqual(["b @, and 2 times more since this was last told"]);
  expect(bound.errors.get("admit")).toBe(7);
});

test("eight different ones; the others are counted, and have their turn", () => {
  const bound = bind();
  for (let index = 0; index < 40; index++) fail(bound, `no ${index}`);
  expect(words()).toEqual(Array.from({ length: 8 }, (_, index) => `no ${index} @`));
  fail(bound, "no 0");
  nowMs += 60_000;
  fail(bound, "no 39");
  fail(bound, "no 38");
  expect(words()).toEqual(["no 39 @, and 33 times something else that wasn't told", "no 38 @"]);
});

test.each([
  ["admit", new UnfitValue("no"), "/policies/own.ts:7:3"],
  ["admit", "a text", "/policies/own.ts:7:3"],
  ["balance", new UnfitValue("no"), "/policies/own.ts:9:3"],
  ["log", new UnfitValue("no"), "/policies/own.ts"],
  ["admit", new Error("no"), expect.stringMatching(/errors\.test\.ts:\d+:\d+$/)],
] as const)("with its place, %#", (phase: PolicyPhase, error, place) => {
  const hookPositions = new Map([
    ["admit", ":7:3"],
    ["make", ":9:3"],
  ]);
  notePolicyError(bind({ hookPositions }), phase, error);
  expect(/\((.*)\)$/.exec(told[0] as string)?.[1]).toEqual(place as string);
});

test("a built-in one has no file", () => {
  notePolicyError(bind({ file: undefined }), "stick", new UnfitValue("no"));
  expect(told).toEqual(["web: policy p, stick: answered with no (the built-in Tested)"]);
});
