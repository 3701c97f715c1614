// A member as health and traffic see it: when it counts as in service, what it counts, and what being chosen or not does to it.
import { expect, test } from "bun:test";
import type { TrafficFailure } from "../../../src/backend/backend-member.ts";
import { passivePoolTerms } from "../../../src/backend/pool-terms.ts";
import { defaultBalanceTerms, leastSlowStartShare } from "../../../src/balance/member.ts";
import { FakeDials, makeIdleConnection, makeMember } from "./idle-connections.ts";

const makeWatched = () => {
  const member = makeMember();
  const heard: Array<readonly [TrafficFailure, number]> = [];
  const watch = {
    isEjected: false,
    onFailure: (of: typeof member, failure: TrafficFailure) => void heard.push([failure, of.failuresInARow]),
  };
  member.watch = watch;
  return { member, heard, watch };
};

test("failures in a row are counted: 5xx and what keeps an answer from coming; anything below 500 ends the row", () => {
  const { member, heard } = makeWatched();
  member.noteStatus(500);
  member.noteFailure("connectRefused");
  member.noteStatus(499);
  member.noteStatus(599);
  member.noteSuccess();
  member.noteStatus(200);
  member.noteStatus(503);
  expect(heard).toEqual([
    [500, 1],
    ["connectRefused", 2],
    [599, 1],
    [503, 1],
  ]);
});

test("where nobody watches, nothing is counted", () => {
  const member = makeMember();
  member.noteStatus(500);
  member.noteFailure("connectRefused");
  expect(member.failuresInARow).toBe(0);
});

test("in service is who passes its checks, and isn't ejected", () => {
  const { member, watch } = makeWatched();
  expect(member.isInService).toBe(true);
  watch.isEjected = true;
  expect(member.isInService).toBe(false);
  watch.isEjected = false;
  member.health = { isInService: false, isRegistering: true };
  expect([member.isInService, member.isRegistering]).toEqual([false, true]);
});

test("one that isn't chosen keeps no idle connection and opens none; chosen again, it does as it is told meanwhile", () => {
  const dials = new FakeDials();
  const member = makeMember("i-1", dials.open);
  const { connection } = makeIdleConnection(member);
  member.setChosen(false);
  expect([member.pool.idleCount, connection.transport.isClosed]).toEqual([0, true]);
  member.keep({ ...passivePoolTerms, minIdle: 2 });
  expect(dials.pending).toHaveLength(0);
  expect(makeIdleConnection(member).connection.transport.isClosed).toBe(true);
  member.setChosen(true);
  expect(dials.pending).toHaveLength(2);
  makeIdleConnection(member);
  expect(member.pool.idleCount).toBe(1);
  // A member that has left is nobody's choice.
  member.leave();
  member.setChosen(false);
  member.setChosen(true);
  expect(makeIdleConnection(member).connection.transport.isClosed).toBe(true);
});

test("chosen again, it starts slowly where its terms say so", () => {
  const member = makeMember();
  member.setTerms({ ...defaultBalanceTerms, slowStartMs: 60_000 }, performance.now());
  expect(member.weight).toBe(1);
  member.setChosen(true);
  expect(member.weight).toBe(1);
  member.setChosen(false);
  member.setChosen(true);
  expect(member.weight).toBe(leastSlowStartShare);
});
