// A transport: what the socket does not take is kept in order, closing waits for it, and after the end nobody is told.
import { expect, test } from "bun:test";
import type { Receiver } from "../../../src/net/transport.ts";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { makeFakeTransport } from "./fake-socket.ts";

const setUp = () => {
  const { transport, socket } = makeFakeTransport();
  const heard: Array<string> = [];
  const receiver: Receiver = {
    onBytes: (chunk) => heard.push(`${chunk.length} bytes`),
    onWritable: () => heard.push("writable"),
    onEnd: () => heard.push("end"),
    onClosed: (isReset) => heard.push(isReset ? "reset" : "closed"),
  };
  transport.receiver = receiver;
  return { transport, socket, heard };
};

test("bytes that the socket takes are gone, and writable stays true", () => {
  const { transport, socket, heard } = setUp();
  expect(transport.write(bytesOf("ab"))).toBe(true);
  expect(transport.writeCopy(bytesOf("cd"))).toBe(true);
  expect(transport.write(new Uint8Array(0))).toBe(true);
  expect([socket.sent, transport.isWritable, heard]).toEqual(["abcd", true, []]);
});

test("what is not taken is kept in order, through any number of flushes", () => {
  const { transport, socket, heard } = setUp();
  socket.room = 3;
  const reused = bytesOf("abcde");
  expect(transport.writeCopy(reused)).toBe(false);
  reused.fill(0);
  expect(transport.isWritable).toBe(false);
  expect(transport.write(bytesOf("fg"))).toBe(false);
  const again = bytesOf("hi");
  expect(transport.writeCopy(again)).toBe(false);
  again.fill(0);
  transport.flush();
  expect(heard).toEqual([]);
  for (const room of [1, 2, 0, 1]) {
    socket.room = room;
    transport.flush();
    expect(heard).toEqual([]);
  }
  socket.room = 100;
  transport.flush();
  transport.flush();
  expect([socket.sent, heard, transport.isWritable]).toEqual(["abcdefghi", ["writable"], true]);
});

test("half-close waits for what is kept, and comes once", () => {
  const { transport, socket, heard } = setUp();
  socket.room = 1;
  transport.write(bytesOf("ab"));
  transport.shutdown();
  transport.shutdown();
  expect([transport.isShut, socket.calls]).toEqual([true, []]);
  socket.room = 9;
  transport.flush();
  transport.shutdown();
  expect([socket.sent, socket.calls, heard]).toEqual(["ab", ["shutdown"], ["writable"]]);
});

test("close sends FIN when everything was taken, a reset when not, and the receiver hears no more", () => {
  for (const room of [2, 1]) {
    const { transport, socket, heard } = setUp();
    socket.room = room;
    transport.write(bytesOf("ab"));
    transport.close();
    transport.close();
    transport.endOfInput();
    transport.flush();
    transport.gone(undefined);
    expect([socket.calls, transport.isClosed, heard]).toEqual([[room === 2 ? "end" : "terminate"], true, []]);
  }
});

test("abort loses what is kept, also after close", () => {
  const { transport, socket, heard } = setUp();
  socket.room = 1;
  transport.write(bytesOf("ab"));
  transport.close();
  transport.abort();
  transport.abort();
  transport.gone({ code: "ECONNRESET" });
  expect([socket.calls, transport.isClosed, transport.isWritable, heard]).toEqual([["terminate"], true, true, []]);
  expect(transport.write(bytesOf("c"))).toBe(false);
  expect(transport.writeCopy(bytesOf("c"))).toBe(false);
  transport.shutValve();
  transport.openValve();
  transport.shutdown();
  transport.flush();
  expect([socket.calls, socket.sent]).toEqual([["terminate"], "a"]);
});

test("the peer's end is told once, and its closing as end and close", () => {
  const { transport, heard } = setUp();
  transport.endOfInput();
  transport.endOfInput();
  expect([transport.hasEnded, heard]).toEqual([true, ["end"]]);
  transport.gone(undefined);
  transport.gone(undefined);
  expect([transport.isClosed, heard]).toEqual([true, ["end", "closed"]]);
});

test("a close without an end before it is both (a FIN behind our own)", () => {
  const { transport, heard } = setUp();
  transport.shutdown();
  transport.gone(undefined);
  expect(heard).toEqual(["end", "closed"]);
});

test("a reset is a reset, without an end", () => {
  const { transport, heard } = setUp();
  transport.gone({ code: "ECONNRESET" });
  expect(heard).toEqual(["reset"]);
});

test("a receiver that closes when it hears of the end is not told of the close", () => {
  const { transport, heard } = setUp();
  transport.receiver = { ...transport.receiver, onEnd: () => transport.close() };
  transport.gone(undefined);
  expect([transport.isClosed, heard]).toEqual([true, []]);
});

test("while it is being dialled, the dial hears instead", () => {
  const { transport, heard } = setUp();
  const told: Array<unknown> = [];
  transport.dial = { onConnected: () => told.push("connected"), onFailed: (code) => told.push(code) };
  transport.flush();
  transport.endOfInput();
  transport.gone({ code: "ECONNREFUSED" });
  expect([told, heard]).toEqual([["connected", "ECONNREFUSED"], []]);
});

test("the valve is counted: the first holder stops the socket, the last one starts it", () => {
  const { transport, socket } = setUp();
  transport.openValve();
  expect([transport.isValveShut, socket.calls]).toEqual([false, []]);
  transport.shutValve();
  transport.shutValve();
  transport.openValve();
  expect([transport.isValveShut, socket.calls]).toEqual([true, ["pause"]]);
  transport.openValve();
  transport.openValve();
  expect([transport.isValveShut, socket.calls]).toEqual([false, ["pause", "resume"]]);
  transport.shutValve();
  expect(socket.calls).toEqual(["pause", "resume", "pause"]);
});

// The system reports a reset to whoever asks first. Where a write did, Bun shows what follows as an end in good order.
test("a write that fails reports a reset: what came before it still arrives, and the end after it is no end", () => {
  for (const write of ["write", "writeCopy", "flush"] as const) {
    const { transport, socket, heard } = setUp();
    if (write === "flush") {
      socket.room = 0;
      transport.write(bytesOf("ab"));
    }
    socket.isGone = true;
    if (write === "flush") transport.flush();
    else expect(transport[write](bytesOf("ab"))).toBe(false);
    expect([transport.isBroken, heard]).toEqual([true, []]);
    transport.receiver.onBytes(bytesOf("answer"));
    transport.endOfInput();
    transport.gone(undefined);
    expect([heard, transport.isClosed, socket.calls]).toEqual([["6 bytes", "reset"], true, ["terminate"]]);
  }
});

test("after a failed write a close without error is a reset too", () => {
  const { transport, socket, heard } = setUp();
  socket.isGone = true;
  transport.write(bytesOf("ab"));
  transport.gone(undefined);
  expect(heard).toEqual(["reset"]);
});

test("it says how many bytes wait", () => {
  const { transport, socket } = setUp();
  expect(transport.keptBytes).toBe(0);
  socket.room = 1;
  transport.write(bytesOf("abc"));
  expect(transport.keptBytes).toBe(2);
});
