/**
 * Round robin: each member in turn, heavier ones more often. What a Classic Load Balancer does on TCP listeners (AWS:
 * "How Elastic Load Balancing works", routing algorithm).
 * Turns follow virtual time (Bennett and Zhang, "WF2Q: Worst-case Fair Weighted Fair Queueing", 1996): a member's turns
 * begin 1/weight apart, and of those that have begun the one is taken that ends first. With equal weights everyone comes
 * once a round in the order of joining; else heavy members' turns are spread over the round.
 * Owns the line; never counts leases, since they don't change whose turn it is.
 */
import { type Balancer, type BalancerMember, defineBalancer, Heap } from "elbow";

interface Turn<M> {
  readonly member: M;
  weight: number;
  /** The turn begins `count` intervals of 1/weight after this, in virtual time: nothing adds up that was rounded. */
  origin: number;
  count: number;
  start: number;
  finish: number;
  /** Decides where times don't: who came to this place first. */
  order: number;
  isReady: boolean;
  index: number;
}

const finishesBefore = (one: Turn<unknown>, other: Turn<unknown>): boolean =>
  one.finish === other.finish ? one.order < other.order : one.finish < other.finish;

const startsBefore = (one: Turn<unknown>, other: Turn<unknown>): boolean =>
  one.start === other.start ? one.order < other.order : one.start < other.start;

/** Of virtual time: what rounding may hide. */
const tolerance = 1e-6;

const placeTurn = (turn: Turn<unknown>, origin: number, count: number): void => {
  turn.origin = origin;
  turn.count = count;
  turn.start = origin + count / turn.weight;
  turn.finish = origin + (count + 1) / turn.weight;
};

class RoundRobin<M extends BalancerMember> implements Balancer<M> {
  private readonly turns = new Map<M, Turn<M>>();
  /** Turns that have begun. */
  private readonly ready = new Heap<Turn<M>>(finishesBefore);
  /** Turns that begin later. */
  private readonly waiting = new Heap<Turn<M>>(startsBefore);
  /** How many members have each weight. */
  private readonly weights = new Map<number, number>();
  private totalWeight = 0;
  /** Virtual time: `picks` picks after `origin`, each of which is 1/total long. */
  private now = 0;
  private origin = 0;
  private picks = 0;
  private nextOrder = 0;
  private isBegun = false;

  add(member: M): void {
    const { weight } = member;
    const times = { origin: 0, count: 0, start: 0, finish: 0 };
    const turn: Turn<M> = { member, weight, ...times, order: this.nextOrder++, isReady: false, index: 0 };
    this.turns.set(member, turn);
    // To the end of the line: coming and going brings nobody a turn. The first members begin together.
    placeTurn(turn, this.now, this.isBegun ? 1 : 0);
    this.waiting.insert(turn);
    this.weigh(weight, 1);
  }

  remove(member: M): void {
    const turn = this.turns.get(member) as Turn<M>;
    this.turns.delete(member);
    this.takeOut(turn);
    this.weigh(turn.weight, -1);
  }

  pick(_key: number, exclude?: ReadonlySet<M>): M | undefined {
    this.isBegun = true;
    this.beginTurns();
    const turn = exclude === undefined ? this.ready.first : this.firstBeside(exclude);
    if (turn === undefined) return undefined;
    this.takeOut(turn);
    this.jump(turn.start);
    // Who has missed more than a turn, being excluded, isn't owed what was missed.
    if (turn.finish + 1 / turn.weight < this.now) placeTurn(turn, this.now, 0);
    else placeTurn(turn, turn.origin, turn.count + 1);
    turn.order = this.nextOrder++;
    // Where all weigh the same a round is one moment: its line is nothing but the order of the last turns.
    if (this.weights.size > 1) this.now = this.origin + ++this.picks / this.totalWeight;
    this.putIn(turn);
    return turn.member;
  }

  leased(): void {}

  returned(): void {}

  reweighed(member: M): void {
    const turn = this.turns.get(member) as Turn<M>;
    const { weight } = member;
    const wait = turn.start - this.now;
    this.takeOut(turn);
    this.weigh(turn.weight, -1);
    this.weigh(weight, 1);
    // What is left of the wait shrinks or grows with it.
    const start = wait > 0 ? this.now + (wait * turn.weight) / weight : turn.start;
    turn.weight = weight;
    placeTurn(turn, start, 0);
    this.putIn(turn);
  }

  /** Moves the turns that have begun to those that can be taken; lets time jump when there are none. */
  private beginTurns(): void {
    const { ready, waiting } = this;
    let next = waiting.first;
    if (next !== undefined && ready.size === 0) this.jump(next.start);
    for (; next !== undefined && next.start <= this.now + tolerance; next = waiting.first) {
      waiting.remove(next);
      ready.insert(next);
      next.isReady = true;
    }
  }

  /** Whoever is excluded keeps the turn. */
  private firstBeside(exclude: ReadonlySet<M>): Turn<M> | undefined {
    const willDo = ({ member }: Turn<M>): boolean => !exclude.has(member);
    return this.ready.firstWhere(willDo) ?? this.waiting.firstWhere(willDo);
  }

  private takeOut(turn: Turn<M>): void {
    if (turn.isReady) this.ready.remove(turn);
    else this.waiting.remove(turn);
  }

  private putIn(turn: Turn<M>): void {
    turn.isReady = turn.start <= this.now + tolerance;
    if (turn.isReady) this.ready.insert(turn);
    else this.waiting.insert(turn);
  }

  /** To a later time, since nothing is to be done before. */
  private jump(time: number): void {
    if (time <= this.now) return;
    this.now = time;
    this.origin = time;
    this.picks = 0;
  }

  /** As many members more, or fewer, have this weight: time goes on from here at another pace. */
  private weigh(weight: number, change: 1 | -1): void {
    const count = (this.weights.get(weight) ?? 0) + change;
    if (count === 0) this.weights.delete(weight);
    else this.weights.set(weight, count);
    this.totalWeight = this.weights.size === 0 ? 0 : this.totalWeight + change * weight;
    this.origin = this.now;
    this.picks = 0;
  }
}

export default defineBalancer({ name: "round-robin", make: () => new RoundRobin() });
