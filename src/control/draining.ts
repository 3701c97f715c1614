// Draining: instances that were deregistered while something was in progress on them finish it, for so long and no longer.
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
import type { Cancellable } from "../pipeline/route.ts";
import { monotonicMs } from "./balance-terms.ts";
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
    return this.members
      .departed()
      .filter(
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
    this.trimRemoved(configuration);
    const nowMs = monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const departed of this.members.departed()) {
      const loadBalancer = configuration.loadBalancers.find(({ name }) => name === departed.loadBalancer);
      // Closing a listener, or a whole load balancer, deregisters nobody: their connections have a limit of their own.
      if (loadBalancer === undefined || this.isRegistered(departed, loadBalancer)) {
        departed.drainsSinceMs = undefined;
        continue;
      }
      departed.drainsSinceMs ??= nowMs;
      const { enabled, timeout } = loadBalancer.attributes.connectionDraining;
      const endsMs = departed.drainsSinceMs + (enabled ? timeout * 1000 : 0);
      if (endsMs <= nowMs) this.cut(departed.member, "instanceDeregistered");
      else nextMs = Math.min(nextMs, endsMs);
    }
    for (const { name, attributes } of configuration.loadBalancers) {
      if (!attributes.connectionDraining.enabled) this.cutUnhealthy(name);
    }
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const look = Effect.sync(() => {
      this.alarm = undefined;
      this.follow(configuration);
    });
    this.alarm = this.fork(Effect.andThen(Effect.sleep(Math.ceil(nextMs - nowMs)), look));
  }

  /** With draining switched off, nothing is finished by an instance that is out of service by its checks and not picked. */
  cutUnhealthy(loadBalancer: string): void {
    const found = new Set<BackendMember>();
    for (const { route } of this.services()) {
      if (route.loadBalancer !== loadBalancer) continue;
      for (const member of route.registered) {
        if (member.health?.isInService === false && member.outstanding > 0) found.add(member);
      }
    }
    for (const member of found) {
      // Where too few are well, all are picked, and what they are picked for may finish.
      if (!this.isPicked(member)) this.cut(member, "instanceOutOfService");
    }
  }

  private isPicked(member: BackendMember): boolean {
    return [...this.services()].some(({ route, isDraining }) => !isDraining && route.membership.has(member));
  }

  private cut(member: BackendMember, reason: Reason): void {
    for (const service of this.services()) service.connections.cutFrom(member, reason);
    member.cutDials();
  }

  /** A listener that was removed picks for requests that must be sent again: never those who have been deregistered since. */
  private trimRemoved({ loadBalancers }: Configuration): void {
    for (const { route, isDraining } of this.services()) {
      const loadBalancer = isDraining ? loadBalancers.find(({ name }) => name === route.loadBalancer) : undefined;
      if (loadBalancer === undefined) continue;
      const { membership } = route;
      const left = membership.members.filter((member) => this.isListed(member, loadBalancer));
      if (left.length < membership.members.length) membership.replace(left);
    }
  }

  /** Whether the instance is registered at this address: then only a listener, or what it must prove, has changed. */
  private isRegistered({ member, instance }: Departed, loadBalancer: LoadBalancer): boolean {
    const isMoved = loadBalancer.instances.some(({ id, port }) => id === instance.id && port !== instance.port);
    return !isMoved && this.isListed(member, loadBalancer);
  }

  private isListed({ id, endpoint }: BackendMember, { instances }: LoadBalancer): boolean {
    return instances.some(
      (instance) => instance.id === id && this.names.get(instance.host).addresses.includes(endpoint.address),
    );
  }
}
