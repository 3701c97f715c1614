// A member as health and traffic see it: when it counts as in service, what it counts, and what being chosen or not does to it.
import { expect, test } from "bun:test";
import type { TrafficFailure } from "../../../src/backend/backend-member.ts";
import { passivePoolTerms } from "../../../src/backend/pool-terms.ts";
import { defaultBalanceTerms, leastSlowStartShare } from "../../../src/balance/member.ts";
import { FakeDials, makeIdleConnection, makeMember } from "./idle-connections.ts";

const unknown = {
  balance: defaultBalanceTerms,
  health: undefined,
  watch: undefined,
  zone: undefined,
  isDrained: false,
};

const makeWatched = () => {
  const member = makeMember();
  const heard: Array<readonly [TrafficFailure, number]> = [];
  const watch = {
    isEjected: false,
    onFailure: (of: typeof member, failure: TrafficFailure) => void heard.push([failure, of.failuresInARow]),
  };
  member.follow({ ...unknown, watch }, 0);
  return { member, heard, watch };
};

test("failures in a row are counted: 5xx and what keeps an answer from coming; anything below 500 ends the row", () => {
  const { member, heard } = makeWatched();
  member.noteStatus(500);
  member.noteUnreached("connectRefused");
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

test("a connection that stands ends a row of dials, and forgives no answer", () => {
  const { member, heard } = makeWatched();
  member.noteUnreached("connectTimeout");
  member.noteUnreached("connectRefused");
  member.noteReached();
  member.noteStatus(500);
  member.noteReached();
  member.noteFailure("backendClosed");
  member.noteReached();
  member.noteUnreached("connectRefused");
  expect(heard.map(([, inARow]) => inARow)).toEqual([1, 2, 1, 2, 3]);
  member.noteReached();
  expect(member.failuresInARow).toBe(0);
});

test("where nobody watches, nothing is counted", () => {
  const member = makeMember();
  member.noteStatus(500);
  member.noteUnreached("connectRefused");
  expect(member.failuresInARow).toBe(0);
});

test("in service is who passes its checks, and isn't ejected", () => {
  const { member, watch } = makeWatched();
  expect(member.isInService).toBe(true);
  watch.isEjected = true;
  expect(member.isInService).toBe(false);
  watch.isEjected = false;
  member.follow({ ...unknown, watch, health: { isInService: false, isRegistering: true } }, 0);
  expect([member.isInService, member.isRegistering]).toEqual([false, true]);
});

test("one that isn't chosen keeps no idle connection and opens none; chosen again, it does as it is told meanwhile", () => {
  const dials = new FakeDials();
  const member = makeMember("i-1", dials.open);
  const { connection } = makeIdleConnection(member);
  member.setChosen(false, performance.now());
  expect([member.pool.idleCount, connection.transport.isClosed]).toEqual([0, true]);
  member.keep({ ...passivePoolTerms, minIdle: 2 });
  expect(dials.pending).toHaveLength(0);
  expect(makeIdleConnection(member).connection.transport.isClosed).toBe(true);
  member.setChosen(true, performance.now());
  expect(dials.pending).toHaveLength(2);
  makeIdleConnection(member);
  expect(member.pool.idleCount).toBe(1);
  // A member that has left is nobody's choice.
  member.leave();
  member.setChosen(false, performance.now());
  member.setChosen(true, performance.now());
  expect(makeIdleConnection(member).connection.transport.isClosed).toBe(true);
});

test("chosen again, it starts slowly where its terms say so", () => {
  const member = makeMember();
  // A clock far from the process's own: the time that it is told is the one that counts.
  const nowMs = -1e9;
  member.follow({ ...unknown, balance: { ...defaultBalanceTerms, slowStartMs: 60_000 } }, nowMs);
  expect(member.weight).toBe(1);
  member.setChosen(true, nowMs);
  expect(member.weight).toBe(1);
  member.setChosen(false, nowMs);
  member.setChosen(true, nowMs);
  expect(member.weight).toBe(leastSlowStartShare);
  member.refresh(nowMs + 30_000);
  expect(member.weight).toBe(0.5);
});
