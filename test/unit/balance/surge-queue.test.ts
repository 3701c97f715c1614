// The surge queue: first come first served, each by whoever it may go to; room is given away at once, and nobody is forgotten.
import { describe, expect, test } from "bun:test";
import roundRobin from "../../../policies/balance/round-robin.ts";
import { Lease } from "../../../src/balance/lease.ts";
import { defaultBalanceTerms, Member } from "../../../src/balance/member.ts";
import { type Membership, makeMembership } from "../../../src/balance/membership.ts";
import { SurgeQueue, surgeQueueLimit, Waiter } from "../../../src/balance/surge-queue.ts";

const narrow = { ...defaultBalanceTerms, maxOutstanding: 1 };

/** A member with one exchange in progress, and room for no other. */
const makeFull = (name: string): { readonly member: Member; readonly lease: Lease<Member> } => {
  const member = new Member(name);
  member.setTerms(narrow, 0);
  const lease = new Lease<Member>();
  lease.hold(member);
  return { member, lease };
};

const makeQueue = (memberships: ReadonlyArray<Membership<Member>>, limit?: number): SurgeQueue<Member> => {
  const queue = new SurgeQueue<Member>(limit);
  for (const membership of memberships) {
    membership.onRoomMade = queue.serve;
    membership.onLeft = queue.review;
  }
  return queue;
};

interface Wish {
  readonly excluded?: ReadonlyArray<Member>;
  readonly named?: Member;
  /** Called with its lease when it has got one. */
  readonly onServed?: (lease: Lease<Member>) => void;
}

/** Waiters that write into a log what becomes of them. */
const makeWaiters = (queue: SurgeQueue<Member>, membership: Membership<Member>) => {
  const log: Array<string> = [];
  const enter = (name: string, { excluded = [], named, onServed }: Wish = {}) => {
    const lease = new Lease<Member>();
    const owner = {
      onRoom: (member: Member) => {
        log.push(`${name} gets ${lease.member === member ? member.id : "nothing"}`);
        onServed?.(lease);
      },
      onNobody: () => log.push(`${name} gets nobody`),
    };
    const waiter = new Waiter<Member>(owner, () => membership, 0, lease, new Set(excluded), named);
    if (!queue.enter(waiter)) log.push(`${name} is refused`);
    return { waiter, lease };
  };
  return { log, enter };
};

describe("order", () => {
  test("the earliest gets the room, before the one who gives it back can pick again", () => {
    const { member, lease } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    const first = enter("first");
    enter("second");
    expect(queue.length).toBe(2);
    lease.giveBack();
    expect([membership.pick(), log, queue.length]).toEqual([undefined, ["first gets a"], 1]);
    first.lease.giveBack();
    expect([log, queue.length]).toEqual([["first gets a", "second gets a"], 0]);
  });

  test("whoever leaves is passed over; leaving twice, or after being served, does nothing", () => {
    const { member, lease } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    const [first, second, third] = [enter("first"), enter("second"), enter("third")];
    second.waiter.leave();
    second.waiter.leave();
    lease.giveBack();
    first.waiter.leave();
    first.lease.giveBack();
    third.lease.giveBack();
    expect([log, queue.length, member.outstanding]).toEqual([["first gets a", "third gets a"], 0, 0]);
  });

  test("who waits once more stands where it stood", () => {
    const { member, lease } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    const first = enter("first");
    enter("second");
    lease.giveBack();
    queue.enter(first.waiter);
    enter("third");
    first.lease.giveBack();
    expect(log).toEqual(["first gets a", "first gets a"]);
    first.lease.giveBack();
    expect(log.slice(2)).toEqual(["second gets a"]);
  });

  test("more room serves as many as fit in, also when they give it back at once", () => {
    const { member } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    for (let index = 0; index < 5; index++) {
      enter(String(index), index === 1 ? { onServed: (lease) => lease.giveBack() } : {});
    }
    member.setTerms({ ...narrow, maxOutstanding: 3 }, 0);
    expect([log, queue.length, member.outstanding]).toEqual([["0 gets a", "1 gets a", "2 gets a"], 2, 3]);
  });

  test("who is served may send the others away", () => {
    const { member, lease } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    enter("first", {
      onServed: (held) => {
        second.waiter.leave();
        held.giveBack();
      },
    });
    const second = enter("second");
    const third = enter("third");
    lease.giveBack();
    expect([log, queue.length, third.lease.member]).toEqual([["first gets a", "third gets a"], 0, member]);
  });
});

test("a thousand who give back at once are told one behind the other, not one inside the other", () => {
  const { member, lease } = makeFull("a");
  const membership = makeMembership([member], roundRobin);
  const queue = makeQueue([membership]);
  const { log, enter } = makeWaiters(queue, membership);
  let [depth, deepest] = [0, 0];
  for (let index = 0; index < 1000; index++) {
    enter(String(index), {
      onServed: (held) => {
        deepest = Math.max(deepest, ++depth);
        held.giveBack();
        depth--;
      },
    });
  }
  lease.giveBack();
  expect([log.length, deepest, queue.length]).toEqual([1000, 1, 0]);
});

