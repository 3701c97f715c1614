// Draining: instances that were deregistered, or drained by an operator, while something was in progress on them finish it,
// for so long and no longer.
//
// Follows the configuration: a limit that changes, or is switched off, holds at once, and who comes back is left alone.
// Also ends what is in progress on instances that checks have taken out of service, where draining is switched off
// ("Configure connection draining for your Classic Load Balancer", AWS). Walks connections only when something must be cut.
import { Effect } from "effect";
import type { BackendMember } from "../backend/backend-member.ts";
import type { Reason } from "../errors.ts";
import type { Attributes } from "../model/attributes.ts";
import type { Configuration } from "../model/configuration.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { monotonicMs } from "../net/clock.ts";
import type { Cancellable } from "../pipeline/route.ts";
import { addressesOf, addressKeyOf } from "./addresses.ts";
import { choose, makeChoiceTerms } from "./choice.ts";
import type { Departed, Members } from "./members.ts";
import type { Names } from "./resolver.ts";
import type { Fork, Service } from "./service.ts";

/** How long the connections of a listener that was removed may go on where draining is switched off, in milliseconds. */
const removedListenerGraceMs = 300_000;

/** How long the connections of a listener may go on when it is removed, in milliseconds: as long as draining takes. */
export const removalGraceMsOf = ({ connectionDraining: { enabled, timeout } }: Attributes): number =>
  enabled ? timeout * 1000 : removedListenerGraceMs;

export class Draining {
  /** Waits for the next limit. */
  private alarm: Cancellable | undefined = undefined;

  constructor(
    private readonly members: Members,
    private readonly names: Names,
    /** Listeners that are open, and those that were removed while they had connections. */
    private readonly services: () => Iterable<Service>,
    private readonly fork: Fork,
  ) {}

  /** The members of a load balancer's deregistered instances on which something is in progress. */
  find(loadBalancer: LoadBalancer): ReadonlyArray<Departed> {
    return this.members.departed.filter(
      (departed) =>
        departed.member.outstanding > 0 &&
        departed.loadBalancer === loadBalancer.name &&
        !this.isRegistered(departed, loadBalancer),
    );
  }

  /** Cuts whose time is over by this configuration, now and whenever the next one's is. */
  follow(configuration: Configuration): void {
    this.alarm?.interruptUnsafe();
    this.alarm = undefined;
    this.followRemoved(configuration.loadBalancers, configuration.zone);
    const nowMs = monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    const late = new Set<BackendMember>();
    for (const departed of this.members.departed) {
      const loadBalancer = configuration.loadBalancers.find(({ name }) => name === departed.loadBalancer);
      // Closing a listener, or a whole load balancer, deregisters nobody: their connections have a limit of their own.
      if (loadBalancer === undefined || this.isRegistered(departed, loadBalancer)) {
        departed.drainsSinceMs = undefined;
        continue;
      }
      // Whose time ran before it was deregistered gets no more of it.
      departed.drainsSinceMs ??= departed.instance.drainedSinceMs ?? nowMs;
      const endsMs = endOf(departed.drainsSinceMs, loadBalancer);
      if (endsMs <= nowMs) late.add(departed.member);
      else nextMs = Math.min(nextMs, endsMs);
    }
    for (const { endsMs, members } of this.findDrained(configuration)) {
      if (endsMs > nowMs) nextMs = Math.min(nextMs, endsMs);
      else for (const member of members) late.add(member);
    }
    this.cut(late, "instanceDeregistered");
    const undrained = configuration.loadBalancers.filter(({ attributes }) => !attributes.connectionDraining.enabled);
    this.cutUnhealthy(new Set(undrained.map(({ name }) => name)));
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const look = Effect.sync(() => {
      this.alarm = undefined;
      this.follow(configuration);
    });
    this.alarm = this.fork(Effect.andThen(Effect.sleep(Math.ceil(nextMs - nowMs)), look));
  }

  /** Registered instances that an operator has drained: their members that serve or have served, and when their time is over. */
  private findDrained({ loadBalancers }: Configuration) {
    return loadBalancers.flatMap((loadBalancer) => {
      const { name, instances } = loadBalancer;
      const drained = instances.filter(({ drainedSinceMs }) => drainedSinceMs !== undefined);
      if (drained.length === 0) return [];
      const members = [...this.services()].flatMap(({ route }) =>
        route.loadBalancer === name ? route.registered : [],
      );
      const departed = this.members.departed.flatMap((one) => (one.loadBalancer === name ? [one.member] : []));
      return drained.map(({ id, drainedSinceMs = 0 }) => ({
        endsMs: endOf(drainedSinceMs, loadBalancer),
        members: [...members, ...departed].filter((member) => member.id === id),
      }));
    });
  }

