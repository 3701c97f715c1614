/**
 * An address of an instance as balancing knows it: its weight, how much is in progress on it, how much may be.
 * Leases count on it, and it tells every membership that it is in: two listeners that share an instance see one load.
 * Owns the counts, the limit and the slow start; never knows how it is reached, nor whether it is healthy.
 */
import type { BalancerMember } from "../policy/balancer.ts";

/** What a configuration says of a member. */
export interface BalanceTerms {
  /** Its share beside the others' weights; with 0 it gets only what asks for it by name. */
  readonly weight: number;
  /** The most that may be in progress on it at once. */
  readonly maxOutstanding: number;
  /** How long it takes to its whole share after it has come into service, in milliseconds; 0 for at once. */
  readonly slowStartMs: number;
}

/** What holds for members of which nothing is said. */
export const defaultBalanceTerms: BalanceTerms = {
  weight: 1,
  maxOutstanding: Number.POSITIVE_INFINITY,
  slowStartMs: 0,
};

/** The share of its weight that a member has at the beginning of a slow start. */
export const leastSlowStartShare = 0.1;

/** Who is told of a member's changes: the memberships that it is in. */
export interface MemberFollower {
  /** One exchange more is in progress on it; it can still be picked. */
  onLeased(member: Member): void;
  /** One exchange less is in progress on it; it could be picked before. */
  onReturned(member: Member): void;
  /** It can be picked from now on. */
  onOpened(member: Member): void;
  /** It can't be picked any more: it is full, or weighs nothing. */
  onClosed(member: Member): void;
  onReweighed(member: Member): void;
  /** It was full or weighed nothing, and is no more; every follower knows already that it can be picked. */
  onRoom(member: Member): void;
}

export class Member implements BalancerMember {
  /** Live leases: layer-4 connections and layer-7 requests in progress. Only leases change it. */
  outstanding = 0;
  private terms: BalanceTerms = defaultBalanceTerms;
  private share = 1;
  private effectiveWeight = 1;
  /** Monotonic, in milliseconds. */
  private inServiceSinceMs = Number.NEGATIVE_INFINITY;
  private isOpened = true;
  /** Replaced, never changed: it may be walked through while members come and go. */
  private followers: ReadonlyArray<MemberFollower> = [];

  constructor(
    /** The instance's id; an instance with several addresses is several members. */
    readonly id: string,
    /** Its own among the members of a load balancer, and the same after a restart and on other nodes. */
    readonly name: string = id,
  ) {}

  /** The configured weight, or as much of it as a slow start has reached. */
  get weight(): number {
    return this.effectiveWeight;
  }

  /** Whether one more exchange may begin on it. */
  get hasRoom(): boolean {
    return this.outstanding < this.terms.maxOutstanding;
  }

  /** Whether balancers choose it: it has room, and weighs something. */
  get isOpen(): boolean {
    return this.isOpened;
  }

  /** Follows other terms, at once; what is in progress goes on, even above a lower limit. */
  setTerms(terms: BalanceTerms, nowMs: number): void {
    const { hasRoom: hadRoom, isOpened: wasOpened } = this;
    this.terms = terms;
    this.share = this.shareAt(nowMs);
    this.settle(terms.weight * this.share);
    if ((!hadRoom && this.hasRoom) || (!wasOpened && this.isOpened)) this.tellRoom();
  }

  /** It has come into service: a slow start begins, where the terms ask for one. */
  enterService(nowMs: number): void {
    this.inServiceSinceMs = nowMs;
    this.refresh(nowMs);
  }

  /** Brings a slow start up to the time, in milliseconds of the same monotonic clock; once a second is enough. */
  refresh(nowMs: number): void {
    const share = this.shareAt(nowMs);
    if (share === this.share) return;
    this.share = share;
    this.settle(this.terms.weight * share);
  }

  /** One exchange more. For leases only, which end it by {@link giveBack}. */
  lease(): void {
    this.outstanding++;
    if (!this.isOpened) return;
    if (!this.hasRoom) {
      this.settle(this.effectiveWeight);
      return;
    }
    const { followers } = this;
    for (let index = 0; index < followers.length; index++) (followers[index] as MemberFollower).onLeased(this);
  }

  /** One exchange less. */
  giveBack(): void {
    const hadRoom = this.hasRoom;
    this.outstanding--;
    if (this.isOpened) {
      const { followers } = this;
      for (let index = 0; index < followers.length; index++) (followers[index] as MemberFollower).onReturned(this);
    } else if (!hadRoom && this.hasRoom) {
      this.settle(this.effectiveWeight);
      this.tellRoom();
    }
  }

  /** Tells the follower of every change from now on. */
  addFollower(follower: MemberFollower): void {
    this.followers = [...this.followers, follower];
  }

  removeFollower(follower: MemberFollower): void {
    this.followers = this.followers.filter((one) => one !== follower);
  }

  isFollowedBy(follower: MemberFollower): boolean {
    return this.followers.includes(follower);
  }

  /** Takes a weight over, and tells the followers what that makes of it, or what a count has made of it. */
  private settle(weight: number): void {
    const { followers, isOpened } = this;
    const isReweighed = weight !== this.effectiveWeight;
    this.effectiveWeight = weight;
    this.isOpened = weight > 0 && this.hasRoom;
    for (const follower of followers) {
      if (isOpened !== this.isOpened) {
        if (isOpened) follower.onClosed(this);
        else follower.onOpened(this);
      } else if (isOpened && isReweighed) follower.onReweighed(this);
    }
  }

  private tellRoom(): void {
    for (const follower of this.followers) {
      // Who is told may fill it up at once, or take it away.
      if (this.hasRoom && this.isFollowedBy(follower)) follower.onRoom(this);
    }
  }

  private shareAt(nowMs: number): number {
    const { slowStartMs } = this.terms;
    const passedMs = nowMs - this.inServiceSinceMs;
    if (slowStartMs <= 0 || passedMs >= slowStartMs) return 1;
    return Math.max(leastSlowStartShare, passedMs / slowStartMs);
  }
}
