// Work with a file that never ends is given up, and the file isn't asked again until it has.
import { expect, test } from "bun:test";
import { FileTimeout, withinFileLimit } from "../../../src/tls/file-limit.ts";

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "done",
    (cause: unknown) => cause,
  );

test("what is done in time, or fails in time, is handed on", async () => {
  expect(await withinFileLimit("/a", async () => 1)).toBe(1);
  const fault = new Error("gone");
  expect(await failureOf(withinFileLimit("/a", () => Promise.reject(fault)))).toBe(fault);
});

test("what hangs is given up, and its file alone isn't asked again meanwhile", async () => {
  let asked = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const hang = () => {
    asked++;
    return promise;
  };
  const limitMs = 20;
  expect(await failureOf(withinFileLimit("/b", hang, limitMs))).toBeInstanceOf(FileTimeout);
  expect(await failureOf(withinFileLimit("/b", hang, limitMs))).toBeInstanceOf(FileTimeout);
  expect(asked).toBe(1);
  expect(await withinFileLimit("/c", async () => 1, limitMs)).toBe(1);
  resolve();
  await promise;
  expect(await withinFileLimit("/b", async () => 2, limitMs)).toBe(2);
});
