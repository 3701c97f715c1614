// A connection to an instance: who hears it, what ends it while it waits, and that each end is counted once.
import { afterEach, expect, test } from "bun:test";
import { passivePoolTerms } from "../../../src/backend/pool-terms.ts";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import { withFakeTime } from "../net/fake-time.ts";
import { makeConnection, makeIdleConnection, makeMember, makeUser, passTime } from "./idle-connections.ts";

const { idleTimeoutMs } = passivePoolTerms;

afterEach(() => expect(countArmedDeadlines()).toBe(0));

test("its user hears everything, and nothing after it let go", () => {
  const member = makeMember();
  const { connection } = makeConnection(member);
  const heard: Array<string> = [];
  connection.use(makeUser(heard));
  connection.onBytes(new Uint8Array(3));
  connection.onWritable();
  connection.onEnd();
  expect(heard).toEqual(["3 bytes", "writable", "end"]);
  connection.abort();
  connection.onWritable();
  expect([heard.length, member.counters.connections, member.counters.openConnections]).toEqual([3, 1, 0]);
});

test.each([
  ["bytes", (one: ReturnType<typeof makeConnection>) => one.connection.transport.receiver.onBytes(new Uint8Array(1))],
  ["a FIN", (one: ReturnType<typeof makeConnection>) => one.connection.transport.endOfInput()],
  ["a close", (one: ReturnType<typeof makeConnection>) => one.connection.transport.gone(undefined)],
  ["a reset", (one: ReturnType<typeof makeConnection>) => one.connection.transport.gone({ code: "ECONNRESET" })],
])("%s while it waits ends it and takes it from the pool", (_, happen) => {
  const member = makeMember();
  const idle = makeIdleConnection(member);
  const other = makeIdleConnection(member);
  happen(idle);
  expect([member.pool.idleCount, member.counters.openConnections, idle.connection.transport.isClosed]).toEqual([
    1,
    1,
    true,
  ]);
  happen(idle);
  expect(member.counters.openConnections).toBe(1);
  expect(member.pool.take() === other.connection).toBe(true);
  other.connection.close();
});

test("a connection whose instance has ended is closed, not kept", () => {
  const member = makeMember();
  const { connection, socket } = makeConnection(member);
  connection.use(makeUser([]));
  connection.transport.endOfInput();
  connection.release();
  expect([socket.calls, member.pool.idleCount, member.counters.openConnections]).toEqual([["end"], 0, 0]);
});

test("it counts the responses that it delivered, and knows whether it has waited", () => {
  const member = makeMember();
  const { connection } = makeConnection(member);
  expect([connection.servedResponses, connection.wasIdle]).toEqual([0, false]);
  connection.use(makeUser([]));
  connection.release();
  expect([connection.servedResponses, connection.wasIdle]).toEqual([1, true]);
  const ahead = makeConnection(member).connection;
  ahead.wait();
  expect([ahead.servedResponses, ahead.wasIdle]).toEqual([0, true]);
  member.pool.close();
});

test("a limit on idle time that changes counts from when the wait began, whether it becomes shorter or longer", () => {
  withFakeTime((time) => {
    const member = makeMember();
    const limit = (seconds: number) => member.keep({ ...passivePoolTerms, idleTimeoutMs: seconds * 1000 });
    const [waiting, used] = [makeIdleConnection(member), makeConnection(member)];
    used.connection.use(makeUser([]));
    passTime(time, 4000);
    limit(100);
    passTime(time, 60_000);
    limit(70);
    passTime(time, 5800);
    expect(waiting.socket.calls).toEqual([]);
    passTime(time, 400);
    expect(waiting.socket.calls).toEqual(["end"]);
    // One that comes back from its exchange under a shorter limit keeps that one.
    used.connection.release();
    member.pool.take()?.use(makeUser([]));
    limit(2);
    used.connection.release();
    passTime(time, 1500);
    expect(used.socket.calls).toEqual([]);
    passTime(time, 800);
    expect(used.socket.calls).toEqual(["end"]);
    expect(time.timers).toBe(0);
  });
});

test("close and abort are told to the socket once, in the user's absence", () => {
  for (const [act, call] of [
    ["close", "end"],
    ["abort", "terminate"],
  ] as const) {
    const member = makeMember();
    const heard: Array<string> = [];
    const { connection, socket } = makeConnection(member);
    connection.use(makeUser(heard));
    connection[act]();
    connection[act]();
    connection.transport.gone(undefined);
    expect([socket.calls, heard, member.counters.openConnections]).toEqual([[call], [], 0]);
  }
});

test("a reset in use is told to the user alone, once", () => {
  const member = makeMember();
  const heard: Array<string> = [];
  const { connection } = makeConnection(member);
  connection.use(makeUser(heard));
  connection.transport.gone({ code: "ECONNRESET" });
  connection.abort();
  expect([heard, member.counters.openConnections]).toEqual([["reset"], 0]);
});

test("idle for long it is closed; used meanwhile, it waits anew", () => {
  withFakeTime((time) => {
    const member = makeMember();
    const { connection, socket } = makeIdleConnection(member);
    passTime(time, idleTimeoutMs - 1000);
    expect(member.pool.take() === connection).toBe(true);
    connection.use(makeUser([]));
    passTime(time, 3 * idleTimeoutMs);
    expect(socket.calls).toEqual([]);
    connection.release();
    passTime(time, idleTimeoutMs - 1000);
    expect([socket.calls, member.pool.idleCount]).toEqual([[], 1]);
    passTime(time, 1500);
    expect([socket.calls, member.pool.idleCount, member.counters.openConnections]).toEqual([["end"], 0, 0]);
    expect(time.timers).toBe(0);
  });
});

test("a connection whose instance has not taken the last request is not kept", () => {
  const member = makeMember();
  const { connection, socket } = makeConnection(member);
  socket.room = 1;
  connection.transport.write(new Uint8Array(2));
  connection.release();
  expect([member.pool.idleCount, socket.calls]).toEqual([0, ["terminate"]]);
});
