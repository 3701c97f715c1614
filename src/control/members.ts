// Instances as members: every address of every instance that a load balancer has, kept across reloads.
//
// A member lives as long as its instance, address and port stay in the configuration, so that its connections, counts
// and leases survive whatever else changes. One that leaves while in use is remembered until it isn't: if it comes back
// before, it is the same member.
import { BackendMember } from "../backend/backend-member.ts";
import { type PoolTerms, passivePoolTerms } from "../backend/pool-terms.ts";
import type { Instance } from "../model/instance.ts";
import { Endpoint } from "../net/endpoint.ts";
import type { Names } from "./resolver.ts";

export class Members {
  private readonly registered = new Map<string, BackendMember>();
  /** Members that have left, with something still in progress. */
  private readonly leaving = new Map<string, BackendMember>();
  private used = new Set<string>();
  /** What layer-7 listeners ask of the members' pools. */
  private terms = new Map<BackendMember, PoolTerms>();
  private isEnding = false;

  /** The members of an instance behind listeners with this instance port, one for each address; new ones are made. */
  of(loadBalancer: string, instance: Instance, instancePort: number, names: Names): ReadonlyArray<BackendMember> {
    return endpointsOf(instance, instancePort, names).map((endpoint) => {
      const key = keyOf(loadBalancer, instance, endpoint);
      this.used.add(key);
      const member = this.registered.get(key) ?? this.revive(key) ?? new BackendMember(instance.id, endpoint);
      this.registered.set(key, member);
      return member;
    });
  }

  /** Those members of {@link of} that there are; changes nothing. */
  find(loadBalancer: string, instance: Instance, instancePort: number, names: Names): ReadonlyArray<BackendMember> {
    return endpointsOf(instance, instancePort, names)
      .map((endpoint) => this.registered.get(keyOf(loadBalancer, instance, endpoint)))
      .filter((member) => member !== undefined);
  }

  /** Begins a new count of which members are in use, and how. */
  beginUse(): void {
    this.used = new Set();
    this.terms = new Map();
    for (const [key, member] of this.leaving) if (!isBusy(member)) this.leaving.delete(key);
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
    for (const [key, member] of this.registered) {
      if (this.used.has(key)) {
        if (!this.isEnding) member.keep(this.terms.get(member) ?? passivePoolTerms);
        continue;
      }
      member.leave();
      this.registered.delete(key);
      if (isBusy(member)) this.leaving.set(key, member);
    }
  }

  /** The process is about to end: nothing more is opened ahead of demand. */
  stopOpening(): void {
    this.isEnding = true;
    for (const member of this.registered.values()) member.reserve.stop();
  }

  /** Closes every idle connection; for the end of the process. */
  closeIdle(): void {
    for (const member of this.registered.values()) member.leave();
  }

  private revive(key: string): BackendMember | undefined {
    const member = this.leaving.get(key);
    this.leaving.delete(key);
    member?.comeBack();
    return member;
  }
}

const isBusy = ({ outstanding, counters }: BackendMember): boolean => outstanding > 0 || counters.openConnections > 0;

const endpointsOf = (instance: Instance, instancePort: number, names: Names): ReadonlyArray<Endpoint> =>
  names.get(instance.host).addresses.map((address) => new Endpoint(address, instance.port ?? instancePort));

const keyOf = (loadBalancer: string, { id }: Instance, endpoint: Endpoint): string =>
  `${loadBalancer} ${id} ${endpoint}`;
