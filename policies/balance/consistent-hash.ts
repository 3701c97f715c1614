/**
 * Consistent hash: the same client, header value or cookie always gets the same member; when a member leaves, only its
 * keys move. Multi-probe consistent hashing (Appleton and O'Reilly, 2015): members have points on a ring, a key has
 * several probes, and the probe that lies closest before a point decides. It spreads keys far more evenly than one probe
 * and many points do, and with little memory.
 * The answer depends on the key and on who is there, never on what happened before, so nodes and restarts agree.
 */
import { type Balancer, type BalancerMember, defineBalancer, hashText, mixBits } from "elbow";

/** Probes of a key. A point owns at most probes/(probes - 1) of an even share on a ring of many. */
const probes = 16;

/** Points of a member of weight 1. They even small rings out, and let weights differ by a sixteenth. */
const pointsPerWeight = 16;

/** No member has more points, whatever its weight. */
const mostPoints = 256 * pointsPerWeight;

/** 2^32 over the golden ratio, odd: its multiples spread evenly. */
const goldenStep = 0x9e3779b1;

const fewestBucketBits = 4;
const none = -1;

interface Owner<M> {
  readonly member: M;
  /** Two hashes of the name; a point's place is made of both. */
  readonly hash: number;
  readonly step: number;
  /** How many of its points are on the ring: always the first ones. */
  count: number;
}

const placeOf = ({ hash, step }: Owner<unknown>, point: number): number => mixBits(hash + Math.imul(point, step));

const pointsOf = (weight: number): number => Math.min(mostPoints, Math.max(1, Math.round(weight * pointsPerWeight)));

/** The points, in buckets by the leading bits of their places; a bucket's points are a list in order. */
class Ring<M extends BalancerMember> {
  size = 0;
  private bits = fewestBucketBits;
  private heads = new Int32Array(1 << fewestBucketBits).fill(none);
  private places = new Uint32Array(64);
  private nexts = new Int32Array(64);
  private owners: Array<Owner<M> | undefined> = [];
  /** Where the list of unused points begins; they are taken from there first. */
  private unused = none;
  private used = 0;

  insert(owner: Owner<M>, place: number): void {
    const point = this.take();
    this.places[point] = place;
    this.owners[point] = owner;
    this.size++;
    if (this.size > this.heads.length) this.spread(this.bits + 1, point);
    else this.link(point);
  }

  remove(owner: Owner<M>, place: number): void {
    const { heads, places, nexts, owners } = this;
    const bucket = place >>> (32 - this.bits);
    let before = none;
    let point = heads[bucket] as number;
    while (point !== none && !(places[point] === place && owners[point] === owner)) {
      before = point;
      point = nexts[point] as number;
    }
    if (point === none) return;
    const next = nexts[point] as number;
    if (before === none) heads[bucket] = next;
    else nexts[before] = next;
    owners[point] = undefined;
    nexts[point] = this.unused;
    this.unused = point;
    this.size--;
    if (this.bits > fewestBucketBits && this.size < heads.length / 8) this.spread(this.bits - 2, none);
  }

  /** The owner whose point lies closest after one of the key's probes; the ring isn't empty. */
  find(key: number): M {
    const { heads, places, nexts } = this;
    const shift = 32 - this.bits;
    const mask = heads.length - 1;
    // Mixed, so that keys which are not hashes have nothing to do with each other either.
    const first = mixBits(key);
    let closest = 0;
    let least = 2 ** 32;
    for (let probe = 0; probe < probes; probe++) {
      const at = mixBits(first + Math.imul(probe, goldenStep));
      let bucket = at >>> shift;
      let point = heads[bucket] as number;
      while (point !== none && (places[point] as number) < at) point = nexts[point] as number;
      while (point === none) {
        bucket = (bucket + 1) & mask;
        point = heads[bucket] as number;
      }
      const distance = ((places[point] as number) - at) >>> 0;
      if (distance >= least) continue;
      least = distance;
      closest = point;
    }
    return (this.owners[closest] as Owner<M>).member;
  }

