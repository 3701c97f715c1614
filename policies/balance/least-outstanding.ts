/**
 * Least outstanding requests: the member with the fewest exchanges in progress for its weight. What a Classic Load Balancer
 * does on HTTP and HTTPS listeners (AWS: "How Elastic Load Balancing works", routing algorithm).
 * Among equals the least recently picked comes first; where weights differ, equals take turns by weight, so that an idle
 * load balancer keeps the shares too. Owns the order of the members, kept with each lease; never scans them.
 */
import { type Balancer, type BalancerMember, defineBalancer, Heap } from "elbow";

interface Place<M> {
  readonly member: M;
  weight: number;
  /** Outstanding exchanges over weight. */
  load: number;
  /** When its turn among equals is due, in virtual time: 1/weight after its last. */
  due: number;
  /** Decides between turns that are due together: the last pick, or the joining. */
  order: number;
  index: number;
}

const isBefore = (one: Place<unknown>, other: Place<unknown>): boolean => {
  if (one.load !== other.load) return one.load < other.load;
  return one.due === other.due ? one.order < other.order : one.due < other.due;
};

class LeastOutstanding<M extends BalancerMember> implements Balancer<M> {
  private readonly places = new Map<M, Place<M>>();
  private readonly heap = new Heap<Place<M>>(isBefore);
  /** Virtual time: the latest due of all that were picked. */
  private now = 0;
  private nextOrder = 0;

  add(member: M): void {
    const { weight, outstanding } = member;
    const due = this.now + 1 / weight;
    const place = { member, weight, load: outstanding / weight, due, order: this.nextOrder++, index: 0 };
    this.places.set(member, place);
    this.heap.insert(place);
  }

  remove(member: M): void {
    this.heap.remove(this.places.get(member) as Place<M>);
    this.places.delete(member);
  }

  pick(_key: number, exclude?: ReadonlySet<M>): M | undefined {
    const { heap } = this;
    const place = exclude === undefined ? heap.first : heap.firstWhere(({ member }) => !exclude.has(member));
    if (place === undefined) return undefined;
    if (place.due > this.now) this.now = place.due;
    // Never from its own due on: who was passed over while busy isn't owed the turns that it missed.
    place.due = this.now + 1 / place.weight;
    place.order = this.nextOrder++;
    heap.moved(place);
    return place.member;
  }

  leased(member: M): void {
    this.weigh(member);
  }

  returned(member: M): void {
    this.weigh(member);
  }

  reweighed(member: M): void {
    const place = this.places.get(member) as Place<M>;
    if (place.due > this.now) place.due = this.now + ((place.due - this.now) * place.weight) / member.weight;
    place.weight = member.weight;
    this.weigh(member);
  }

  private weigh(member: M): void {
    const place = this.places.get(member) as Place<M>;
    place.load = member.outstanding / place.weight;
    this.heap.moved(place);
  }
}

export default defineBalancer({ name: "least-outstanding", make: () => new LeastOutstanding() });
