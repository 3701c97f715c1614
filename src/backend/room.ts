// Waiting for room on an instance, as a part of the dialling effect: a place in the surge queue, and for how long.
//
// Belongs to one exchange or layer-4 connection whose every instance is full (connect.ts). Owns its place and its time,
// which is one for all of its waits; an interruption leaves the queue.
import { Effect } from "effect";
import type { Routed } from "../balance/routed.ts";
import { type SurgeQueue, Waiter, type WaiterOwner } from "../balance/surge-queue.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { BackendMember } from "./backend-member.ts";

/** Why a wait brought nothing; `noInstance` when nobody is left to wait for. */
type RoomFailure = "noInstance" | "surgeQueueOverflow" | "surgeQueueTimeout";

/** Where one may wait for room, and for how long. */
export interface RoomTerms {
  /** Asked anew for each wait: a reload may give a listener to another load balancer. */
  readonly surge: () => SurgeQueue<BackendMember>;
  /** In milliseconds. */
  readonly surgeTimeoutMs: number;
}

export class Room implements WaiterOwner<BackendMember>, DeadlineOwner {
  readonly waiter: Waiter<BackendMember>;
  private readonly deadline = new Deadline(this);
  private leftMs: number;
  /** On the coarse clock, in milliseconds. */
  private sinceMs = 0;
  private resume: ((ended: Effect.Effect<void, RoomFailure>) => void) | undefined = undefined;

  constructor(
    { membership, key, lease, named }: Routed<BackendMember>,
    tried: ReadonlySet<BackendMember>,
    private readonly terms: RoomTerms,
    /** Told when the wait begins and when it has ended. */
    private readonly onQueued: (isQueued: boolean) => void,
  ) {
    this.waiter = new Waiter(this, membership, key, lease, tried, named);
    this.leftMs = terms.surgeTimeoutMs;
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
    if (!this.terms.surge().enter(this.waiter)) {
      resume(Effect.fail("surgeQueueOverflow"));
      return;
    }
    this.resume = resume;
    this.deadline.armIn(this.leftMs);
    this.sinceMs = clock.nowMs;
    this.onQueued(true);
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
    this.leftMs -= clock.nowMs - this.sinceMs;
    this.onQueued(false);
  }
}
