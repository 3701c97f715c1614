// Connecting, over real sockets: what one dial does by itself, what a fiber does behind it, and that the lease is held by
// whoever was reached, or by nobody.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect, type Fiber } from "effect";
import roundRobin from "../../../policies/balance/round-robin.ts";
import { BackendMember } from "../../../src/backend/backend-member.ts";
import { type Connected, type ConnectUser, connect } from "../../../src/backend/connect.ts";
import { Lease } from "../../../src/balance/lease.ts";
import { defaultBalanceTerms } from "../../../src/balance/member.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { SurgeQueue } from "../../../src/balance/surge-queue.ts";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import { Endpoint } from "../../../src/net/endpoint.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeInstance } from "../../support/fake-instance.ts";
import { freePort } from "../../support/port.ts";
import { silence } from "../../support/scripts.ts";

setDefaultTimeout(30_000);

/** Asks for one connection to these ports, the first first; what is heard of it lands in `heard`. */
const ask = (...ports: ReadonlyArray<number>) => {
  const members = ports.map((port) => new BackendMember(`i-${port}`, new Endpoint("127.0.0.1", port)));
  const lease = new Lease<BackendMember>();
  const armed = countArmedDeadlines();
  const heard: Array<string> = [];
  const connections: Array<Connected> = [];
  const fibers: Array<Fiber.Fiber<void>> = [];
  const user: ConnectUser = {
    proceed: (connected) => {
      heard.push(connected.member.id);
      connections.push(connected);
    },
    failConnect: (reason) => heard.push(reason),
    onQueued: (isQueued) => heard.push(isQueued ? "queued" : "not queued"),
  };
  const membership = makeMembership(members, roundRobin);
  const surge = new SurgeQueue<BackendMember>();
  membership.onRoomMade = surge.serve;
  const source = {
    route: { membership, surge },
    fork: (part: Effect.Effect<void>) => {
      const fiber = Effect.runFork(part);
      fibers.push(fiber);
      return fiber;
    },
  };
  return {
    members,
    lease,
    heard,
    fibers,
    begin: () =>
      connect(
        user,
        source,
        { connectTimeoutMs: 5000, surgeTimeoutMs: 5000 },
        { key: 0, lease, named: undefined, tried: undefined, usesKept: false },
      ),
    /** Holds each member's only place. */
    fill: (): ReadonlyArray<Lease<BackendMember>> =>
      members.map((member) => {
        member.setTerms({ ...defaultBalanceTerms, maxOutstanding: 1 }, 0);
        const other = new Lease<BackendMember>();
        other.hold(member);
        return other;
      }),
    /** Nothing is under way any more, and nobody is leased but by `lease`. */
    expectDone: async (holder?: BackendMember) => {
      expect(lease.member).toBe(holder);
      expect(members.map((member) => [member.outstanding, member.dials.size])).toEqual(
        members.map((member) => [member === holder ? 1 : 0, 0]),
      );
      for (const { transport } of connections) transport.abort();
      await eventually(
        () => fibers.every((fiber) => fiber.pollUnsafe() !== undefined) && countArmedDeadlines() <= armed,
      );
    },
  };
};

test("the first dial takes no fiber; who is reached is leased", async () => {
  using instance = FakeInstance.start(silence);
  const one = ask(instance.port);
  one.begin();
  expect([one.heard, one.members[0]?.dials.size]).toEqual([[], 1]);
  await eventually(() => one.heard.length > 0);
  expect([one.heard, one.fibers.length]).toEqual([[`i-${instance.port}`], 0]);
  await one.expectDone(one.members[0]);
});

test("a first dial that is given up gives the lease back, and is heard of no more", async () => {
  using instance = FakeInstance.start(silence);
  const [one, other] = [ask(instance.port), ask(instance.port)];
  const search = one.begin();
  other.begin();
  search.interruptUnsafe();
  expect(one.lease.member).toBeUndefined();
  search.interruptUnsafe();
  // The other, begun later, is over: so would the one be.
  await eventually(() => other.heard.length > 0);
  expect([one.heard, one.fibers.length]).toEqual([[], 0]);
  await other.expectDone(other.members[0]);
  await one.expectDone();
});

test("what is handed over can't be given up", async () => {
  using instance = FakeInstance.start(silence);
  const one = ask(instance.port);
  const search = one.begin();
  await eventually(() => one.heard.length > 0);
  search.interruptUnsafe();
  await one.expectDone(one.members[0]);
});

test("who refuses is tried once, and one fiber goes on to the others", async () => {
  using instance = FakeInstance.start(silence);
  const one = ask(freePort(), freePort(), instance.port);
  one.begin();
  await eventually(() => one.heard.length > 0);
  expect([one.heard, one.fibers.length]).toEqual([[`i-${instance.port}`], 1]);
  expect(one.members.map(({ counters }) => counters.connectionErrors)).toEqual([1, 1, 0]);
  await one.expectDone(one.members[2]);
});

test("who is cut while it is dialled is left for the next; that dial can be given up too", async () => {
  using instance = FakeInstance.start(silence);
  const one = ask(freePort(), instance.port);
  const search = one.begin();
  const [first, second] = one.members;
  first?.leave();
  first?.cutDials();
  expect([one.lease.member, second?.dials.size, one.fibers.length]).toEqual([second, 1, 1]);
  search.interruptUnsafe();
  await one.expectDone();
  expect(one.heard).toEqual([]);
});

test("nobody left: told is what became of those who were asked", async () => {
  const [none, refused] = [ask(), ask(freePort())];
  none.begin();
  expect(none.heard).toEqual(["noInstance"]);
  await none.expectDone();
  refused.begin();
  await eventually(() => refused.heard.length > 0);
  expect(refused.heard).toEqual(["connectRefused"]);
  await refused.expectDone();
});

test("all full: it waits in a fiber, for room or until it is given up", async () => {
  using instance = FakeInstance.start(silence);
  const [one, other] = [ask(instance.port), ask(instance.port)];
  const [held] = one.fill();
  one.begin();
  expect([one.heard, one.fibers.length]).toEqual([["queued"], 1]);
  held?.giveBack();
  await eventually(() => one.heard.length > 2);
  expect(one.heard).toEqual(["queued", "not queued", `i-${instance.port}`]);
  const [kept] = other.fill();
  other.begin().interruptUnsafe();
  kept?.giveBack();
  expect(other.heard).toEqual(["queued", "not queued"]);
  await other.expectDone();
  await one.expectDone(one.members[0]);
});
