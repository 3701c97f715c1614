// Outlier detection of every load balancer that asks for it: what members' traffic says, made into ejections.
//
// Behind the data path, which counts failures in a row on each member, and in front of whoever chooses among members. Owns
// the watched addresses, one for each address of each instance that this node sends to, with their history, and one timer
// for each load balancer. Who is picked is choice.ts's affair.
import {
  type BackendMember,
  type Health,
  isInService,
  type TrafficFailure,
  type TrafficWatch,
} from "../backend/backend-member.ts";
import { Outlier, OutlierGroup, type OutlierTerms } from "../health/outlier.ts";
import { historyMaxCount } from "../health/thresholds.ts";
import { spellTrafficFailure } from "../health/traffic-failure.ts";
import type { Configuration } from "../model/configuration.ts";
import type { Instance } from "../model/instance.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { findOutlierDetection, type OutlierDetection } from "../model/outlier-detection.ts";
import { monotonicMs } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import { addressKeyOf, reachedAddressesOf } from "./addresses.ts";
import { tellHealthEvent } from "./health-events.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Names } from "./resolver.ts";

/** An address was ejected, or came back. */
interface OutlierChange {
  /** Unix time in milliseconds. */
  readonly atMs: number;
  readonly to: "inService" | "outOfService";
  readonly reason: string;
}

export class Outliers {
  private readonly watches = new Map<string, LoadBalancerWatch>();

  constructor(
    private readonly checks: InstanceChecks,
    /** An address of a load balancer's instance was ejected, or came back. */
    private readonly onChange: (loadBalancer: string) => void,
  ) {}

  /** The watch on an address; undefined where nobody watches. */
  find(loadBalancer: string, { id }: Instance, address: string): WatchedAddress | undefined {
    return this.watches.get(loadBalancer)?.find(addressKeyOf(id, address));
  }

  /** Ejections since a load balancer's detection was switched on, by its name. */
  get ejections(): ReadonlyArray<readonly [loadBalancer: string, count: number]> {
    return [...this.watches].map(([name, { ejections }]) => [name, ejections]);
  }

  /** Checks have moved a load balancer's addresses: the last one in service is never ejected, in whatever order that comes about. */
  followChecks(loadBalancer: string): void {
    this.watches.get(loadBalancer)?.followChecks();
  }

  /** Watches whom a configuration says, as it says, at once; whoever is watched no more is ejected no more. Tells nobody. */
  follow(configuration: Configuration, names: Names): void {
    const gone = new Set(this.watches.keys());
    for (const loadBalancer of configuration.loadBalancers) {
      const detection = findOutlierDetection(loadBalancer.attributes.outlierDetection);
      if (detection === undefined) continue;
      const { name } = loadBalancer;
      gone.delete(name);
      const watch =
        this.watches.get(name) ?? new LoadBalancerWatch(name, makeTerms(detection), () => this.onChange(name));
      this.watches.set(name, watch);
      watch.follow(makeTerms(detection), this.readWanted(loadBalancer, configuration.zone, names));
    }
    for (const name of gone) {
      this.watches.get(name)?.stop();
      this.watches.delete(name);
    }
  }

  /** Every address that this node sends to, with what its checks say, and whether it has a share. */
  private readWanted(loadBalancer: LoadBalancer, zone: string | undefined, names: Names): ReadonlyMap<string, Wanted> {
    return new Map(
      reachedAddressesOf(loadBalancer, zone, names).map(({ instance, address }) => [
        addressKeyOf(instance.id, address),
        {
          instance: instance.id,
          address,
          health: this.checks.find(loadBalancer.name, instance, address),
          hasShare: hasShare(instance),
        },
      ]),
    );
  }
}

/** Clients come unasked. */
const hasShare = ({ weight, drainedSinceMs }: Instance): boolean => weight !== 0 && drainedSinceMs === undefined;

/** What is to be known of an address beside its traffic. */
type Wanted = Pick<WatchedAddress, "instance" | "address" | "health" | "hasShare">;

/** One load balancer's addresses, and the timer of their ejections. */
class LoadBalancerWatch implements DeadlineOwner {
  ejections = 0;
  private readonly addresses = new Map<string, WatchedAddress>();
  private readonly group: OutlierGroup<WatchedAddress>;
  private readonly deadline = new Deadline(this);

  constructor(
    readonly loadBalancer: string,
    terms: OutlierTerms,
    private readonly onChange: () => void,
  ) {
    this.group = new OutlierGroup(terms);
  }

  find(key: string): WatchedAddress | undefined {
    return this.addresses.get(key);
  }

  follow(terms: OutlierTerms, wanted: ReadonlyMap<string, Wanted>): void {
    for (const [key, address] of this.addresses) {
      if (wanted.has(key)) continue;
      this.addresses.delete(key);
      this.dismiss(address);
    }
    for (const [key, { health, hasShare, ...place }] of wanted) {
      const address = this.addresses.get(key) ?? new WatchedAddress(this, place.instance, place.address);
      address.health = health;
      address.hasShare = hasShare;
      this.addresses.set(key, address);
    }
    this.group.terms = terms;
    // Of those without a share nobody gets anything unasked: whoever is left can't lean on them.
    this.group.size = [...this.addresses.values()].filter(({ hasShare }) => hasShare).length;
    this.release();
    this.armNext();
  }

