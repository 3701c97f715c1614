// A pick that is given back exactly once; it feeds least-outstanding balancing and, later, draining.
//
// Made with a connection or an exchange and used again, so that a lease in steady state allocates nothing.
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";

export class Lease<M extends Member> {
  member: M | undefined = undefined;
  private membership: Membership<M> | undefined = undefined;

  /** Picks a member and holds it; undefined when there is none but those excluded. A held member is given back first. */
  take(membership: Membership<M>, exclude?: ReadonlySet<M>): M | undefined {
    this.giveBack();
    const member = membership.balancer.pick(exclude);
    if (member === undefined) return undefined;
    this.member = member;
    this.membership = membership;
    member.outstanding++;
    membership.balancer.leased(member);
    return member;
  }

  /** Gives the member back; further calls do nothing. */
  giveBack(): void {
    const { member, membership } = this;
    if (member === undefined || membership === undefined) return;
    this.member = undefined;
    this.membership = undefined;
    member.outstanding--;
    membership.balancer.returned(member);
  }
}
