/**
 * Random: any member, heavier ones more often.
 * Beyond AWS, where Classic Load Balancers have no such choice; nginx and HAProxy have it as `random`.
 * Owns the members' weights and a source of chance; never looks at what is in progress.
 */
import { type Balancer, type BalancerMember, defineBalancer, makeRandom, WeightTree } from "elbow";

class RandomBalancer<M extends BalancerMember> implements Balancer<M> {
  private readonly tree = new WeightTree<M>();
  private readonly random: () => number;

  constructor(seed: number | undefined) {
    this.random = makeRandom(seed);
  }

  add(member: M): void {
    this.tree.set(member, member.weight);
  }

  remove(member: M): void {
    this.tree.delete(member);
  }

  pick(_key: number, exclude?: ReadonlySet<M>): M | undefined {
    return exclude === undefined ? this.draw() : this.tree.without(exclude, () => this.draw());
  }

  leased(): void {}

  returned(): void {}

  reweighed(member: M): void {
    this.tree.set(member, member.weight);
  }

  private draw(): M | undefined {
    return this.tree.find(this.random() * this.tree.total);
  }
}

export default defineBalancer({ name: "random", make: ({ seed }) => new RandomBalancer(seed) });
