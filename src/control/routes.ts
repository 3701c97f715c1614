// From a configuration to what listeners do: the routes of every listener, with their members and balancers.
//
// Pure but for what it keeps: counters and stickiness by listener, surge queues by load balancer, and the membership that a
// listener had before, so that a reload leaves counts, turns, sessions and those who wait alone, whoever comes and goes.
import type { BackendMember } from "../backend/backend-member.ts";
import { type Membership, makeMembership } from "../balance/membership.ts";
import { SurgeQueue } from "../balance/surge-queue.ts";
import type { Configuration } from "../model/configuration.ts";
import type { Listener } from "../model/listener.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import { isSecure } from "../model/protocol.ts";
import { ListenerCounters } from "../observe/counters.ts";
import { makeLastLines } from "../parse/http1/serialise.ts";
import { makeHttpTerms } from "../pipeline/http-terms.ts";
import type { Route } from "../pipeline/route.ts";
import type { BalancerPolicy } from "../policy/balancer.ts";
import { backendPreambleOf } from "./backend-preamble.ts";
import { balancerPolicyOf, makeBalanceTerms, makePickKey, monotonicMs } from "./balance-terms.ts";
import { type ChoiceTerms, makeChoiceTerms } from "./choosable.ts";
import type { Choosing } from "./choosing.ts";
import { removalGraceMsOf } from "./draining.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Keys } from "./keychain.ts";
import { backendSecurityOf, type ListenerSecurities } from "./listener-security.ts";
import type { Members } from "./members.ts";
import type { Outliers } from "./outliers.ts";
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
  private readonly counters = new Map<string, ListenerCounters>();
  private readonly stickyListeners = new StickyListeners();
  private readonly surges = new Map<string, SurgeQueue<BackendMember>>();

  constructor(
    private readonly members: Members,
    private readonly names: Names,
    private readonly checks: InstanceChecks,
    private readonly outliers: Outliers,
    private readonly choosing: Choosing,
  ) {}

  /** The route of a listener on its real port; `before` is what it did so far. */
  make(wanted: WantedListener, port: number, before: Route | undefined, tls: RouteSecurity): Route {
    const { loadBalancer, listener } = wanted;
    const { attributes } = loadBalancer;
    const registered = this.register(loadBalancer, listener, tls.keys);
    const policy = balancerPolicyOf(attributes, listener.protocol);
    const chosen = this.choosing.choose(loadBalancer.name, registered, wanted.choice);
    const membership = makeOrFollow(before?.membership, chosen, policy);
    const { idleTimeout, surgeQueueTimeout } = attributes;
    return {
      loadBalancer: loadBalancer.name,
      listener,
      membership,
      surge: this.surgeBehind(loadBalancer.name, membership, before),
      surgeTimeoutMs: (surgeQueueTimeout === "idleTimeout" ? idleTimeout : surgeQueueTimeout) * 1000,
      pickKey: makePickKey(attributes, policy),
      registered,
      counters: this.countersOf(wanted),
      idleTimeoutMs: idleTimeout * 1000,
      removalGraceMs: removalGraceMsOf(attributes),
      connectTimeoutMs: attributes.connectTimeout * 1000,
      security: tls.securities.get(wanted.key),
      backendPreamble: backendPreambleOf(listener),
      handshakeTimeoutMs: attributes.handshakeTimeout * 1000,
      http: makeHttpTerms(attributes),
      sticky: this.stickyListeners.follow(identify(wanted), wanted.sticky, registered),
      requestLastLines: makeLastLines(isSecure(listener.protocol) ? "https" : "http", port),
    };
  }

  /** Forgets what is kept of listeners that are gone. */
  keepOnly(wanted: ReadonlyArray<WantedListener>): void {
    const keys = new Set(wanted.map(identify));
    for (const key of this.counters.keys()) if (!keys.has(key)) this.counters.delete(key);
    this.stickyListeners.keepOnly(keys);
    const names = new Set(wanted.map(({ loadBalancer }) => loadBalancer.name));
    for (const name of this.surges.keys()) if (!names.has(name)) this.surges.delete(name);
    this.choosing.keepOnly(names);
  }

  /** Where those wait whom a membership has no room for; it is told of what the membership's members do. */
  private surgeBehind(
    loadBalancer: string,
    membership: Membership<BackendMember>,
    before: Route | undefined,
  ): SurgeQueue<BackendMember> {
    const surge = this.surges.get(loadBalancer) ?? new SurgeQueue<BackendMember>();
    this.surges.set(loadBalancer, surge);
    // The listener is another load balancer's now.
    if (before !== undefined && before.surge !== surge) before.surge.moveTo(surge, membership);
    membership.onRoomMade = surge.serve;
    membership.onLeft = surge.review;
    // A weight of 0, too, leaves nobody to wait for.
    surge.review();
    return surge;
  }

  private countersOf(wanted: WantedListener): ListenerCounters {
    const key = identify(wanted);
    const known = this.counters.get(key);
    if (known !== undefined) return known;
    const counters = new ListenerCounters();
    this.counters.set(key, counters);
    return counters;
  }

  /** Everyone behind a listener, with their shares and what their checks say. */
  private register(loadBalancer: LoadBalancer, listener: Listener, keys: Keys): ReadonlyArray<BackendMember> {
    const security = backendSecurityOf(listener, keys);
    const nowMs = monotonicMs();
    return loadBalancer.instances.flatMap((instance) => {
      const members = this.members.of(loadBalancer.name, instance, listener.instancePort, this.names, security);
      const terms = makeBalanceTerms(loadBalancer.attributes, instance);
      for (const member of members) {
        member.setTerms(terms, nowMs);
        member.health = this.checks.find(loadBalancer.name, instance, member.endpoint.address);
        member.watch = this.outliers.find(loadBalancer.name, instance, member.endpoint.address);
        member.zone = instance.zone;
      }
      return members;
    });
  }
}

/** A listener's membership lives as long as it does, so that turns and orders survive whoever comes and goes. */
const makeOrFollow = (
  before: Membership<BackendMember> | undefined,
  members: ReadonlyArray<BackendMember>,
  policy: BalancerPolicy,
): Membership<BackendMember> => {
  if (before === undefined) return makeMembership(members, policy);
  if (before.policy !== policy) before.follow(policy);
  before.replace(members);
  return before;
};

const identify = ({ loadBalancer, listener, key }: WantedListener): string =>
  `${loadBalancer.name} ${listener.protocol} ${key}`;
