// Connections opened ahead of demand: how many, when again, and how an instance that can't be had is left alone.
import { expect, test } from "bun:test";
import type { BackendMember } from "../../../src/backend/backend-member.ts";
import { type PoolTerms, passivePoolTerms } from "../../../src/backend/pool-terms.ts";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import { descriptors } from "../../../src/net/descriptors.ts";
import { type FakeTime, withFakeTime } from "../net/fake-time.ts";
import { FakeDials, makeMember, makeUser, passTime } from "./idle-connections.ts";

const ahead = (minIdle: number, terms: Partial<PoolTerms> = {}): PoolTerms => ({
  ...passivePoolTerms,
  minIdle,
  ...terms,
});

/** A member that keeps `least` connections, with dials and time in the test's hands; nothing may be left of it. */
const withReserve = (least: number, body: (member: BackendMember, dials: FakeDials, time: FakeTime) => void): void =>
  withFakeTime((time) => {
    const before = [descriptors.idle, countArmedDeadlines()];
    const dials = new FakeDials();
    const member = makeMember("i-1", dials.open);
    member.keep(ahead(least));
    body(member, dials, time);
    member.leave();
    expect([descriptors.idle, countArmedDeadlines(), time.timers]).toEqual([...before, 0]);
    expect(member.counters.openConnections).toBe(0);
  });

/** Takes a connection for an exchange that is never over by itself. */
const take = (member: BackendMember) => {
  const connection = member.pool.take()!;
  connection.use(makeUser([]));
  return connection;
};

/** The waits between dials, in whole seconds; these tests answer a dial up to a second after it was begun. */
const waits = ({ startedMs }: FakeDials): ReadonlyArray<number> =>
  startedMs.slice(1).map((ms, index) => Math.round((ms - startedMs[index]!) / 1000));

test("it opens as many as are missing at once, and no more while they are under way", () => {
  withReserve(3, (member, dials, time) => {
    expect([dials.pending.length, descriptors.idle]).toEqual([3, 3]);
    member.keep(ahead(3));
    passTime(time, 2000);
    expect(dials.startedMs.length).toBe(3);
    for (let count = 0; count < 3; count++) dials.answer();
    expect([member.pool.idleCount, descriptors.idle, member.counters.connections]).toEqual([3, 3, 3]);
    passTime(time, 10_000);
    expect(dials.startedMs.length).toBe(3);
  });
});

test("nothing is opened for none, and what is under way is given up when fewer are wanted", () => {
  withReserve(0, (member, dials, time) => {
    passTime(time, 2000);
    expect([member.pool.take(), dials.startedMs.length, countArmedDeadlines()]).toEqual([undefined, 0, 0]);
    member.keep(ahead(4));
    member.keep(ahead(1));
    expect([dials.canceled, dials.pending.length, descriptors.idle]).toEqual([3, 1, 1]);
    member.keep(ahead(0));
    expect([dials.canceled, dials.pending.length, descriptors.idle, countArmedDeadlines()]).toEqual([4, 0, 0, 0]);
  });
});

test("one that is taken is replaced soon, unless another has come back by then", () => {
  withReserve(1, (member, dials, time) => {
    dials.answer();
    take(member).release();
    passTime(time, 1000);
    expect(dials.startedMs.length).toBe(1);
    const used = take(member);
    expect(dials.startedMs.length).toBe(1);
    passTime(time, 200);
    expect(dials.startedMs.length).toBe(2);
    dials.answer();
    used.release();
    expect(member.pool.idleCount).toBe(2);
  });
});

test("busy clients add at most what is kept ahead, and a request costs no dial", () => {
  withReserve(1, (member, dials, time) => {
    dials.answer();
    // 64 exchanges at a time, of which half are over and followed by others at every step.
    const used = Array.from({ length: 64 }, () => {
      if (member.pool.idleCount === 0) {
        member.reserve.refill(time.nowMs);
        if (dials.pending.length > 0) dials.answer();
      }
      return take(member);
    });
    for (let step = 0; step < 200; step++) {
      for (let index = 0; index < 32; index++) {
        used.shift()!.release();
        used.push(take(member));
      }
      passTime(time, 100);
      if (dials.pending.length > 0) dials.answer();
    }
    expect(dials.startedMs.length).toBeLessThanOrEqual(65);
    for (const connection of used) connection.close();
  });
});

test("as many clients as the pool may keep, in step: none is opened and closed over and over", () => {
  withReserve(1, (member, dials, time) => {
    member.keep(ahead(1, { maxIdle: 1 }));
    dials.answer();
    for (let step = 0; step < 200; step++) {
      const used = take(member);
      passTime(time, 200);
      if (dials.pending.length > 0) dials.answer();
      used.release();
    }
    // 40 s: one in every five.
    expect(dials.startedMs.length).toBeLessThanOrEqual(10);
  });
});

test("one that ages out is replaced at once", () => {
  withReserve(1, (member, dials, time) => {
    dials.answer();
    passTime(time, passivePoolTerms.idleTimeoutMs - 200);
    expect([dials.sockets[0]!.calls, dials.startedMs.length]).toEqual([[], 1]);
    passTime(time, 400);
    expect([dials.sockets[0]!.calls, dials.startedMs.length]).toEqual([["end"], 2]);
    dials.answer();
    expect(member.pool.idleCount).toBe(1);
  });
});

