// A pick that is given back exactly once; it feeds least-outstanding balancing, limits and draining.
//
// Made with a connection or an exchange and used again, so that a lease in steady state allocates nothing. It counts on
// its member alone: a member that has left its listener meanwhile is given back all the same.

import type { Choosable } from "./loose-part.ts";
import type { Member } from "./member.ts";

export class Lease<M extends Member> {
  member: M | undefined = undefined;

  /**
   * Picks a member and holds it; undefined when there is none but those excluded. A held member is given back first.
   *
   * *Details*: `key` is what the membership's policy asks for, hashed; see `Balancer.pick`.
   */
  take(membership: Choosable<M>, exclude?: ReadonlySet<M>, key = 0): M | undefined {
    this.giveBack();
    const member = membership.pick(exclude, key);
    if (member === undefined) return undefined;
    this.member = member;
    member.lease();
    return member;
  }

  /** Holds this very member, if it has room; its turn isn't counted as taken. A held member is given back first. */
  hold(member: M): boolean {
    this.giveBack();
    if (!member.hasRoom) return false;
    this.member = member;
    member.lease();
    return true;
  }

  /** Gives the member back; further calls do nothing. */
  giveBack(): void {
    const { member } = this;
    if (member === undefined) return;
    this.member = undefined;
    member.giveBack();
  }
}
