/**
 * The members of a listener that are in service, and the balancer that chooses among those of them that have room.
 * Lives as long as its listener: members join and leave it one by one, and whoever stays keeps turn and place.
 * Owns the balancer and which members are in it, and those parts of itself that policies pick; never dials, counts or waits.
 */
import type { Balancer, BalancerOptions, BalancerPolicy } from "../policy/balancer.ts";
import { type Accepts, type Choosable, LoosePart } from "./loose-part.ts";
import type { Member, MemberFollower } from "./member.ts";

/** So many parts of a membership are kept at once; each costs every lease of its members a call. */
export const maxNarrowed = 32;

/**
 * A part makes room for another when so many uses of parts have gone by without it, and as many since that last happened: one
 * that begins anew each time would give its first member everything.
 */
export const narrowedPatience = 16 * maxNarrowed;

/** A part of a membership. */
interface Narrowed<M extends Member> {
  readonly membership: Membership<M>;
  readonly accepts: Accepts<M>;
  /** When it was last asked for, in uses of all parts. */
  usedAt: number;
}

export class Membership<M extends Member> implements MemberFollower, Choosable<M> {
  /** Called when a member has got room, or has joined with some: whoever waits may try again, and may take it at once. */
  onRoomMade: ((member: M) => void) | undefined = undefined;
  /** Called when members have left: who waits for them waits in vain. */
  onLeft: (() => void) | undefined = undefined;
  private inService: ReadonlyArray<M> = [];
  private balancer: Balancer<M>;
  private currentPolicy: BalancerPolicy;
  /** Made with the first part that is asked for. */
  private narrowed: Map<string, Narrowed<M>> | undefined = undefined;
  private uses = 0;
  /** {@link uses}, when those that nobody had used were last forgotten. */
  private forgottenAt = 0;
  /** {@link uses}, when one last made room for another. */
  private replacedAt = 0;

  constructor(
    policy: BalancerPolicy,
    private options: BalancerOptions = {},
    /** What it is a part of. */
    private readonly parent?: Membership<M>,
  ) {
    this.currentPolicy = policy;
    this.balancer = policy.make(options);
  }

  /** The whole that it is a part of; itself where it is none. */
  get root(): Membership<M> {
    return this.parent ?? this;
  }

  /** How many parts of it are kept. */
  get narrowedCount(): number {
    return this.narrowed?.size ?? 0;
  }

  /**
   * The part of it that `accepts` says, balanced by itself with the same policy, and in step with it from now on; `key` stands
   * for what `accepts` says.
   *
   * *Details*: who waits asks for it anew each time: a part that nobody has asked for lately may be forgotten. It tells nobody
   * of room or of leaving: whoever listens to the whole hears of its members. Of more parts than are kept, the others take
   * part in the turns of the whole, which costs each pick a look at every member.
   */
  narrow(key: string, accepts: Accepts<M>): Choosable<M> {
    this.narrowed ??= new Map();
    const known = this.narrowed.get(key);
    this.uses++;
    if (known !== undefined) {
      known.usedAt = this.uses;
      return known.membership;
    }
    if (this.narrowed.size >= maxNarrowed && !this.makeRoom(this.narrowed)) return new LoosePart(this, accepts);
    const membership = new Membership<M>(this.currentPolicy, this.options, this);
    membership.replace(this.inService.filter(accepts));
    this.narrowed.set(key, { membership, accepts, usedAt: this.uses });
    return membership;
  }

  /** Forgets the parts that nobody has asked for since this was last called; the configuration has changed. */
  forgetUnused(): void {
    for (const [key, { usedAt }] of this.narrowed ?? []) if (usedAt <= this.forgottenAt) this.forget(key);
    this.forgottenAt = this.uses;
  }

