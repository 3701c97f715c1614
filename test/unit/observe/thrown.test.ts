// What is read of errors that modules throw, whatever their messages say.
import { expect, test } from "bun:test";
import { framesOf } from "../../../src/observe/thrown.ts";

test("frames are those of the stack, from the inside out", () => {
  const error = new Error("no");
  error.stack =
    "Error: no\n    at f (/a/b.ts:1:2)\n    at async /c d/e.ts:3:4\n    at file:///g%20h.ts:5:6\n    at native";
  expect(framesOf(error).map(({ place }) => place)).toEqual(["/a/b.ts:1:2", "/c d/e.ts:3:4", "/g h.ts:5:6"]);
  expect(framesOf("no error")).toEqual([]);
});

test("a long message that looks like a frame costs nothing", () => {
  const error = new Error(`of a client:\nat ${"(".repeat(60_000)}`);
  const beganMs = performance.now();
  const [frame] = framesOf(error);
  expect(frame?.file).toBe(import.meta.path);
  expect(performance.now() - beganMs).toBeLessThan(500);
});
