// What people and pages are shown of the load balancers: a plain reading of the running state.
import type { HealthTarget } from "../health/health-target.ts";
import { type HealthPhase, type InstanceState, inService, registering } from "../health/thresholds.ts";
import type { Configuration } from "../model/configuration.ts";
import { spellHealthCheckTarget } from "../model/health-check.ts";
import type { Instance } from "../model/instance.ts";
import type { LoadBalancer } from "../model/load-balancer.ts";
import type { Draining } from "./draining.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import { drainedState, drainingState, groupDeparted } from "./instance-health.ts";
import { describeListener, type ListenerStatus } from "./listener-status.ts";
import type { Members, MembersAlike } from "./members.ts";
import type { Outliers, WatchedAddress } from "./outliers.ts";
import type { Names } from "./resolver.ts";
import type { WantedListener } from "./routes.ts";
import type { RunningListener } from "./running-listener.ts";

/** What was done to an instance at run time, and the configuration doesn't say. */
type InstanceOverride = "drained" | "registered";

/** One address of one instance, with its live counts. */
export interface InstanceStatus extends InstanceState {
  readonly id: string;
  /** An IP address; the name itself where it has not resolved. */
  readonly address: string;
  readonly port: number | undefined;
  readonly zone?: string;
  /** Where it stands; what AWS calls that follows from it. */
  readonly phase: HealthPhase | "draining";
  /** What was done to it at run time; there where something was. */
  readonly override?: InstanceOverride;
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
  /** Ids that the configuration lists, and that were deregistered at run time; there where there are any. */
  readonly deregistered?: ReadonlyArray<string>;
}

/** What the state is read from: all that runs. */
export interface StatusSource {
  /** The configuration as it was applied last, without what was changed at run time. */
  readonly written: Configuration;
  readonly wanted: ReadonlyArray<WantedListener>;
  readonly running: ReadonlyMap<string, RunningListener>;
  readonly members: Members;
  readonly names: Names;
  readonly checks: InstanceChecks;
  readonly outliers: Outliers;
  readonly draining: Draining;
}

/** Reads the state of one load balancer of the configuration. */
export const readStatus = (loadBalancer: LoadBalancer, source: StatusSource): LoadBalancerStatus => {
  const registered = new Set(loadBalancer.instances.map(({ id }) => id));
  const deregistered = [...writtenIdsOf(loadBalancer, source)].filter((id) => !registered.has(id));
  return {
    name: loadBalancer.name,
    address: loadBalancer.address,
    listeners: source.wanted
      .filter((one) => one.loadBalancer === loadBalancer)
      .map(({ key, listener }) => describeListener(loadBalancer, listener, source.running.get(key))),
    instances: readInstances(loadBalancer, source),
    ...(deregistered.length === 0 ? {} : { deregistered }),
  };
};

const writtenIdsOf = ({ name }: LoadBalancer, { written }: Pick<StatusSource, "written">): ReadonlySet<string> =>
  new Set(written.loadBalancers.find((one) => one.name === name)?.instances.map(({ id }) => id));

/** The instances' part of it: those that are registered, and behind them those that drain. */
export const readInstances = (
  loadBalancer: LoadBalancer,
  source: Omit<StatusSource, "wanted" | "running">,
): ReadonlyArray<InstanceStatus> => {
  const written = writtenIdsOf(loadBalancer, source);
  return [
    ...loadBalancer.instances.flatMap((instance) => {
      const override = overrideOf(instance, written);
      return describeInstance(loadBalancer, instance, source).map((one) => ({
        ...one,
        ...(instance.drainedSinceMs === undefined ? {} : { phase: "draining" as const, ...drainedState }),
        ...(override === undefined ? {} : { override }),
      }));
    }),
    ...groupDeparted(source.draining.find(loadBalancer)).map(({ departed: { instance }, alike }) => ({
      ...describeMembers(instance, alike),
      phase: "draining" as const,
      ...drainingState,
    })),
  ];
};

const overrideOf = ({ id, drainedSinceMs }: Instance, written: ReadonlySet<string>): InstanceOverride | undefined => {
  if (drainedSinceMs !== undefined) return "drained";
  return written.has(id) ? undefined : "registered";
};

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