test("while dials fail the waits double to 30 s, one dial at a time; each failure counts", () => {
  withReserve(2, (member, dials, time) => {
    dials.refuse();
    dials.refuse("timeout");
    for (let second = 0; second < 120; second++) {
      passTime(time, 1000);
      expect(dials.pending.length).toBeLessThanOrEqual(1);
      if (dials.pending.length > 0) dials.refuse();
    }
    expect(waits(dials).slice(0, 7)).toEqual([0, 1, 3, 5, 9, 17, 31]);
    expect(member.counters.connectionErrors).toBe(dials.startedMs.length);
    // Up at last: both come soon, and the next failure begins anew.
    passTime(time, 31_000);
    dials.answer();
    passTime(time, 200);
    dials.answer();
    expect(member.pool.idleCount).toBe(2);
    passTime(time, 6000);
    const count = dials.startedMs.length;
    take(member).abort();
    passTime(time, 200);
    dials.refuse();
    passTime(time, 1200);
    expect(dials.startedMs.length).toBe(count + 2);
  });
});

test("an instance that isn't trusted is left alone like one that can't be reached, and counted apart", () => {
  withReserve(2, (member, dials, time) => {
    dials.refuse("untrusted");
    dials.refuse("handshake");
    for (let second = 0; second < 20; second++) {
      passTime(time, 1000);
      if (dials.pending.length > 0) dials.refuse("untrusted");
    }
    expect(waits(dials)).toEqual([0, 1, 3, 5, 9]);
    expect([member.counters.connectionErrors, member.counters.authenticationErrors]).toEqual([6, 5]);
  });
});

test.each([
  ["a FIN", (transport: ReturnType<FakeDials["answer"]>) => transport.endOfInput()],
  ["a reset", (transport: ReturnType<FakeDials["answer"]>) => transport.gone({ code: "ECONNRESET" })],
  ["bytes", (transport: ReturnType<FakeDials["answer"]>) => transport.receiver.onBytes(new Uint8Array(1))],
])("an instance that ends an unused connection at once by %s is left alone longer and longer", (_, end) => {
  withReserve(1, (member, dials, time) => {
    for (let second = 0; second < 100; second++) {
      if (dials.pending.length > 0) end(dials.answer());
      passTime(time, 1000);
    }
    expect(waits(dials)).toEqual([1, 3, 5, 9, 17, 31, 31]);
    expect([member.pool.idleCount, member.counters.connectionErrors]).toEqual([0, 0]);
  });
});

test("an unused connection that lasted is replaced soon, and a used one too", () => {
  withReserve(1, (member, dials, time) => {
    for (let round = 1; round <= 5; round++) {
      const transport = dials.answer();
      passTime(time, 5200);
      transport.endOfInput();
      passTime(time, 200);
      expect(dials.startedMs.length).toBe(round + 1);
    }
    const transport = dials.answer();
    take(member).release();
    transport.endOfInput();
    passTime(time, 200);
    expect(dials.startedMs.length).toBe(7);
  });
});

test("an answer over a connection opened ahead ends the doubt; so does one over another after failed dials", () => {
  withReserve(1, (member, dials, time) => {
    dials.answer().endOfInput();
    passTime(time, 1200);
    dials.answer();
    const good = take(member);
    good.release();
    good.transport.endOfInput();
    passTime(time, 200);
    dials.answer().endOfInput();
    const { length } = dials.startedMs;
    passTime(time, 1200);
    expect(dials.startedMs.length).toBe(length + 1);

    dials.refuse();
    member.reserve.noteAnswer(false);
    passTime(time, 200);
    expect(dials.startedMs.length).toBe(length + 2);
  });
});

test("without a descriptor to spare it waits for one, and blames nobody", () => {
  withReserve(1, (member, dials, time) => {
    dials.refuse("exhausted");
    expect(member.counters.connectionErrors).toBe(0);
    const { clients } = descriptors;
    descriptors.clients = descriptors.total;
    passTime(time, 5000);
    expect(dials.startedMs.length).toBe(1);
    descriptors.clients = clients;
    passTime(time, 1200);
    expect(dials.startedMs.length).toBe(2);
    // Taken away meanwhile: the connection is not kept, and none is opened in its place.
    descriptors.clients = descriptors.total;
    dials.answer();
    expect([dials.sockets[0]!.calls, member.pool.idleCount]).toEqual([["end"], 0]);
    passTime(time, 3000);
    expect(dials.startedMs.length).toBe(2);
    descriptors.clients = clients;
  });
});

test("one that left and comes back is served anew", () => {
  withReserve(1, (member, dials, time) => {
    dials.refuse();
    member.leave();
    expect(countArmedDeadlines()).toBe(0);
    passTime(time, 40_000);
    expect(dials.startedMs.length).toBe(1);
    member.comeBack();
    member.keep(ahead(1));
    dials.answer();
    expect(member.pool.idleCount).toBe(1);
  });
});
