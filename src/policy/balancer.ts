/**
 * The contract of a balancing policy: choose one member of a fixed set, and be told what became of each choice.
 * Implemented by policies/balance/ and by users; called by balance/ on every exchange.
 * Owns no state. A balancer is made anew for each membership, and each call is synchronous.
 */

/** What a balancer chooses among; compared by identity. */
export interface BalancerMember {
  readonly id: string;
}

/** Chooses members of the set that it was made for. */
export interface Balancer<M extends BalancerMember = BalancerMember> {
  /** The next member that is not excluded; undefined when there is none. */
  pick(exclude?: ReadonlySet<M>): M | undefined;
  /** An exchange with the member has begun. */
  leased(member: M): void;
  /** That exchange has ended; called exactly once for each `leased`. */
  returned(member: M): void;
}

/** A named way to make balancers. */
export interface BalancerPolicy {
  readonly name: string;
  readonly make: <M extends BalancerMember>(members: ReadonlyArray<M>) => Balancer<M>;
}

/** Gives its argument back, typed: the default export of a balancing policy. */
export const defineBalancer = (policy: BalancerPolicy): BalancerPolicy => policy;
