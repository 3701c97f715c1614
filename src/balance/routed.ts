// The fact that balancing adds to an exchange: where it may go, and the lease on where it goes.
import type { Lease } from "./lease.ts";
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";

/** The members to choose from, and the lease that holds the one chosen (none yet, where the dial chooses). */
export interface Routed<M extends Member> {
  /** Asked anew for each choice: a reload may have changed who is there, and what they must prove. */
  readonly membership: () => Membership<M>;
  /** What the membership's policy asks for, hashed; 0 where it asks for nothing. */
  readonly key: number;
  readonly lease: Lease<M>;
  /** The only one that will do, as long as it is in service and hasn't been tried in vain; undefined where any will. */
  readonly named?: M | undefined;
  /** Who was asked already, and isn't asked again; whoever is asked now joins them. */
  readonly tried?: Set<M> | undefined;
}
