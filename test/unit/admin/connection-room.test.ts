// Who gives way when the management server has as many connections as it may: the longest silent, never one that is being
// answered.
import { expect, test } from "bun:test";
import { ConnectionRoom } from "../../../src/admin/connection-room.ts";

test("the longest silent gives way; those with a request in progress stay, and then the newcomer doesn't get in", () => {
  const room = new ConnectionRoom(2);
  const dismissed: Array<string> = [];
  const guest = (name: string) => ({ dismiss: () => void dismissed.push(name) });
  const [a, b, c, d] = ["a", "b", "c", "d"].map(guest) as [
    ReturnType<typeof guest>,
    ReturnType<typeof guest>,
    ReturnType<typeof guest>,
    ReturnType<typeof guest>,
  ];
  expect([room.enter(a), room.enter(b)]).toEqual([true, true]);
  room.noteBusy(a);
  room.noteIdle(a);
  expect(room.enter(c)).toBe(true);
  expect(dismissed).toEqual(["b"]);
  room.noteBusy(a);
  room.noteBusy(c);
  expect([room.enter(d), room.size]).toEqual([false, 2]);
  room.leave(a);
  expect([room.enter(d), room.size]).toEqual([true, 2]);
  expect(dismissed).toEqual(["b"]);
  // Whoever has left already is nobody's room any more.
  room.noteIdle(a);
  room.leave(b);
  expect(room.size).toBe(2);
});
