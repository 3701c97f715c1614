// Who may be picked: zones, health and panic, for one node at a time.
import { describe, expect, test } from "bun:test";
import { type Candidate, type ChoiceTerms, choose } from "../../../src/control/choice.ts";

interface Named extends Candidate {
  readonly name: string;
}

const member = (name: string, zone?: string, isInService = true, weight = 1): Named => ({
  ...{ name, zone, isInService, weight },
  isRegistering: false,
  isDrained: false,
});

const everywhere: ChoiceTerms = { zone: "a", crossZone: true, panicThreshold: 0 };
const ownZone: ChoiceTerms = { ...everywhere, crossZone: false };

const namesOf = (members: ReadonlyArray<Named>, terms: ChoiceTerms): string =>
  choose(members, terms)
    .members.map(({ name }) => name)
    .join(" ");

/** `healthy` of `count` members in service. */
const group = (count: number, healthy: number): ReadonlyArray<Named> =>
  Array.from({ length: count }, (_, index) => member(`i${index}`, "a", index < healthy));

test("whoever is drained is never chosen, and is no reason to panic", () => {
  const drained = { ...member("drained"), isDrained: true };
  const panic = { ...everywhere, panicThreshold: 100 };
  expect(namesOf([member("one"), drained], panic)).toBe("one");
  expect(namesOf([member("ill", "a", false), drained], panic)).toBe("ill");
  expect(choose([drained], panic)).toMatchObject({ members: [], isPanic: false, nearCount: 0 });
});

describe("zones", () => {
  const members = [member("one", "a"), member("two", "b"), member("any"), member("ill", "a", false)];

  test("across zones everybody in service is chosen", () => expect(namesOf(members, everywhere)).toBe("one two any"));

  test("otherwise those of the own zone, and those of none", () => {
    expect(namesOf(members, ownZone)).toBe("one any");
    expect(namesOf(members, { ...ownZone, zone: "b" })).toBe("two any");
    expect(namesOf(members, { ...ownZone, zone: "c" })).toBe("any");
  });

  test("a node without a zone is near everybody", () => {
    expect(namesOf(members, { ...ownZone, zone: undefined })).toBe("one two any");
  });

  test("nobody is borrowed from another zone when the own one has none in service", () => {
    expect(namesOf([member("ill", "a", false), member("well", "b")], ownZone)).toBe("");
  });

  test("2 + 8 instances: 25 % and 6.25 % of the whole traffic each, and 10 % each across zones", () => {
    const ten = [...Array(10).keys()].map((index) => member(`i${index}`, index < 2 ? "a" : "b"));
    // Half of the clients come to each zone's node ("How Elastic Load Balancing works", AWS).
    const shareAt = (zone: string, terms: ChoiceTerms) => 50 / choose(ten, { ...terms, zone }).members.length;
    expect([shareAt("a", ownZone), shareAt("b", ownZone)]).toEqual([25, 6.25]);
    expect(shareAt("a", everywhere) + shareAt("b", everywhere)).toBe(10);
  });
});

describe("panic", () => {
  test.each([
    [10, 5, 50, false],
    [10, 4, 50, true],
    [3, 1, 34, true],
    [3, 1, 33, false],
    [4, 0, 0, false],
    [4, 3, 100, true],
    [4, 4, 100, false],
    [0, 0, 100, false],
  ])("of %d instances %d in service, threshold %d %%: %p", (count, healthy, panicThreshold, isPanic) => {
    const choice = choose(group(count, healthy), { ...everywhere, panicThreshold });
    expect(choice.isPanic).toBe(isPanic);
    expect(choice.members).toHaveLength(isPanic ? count : healthy);
    expect([choice.nearCount, choice.inServiceCount]).toEqual([count, healthy]);
  });

  test("many new instances are no reason for it, and get nothing before their checks have spoken", () => {
    const members = [...group(2, 2), ...group(8, 0).map((one) => ({ ...one, isRegistering: true }))];
    expect(namesOf(members, { ...everywhere, panicThreshold: 50 })).toBe("i0 i1");
  });

  test("who has no share counts for nothing, and is there for those who ask for it", () => {
    const panic: ChoiceTerms = { ...everywhere, panicThreshold: 50 };
    const standby = member("standby", "a", true, 0);
    const choice = choose([member("live", "a", false), standby], panic);
    expect([choice.isPanic, choice.nearCount, choice.inServiceCount]).toEqual([true, 1, 0]);
    expect(namesOf([member("live", "a", false), standby], panic)).toBe("live standby");
    expect(namesOf([member("live"), standby], panic)).toBe("live standby");
    // Ill, it is no reason for panic.
    expect(namesOf([member("live"), member("i1", "a", false, 0), member("i2", "a", false, 0)], panic)).toBe("live");
    expect(namesOf([standby, member("ill", "a", false, 0)], panic)).toBe("standby");
  });

  test("the own zone alone counts where traffic stays in it", () => {
    const members = [...group(2, 0), member("far", "b"), member("farther", "b")];
    expect(namesOf(members, { ...ownZone, panicThreshold: 50 })).toBe("i0 i1");
    expect(namesOf(members, { ...everywhere, panicThreshold: 50 })).toBe("far farther");
  });
});