  /** Forgets the part that nobody has used for longest; false where that would come too soon. */
  private makeRoom(narrowed: ReadonlyMap<string, Narrowed<M>>): boolean {
    if (this.uses - this.replacedAt < narrowedPatience) return false;
    let oldest: string | undefined;
    let oldestAt = Number.POSITIVE_INFINITY;
    for (const [key, { usedAt }] of narrowed) {
      if (usedAt >= oldestAt) continue;
      oldestAt = usedAt;
      oldest = key;
    }
    if (oldest === undefined || this.uses - oldestAt < narrowedPatience) return false;
    this.replacedAt = this.uses;
    this.forget(oldest);
    return true;
  }

  private forget(key: string): void {
    this.narrowed?.get(key)?.membership.replace([]);
    this.narrowed?.delete(key);
  }

  /** Everyone who is in service, full or not; a new list after each change. */
  get members(): ReadonlyArray<M> {
    return this.inService;
  }

  get policy(): BalancerPolicy {
    return this.currentPolicy;
  }

  /** Whether the member is in service here; full or not. */
  has(member: M): boolean {
    return member.isFollowedBy(this);
  }

  /** Whether anybody in service but those excluded is only full: worth waiting for. */
  hasFull(exclude?: ReadonlySet<M>): boolean {
    return this.inService.some((member) => !member.hasRoom && member.weight > 0 && exclude?.has(member) !== true);
  }

  /** Makes these the members in service: who is new joins, who is missing leaves, nobody else notices. */
  replace(members: ReadonlyArray<M>): void {
    const wanted = new Set(members);
    const before = this.inService;
    this.inService = [...wanted];
    let haveLeft = false;
    for (const member of before) {
      if (wanted.has(member)) continue;
      haveLeft = true;
      member.removeFollower(this);
      if (member.isOpen) this.balancer.remove(member);
    }
    const joined = this.inService.filter((member) => !this.has(member));
    for (const member of joined) {
      member.addFollower(this);
      if (member.isOpen) this.balancer.add(member);
    }
    // Before anybody is told: who waits may wait for a part.
    for (const { membership, accepts } of this.narrowed?.values() ?? []) {
      membership.replace(this.inService.filter(accepts));
    }
    if (haveLeft) this.onLeft?.();
    for (const member of joined) if (member.hasRoom && this.has(member)) this.onRoomMade?.(member);
  }

  /** Balances by another policy from now on; turns and places begin anew. */
  follow(policy: BalancerPolicy, options: BalancerOptions = {}): void {
    const balancer = policy.make<M>(options);
    for (const member of this.inService) if (member.isOpen) balancer.add(member);
    this.currentPolicy = policy;
    this.options = options;
    this.balancer = balancer;
    for (const { membership } of this.narrowed?.values() ?? []) membership.follow(policy, options);
  }

  /** Brings slow starts up to the time; see {@link Member.refresh}. */
  refresh(nowMs: number): void {
    for (const member of this.inService) member.refresh(nowMs);
  }

  /** The balancer's choice, not leased yet; see {@link Balancer.pick}. Undefined when all are full or excluded. */
  pick(exclude?: ReadonlySet<M>, key = 0): M | undefined {
    return this.balancer.pick(key, exclude);
  }

  // ——— told by members ———

  onLeased(member: M): void {
    this.balancer.leased(member);
  }

  onReturned(member: M): void {
    this.balancer.returned(member);
  }

  onOpened(member: M): void {
    this.balancer.add(member);
  }

  onClosed(member: M): void {
    this.balancer.remove(member);
  }

  onReweighed(member: M): void {
    this.balancer.reweighed(member);
  }

  onRoom(member: M): void {
    this.onRoomMade?.(member);
  }
}

/** A membership that begins with these members. */
export const makeMembership = <M extends Member>(
  members: ReadonlyArray<M>,
  policy: BalancerPolicy,
  options: BalancerOptions = {},
): Membership<M> => {
  const membership = new Membership<M>(policy, options);
  membership.replace(members);
  return membership;
};