  /** The same as if those excluded had left; undefined when nobody would be there. */
  findBeside(key: number, exclude: ReadonlySet<M>): M | undefined {
    const { heads } = this;
    const shift = 32 - this.bits;
    const first = mixBits(key);
    let closest: M | undefined;
    let least = 2 ** 32;
    for (let probe = 0; probe < probes; probe++) {
      const at = mixBits(first + Math.imul(probe, goldenStep));
      const home = at >>> shift;
      // Once around, and the part of the first bucket that lies before the probe at the end.
      for (let turn = 0, isFound = false; turn <= heads.length && !isFound; turn++) {
        let point = heads[(home + turn) & (heads.length - 1)] as number;
        for (; point !== none && !isFound; point = this.nexts[point] as number) {
          const place = this.places[point] as number;
          if (turn === 0 && place < at) continue;
          const { member } = this.owners[point] as Owner<M>;
          if (exclude.has(member)) continue;
          isFound = true;
          const distance = (place - at) >>> 0;
          if (distance >= least) continue;
          least = distance;
          closest = member;
        }
      }
      if (closest === undefined) return undefined;
    }
    return closest;
  }

  private take(): number {
    const point = this.unused;
    if (point !== none) {
      this.unused = this.nexts[point] as number;
      return point;
    }
    if (this.used === this.places.length) {
      const { places, nexts } = this;
      this.places = new Uint32Array(2 * places.length);
      this.places.set(places);
      this.nexts = new Int32Array(2 * nexts.length);
      this.nexts.set(nexts);
    }
    return this.used++;
  }

  private link(point: number): void {
    const { heads, nexts } = this;
    const bucket = (this.places[point] as number) >>> (32 - this.bits);
    let before = none;
    let next = heads[bucket] as number;
    while (next !== none && this.isBefore(next, point)) {
      before = next;
      next = nexts[next] as number;
    }
    nexts[point] = next;
    if (before === none) heads[bucket] = point;
    else nexts[before] = point;
  }

  /** Two points may share a place; then names decide, so that the order of joining doesn't. */
  private isBefore(one: number, other: number): boolean {
    const place = this.places[one] as number;
    const otherPlace = this.places[other] as number;
    if (place !== otherPlace) return place < otherPlace;
    return (this.owners[one] as Owner<M>).member.name < (this.owners[other] as Owner<M>).member.name;
  }

  /** Puts every point, and one that isn't linked yet, into buckets of another size. */
  private spread(bits: number, fresh: number): void {
    const old = this.heads;
    this.bits = Math.max(bits, fewestBucketBits);
    this.heads = new Int32Array(1 << this.bits).fill(none);
    for (const head of old) {
      for (let point = head, next = none; point !== none; point = next) {
        next = this.nexts[point] as number;
        this.link(point);
      }
    }
    if (fresh !== none) this.link(fresh);
  }
}

class ConsistentHash<M extends BalancerMember> implements Balancer<M> {
  private readonly owners = new Map<M, Owner<M>>();
  private readonly ring = new Ring<M>();

  add(member: M): void {
    const { name } = member;
    const owner: Owner<M> = { member, hash: hashText(name), step: hashText(`#${name}`) | 1, count: 0 };
    this.owners.set(member, owner);
    this.setPoints(owner, pointsOf(member.weight));
  }

  remove(member: M): void {
    this.setPoints(this.owners.get(member) as Owner<M>, 0);
    this.owners.delete(member);
  }

  pick(key: number, exclude?: ReadonlySet<M>): M | undefined {
    const { ring } = this;
    if (ring.size === 0) return undefined;
    return exclude === undefined ? ring.find(key) : ring.findBeside(key, exclude);
  }

  leased(): void {}

  returned(): void {}

  reweighed(member: M): void {
    this.setPoints(this.owners.get(member) as Owner<M>, pointsOf(member.weight));
  }

  /** Puts the member's next points on the ring, or takes its last ones off: other keys stay where they are. */
  private setPoints(owner: Owner<M>, count: number): void {
    for (; owner.count < count; owner.count++) this.ring.insert(owner, placeOf(owner, owner.count));
    while (owner.count > count) this.ring.remove(owner, placeOf(owner, --owner.count));
  }
}

export default defineBalancer({ name: "consistent-hash", key: "clientAddress", make: () => new ConsistentHash() });
