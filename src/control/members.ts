// Instances as members: every address of every instance that a load balancer has, kept across reloads.
//
// A member lives as long as its instance, address and port, and what the instance must prove, stay in the configuration,
// so that its connections, counts and leases survive whatever else changes: and none of its connections is ever used under
// another policy than it was made under. One that leaves while in use is remembered until it isn't: if it comes back
// before, it is the same member.
import { Array as Arr } from "effect";
import { BackendMember, type Place } from "../backend/backend-member.ts";
import { type PoolTerms, passivePoolTerms } from "../backend/pool-terms.ts";
import type { Instance } from "../model/instance.ts";
import { monotonicMs } from "../net/clock.ts";
import { Endpoint } from "../net/endpoint.ts";
import type { LoadBalancerCounters } from "../observe/counters.ts";
import { BackendAuthentication } from "../tls/backend-authentication.ts";
import type { BackendSecurity } from "../tls/backend-security.ts";
import type { Names } from "./resolver.ts";

/** The members at one address of an instance: several where listeners ask different proofs of it, or none. */
export type MembersAlike = readonly [BackendMember, ...ReadonlyArray<BackendMember>];

/** A member that has left with something still in progress. */
export interface Departed {
  readonly member: BackendMember;
  /** The one that it has left, or who has that one's listeners now; draining's to set. */
  loadBalancer: string;
  /** As it was when it left. */
  readonly instance: Instance;
  /** When its instance's deregistration was first seen, on the clock of {@link monotonicMs}; draining's to set. */
  drainsSinceMs: number | undefined;
}

/** A registered member, and the instance that it is an address of. */
interface Registered {
  readonly member: BackendMember;
  readonly loadBalancer: string;
  /** Where it is, whatever it must prove there; see {@link placeOf}. */
  readonly place: string;
  instance: Instance;
}

export class Members {
  private readonly registered = new Map<string, Registered>();
  /** The registered members by place (load balancer, instance, address), as they were when the last count ended. */
  private places = new Map<string, MembersAlike>();
  private readonly known = new Map<string, WeakRef<Place>>();
  private readonly leaving = new Map<string, Departed>();
  private used = new Set<string>();
  /** What layer-7 listeners ask of the members' pools. */
  private terms = new Map<BackendMember, PoolTerms>();
  private isEnding = false;

  constructor(
    /** The counts of a load balancer, which outlive its instances. */
    private readonly countersOf: (loadBalancer: string) => LoadBalancerCounters | undefined = () => undefined,
  ) {}

  /**
   * The members of an instance behind listeners with this instance port, one for each address; new ones are made.
   *
   * *Details*: `security` is what the instance must prove when TLS is spoken to it, undefined where bytes go in clear.
   */
  of(
    loadBalancer: string,
    instance: Instance,
    instancePort: number,
    names: Names,
    security?: BackendSecurity | undefined,
  ): ReadonlyArray<BackendMember> {
    return endpointsOf(instance, instancePort, names).map((endpoint) => {
      const place = placeOf(loadBalancer, instance, endpoint);
      const key = keyOf(place, instance, security);
      this.used.add(key);
      const known = this.registered.get(key);
      if (known !== undefined) {
        known.instance = instance;
        return known.member;
      }
      const member = this.revive(key) ?? makeMember(instance, endpoint, security, this.findPlace(place, loadBalancer));
      member.enterService(monotonicMs());
      member.place.registered++;
      this.registered.set(key, { member, loadBalancer, place, instance });
      return member;
    });
  }

  /** Those members of {@link of} that there are, by address, whatever they must prove; changes nothing. */
  find(loadBalancer: string, instance: Instance, instancePort: number, names: Names): ReadonlyArray<MembersAlike> {
    return endpointsOf(instance, instancePort, names)
      .map((endpoint) => this.places.get(placeOf(loadBalancer, instance, endpoint)))
      .filter((alike) => alike !== undefined);
  }

