// From a configuration to what listeners do: the routes of every listener, with their members and balancers.
//
// In two steps: `make` touches nobody who serves, so that a change may still be refused; `settle` tells them what holds now. Keeps
// counters and stickiness by listener, surge queues by load balancer, and the membership that a listener had before, so that a
// reload leaves counts, turns, sessions and those who wait alone, whoever comes and goes.
import type { BackendMember } from "../backend/backend-member.ts";
import { type Membership, makeMembership } from "../balance/membership.ts";
import { SurgeQueue } from "../balance/surge-queue.ts";
import type { Configuration } from "../model/configuration.ts";
import type { Instance } from "../model/instance.ts";
import type { Listener } from "../model/listener.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { isSecure } from "../model/protocol.ts";
import { monotonicMs } from "../net/clock.ts";
import { ListenerCounters } from "../observe/counters.ts";
import { makeLastLines } from "../parse/http1/serialise.ts";
import { makeHttpTerms } from "../pipeline/http-terms.ts";
import type { Route } from "../pipeline/route.ts";
import type { AccessLogs } from "./access-logs.ts";
import { backendPreambleOf } from "./backend-preamble.ts";
import { listenerBalancerOf, makeBalanceTerms, makePickKey } from "./balance-terms.ts";
import { type ChoiceTerms, choose, makeChoiceTerms } from "./choice.ts";
import type { ChosenMembers } from "./chosen-members.ts";
import { removalGraceMsOf } from "./draining.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Keys } from "./keychain.ts";
import { backendSecurityOf, type ListenerSecurities } from "./listener-security.ts";
import type { LoadBalancerCounts } from "./load-balancer-counts.ts";
import type { Members } from "./members.ts";
import type { Outliers } from "./outliers.ts";
import type { Policies } from "./policies.ts";
import type { Names } from "./resolver.ts";
import { StickyListeners, type StickyParts, stickyPartsOf } from "./sticky-listeners.ts";

/** One listener of the configuration, with what it needs to be opened. */
export interface WantedListener {
  /** Where it listens: the same key means the same socket. */
  readonly key: string;
  readonly loadBalancer: LoadBalancer;
  readonly listener: Listener;
  readonly setting: string;
  /** By what its members are chosen. */
  readonly choice: ChoiceTerms;
  /** What its stickiness is made of; undefined without a stickiness policy. */
  readonly sticky: StickyParts | undefined;
}

/** The listeners of a configuration, in its order. */
export const wantedListeners = (configuration: Configuration): ReadonlyArray<WantedListener> =>
  configuration.loadBalancers.flatMap((loadBalancer) =>
    loadBalancer.listeners.map((listener, index) => ({
      // A port that the system chooses belongs to its place in the configuration.
      key: `${loadBalancer.address ?? "*"} ${listener.port === 0 ? `${loadBalancer.name} ${index}` : listener.port}`,
      loadBalancer,
      listener,
      setting: `loadBalancers.${loadBalancer.name}.listeners[${index}].port`,
      choice: makeChoiceTerms(loadBalancer.attributes, configuration.zone),
      sticky: stickyPartsOf(configuration, loadBalancer.name, listener),
    })),
  );

/** What TLS needs on either side of a route. */
export interface RouteSecurity {
  readonly securities: ListenerSecurities;
  readonly keys: Keys;
}

export class Routes {
  private readonly counters = new Map<string, { readonly loadBalancer: string; readonly counters: ListenerCounters }>();
  private readonly stickyListeners = new StickyListeners();
  private readonly surges = new Map<string, SurgeQueue<BackendMember>>();
  /** Members that have been told what holds for them. */
  private readonly told = new WeakSet<BackendMember>();

  constructor(
    private readonly members: Members,
    private readonly names: Names,
    private readonly checks: InstanceChecks,
    private readonly outliers: Outliers,
    private readonly chosen: ChosenMembers,
    private readonly policies: Policies,
    private readonly totals: LoadBalancerCounts,
    private readonly accessLogs: AccessLogs,
  ) {}

