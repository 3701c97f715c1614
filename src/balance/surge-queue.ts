/**
 * Those who wait for room on an instance, first come first served, when everyone they could go to is full; the surge queue
 * of a Classic Load Balancer ("Surge queue length", CloudWatch metrics, AWS).
 * Stands behind the balancers of a load balancer, whose memberships tell it of room. Owns the order and the greatest length.
 * Pure; it never knows what waits, nor for how long it may.
 */
import type { Lease } from "./lease.ts";
import type { Choosable } from "./loose-part.ts";
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";

/** The most that wait at once ("SurgeQueueLength", CloudWatch metrics, AWS). */
export const surgeQueueLimit = 1024;

/** What waits. Each call comes when it has left the queue, and may do anything, also with the queue. */
export interface WaiterOwner<M extends Member> {
  /** The lease holds a member that had room. */
  onRoom(member: M): void;
  /** Nobody is left to wait for. */
  onNobody(): void;
}

/** One place in the queue; used again when the same exchange has to wait once more. */
export class Waiter<M extends Member> {
  /** @internal */ next: Waiter<M> | undefined = undefined;
  /** @internal */ previous: Waiter<M> | undefined = undefined;
  /** @internal */ queue: SurgeQueue<M> | undefined = undefined;
  /** @internal Says who came first; 0 before it has waited. */
  ticket = 0;

  constructor(
    readonly owner: WaiterOwner<M>,
    /** Asked anew each time: a reload may change it. */
    readonly membership: () => Choosable<M>,
    readonly key: number,
    /** Empty while it waits. */
    readonly lease: Lease<M>,
    /** Whom it has tried in vain. */
    readonly excluded: ReadonlySet<M>,
    /** The one whom it asks for, as long as that is in service: stickiness. */
    public named: M | undefined = undefined,
  ) {}

  /** Takes a member that it can have at once. */
  take(): M | undefined {
    const membership = this.membership();
    const { named, lease } = this;
    if (named === undefined || this.excluded.has(named) || !membership.has(named)) {
      this.named = undefined;
      return lease.take(membership, this.excluded, this.key);
    }
    return lease.hold(named) ? named : undefined;
  }

  /** Whether there is anybody to wait for: the named one, or one that is only full. */
  get canWait(): boolean {
    const membership = this.membership();
    const { named } = this;
    if (named === undefined || !membership.has(named)) return membership.hasFull(this.excluded);
    return !named.hasRoom;
  }

  /** Leaves the queue; further calls do nothing. */
  leave(): void {
    this.queue?.remove(this);
  }

  /** @internal Whether it would take this member. */
  wants(member: M): boolean {
    if (this.excluded.has(member) || !this.membership().has(member)) return false;
    return this.named === undefined ? member.weight > 0 : this.named === member;
  }
}

export class SurgeQueue<M extends Member> {
  /** How many wait. */
  length = 0;
  /** How many found it full. */
  spilled = 0;
  private first: Waiter<M> | undefined = undefined;
  private last: Waiter<M> | undefined = undefined;
  private tickets = 0;
  /** What is still to be done, when more comes up while something is. */
  private readonly rooms: Array<M> = [];
  private isReviewDue = false;
  private isBusy = false;

  constructor(private readonly limit = surgeQueueLimit) {}

  /** Whether too many wait already for one more, who is counted as spilled then. */
  refuses(): boolean {
    if (this.length < this.limit) return false;
    this.spilled++;
    return true;
  }

  /** Waits from now on, behind all who came before it; false when too many wait already. */
  enter(waiter: Waiter<M>): boolean {
    if (this.refuses()) return false;
    this.insert(waiter);
    return true;
  }

  /** The member has got room, or has joined with some: for {@link Membership.onRoomMade}. */
  readonly serve = (member: M): void => {
    if (this.length === 0) return;
    this.rooms.push(member);
    this.work();
  };

  /** Members have left, or weigh nothing any more: for {@link Membership.onLeft}. */
  readonly review = (): void => {
    if (this.length === 0) return;
    this.isReviewDue = true;
    this.work();
  };

  /** Those who choose in this membership wait in another queue from now on: its load balancer has another name. */
  moveTo(other: SurgeQueue<M>, membership: Membership<M>): void {
    for (let waiter = this.first; waiter !== undefined; ) {
      const { next } = waiter;
      if (waiter.membership().root === membership) {
        this.remove(waiter);
        waiter.ticket = 0;
        other.insert(waiter);
      }
      waiter = next;
    }
  }

  /** @internal */
  remove(waiter: Waiter<M>): void {
    const { next, previous } = waiter;
    if (next === undefined) this.last = previous;
    else next.previous = previous;
    if (previous === undefined) this.first = next;
    else previous.next = next;
    waiter.next = undefined;
    waiter.previous = undefined;
    waiter.queue = undefined;
    this.length--;
  }

  /** Who waits once more, because a dial failed, stands where it stood. */
  private insert(waiter: Waiter<M>): void {
    if (waiter.ticket === 0) waiter.ticket = ++this.tickets;
    let before = this.last;
    while (before !== undefined && before.ticket > waiter.ticket) before = before.previous;
    const next = before === undefined ? this.first : before.next;
    waiter.previous = before;
    waiter.next = next;
    if (before === undefined) this.first = waiter;
    else before.next = waiter;
    if (next === undefined) this.last = waiter;
    else next.previous = waiter;
    waiter.queue = this;
    this.length++;
  }

  /** One thing after another: what is told may make room, take it, enter or leave. */
  private work(): void {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      for (;;) {
        const member = this.rooms.shift();
        if (member !== undefined) this.serveOne(member);
        else if (this.isReviewDue) this.reviewAll();
        else return;
      }
    } finally {
      this.isBusy = false;
    }
  }

  private serveOne(member: M): void {
    let waiter = this.first;
    while (waiter !== undefined && member.hasRoom) {
      const { next }: Waiter<M> = waiter;
      if (!waiter.wants(member)) {
        waiter = next;
        continue;
      }
      waiter.leave();
      waiter.lease.hold(member);
      waiter.owner.onRoom(member);
      // Whoever was told may have sent the next one away.
      waiter = next === undefined || next.queue === this ? next : this.first;
    }
  }

  private reviewAll(): void {
    this.isReviewDue = false;
    let waiter = this.first;
    while (waiter !== undefined) {
      const { next }: Waiter<M> = waiter;
      const member = waiter.take();
      if (member !== undefined || !waiter.canWait) {
        waiter.leave();
        if (member === undefined) waiter.owner.onNobody();
        else waiter.owner.onRoom(member);
      }
      waiter = next === undefined || next.queue === this ? next : this.first;
    }
  }
}
