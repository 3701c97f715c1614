// Thresholds: exact counts in a row, AWS's exact words for each state, and a history that people can read.
import { expect, test } from "bun:test";
import { historyMaxCount, Thresholds } from "../../../src/health/thresholds.ts";

const terms = { unhealthyThreshold: 2, healthyThreshold: 3 };

/** Notes checks written as `+` (passed) and `-` (failed), and returns the phase after each. */
const play = (thresholds: Thresholds, checks: string): string =>
  [...checks]
    .map((check, index) => {
      thresholds.note(check === "+", check === "+" ? "status 200" : "status 500", index);
      return { registering: "r", inService: "i", outOfService: "o" }[thresholds.phase];
    })
    .join("");

test.each([
  // One pass at registration.
  ["+", "i"],
  // Failures below the threshold don't end a registration, and one pass still does.
  ["-+", "ri"],
  ["--", "ro"],
  // After that, as many passes in a row as the healthy threshold says.
  ["--++", "rooo"],
  ["--+++", "roooi"],
  ["--++-+++", "rooooooi"],
  // In service: failures in a row, not in all.
  ["+-+-+-", "iiiiii"],
  ["+--", "iio"],
  ["+-+--", "iiiio"],
  ["+--+++--", "iioooiio"],
])("%s moves it through %s", (checks, phases) => {
  expect(play(new Thresholds(terms), checks)).toBe(phases);
});

test.each([2, 3, 10])("exactly %d failures or passes in a row, never one less", (count) => {
  const thresholds = new Thresholds({ unhealthyThreshold: count, healthyThreshold: count });
  expect(play(thresholds, "+".concat("-".repeat(count)))).toBe(`${"i".repeat(count)}o`);
  expect(play(thresholds, "+".repeat(count))).toBe(`${"o".repeat(count - 1)}i`);
});

test("each state has AWS's exact words", () => {
  const thresholds = new Thresholds(terms);
  const stateAfter = (checks: string) => {
    play(thresholds, checks);
    return thresholds.instanceState;
  };
  expect(stateAfter("")).toEqual({
    state: "OutOfService",
    reasonCode: "ELB",
    description: "Instance registration is still in progress.",
  });
  const failed = {
    state: "OutOfService",
    reasonCode: "Instance",
    description: "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
  } as const;
  const unproven = {
    state: "OutOfService",
    reasonCode: "Instance",
    description: "Instance has not passed the configured HealthyThreshold number of health checks consecutively.",
  } as const;
  expect(stateAfter("--")).toEqual(failed);
  expect(stateAfter("+")).toEqual(unproven);
  // One failure isn't the UnhealthyThreshold number of them.
  expect(stateAfter("-")).toEqual(unproven);
  expect(stateAfter("-")).toEqual(failed);
  expect(stateAfter("+++")).toEqual({ state: "InService", reasonCode: "N/A", description: "N/A" });
  expect(stateAfter("-")).toEqual({ state: "InService", reasonCode: "N/A", description: "N/A" });
});

test("a change says when, from where to where, after how many checks and why", () => {
  const thresholds = new Thresholds(terms);
  expect(thresholds.note(true, "status 200", 1000)).toEqual({
    atMs: 1000,
    from: "registering",
    to: "inService",
    reason: "status 200",
    checks: 1,
  });
  expect(thresholds.note(false, "connect refused", 2000)).toBeUndefined();
  expect(thresholds.note(false, "timeout after 5 s", 3000)).toEqual({
    atMs: 3000,
    from: "inService",
    to: "outOfService",
    reason: "timeout after 5 s",
    checks: 2,
  });
  expect(thresholds.history.map(({ to, reason }) => [to, reason])).toEqual([
    ["inService", "status 200"],
    ["outOfService", "timeout after 5 s"],
  ]);
});

test("the history keeps the last changes and no more", () => {
  const thresholds = new Thresholds({ unhealthyThreshold: 2, healthyThreshold: 2 });
  for (let round = 0; round < 50; round++) thresholds.note(round % 4 < 2, "any", round);
  expect(thresholds.history.length).toBe(historyMaxCount);
  expect(thresholds.history.at(-1)?.atMs).toBe(49);
});

test("other thresholds hold from the next check on, and counts go on", () => {
  const thresholds = new Thresholds({ unhealthyThreshold: 5, healthyThreshold: 10 });
  expect(play(thresholds, "+---")).toBe("iiii");
  thresholds.setTerms(terms);
  expect(thresholds.phase).toBe("inService");
  expect(play(thresholds, "-")).toBe("o");
  expect(play(thresholds, "++")).toBe("oo");
  thresholds.forgetCounts();
  expect(play(thresholds, "++")).toBe("oo");
  expect(play(thresholds, "+")).toBe("i");
  expect(thresholds.history.length).toBe(3);
});
