/**
 * A part of a membership without a balancer of its own: the whole's chooses, as if the others weren't there.
 * For more parts than a membership keeps (membership.ts), each made for one choice. Owns nothing, so that nobody's turn begins anew.
 */
import type { Member } from "./member.ts";
import type { Membership } from "./membership.ts";

/** Whether a member belongs to a part. */
export type Accepts<M extends Member> = (member: M) => boolean;

/** Where members are chosen: a membership, or a part of one. */
export interface Choosable<M extends Member> {
  /** The whole that it is a part of; itself where it is none. */
  readonly root: Membership<M>;
  /** Everyone who is in service, full or not. */
  readonly members: ReadonlyArray<M>;
  /** Whether the member is in service here; full or not. */
  readonly has: (member: M) => boolean;
  /** Whether anybody in service but those excluded is only full: worth waiting for. */
  readonly hasFull: (exclude?: ReadonlySet<M>) => boolean;
  /** The balancer's choice, not leased yet; undefined when all are full or excluded. */
  readonly pick: (exclude?: ReadonlySet<M>, key?: number) => M | undefined;
}

export class LoosePart<M extends Member> implements Choosable<M> {
  constructor(
    readonly root: Membership<M>,
    private readonly accepts: Accepts<M>,
  ) {}

  get members(): ReadonlyArray<M> {
    return this.root.members.filter(this.accepts);
  }

  has(member: M): boolean {
    return this.root.has(member) && this.accepts(member);
  }

  hasFull(exclude?: ReadonlySet<M>): boolean {
    return this.root.hasFull(this.beside(exclude));
  }

  pick(exclude?: ReadonlySet<M>, key = 0): M | undefined {
    return this.root.pick(this.beside(exclude), key);
  }

  private beside(exclude: ReadonlySet<M> | undefined): ReadonlySet<M> {
    const others = new Set(exclude);
    for (const member of this.root.members) if (!this.accepts(member)) others.add(member);
    return others;
  }
}