describe("the limit", () => {
  test("is 1,024; one more is refused and counted", () => {
    const { member } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    for (let index = 0; index < surgeQueueLimit + 2; index++) enter(String(index));
    expect([surgeQueueLimit, queue.length, queue.spilled]).toEqual([1024, 1024, 2]);
    expect(log).toEqual(["1024 is refused", "1025 is refused"]);
  });

  test("whoever leaves makes place for another", () => {
    const { member } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership], 1);
    const { log, enter } = makeWaiters(queue, membership);
    enter("first").waiter.leave();
    enter("second");
    expect([log, queue.length, queue.spilled]).toEqual([[], 1, 0]);
  });
});

describe("who may have whom", () => {
  test("an excluded member is no room", () => {
    const [a, b] = [makeFull("a"), makeFull("b")];
    const membership = makeMembership([a.member, b.member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    enter("picky", { excluded: [a.member] });
    enter("any");
    a.lease.giveBack();
    b.lease.giveBack();
    expect(log).toEqual(["any gets a", "picky gets b"]);
  });

  test("who names a member waits for that one, though others have room; those behind it don't", () => {
    const [a, b] = [makeFull("a"), makeFull("b")];
    const membership = makeMembership([a.member, b.member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    enter("sticky", { named: b.member });
    enter("any");
    a.lease.giveBack();
    expect(log).toEqual(["any gets a"]);
    b.lease.giveBack();
    expect(log).toEqual(["any gets a", "sticky gets b"]);
  });

  test("a member of weight 0 is for those who name it", () => {
    const { member, lease } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    member.setTerms({ ...narrow, weight: 0 }, 0);
    expect(enter("any").waiter.canWait).toBe(false);
    expect(enter("sticky", { named: member }).waiter.canWait).toBe(true);
    lease.giveBack();
    expect(log).toEqual(["sticky gets a"]);
  });

  test("two memberships that share a member are served in one order; one without it isn't", () => {
    const [shared, own] = [makeFull("shared"), makeFull("own")];
    const memberships = [
      makeMembership([shared.member], roundRobin),
      makeMembership([shared.member, own.member], roundRobin),
      makeMembership([own.member], roundRobin),
    ] as const;
    const queue = makeQueue(memberships);
    const waiters = memberships.map((membership) => makeWaiters(queue, membership));
    const entered = [2, 1, 0, 1].map((place) => waiters[place]!.enter(String(place)));
    shared.lease.giveBack();
    expect(waiters.map(({ log }) => log)).toEqual([[], ["1 gets shared"], []]);
    entered[1]?.lease.giveBack();
    expect(waiters.map(({ log }) => log)).toEqual([["0 gets shared"], ["1 gets shared"], []]);
    own.lease.giveBack();
    expect(waiters[2]?.log).toEqual(["2 gets own"]);
    expect(queue.length).toBe(1);
  });
});

describe("members come and go", () => {
  test("one that joins serves whom it can", () => {
    const { member } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    for (const name of ["first", "second"]) enter(name);
    const joined = new Member("b");
    joined.setTerms(narrow, 0);
    membership.replace([member, joined]);
    expect([log, queue.length]).toEqual([["first gets b"], 1]);
  });

  test("when the named one leaves, its waiter goes on as any other, in its place", () => {
    const [a, b] = [makeFull("a"), makeFull("b")];
    const membership = makeMembership([a.member, b.member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    enter("sticky", { named: b.member });
    enter("any");
    membership.replace([a.member]);
    expect([log, queue.length]).toEqual([[], 2]);
    a.lease.giveBack();
    expect(log).toEqual(["sticky gets a"]);
  });

  test("when another takes its place in the same change, its waiter gets that at once, before those behind it", () => {
    const { member } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    enter("sticky", { named: member });
    enter("any");
    const joined = new Member("b");
    joined.setTerms(narrow, 0);
    membership.replace([joined]);
    expect([log, queue.length]).toEqual([["sticky gets b"], 1]);
  });

  test("when nobody is left, all are told at once", () => {
    const { member } = makeFull("a");
    const membership = makeMembership([member], roundRobin);
    const queue = makeQueue([membership]);
    const { log, enter } = makeWaiters(queue, membership);
    enter("any");
    enter("sticky", { named: member });
    membership.replace([]);
    expect([log, queue.length]).toEqual([["any gets nobody", "sticky gets nobody"], 0]);
  });

  test("a listener that changes load balancers takes along who waits at it, behind those who are there", () => {
    const [a, b] = [makeFull("a"), makeFull("b")];
    const [moved, stays] = [makeMembership([a.member], roundRobin), makeMembership([b.member], roundRobin)];
    const [from, to] = [makeQueue([moved, stays]), makeQueue([])];
    const [mine, other] = [makeWaiters(from, moved), makeWaiters(from, stays)];
    const there = makeWaiters(to, moved);
    mine.enter("mine");
    other.enter("other");
    there.enter("there");
    from.moveTo(to, moved);
    expect([from.length, to.length]).toEqual([1, 2]);
    moved.onRoomMade = to.serve;
    a.lease.giveBack();
    expect([mine.log, there.log, other.log]).toEqual([[], ["there gets a"], []]);
  });
});
