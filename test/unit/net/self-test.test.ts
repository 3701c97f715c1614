// The start-up self-test itself: it passes on the pinned Bun, leaves nothing behind, and the pin is package.json's.
import { expect, test } from "bun:test";
import packageJson from "../../../package.json";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import { pinnedBunVersion, selfTest } from "../../../src/net/self-test.ts";

test("the pinned Bun behaves as elbow expects", async () => {
  const armed = countArmedDeadlines();
  expect(await selfTest()).toEqual([]);
  expect(countArmedDeadlines()).toBe(armed);
});

test("the pinned version is the one that is installed", () => {
  expect(packageJson.devDependencies.bun).toBe(pinnedBunVersion);
  expect(Bun.version).toBe(pinnedBunVersion);
});
