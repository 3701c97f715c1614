/**
 * The contract of a balancing policy: choose one member of a set that changes, and be told what became of each choice.
 * Implemented by policies/balance/ and by users; called by balance/ on every exchange.
 * A balancer is made once for each listener and lives as long as it does: members join and leave it one by one, so that
 * turns and orders survive. Each call is synchronous and, but for joining and leaving, should allocate nothing.
 */

/** What a balancer chooses among; compared by identity. */
export interface BalancerMember {
  /** The instance's id; an instance with several addresses is several members. */
  readonly id: string;
  /** Its own among a listener's members, and the same after a restart and on other nodes. */
  readonly name: string;
  /** Its share of the traffic beside the others' weights, always above 0. */
  readonly weight: number;
  /** Exchanges in progress on it, those that came through other listeners included. */
  readonly outstanding: number;
}

/** Chooses one of the members that have joined it. */
export interface Balancer<M extends BalancerMember = BalancerMember> {
  /** The member can be picked from now on; it wasn't among the members before. */
  add(member: M): void;
  /** The member is gone, or full, or out of service. It may come back. */
  remove(member: M): void;
  /**
   * A member that isn't excluded; undefined when there is none.
   *
   * *Details*: `key` is an unsigned 32-bit hash of what the policy's `key` names, 0 where it names nothing.
   */
  pick(key: number, exclude?: ReadonlySet<M>): M | undefined;
  /** `member.outstanding` has grown by one. */
  leased(member: M): void;
  /** `member.outstanding` has shrunk by one. */
  returned(member: M): void;
  /** `member.weight` has changed: in small steps while it starts slowly, at once when the configuration says so. */
  reweighed(member: M): void;
}

/** What a policy's keys are made of: the client's address, a request header or a cookie. */
export type BalancerKey = "clientAddress" | { readonly header: string } | { readonly cookie: string };

/** What a balancer is made with. */
export interface BalancerOptions {
  /** Where chance begins; without it, anywhere. */
  readonly seed?: number | undefined;
}

/** A named way to make balancers. */
export interface BalancerPolicy {
  readonly name: string;
  /** What {@link Balancer.pick} gets a hash of, unless the configuration names something else; nothing when left out. */
  readonly key?: BalancerKey;
  readonly make: <M extends BalancerMember>(options: BalancerOptions) => Balancer<M>;
}

/** Gives its argument back, typed: the default export of a balancing policy. */
export const defineBalancer = (policy: BalancerPolicy): BalancerPolicy => policy;
