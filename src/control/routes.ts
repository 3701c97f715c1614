// From a configuration to what listeners do: the routes of every listener, with their members and balancers.
//
// Pure but for what it keeps: counters by listener and memberships by their members, so that a reload which leaves them
// alone leaves their counts and their turn alone too.
import roundRobin from "../../policies/balance/round-robin.ts";
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
import { makeBackendSecurity } from "../tls/backend-security.ts";
import type { Keys } from "./keychain.ts";
import type { ListenerSecurities } from "./listener-security.ts";
import type { Members } from "./members.ts";
import type { Names } from "./resolver.ts";

/** One listener of the configuration, with what it needs to be opened. */
export interface WantedListener {
  /** Where it listens: the same key means the same socket. */
  readonly key: string;
  readonly loadBalancer: LoadBalancer;
  readonly listener: Listener;
  readonly setting: string;
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
    })),
  );

/** What TLS needs on either side of a route. */
export interface RouteSecurity {
  readonly securities: ListenerSecurities;
  readonly keys: Keys;
}

export class Routes {
  private readonly counters = new Map<string, ListenerCounters>();

  constructor(
    private readonly members: Members,
    private readonly names: Names,
  ) {}

  /** The route of a listener on its real port; `before` is what it did so far. */
  make(wanted: WantedListener, port: number, before: Route | undefined, tls: RouteSecurity): Route {
    const { loadBalancer, listener } = wanted;
    const { attributes } = loadBalancer;
    return {
      loadBalancer: loadBalancer.name,
      listener,
      membership: this.membership(loadBalancer, listener, before?.membership, tls.keys),
      counters: this.countersOf(wanted),
      idleTimeoutMs: attributes.idleTimeout * 1000,
      connectTimeoutMs: attributes.connectTimeout * 1000,
      security: tls.securities.get(wanted.key),
      handshakeTimeoutMs: attributes.handshakeTimeout * 1000,
      http: makeHttpTerms(attributes),
      requestLastLines: makeLastLines(isSecure(listener.protocol) ? "https" : "http", port),
    };
  }

  /** Forgets the counters of listeners that are gone. */
  keepOnly(wanted: ReadonlyArray<WantedListener>): void {
    const keys = new Set(wanted.map(counterKey));
    for (const key of this.counters.keys()) if (!keys.has(key)) this.counters.delete(key);
  }

  private countersOf(wanted: WantedListener): ListenerCounters {
    const key = counterKey(wanted);
    const known = this.counters.get(key);
    if (known !== undefined) return known;
    const counters = new ListenerCounters();
    this.counters.set(key, counters);
    return counters;
  }

  private membership(
    loadBalancer: LoadBalancer,
    listener: Listener,
    before: Membership<BackendMember> | undefined,
    keys: Keys,
  ): Membership<BackendMember> {
    const security = backendSecurityOf(listener, keys);
    const members = loadBalancer.instances.flatMap((instance) =>
      this.members.of(loadBalancer.name, instance, listener.instancePort, this.names, security),
    );
    const isSame =
      before !== undefined &&
      before.members.length === members.length &&
      members.every((member, index) => member === before.members[index]);
    return isSame ? before : makeMembership(members, roundRobin);
  }
}

/** What the instances behind a listener must prove; undefined where they are spoken to in clear. */
const backendSecurityOf = ({ instanceProtocol, instanceSecurity = {} }: Listener, keys: Keys) => {
  if (!isSecure(instanceProtocol)) return undefined;
  const { authority } = instanceSecurity;
  return makeBackendSecurity(instanceSecurity, authority && keys.authority(authority.ca));
};

const counterKey = ({ loadBalancer, listener, key }: WantedListener): string =>
  `${loadBalancer.name} ${listener.protocol} ${key}`;
