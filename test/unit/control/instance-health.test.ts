// The health of instances by id, from what is shown of their addresses.
import { expect, test } from "bun:test";
import { drainingState, readInstanceHealth, unregisteredState } from "../../../src/control/instance-health.ts";
import type { InstanceStatus } from "../../../src/control/status.ts";
import { type InstanceState, inService } from "../../../src/health/thresholds.ts";

const failed: InstanceState = { state: "OutOfService", reasonCode: "Instance", description: "It failed." };

const phases = new Map<InstanceState, InstanceStatus["phase"]>([
  [inService, "inService"],
  [failed, "outOfService"],
  [drainingState, "draining"],
]);

const at = (id: string, state: InstanceState): InstanceStatus => ({
  ...{ id, address: "10.0.0.5", port: 80, openConnections: 1, outstanding: 1 },
  phase: phases.get(state)!,
  ...state,
});

test("an instance with several addresses is in service while one of them is", () => {
  expect(readInstanceHealth([at("a", failed), at("a", inService)], undefined)).toEqual([{ id: "a", ...inService }]);
  expect(readInstanceHealth([at("a", inService), at("a", failed)], undefined)).toEqual([{ id: "a", ...inService }]);
  expect(readInstanceHealth([at("a", failed), at("a", failed)], undefined)).toEqual([{ id: "a", ...failed }]);
});

test("an address that drains says nothing of an instance that is registered at another", () => {
  expect(readInstanceHealth([at("a", failed), at("a", drainingState)], undefined)).toEqual([{ id: "a", ...failed }]);
  expect(readInstanceHealth([at("b", drainingState)], undefined)).toEqual([{ id: "b", ...drainingState }]);
});

test("ids are answered in their order, also those that aren't registered", () => {
  expect(readInstanceHealth([at("a", inService), at("b", failed)], ["b", "c", "a"])).toEqual([
    { id: "b", ...failed },
    { id: "c", ...unregisteredState },
    { id: "a", ...inService },
  ]);
  expect(readInstanceHealth([at("a", inService)], [])).toEqual([]);
});
