// The fact that balancing adds to an exchange: what it is balanced by, and the lease on where it goes.
import type { Lease } from "./lease.ts";
import type { Choosable } from "./loose-part.ts";
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";

/** The part of a membership that a policy has picked; asked anew each time, since members and memberships change. */
export interface Narrowing<M extends Member> {
  of(membership: Membership<M>): Choosable<M>;
}

/** What a member is chosen by, and the lease that holds the one chosen (none yet, where the dial chooses). */
export interface Routed<M extends Member> {
  /** What the membership's policy asks for, hashed; 0 where it asks for nothing. */
  readonly key: number;
  readonly lease: Lease<M>;
  /** The only one that will do, as long as it is in service and hasn't been tried in vain; undefined where any will. */
  readonly named?: M | undefined;
  /** Who of the members may be chosen; undefined where all may. */
  readonly narrowing?: Narrowing<M> | undefined;
  /** Who was asked already, and isn't asked again; whoever is asked now joins them. */
  readonly tried?: Set<M> | undefined;
}
