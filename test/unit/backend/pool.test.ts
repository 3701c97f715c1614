// The pool of kept connections: last in, first out, a cap, and an end that closes what is idle.
import { afterEach, expect, test } from "bun:test";
import type { BackendMember } from "../../../src/backend/backend-member.ts";
import { trimIdleConnections } from "../../../src/backend/pool.ts";
import { passivePoolTerms } from "../../../src/backend/pool-terms.ts";
import { descriptors } from "../../../src/net/descriptors.ts";
import { makeConnection, makeIdleConnection, makeMember } from "./idle-connections.ts";

const { maxIdle } = passivePoolTerms;

const members: Array<BackendMember> = [];
/** Compared by identity and named by letter: a connection's whole graph is nothing to compare or print. */
const named = (all: ReadonlyArray<unknown>, taken: ReadonlyArray<unknown>): string =>
  taken.map((one) => (one === undefined ? "-" : (["a", "b", "c"][all.indexOf(one)] ?? "?"))).join("");
const member = (): BackendMember => {
  const made = makeMember();
  members.push(made);
  return made;
};
afterEach(() => {
  for (const one of members.splice(0)) one.pool.close();
});

test("nothing is taken from an empty pool", () => {
  const { pool } = member();
  expect(pool.take()).toBeUndefined();
  expect(pool.idleCount).toBe(0);
});

test("the connection used last is taken first", () => {
  const one = member();
  const idle = [makeIdleConnection(one), makeIdleConnection(one), makeIdleConnection(one)].map((x) => x.connection);
  expect(one.pool.idleCount).toBe(3);
  const last = one.pool.take();
  expect(named(idle, [last])).toBe("c");
  last?.release();
  expect(named(idle, [one.pool.take(), one.pool.take(), one.pool.take(), one.pool.take()])).toBe("cba-");
  for (const connection of idle) connection.abort();
});

test("beyond the cap a connection is closed instead", () => {
  const one = member();
  for (let count = 0; count < maxIdle; count++) expect(makeIdleConnection(one).socket.calls).toEqual([]);
  const { socket } = makeIdleConnection(one);
  expect([socket.calls, one.pool.idleCount, one.counters.openConnections]).toEqual([["end"], maxIdle, maxIdle]);
  expect(maxIdle).toBe(64);
});

test("a connection is removed from anywhere, once", () => {
  const one = member();
  const idle = [makeIdleConnection(one), makeIdleConnection(one), makeIdleConnection(one)].map((x) => x.connection);
  one.pool.remove(idle[1]!);
  one.pool.remove(idle[1]!);
  expect(one.pool.idleCount).toBe(2);
  expect(named(idle, [one.pool.take(), one.pool.take()])).toBe("ca");
  for (const connection of idle) connection.abort();
});

test("closing closes what is idle and keeps nothing more, until it is opened again", () => {
  const one = member();
  const idle = [makeIdleConnection(one), makeIdleConnection(one)];
  const used = makeConnection(one);
  one.pool.close();
  expect([...idle.map(({ socket }) => socket.calls), one.pool.idleCount]).toEqual([["end"], ["end"], 0]);
  expect(used.socket.calls).toEqual([]);
  used.connection.release();
  expect([used.socket.calls, one.pool.idleCount, one.counters.openConnections]).toEqual([["end"], 0, 0]);
  one.pool.open();
  makeIdleConnection(one);
  expect(one.pool.idleCount).toBe(1);
});

test("a lower cap closes what has been idle longest", () => {
  const one = member();
  const idle = [makeIdleConnection(one), makeIdleConnection(one), makeIdleConnection(one)];
  one.keep({ ...passivePoolTerms, maxIdle: 1 });
  expect(idle.map(({ socket }) => socket.calls)).toEqual([["end"], ["end"], []]);
  expect([makeIdleConnection(one).socket.calls, one.pool.idleCount]).toEqual([["end"], 1]);
  one.keep({ ...passivePoolTerms, maxIdle: 0 });
  expect([idle[2]!.socket.calls, makeIdleConnection(one).socket.calls, one.pool.idleCount]).toEqual([
    ["end"],
    ["end"],
    0,
  ]);
});

test("what was opened ahead of demand waits behind what has served", () => {
  const one = member();
  const served = makeIdleConnection(one).connection;
  const ahead = makeConnection(one).connection;
  ahead.wait();
  expect(named([served, ahead], [one.pool.take(), one.pool.take(), one.pool.take()])).toBe("ab-");
  for (const connection of [served, ahead]) connection.abort();
});

test("what is idle gives way to clients, each instance in turn", () => {
  const [one, other] = [member(), member()];
  for (let count = 0; count < 3; count++) for (const each of [one, other]) makeIdleConnection(each);
  const { clients } = descriptors;
  // A client counts two, so that room for two or three is left, whichever the limit of descriptors allows.
  descriptors.clients = Math.floor((descriptors.total - 2) / 2);
  const room = descriptors.total - 2 * descriptors.clients;
  trimIdleConnections();
  expect([one.pool.idleCount, other.pool.idleCount]).toEqual([1, room - 1]);
  expect(makeIdleConnection(one).socket.calls).toEqual(["end"]);
  descriptors.clients = clients;
});
