// What people and pages are shown of the load balancers: a plain reading of the running state.
import type { HealthTarget } from "../health/health-target.ts";
import { type InstanceState, registering } from "../health/thresholds.ts";
import type { Configuration } from "../model/configuration.ts";
import { spellHealthCheckTarget } from "../model/health-check.ts";
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
export interface InstanceStatus {
  readonly id: string;
  /** An IP address; the name itself where it has not resolved. */
  readonly address: string;
  readonly port: number | undefined;
  readonly zone?: string;
  readonly state: "InService" | "OutOfService";
  /** Whose doing the state is, and why, in the words of DescribeInstanceHealth (AWS). */
  readonly reasonCode: "ELB" | "Instance" | "N/A";
  readonly description: string;
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
export interface HealthCheckStatus {
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
export interface OutlierStatus {
  readonly isEjected: boolean;
  /** In a row; the next lasts longer by the first one's time. */
  readonly ejections: number;
  /** The last times that it was ejected and came back, oldest first. */
  readonly history: ReadonlyArray<ChangeStatus>;
}

/** A change of a state. */
export interface ChangeStatus {
  /** ISO 8601. */
  readonly at: string;
  readonly to: string;
  readonly reason: string;
}

/** A change that checks have brought. */
export interface HealthChangeStatus extends ChangeStatus {
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

/** Reads the state of everything that `configuration` names. */
export const readStatus = (
  configuration: Configuration,
  wanted: ReadonlyArray<WantedListener>,
  running: ReadonlyMap<string, RunningListener>,
  members: Members,
  names: Names,
  checks: InstanceChecks,
  outliers: Outliers,
  draining: Draining,
): ReadonlyArray<LoadBalancerStatus> =>
  configuration.loadBalancers.map((loadBalancer) => ({
    name: loadBalancer.name,
    address: loadBalancer.address,
    listeners: wanted
      .filter((one) => one.loadBalancer === loadBalancer)
      .map(({ key, listener }) => {
        const open = running.get(key);
        return {
          // One by one: a listener also has keys that nobody may read.
          protocol: listener.protocol,
          port: open?.port ?? listener.port,
          instanceProtocol: listener.instanceProtocol,
          instancePort: listener.instancePort,
          address: loadBalancer.address ?? "*",
          openConnections: open?.service.connections.size ?? 0,
          acceptedConnections: open?.counters.acceptedConnections ?? 0,
        };
      }),
    instances: [
      ...loadBalancer.instances.flatMap((instance): ReadonlyArray<InstanceStatus> => {
        const zone = instance.zone === undefined ? {} : { zone: instance.zone };
        const { addresses, failure } = names.get(instance.host);
        const ports = new Set(loadBalancer.listeners.map(({ instancePort }) => instance.port ?? instancePort));
        const found = [...ports].flatMap((port) => members.find(loadBalancer.name, instance, port, names));
        if (found.length > 0) {
          return found.map((alike) => ({
            ...describeMembers(instance.id, alike),
            ...zone,
            ...describeHealth(
              loadBalancer.healthCheck && checks.find(loadBalancer.name, instance, alike[0].endpoint.address),
              outliers.find(loadBalancer.name, instance, alike[0].endpoint.address),
            ),
          }));
        }
        return [
          {
            id: instance.id,
            address: instance.host,
            port: instance.port,
            ...zone,
            ...registering,
            ...(addresses.length > 0 ? {} : { lookUpFailure: failure ?? "no address" }),
            openConnections: 0,
            outstanding: 0,
          },
        ];
      }),
      ...groupDeparted(draining.find(loadBalancer)).map(({ departed: { instance }, alike }) => ({
        ...describeMembers(instance.id, alike),
        ...(instance.zone === undefined ? {} : { zone: instance.zone }),
        ...drainingState,
      })),
    ],
  }));

/** Several members are one instance to people: one in clear and one with TLS, when listeners speak both to it. */
const describeMembers = (id: string, alike: MembersAlike) => ({
  id,
  address: alike[0].endpoint.address,
  port: alike[0].endpoint.port,
  openConnections: alike.reduce((sum, { counters }) => sum + counters.openConnections, 0),
  outstanding: alike.reduce((sum, { outstanding }) => sum + outstanding, 0),
});

const describeHealth = (target: HealthTarget | undefined, watched: WatchedAddress | undefined) => ({
  ...stateOf(target, watched),
  ...(target === undefined ? {} : { healthCheck: describeChecks(target) }),
  ...(watched === undefined ? {} : { outlierDetection: describeEjections(watched) }),
});

/** Who is asked nothing counts as in service. What checks find comes first: by that an ejected instance doesn't come back. */
const stateOf = (target: HealthTarget | undefined, watched: WatchedAddress | undefined): InstanceState => {
  const checked = target?.instanceState ?? ({ state: "InService", reasonCode: "N/A", description: "N/A" } as const);
  const ejected = watched?.description;
  if (checked.state !== "InService" || ejected === undefined) return checked;
  return { state: "OutOfService", reasonCode: "Instance", description: ejected };
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
