// A connection to an instance: who hears it, what ends it while it waits, and that each end is counted once.
import { afterEach, expect, test } from "bun:test";
import { poolIdleMs } from "../../../src/backend/pool.ts";
import { countArmedDeadlines, tickDeadlines } from "../../../src/net/deadlines.ts";
import { withFakeTime } from "../net/fake-time.ts";
import { makeConnection, makeIdleConnection, makeMember, makeUser } from "./idle-connections.ts";

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

test("it counts the responses that it delivered", () => {
  const member = makeMember();
  const { connection } = makeConnection(member);
  expect(connection.servedResponses).toBe(0);
  connection.use(makeUser([]));
  connection.release();
  expect(connection.servedResponses).toBe(1);
  member.pool.close();
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
    const pass = (ms: number): void => {
      for (const endMs = time.nowMs + ms; time.nowMs < endMs; ) {
        time.nowMs += 100;
        tickDeadlines();
      }
    };
    pass(poolIdleMs - 1000);
    expect(member.pool.take() === connection).toBe(true);
    connection.use(makeUser([]));
    pass(3 * poolIdleMs);
    expect(socket.calls).toEqual([]);
    connection.release();
    pass(poolIdleMs - 1000);
    expect([socket.calls, member.pool.idleCount]).toEqual([[], 1]);
    pass(1500);
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
