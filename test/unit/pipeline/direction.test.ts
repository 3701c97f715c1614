// One direction before there is another end, and what goes out first when there is: in one write, in order, and with the
// source held while it isn't taken.
import { expect, test } from "bun:test";
import { ListenerCounters } from "../../../src/observe/counters.ts";
import { type BothWays, Direction } from "../../../src/pipeline/direction.ts";
import { eventually } from "../../support/eventually.ts";
import { makeFakeTransport } from "../net/fake-socket.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A client's end, and the instance's, which it hasn't been joined to. */
const start = () => {
  const client = makeFakeTransport();
  const instance = makeFakeTransport();
  const both: BothWays = {
    lastActivityMs: 0,
    counters: new ListenerCounters(),
    onFirstBytes: () => {},
    onFirstSent: () => {},
    isFromClient: (direction) => direction === toBackend,
    cut: () => {},
    finish: () => {},
  };
  const toBackend = new Direction(both, client.transport);
  const toClient = new Direction(both, instance.transport);
  client.transport.receiver = toBackend;
  instance.transport.receiver = toClient;
  toClient.other = toBackend;
  return { client, instance, both, toBackend, join: () => toBackend.join(toClient) };
};

test("what goes out first goes out by itself when the client has said nothing by the next turn", async () => {
  const { client, instance, toBackend, both, join } = start();
  toBackend.begin(bytes("first "));
  join();
  expect(instance.socket.sent).toBe("");
  await eventually(() => instance.socket.sent !== "");
  expect([instance.socket.sent, client.socket.calls]).toEqual(["first ", []]);
  toBackend.onBytes(bytes("then"));
  expect(instance.socket.writes.length).toBe(2);
  expect(instance.socket.sent).toBe("first then");
  // It is nothing of the client's.
  expect([toBackend.bytes, both.counters.receivedBytes]).toEqual([4, 4]);
});

test("and in one write with what the client says until then", () => {
  const { instance, toBackend, join } = start();
  toBackend.begin(bytes("first "));
  join();
  toBackend.onBytes(bytes("hello"));
  toBackend.onBytes(bytes(" again"));
  toBackend.onTurn();
  expect([instance.socket.writes.length, instance.socket.sent]).toEqual([2, "first hello again"]);
});

test("a client that ends before its turn is ended behind what goes out first", () => {
  const { client, instance, toBackend, join } = start();
  toBackend.begin(bytes("first"));
  join();
  client.transport.endOfInput();
  toBackend.onTurn();
  expect([instance.socket.sent, instance.socket.calls]).toEqual(["first", ["shutdown"]]);
});

test("an instance that has gone by then gets nothing", () => {
  const { instance, toBackend, join } = start();
  toBackend.begin(bytes("first"));
  join();
  instance.transport.abort();
  toBackend.onTurn();
  expect(instance.socket.writes.length).toBe(0);
});

test("and in one write with what the client has said, however often", () => {
  const { client, instance, toBackend, join } = start();
  toBackend.begin(bytes("first "));
  toBackend.onBytes(bytes("hel"));
  toBackend.onBytes(bytes("lo"));
  join();
  expect([instance.socket.writes.length, instance.socket.sent]).toEqual([1, "first hello"]);
  expect(client.socket.calls).toEqual([]);
});

test("a client that says much before there is an instance isn't read until there is one", () => {
  const { client, instance, toBackend, join } = start();
  toBackend.onBytes(bytes("x".repeat(4095)));
  expect(client.socket.calls).toEqual([]);
  toBackend.onBytes(bytes("x"));
  expect(client.socket.calls).toEqual(["pause"]);
  // A read that was already under way.
  toBackend.onBytes(bytes("x"));
  expect(client.socket.calls).toEqual(["pause"]);
  join();
  expect([instance.socket.sent.length, instance.socket.writes.length]).toEqual([4097, 1]);
  expect(client.socket.calls).toEqual(["pause", "resume"]);
});

test.each(["", "hello"])("what isn't taken at once holds the client (%p said)", (said) => {
  const { client, instance, toBackend, join } = start();
  toBackend.begin(bytes("first "));
  if (said !== "") toBackend.onBytes(bytes(said));
  instance.socket.room = 3;
  join();
  toBackend.onTurn();
  expect([instance.socket.sent, client.socket.calls]).toEqual(["fir", ["pause"]]);
  instance.socket.room = 100;
  instance.transport.flush();
  expect([instance.socket.sent, client.socket.calls]).toEqual([`first ${said}`, ["pause", "resume"]]);
});

test("a client that has ended is ended behind both", () => {
  const { client, instance, toBackend, join } = start();
  toBackend.begin(bytes("first "));
  toBackend.onBytes(bytes("last words"));
  client.transport.endOfInput();
  join();
  expect([instance.socket.sent, instance.socket.calls]).toEqual(["first last words", ["shutdown"]]);
});

test("without a beginning, nothing is written for a client that says nothing", () => {
  const { instance, join } = start();
  join();
  expect(instance.socket.writes).toEqual([]);
});