  stop(): void {
    for (const address of this.addresses.values()) this.dismiss(address);
    this.deadline.disarm();
  }

  /** A member that has left, and has something to finish, may tell of it yet. */
  private dismiss(address: WatchedAddress): void {
    this.group.forget(address);
    address.isWatched = false;
  }

  get terms(): OutlierTerms {
    return this.group.terms;
  }

  note(address: WatchedAddress, member: BackendMember, failure: TrafficFailure): void {
    const { failuresInARow } = member;
    // What its checks have taken out already is theirs to bring back.
    if (!address.isInService) {
      member.forgetFailures();
      return;
    }
    if (failuresInARow < this.terms.failures) return;
    // Asked first: where no more may be ejected, nobody is looked for at each failure.
    if (!this.group.hasRoom || !this.hasAnother(address)) return;
    if (!this.group.eject(address, monotonicMs())) return;
    member.forgetFailures();
    this.ejections++;
    address.noteEjection(
      `${failuresInARow} failure${failuresInARow === 1 ? "" : "s"} in a row: ${spellTrafficFailure(failure)}`,
    );
    this.armNext();
    this.onChange();
  }

  /** Its checks have moved an address; whoever tells this tells of the change as well. */
  followChecks(): void {
    this.release();
    this.armNext();
  }

  onDeadline(): number {
    if (this.release()) this.onChange();
    this.armNext();
    return 0;
  }

  /** Whether anybody would be left in service. */
  private hasAnother(address: WatchedAddress): boolean {
    for (const other of this.addresses.values()) if (other !== address && other.isServing) return true;
    return false;
  }

  private release(): boolean {
    const nowMs = monotonicMs();
    const released = this.group.release(nowMs);
    for (const address of released) address.noteReturn("ejection over");
    const last = this.findLast();
    if (last === undefined) return released.length > 0;
    this.group.end(last, nowMs);
    last.noteReturn("nobody else in service");
    return true;
  }

  /** Who must come back before its time, lest nobody be in service. */
  private findLast(): WatchedAddress | undefined {
    let first: WatchedAddress | undefined;
    for (const address of this.addresses.values()) {
      if (address.isServing) return undefined;
      if (!address.canReturn) continue;
      if (first === undefined || address.endsMs(this.terms) < first.endsMs(this.terms)) first = address;
    }
    return first;
  }

  private armNext(): void {
    const { nextEndMs } = this.group;
    if (nextEndMs === Number.POSITIVE_INFINITY) this.deadline.disarm();
    else this.deadline.armIn(Math.max(0, nextEndMs - monotonicMs()));
  }
}

/** An address of an instance of a load balancer, whatever is asked of it there: it is ejected at all its ports. */
export class WatchedAddress extends Outlier implements TrafficWatch {
  /** Its health checks, where there are any. */
  health: Health | undefined = undefined;
  /** Its instance weighs something, and isn't drained: clients come unasked. */
  hasShare = true;
  /** Its instance is registered, and its load balancer's detection is on. */
  isWatched = true;
  private readonly changes: Array<OutlierChange> = [];

  constructor(
    private readonly watch: LoadBalancerWatch,
    /** The instance's id. */
    readonly instance: string,
    /** An IP address. */
    readonly address: string,
  ) {
    super();
  }

  /** Neither ejected nor found unwell by its checks. */
  get isInService(): boolean {
    return isInService(this.health, this);
  }

  /** In service for everybody, not only for those who ask for it by name. */
  get isServing(): boolean {
    return this.hasShare && this.isInService;
  }

  /** Ejected, and otherwise serving. */
  get canReturn(): boolean {
    return this.isEjected && this.hasShare && isInService(this.health, undefined);
  }

  /** The last changes, oldest first. */
  get history(): ReadonlyArray<OutlierChange> {
    return this.changes;
  }

  /** Why, for how long and until when it is ejected; undefined while it isn't. */
  get description(): string | undefined {
    if (!this.isEjected) return undefined;
    const { terms } = this.watch;
    const until = new Date(Date.now() + this.endsMs(terms) - monotonicMs()).toISOString().replace(/\.\d+Z$/, "Z");
    const seconds = this.lastsMs(terms) / 1000;
    return `Instance is ejected by outlier detection for ${seconds} s, until ${until}, after ${this.changes.at(-1)?.reason}.`;
  }

  onFailure(member: BackendMember, failure: TrafficFailure): void {
    if (this.isWatched) this.watch.note(this, member, failure);
  }

  noteEjection(reason: string): void {
    this.noteChange("outOfService", reason);
  }

  noteReturn(reason: string): void {
    this.noteChange(this.isInService ? "inService" : "outOfService", reason);
  }

  private noteChange(to: OutlierChange["to"], reason: string): void {
    this.changes.push({ atMs: Date.now(), to, reason });
    tellHealthEvent(this.watch.loadBalancer, this.instance, this.address, to, reason);
    if (this.changes.length > historyMaxCount) this.changes.shift();
  }
}

const makeTerms = ({ failures, ejectionTime, maxEjectionTime, maxEjectedShare }: OutlierDetection): OutlierTerms => ({
  failures,
  ejectionMs: ejectionTime * 1000,
  maxEjectionMs: maxEjectionTime * 1000,
  maxEjectedShare,
});
