// What people and pages are shown of the load balancers: a plain reading of the running state.
import type { HealthTarget } from "../health/health-target.ts";
import { type HealthPhase, type InstanceState, inService, registering } from "../health/thresholds.ts";
import { spellHealthCheckTarget } from "../model/health-check.ts";
import type { Instance } from "../model/instance.ts";
import type { Listener } from "../model/listener.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import type { Protocol } from "../model/protocol.ts";
import type { Draining } from "./draining.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import { drainingState, groupDeparted } from "./instance-health.ts";
import type { Members, MembersAlike } from "./members.ts";
import type { Outliers, WatchedAddress } from "./outliers.ts";
import type { Names } from "./resolver.ts";
import type { WantedListener } from "./routes.ts";
import type { RunningListener } from "./running-listener.ts";

/** One listener, with its live counts. */
export interface ListenerStatus {
  readonly protocol: Protocol;
  /** The port that is bound. */
  readonly port: number;
  /** The address that it is bound to; `*` stands for every address. */
  readonly address: string;
  readonly instanceProtocol: Protocol;
  readonly instancePort: number;
  readonly openConnections: number;
  readonly acceptedConnections: number;
}

/** One address of one instance, with its live counts. */
export interface InstanceStatus extends InstanceState {
  readonly id: string;
  /** An IP address; the name itself where it has not resolved. */
  readonly address: string;
  readonly port: number | undefined;
  readonly zone?: string;
  /** Where it stands; what AWS calls that follows from it. */
  readonly phase: HealthPhase | "draining";
  /** Why its name has no address, such as `ENOTFOUND`; there where it has none. */
  readonly lookUpFailure?: string;
  /** What its health checks have found; there where it is asked. */
  readonly healthCheck?: HealthCheckStatus;
  /** What its traffic has led to; there where outlier detection watches it. */
  readonly outlierDetection?: OutlierStatus;
  readonly openConnections: number;
  /** Layer-7 requests and layer-4 connections in progress. */
  readonly outstanding: number;
}

/** The checks of one address. */
interface HealthCheckStatus {
  /** What is asked, such as `HTTP:80/ping`. */
  readonly target: string;
  /** Checks passed, and failed, in a row. */
  readonly passes: number;
  readonly failures: number;
  /** How the last check ended, such as `status 200`; undefined before the first. */
  readonly lastReason: string | undefined;
  /** ISO 8601. */
  readonly lastAt: string | undefined;
  /** The last changes of the state, oldest first. */
  readonly history: ReadonlyArray<HealthChangeStatus>;
}

/** The ejections of one address. */
interface OutlierStatus {
  readonly isEjected: boolean;
  /** In a row; the next lasts longer by the first one's time. */
  readonly ejections: number;
  /** The last times that it was ejected and came back, oldest first. */
  readonly history: ReadonlyArray<ChangeStatus>;
}

/** A change of a state. */
interface ChangeStatus {
  /** ISO 8601. */
  readonly at: string;
  readonly to: string;
  readonly reason: string;
}

/** A change that checks have brought. */
interface HealthChangeStatus extends ChangeStatus {
  readonly from: string;
  /** How many checks in a row had ended as it says, passed or failed. */
  readonly checks: number;
}

export interface LoadBalancerStatus {
  readonly name: string;
  readonly address: string | undefined;
  readonly listeners: ReadonlyArray<ListenerStatus>;
  readonly instances: ReadonlyArray<InstanceStatus>;
}

/** What the state is read from: all that runs. */
export interface StatusSource {
  readonly wanted: ReadonlyArray<WantedListener>;
  readonly running: ReadonlyMap<string, RunningListener>;
  readonly members: Members;
  readonly names: Names;
  readonly checks: InstanceChecks;
  readonly outliers: Outliers;
  readonly draining: Draining;
}

/** Reads the state of one load balancer of the configuration. */
export const readStatus = (loadBalancer: LoadBalancer, source: StatusSource): LoadBalancerStatus => ({
  name: loadBalancer.name,
  address: loadBalancer.address,
  listeners: source.wanted
    .filter((one) => one.loadBalancer === loadBalancer)
    .map(({ key, listener }) => describeListener(loadBalancer, listener, source.running.get(key))),
  instances: readInstances(loadBalancer, source),
});

