/**
 * The members of a listener that are in service, and the balancer that chooses among those of them that have room.
 * Lives as long as its listener: members join and leave it one by one, and whoever stays keeps turn and place.
 * Owns the balancer and which members are in it; never dials, counts or waits.
 */
import type { Balancer, BalancerOptions, BalancerPolicy } from "../policy/balancer.ts";
import type { Member, MemberFollower } from "./member.ts";

export class Membership<M extends Member> implements MemberFollower {
  /** Called when a member has got room, or has joined with some: whoever waits may try again, and may take it at once. */
  onRoomMade: ((member: M) => void) | undefined = undefined;
  /** Called when members have left: who waits for them waits in vain. */
  onLeft: (() => void) | undefined = undefined;
  private inService: ReadonlyArray<M> = [];
  private balancer: Balancer<M>;
  private currentPolicy: BalancerPolicy;

  constructor(policy: BalancerPolicy, options: BalancerOptions = {}) {
    this.currentPolicy = policy;
    this.balancer = policy.make(options);
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
    if (haveLeft) this.onLeft?.();
    for (const member of joined) if (member.hasRoom && this.has(member)) this.onRoomMade?.(member);
  }

  /** Balances by another policy from now on; turns and places begin anew. */
  follow(policy: BalancerPolicy, options: BalancerOptions = {}): void {
    const balancer = policy.make<M>(options);
    for (const member of this.inService) if (member.isOpen) balancer.add(member);
    this.currentPolicy = policy;
    this.balancer = balancer;
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
