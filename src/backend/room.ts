// Waiting for room on an instance, as a part of the dialling effect: a place in the surge queue, and for how long.
//
// Belongs to one exchange or layer-4 connection whose every instance is full (connect.ts). Owns its place and its time,
// which is one for all of its waits; an interruption leaves the queue.
import { Effect } from "effect";
import type { Choosable } from "../balance/loose-part.ts";
import type { Membership } from "../balance/membership.ts";
import type { Routed } from "../balance/routed.ts";
import { type SurgeQueue, Waiter, type WaiterOwner } from "../balance/surge-queue.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import type { BackendMember } from "./backend-member.ts";

/** Why a wait brought nothing; `noInstance` when nobody is left to wait for. */
export type RoomFailure = "noInstance" | "surgeQueueOverflow" | "surgeQueueTimeout";

/** Where members are chosen, and waited for; read anew each time, since a reload may have put another route in its place. */
export interface RoomSource {
  readonly route: {
    readonly membership: Membership<BackendMember>;
    readonly surge: SurgeQueue<BackendMember>;
    /** Where waits are counted; nobody counts in tests of the queue alone. */
    readonly counters?: Pick<ListenerCounters, "queueWaits"> | undefined;
  };
}

/** Who needs room. */
export interface RoomUser {
  /** It waits for room from now on, or does so no more. */
  onQueued(isQueued: boolean): void;
}

export class Room implements WaiterOwner<BackendMember>, DeadlineOwner {
  readonly waiter: Waiter<BackendMember>;
  private readonly deadline = new Deadline(this);
  private leftMs: number;
  /** On the coarse clock, in milliseconds. */
  private sinceMs = 0;
  private resume: ((ended: Effect.Effect<void, RoomFailure>) => void) | undefined = undefined;

  constructor(
    private readonly user: RoomUser,
    private readonly source: RoomSource,
    { key, lease, named, narrowing }: Routed<BackendMember>,
    tried: ReadonlySet<BackendMember>,
    /** For how long, in milliseconds. */
    timeoutMs: number,
  ) {
    const chooseAmong = (): Choosable<BackendMember> => {
      const { membership } = source.route;
      return narrowing === undefined ? membership : narrowing.of(membership);
    };
    this.waiter = new Waiter(this, chooseAmong, key, lease, tried, named);
    this.leftMs = timeoutMs;
  }

  /** Waits until the lease holds a member. */
  readonly wait: Effect.Effect<void, RoomFailure> = Effect.callback((resume) => {
    // Nobody is woken for what has happened since it was found that there is no room.
    if (this.waiter.take() !== undefined) {
      resume(Effect.void);
      return;
    }
    if (!this.waiter.canWait) {
      resume(Effect.fail("noInstance"));
      return;
    }
    if (!this.source.route.surge.enter(this.waiter)) {
      resume(Effect.fail("surgeQueueOverflow"));
      return;
    }
    this.resume = resume;
    this.deadline.armIn(this.leftMs);
    this.sinceMs = clock.nowMs;
    this.user.onQueued(true);
    return Effect.sync(() => this.leave());
  });

  onRoom(): void {
    this.end(Effect.void);
  }

  onNobody(): void {
    this.end(Effect.fail("noInstance"));
  }

  onDeadline(): number {
    this.end(Effect.fail("surgeQueueTimeout"));
    return 0;
  }

  private end(ended: Effect.Effect<void, RoomFailure>): void {
    const { resume } = this;
    this.leave();
    resume?.(ended);
  }

  private leave(): void {
    if (this.resume === undefined) return;
    this.resume = undefined;
    this.waiter.leave();
    this.deadline.disarm();
    const waitedMs = clock.nowMs - this.sinceMs;
    this.leftMs -= waitedMs;
    this.source.route.counters?.queueWaits.observe(waitedMs / 1000);
    this.user.onQueued(false);
  }
}
