/**
 * Power of two choices: two different members by chance, and of them the one with fewer exchanges in progress for its
 * weight (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing").
 * Nearly as even as least outstanding, and several nodes that don't know of each other don't all rush to the same idle
 * instance. Owns the members' weights and a source of chance.
 */
import { type Balancer, type BalancerMember, defineBalancer, makeRandom, WeightTree } from "elbow";

const isBusier = (one: BalancerMember, other: BalancerMember): boolean =>
  one.outstanding * other.weight > other.outstanding * one.weight;

class PowerOfTwoChoices<M extends BalancerMember> implements Balancer<M> {
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
    return exclude === undefined ? this.choose() : this.tree.without(exclude, () => this.choose());
  }

  // The members' own counts are read when it matters.
  leased(): void {}

  returned(): void {}

  reweighed(member: M): void {
    this.tree.set(member, member.weight);
  }

  private choose(): M | undefined {
    const { tree, random } = this;
    const first = tree.find(random() * tree.total);
    if (first === undefined) return undefined;
    // The second is drawn from the line without the first one's stretch.
    const { foundStart } = tree;
    const weight = tree.weightOf(first);
    const rest = tree.total - weight;
    if (!(rest > 0)) return first;
    const at = random() * rest;
    const second = tree.find(at < foundStart ? at : at + weight) as M;
    return isBusier(first, second) ? second : first;
  }
}

export default defineBalancer({ name: "power-of-two-choices", make: ({ seed }) => new PowerOfTwoChoices(seed) });