/** The instances' part of it: those that are registered, and behind them those that drain. */
export const readInstances = (
  loadBalancer: LoadBalancer,
  source: Omit<StatusSource, "wanted" | "running">,
): ReadonlyArray<InstanceStatus> => [
  ...loadBalancer.instances.flatMap((instance) => describeInstance(loadBalancer, instance, source)),
  ...groupDeparted(source.draining.find(loadBalancer)).map(({ departed: { instance }, alike }) => ({
    ...describeMembers(instance, alike),
    phase: "draining" as const,
    ...drainingState,
  })),
];

const describeListener = (
  { address = "*" }: LoadBalancer,
  listener: Listener,
  open: RunningListener | undefined,
): ListenerStatus => ({
  // One by one: a listener also has keys that nobody may read.
  protocol: listener.protocol,
  port: open?.port ?? listener.port,
  instanceProtocol: listener.instanceProtocol,
  instancePort: listener.instancePort,
  address,
  openConnections: open?.service.connections.size ?? 0,
  acceptedConnections: open?.counters.acceptedConnections ?? 0,
});

const describeInstance = (
  loadBalancer: LoadBalancer,
  instance: Instance,
  { members, names, checks, outliers }: Pick<StatusSource, "members" | "names" | "checks" | "outliers">,
): ReadonlyArray<InstanceStatus> => {
  const ports = new Set(loadBalancer.listeners.map(({ instancePort }) => instance.port ?? instancePort));
  const found = [...ports].flatMap((port) => members.find(loadBalancer.name, instance, port, names));
  if (found.length > 0) {
    return found.map((alike) => ({
      ...describeMembers(instance, alike),
      ...describeHealth(
        checks.findAsked(loadBalancer, instance, alike[0].endpoint.address),
        outliers.find(loadBalancer.name, instance, alike[0].endpoint.address),
      ),
    }));
  }
  const { addresses, failure } = names.get(instance.host);
  return [
    {
      id: instance.id,
      address: instance.host,
      port: instance.port,
      ...zoneOf(instance),
      phase: "registering",
      ...registering,
      ...(addresses.length > 0 ? {} : { lookUpFailure: failure ?? "no address" }),
      openConnections: 0,
      outstanding: 0,
    },
  ];
};

/** Several members are one instance to people: one in clear and one with TLS, when listeners speak both to it. */
const describeMembers = (instance: Instance, alike: MembersAlike) => ({
  id: instance.id,
  address: alike[0].endpoint.address,
  port: alike[0].endpoint.port,
  ...zoneOf(instance),
  openConnections: alike.reduce((sum, { counters }) => sum + counters.openConnections, 0),
  outstanding: alike.reduce((sum, { outstanding }) => sum + outstanding, 0),
});

const zoneOf = ({ zone }: Instance) => (zone === undefined ? {} : { zone });

const describeHealth = (target: HealthTarget | undefined, watched: WatchedAddress | undefined) => ({
  ...stateOf(target, watched),
  ...(target === undefined ? {} : { healthCheck: describeChecks(target) }),
  ...(watched === undefined ? {} : { outlierDetection: describeEjections(watched) }),
});

/** Who is asked nothing counts as in service. What checks find comes first: by that an ejected instance doesn't come back. */
const stateOf = (
  target: HealthTarget | undefined,
  watched: WatchedAddress | undefined,
): InstanceState & { readonly phase: HealthPhase } => {
  if (target?.isInService === false) return { phase: target.phase, ...target.instanceState };
  const ejected = watched?.description;
  if (ejected === undefined) return { phase: "inService", ...inService };
  return { phase: "outOfService", state: "OutOfService", reasonCode: "Instance", description: ejected };
};

const describeChecks = ({ passes, failures, lastResult, history, terms }: HealthTarget): HealthCheckStatus => ({
  target: spellHealthCheckTarget(terms.check.target),
  passes,
  failures,
  lastReason: lastResult?.reason,
  lastAt: lastResult === undefined ? undefined : new Date(lastResult.atMs).toISOString(),
  history: history.map(({ from, checks, ...change }) => {
    const { at, to, reason } = describeChange(change);
    return { at, from, to, checks, reason };
  }),
});

const describeEjections = ({ isEjected, ejections, history }: WatchedAddress): OutlierStatus => ({
  isEjected,
  ejections,
  history: history.map(describeChange),
});

const describeChange = ({ atMs, to, reason }: { atMs: number; to: string; reason: string }): ChangeStatus => ({
  at: new Date(atMs).toISOString(),
  to,
  reason,
});