  /** Begins a new count of which members are in use, and how. */
  beginUse(): void {
    this.used = new Set();
    this.terms = new Map();
    this.pruneDeparted();
    for (const [name, place] of this.known) if (place.deref() === undefined) this.known.delete(name);
  }

  /** Members that have left and are still in use. */
  get departed(): ReadonlyArray<Departed> {
    return [...this.leaving.values()].filter(({ member }) => isBusy(member));
  }

  /** Forgets those that have left and are in use no more. */
  private pruneDeparted(): void {
    for (const [key, { member }] of this.leaving) if (!isBusy(member)) this.leaving.delete(key);
  }

  /** A layer-7 listener takes connections from these members' pools. */
  keep(members: ReadonlyArray<BackendMember>, terms: PoolTerms): void {
    for (const member of members) this.terms.set(member, terms);
  }

  /**
   * Ends the count that {@link beginUse} began.
   *
   * *Details*: members that nobody asked for go; their connections in use finish, idle ones close. The others keep
   * connections as their listeners ask, which opens some ahead of demand.
   */
  endUse(): void {
    for (const [key, { member, loadBalancer, instance }] of this.registered) {
      if (this.used.has(key)) {
        this.leaving.delete(key);
        if (!this.isEnding) member.keep(this.terms.get(member) ?? passivePoolTerms);
        continue;
      }
      member.leave();
      member.place.registered--;
      this.registered.delete(key);
      // Who was named by a change that didn't come about has been leaving all the time.
      if (isBusy(member) && !this.leaving.has(key))
        this.leaving.set(key, { member, loadBalancer, instance, drainsSinceMs: undefined });
    }
    const alike = Arr.groupBy(this.registered.values(), ({ place }) => place);
    this.places = new Map(
      Object.entries(alike).map(([place, group]) => [place, Arr.map(group, ({ member }) => member)]),
    );
  }

  /** The process is about to end: nothing more is opened ahead of demand. */
  stopOpening(): void {
    this.isEnding = true;
    for (const { member } of this.registered.values()) member.reserve.stop();
  }

  /** Closes every idle connection; for the end of the process. */
  closeIdle(): void {
    for (const { member } of this.registered.values()) member.leave();
  }

  /** The same for whoever was there before and is still remembered by anybody: a dial, a route that drains. */
  private findPlace(name: string, loadBalancer: string): Place {
    const place = this.known.get(name)?.deref() ?? { registered: 0, totals: this.countersOf(loadBalancer) };
    this.known.set(name, new WeakRef(place));
    return place;
  }

  private revive(key: string): BackendMember | undefined {
    const member = this.leaving.get(key)?.member;
    member?.comeBack();
    return member;
  }
}

const isBusy = ({ outstanding, counters }: BackendMember): boolean => outstanding > 0 || counters.openConnections > 0;

const endpointsOf = (instance: Instance, instancePort: number, names: Names): ReadonlyArray<Endpoint> =>
  names.get(instance.host).addresses.map((address) => new Endpoint(address, instance.port ?? instancePort));

const placeOf = (loadBalancer: string, { id }: Instance, endpoint: Endpoint): string =>
  `${loadBalancer} ${id} ${endpoint}`;

/** A place, and what is proved there: the host too, since a certificate may be for it and it is sent as server name. */
const keyOf = (place: string, { host }: Instance, security: BackendSecurity | undefined): string =>
  security === undefined ? place : `${place} ${host} ${security.key}`;

const makeMember = (
  instance: Instance,
  endpoint: Endpoint,
  security: BackendSecurity | undefined,
  place: Place,
): BackendMember =>
  new BackendMember(
    instance.id,
    endpoint,
    security && new BackendAuthentication(security, instance.host, spellMember(instance, endpoint)),
    place,
  );

/** `i-web1 at 10.0.0.5:443`, or the address alone where that is the instance's id. */
const spellMember = ({ id }: Instance, endpoint: Endpoint): string =>
  id === String(endpoint) || id === endpoint.address ? String(endpoint) : `${id} at ${endpoint}`;
