// From a configuration to what listeners do: the routes of every listener, with their members and balancers.
//
// Pure but for what it keeps: counters and stickiness by listener, and the membership that a listener had before, so that a reload
// leaves counts, turns and sessions alone, whoever comes and goes.
import type { BackendMember } from "../backend/backend-member.ts";
import { type Membership, makeMembership } from "../balance/membership.ts";
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
import { balancerPolicyOf, makeBalanceTerms, monotonicMs } from "./balance-terms.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Keys } from "./keychain.ts";
import { backendSecurityOf, type ListenerSecurities } from "./listener-security.ts";
import type { Members } from "./members.ts";
import type { Names } from "./resolver.ts";
import { StickyListeners, type StickyParts, stickyPartsOf } from "./sticky-listeners.ts";

/** One listener of the configuration, with what it needs to be opened. */
export interface WantedListener {
  /** Where it listens: the same key means the same socket. */
  readonly key: string;
  readonly loadBalancer: LoadBalancer;
  readonly listener: Listener;
  readonly setting: string;
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

  constructor(
    private readonly members: Members,
    private readonly names: Names,
    private readonly checks: InstanceChecks,
  ) {}

  /** The route of a listener on its real port; `before` is what it did so far. */
  make(wanted: WantedListener, port: number, before: Route | undefined, tls: RouteSecurity): Route {
    const { loadBalancer, listener } = wanted;
    const { attributes } = loadBalancer;
    const registered = this.register(loadBalancer, listener, tls.keys);
    return {
      loadBalancer: loadBalancer.name,
      listener,
      membership: makeOrFollow(before?.membership, registered, balancerPolicyOf(attributes, listener.protocol)),
      registered,
      counters: this.countersOf(wanted),
      idleTimeoutMs: attributes.idleTimeout * 1000,
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
      }
      return members;
    });
  }
}

/** A listener's membership lives as long as it does, so that turns and orders survive whoever comes and goes. */
const makeOrFollow = (
  before: Membership<BackendMember> | undefined,
  registered: ReadonlyArray<BackendMember>,
  policy: BalancerPolicy,
): Membership<BackendMember> => {
  const members = registered.filter(({ isInService }) => isInService);
  if (before === undefined) return makeMembership(members, policy);
  if (before.policy !== policy) before.follow(policy);
  before.replace(members);
  return before;
};

const identify = ({ loadBalancer, listener, key }: WantedListener): string =>
  `${loadBalancer.name} ${listener.protocol} ${key}`;