  /**
   * The route of a listener on its real port; `before` is what it did so far, undefined where nothing of that goes on.
   *
   * *Details*: whoever serves already notices nothing before {@link settle}.
   */
  make(wanted: WantedListener, port: number, before: Route | undefined, tls: RouteSecurity): Route {
    const { loadBalancer, listener } = wanted;
    const { attributes } = loadBalancer;
    const registered = this.register(loadBalancer, listener, tls.keys);
    const policy = listenerBalancerOf(attributes, listener);
    const surge = this.surgeOf(loadBalancer.name);
    // It lives as long as its listener, so that turns and orders survive whoever comes and goes.
    const membership = before?.membership ?? makeMembership(choose(registered, wanted.choice).members, policy);
    if (before === undefined) attach(membership, surge);
    const { idleTimeout, surgeQueueTimeout } = attributes;
    return {
      loadBalancer: loadBalancer.name,
      listener,
      port,
      membership,
      surge,
      surgeTimeoutMs: (surgeQueueTimeout === "idleTimeout" ? idleTimeout : surgeQueueTimeout) * 1000,
      pickKey: makePickKey(attributes, policy),
      registered,
      counters: this.countersOf(wanted),
      accessLog: this.accessLogs.of(loadBalancer, listener.protocol, port),
      idleTimeoutMs: idleTimeout * 1000,
      removalGraceMs: removalGraceMsOf(attributes),
      connectTimeoutMs: attributes.connectTimeout * 1000,
      security: tls.securities.get(wanted.key),
      backendPreamble: backendPreambleOf(listener),
      handshakeTimeoutMs: attributes.handshakeTimeout * 1000,
      http: makeHttpTerms(attributes),
      policies: this.policies.chainOf(listener),
      sticky: this.stickyListeners.follow(identify(wanted), wanted.sticky, registered),
      requestLastLines: makeLastLines(isSecure(listener.protocol) ? "https" : "http", port),
    };
  }

  /** Tells everyone behind a route what holds from now on: members, their choice, and who waits for them. */
  settle({ loadBalancer, listener, choice }: WantedListener, route: Route, before: Route | undefined): void {
    const { membership, registered, surge } = route;
    const instances = new Map(loadBalancer.instances.map((instance) => [instance.id, instance]));
    for (const member of registered) this.tell(member, loadBalancer, instances.get(member.id) as Instance);
    const policy = listenerBalancerOf(loadBalancer.attributes, listener);
    if (membership.policy !== policy) membership.follow(policy);
    membership.forgetUnused();
    membership.replace(this.chosen.follow(loadBalancer.name, registered, choice));
    // The load balancer has another name now.
    if (before !== undefined && before.surge !== surge) before.surge.moveTo(surge, membership);
    attach(membership, surge);
    // A weight of 0, too, leaves nobody to wait for.
    surge.review();
  }

  /** Forgets what is kept of listeners that are gone. */
  keepOnly(wanted: ReadonlyArray<WantedListener>): void {
    const keys = new Set(wanted.map(identify));
    const names = new Set(wanted.map(({ loadBalancer }) => loadBalancer.name));
    for (const [key, { loadBalancer, counters }] of this.counters) {
      if (keys.has(key)) continue;
      this.counters.delete(key);
      if (names.has(loadBalancer)) this.totals.of(loadBalancer).keep(counters);
    }
    this.totals.keepOnly(names);
    this.stickyListeners.keepOnly(keys);
    for (const name of this.surges.keys()) if (!names.has(name)) this.surges.delete(name);
    this.chosen.keepOnly(names);
  }

  /** Where those wait whom a load balancer's instances have no room for. */
  private surgeOf(loadBalancer: string): SurgeQueue<BackendMember> {
    const surge = this.surges.get(loadBalancer) ?? new SurgeQueue<BackendMember>();
    this.surges.set(loadBalancer, surge);
    return surge;
  }

  private countersOf(wanted: WantedListener): ListenerCounters {
    const key = identify(wanted);
    const known = this.counters.get(key);
    if (known !== undefined) return known.counters;
    const counters = new ListenerCounters();
    this.counters.set(key, { loadBalancer: wanted.loadBalancer.name, counters });
    return counters;
  }

  /** Everyone behind a listener; who is new has been told what holds. */
  private register(loadBalancer: LoadBalancer, listener: Listener, keys: Keys): ReadonlyArray<BackendMember> {
    const security = backendSecurityOf(listener, keys);
    return loadBalancer.instances.flatMap((instance) => {
      const members = this.members.of(loadBalancer.name, instance, listener.instancePort, this.names, security);
      for (const member of members) if (!this.told.has(member)) this.tell(member, loadBalancer, instance);
      return members;
    });
  }

  /** Tells a member its share, what its checks and its traffic say, and where it is. */
  private tell(member: BackendMember, { name, attributes }: LoadBalancer, instance: Instance): void {
    const { address } = member.endpoint;
    this.told.add(member);
    const terms = {
      balance: makeBalanceTerms(attributes, instance),
      health: this.checks.find(name, instance, address),
      watch: this.outliers.find(name, instance, address),
      zone: instance.zone,
      tags: instance.tags,
      isDrained: instance.drainedSinceMs !== undefined,
    };
    member.follow(terms, monotonicMs());
  }
}

/** The queue is told of what the membership's members do. */
const attach = (membership: Membership<BackendMember>, surge: SurgeQueue<BackendMember>): void => {
  membership.onRoomMade = surge.serve;
  membership.onLeft = surge.review;
};

const identify = ({ loadBalancer, listener, key }: WantedListener): string =>
  `${loadBalancer.name} ${listener.protocol} ${key}`;