  /** With draining switched off, nothing is finished by an instance that is out of service by its checks and not picked. */
  cutUnhealthy(loadBalancers: ReadonlySet<string>): void {
    const late = new Set<BackendMember>();
    const unwell = new Set<string>();
    for (const { route, isDraining } of this.services()) {
      if (isDraining || !loadBalancers.has(route.loadBalancer)) continue;
      for (const member of route.registered) {
        // Where too few are well, all are picked, and what they are picked for may finish.
        if (member.health?.isInService !== false || route.membership.has(member)) continue;
        unwell.add(placeOf(route.loadBalancer, member));
        if (member.outstanding > 0) late.add(member);
      }
    }
    if (unwell.size === 0) return;
    // A member that has left because something else changed is as well as its instance.
    for (const { loadBalancer, member } of this.members.departed) {
      if (unwell.has(placeOf(loadBalancer, member))) late.add(member);
    }
    this.cut(late, "instanceOutOfService");
  }

  /** One walk over the connections, however many members it is about. */
  private cut(members: ReadonlySet<BackendMember>, reason: Reason): void {
    if ([...members].some(({ outstanding }) => outstanding > 0)) {
      for (const service of this.services()) service.connections.cutFrom(members, reason);
    }
    for (const member of members) member.cutDials();
  }

  /**
   * A listener that was removed picks for those who wait, and for requests that must be sent again: among those in service, as
   * its load balancer's other listeners do, and never those who have been deregistered or
   * drained since.
   */
  followRemoved(loadBalancers: ReadonlyArray<LoadBalancer>, zone: string | undefined): void {
    for (const { route, isDraining } of this.services()) {
      const loadBalancer = isDraining ? loadBalancers.find(({ name }) => name === route.loadBalancer) : undefined;
      if (loadBalancer === undefined) continue;
      const instances = loadBalancer.instances.filter(({ drainedSinceMs }) => drainedSinceMs === undefined);
      const listed = new Set(
        addressesOf({ instances }, this.names).map(({ instance: { id }, address }) => addressKeyOf(id, address)),
      );
      const left = route.registered.filter(({ id, endpoint }) => listed.has(addressKeyOf(id, endpoint.address)));
      route.membership.replace(choose(left, makeChoiceTerms(loadBalancer.attributes, zone)).members);
    }
  }

  /** Who has left a load balancer that is gone is the affair of those who have its listeners now. */
  inherit(heirs: ReadonlyMap<string, ReadonlyArray<LoadBalancer>>): void {
    for (const departed of this.members.departed) {
      const found = heirs.get(departed.loadBalancer);
      const heir = found?.find((one) => this.isRegistered(departed, one)) ?? found?.[0];
      if (heir !== undefined) departed.loadBalancer = heir.name;
    }
    // Listeners that went with the old name have connections still.
    for (const service of this.services()) {
      const found = heirs.get(service.route.loadBalancer);
      const ids = new Set(service.route.registered.map(({ id }) => id));
      const heir = found?.find(({ instances }) => instances.some(({ id }) => ids.has(id))) ?? found?.[0];
      if (heir !== undefined) service.route = { ...service.route, loadBalancer: heir.name };
    }
  }

  /** Whether the instance is registered at this address: then only a listener, or what it must prove, has changed. */
  private isRegistered({ member, instance }: Departed, loadBalancer: LoadBalancer): boolean {
    const registered = loadBalancer.instances.find(({ id }) => id === instance.id);
    if (registered === undefined || registered.port !== instance.port) return false;
    return this.names.get(registered.host).addresses.includes(member.endpoint.address);
  }
}

/** When the time of an instance that drains since then is over. */
const endOf = (sinceMs: number, { attributes: { connectionDraining } }: LoadBalancer): number =>
  sinceMs + (connectionDraining.enabled ? connectionDraining.timeout * 1000 : 0);

/** The same for all members at one address of a load balancer's instance. */
const placeOf = (loadBalancer: string, { id, endpoint }: BackendMember): string =>
  `${loadBalancer} ${addressKeyOf(id, endpoint.address)}`;
