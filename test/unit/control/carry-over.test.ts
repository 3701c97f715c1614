// What was registered and deregistered at run time, over a file that is read anew.
import { expect, test } from "bun:test";
import { carryOver } from "../../../src/control/carry-over.ts";
import type { Configuration } from "../../../src/model/configuration.ts";
import type { Instance } from "../../../src/model/instance.ts";
import { configurationOf } from "../../support/elbow.ts";

const one = { id: "i-1", host: "10.0.0.1" };
const two = { id: "i-2", host: "10.0.0.2" };
const three = { id: "i-3", host: "10.0.0.3" };

/** A load balancer with these instances, which are its inventory too, with `more` beside them. */
const listing = (instances: ReadonlyArray<Instance>, more: ReadonlyArray<Instance> = []): Configuration => {
  const configuration = configurationOf([{ instances: [] }]);
  const inventory = new Map([...instances, ...more].map(({ id, ...entry }) => [id, entry]));
  return {
    ...configuration,
    inventory,
    loadBalancers: configuration.loadBalancers.map((it) => ({ ...it, instances })),
  };
};

test.each<readonly [string, Configuration, Configuration, Configuration, ReadonlyArray<Instance>]>([
  ["nothing was changed", listing([one]), listing([one]), listing([two]), [two]],
  ["deregistered, and the file is the same", listing([one, two]), listing([two]), listing([one, two]), [two]],
  ["deregistered, and another is listed", listing([one]), listing([]), listing([one, two]), [two]],
  [
    "deregistered, and its entry is another",
    listing([one]),
    listing([]),
    listing([{ ...one, weight: 2 }]),
    [{ ...one, weight: 2 }],
  ],
  [
    "registered, and the file is the same",
    listing([one], [two]),
    listing([one, two]),
    listing([one], [two]),
    [one, two],
  ],
  ["registered, and listed now", listing([one], [two]), listing([one, two]), listing([two, one]), [two, one]],
  [
    "registered, and its entry is another",
    listing([one], [two]),
    listing([one, two]),
    listing([one], [{ ...two, zone: "b" }]),
    [one],
  ],
  [
    "registered, and the file has another name for the same server",
    listing([one]),
    listing([one, three]),
    listing([{ ...three, id: "i-9" }]),
    [{ ...three, id: "i-9" }],
  ],
  [
    "drained, and the file is the same",
    listing([one, two]),
    listing([{ ...one, drainedSinceMs: 5 }, two]),
    listing([one, two]),
    [{ ...one, drainedSinceMs: 5 }, two],
  ],
  [
    "drained, and its entry is another",
    listing([one]),
    listing([{ ...one, drainedSinceMs: 5 }]),
    listing([{ ...one, weight: 2 }]),
    [{ ...one, weight: 2 }],
  ],
  [
    "registered and drained, and the file is the same",
    listing([one], [two]),
    listing([one, { ...two, drainedSinceMs: 5 }]),
    listing([one], [two]),
    [one, { ...two, drainedSinceMs: 5 }],
  ],
  ["one in the place of another", listing([one]), listing([three]), listing([one]), [three]],
])("%s", (_, before, present, next, expected) => {
  expect(carryOver(before, present, next).loadBalancers[0]?.instances).toEqual([...expected]);
});

test("a load balancer that is new has what the file says", () => {
  const next = listing([one]);
  const renamed = { ...next, loadBalancers: next.loadBalancers.map((it) => ({ ...it, name: "other" })) };
  expect(carryOver(listing([one]), listing([]), renamed)).toEqual(renamed);
});
