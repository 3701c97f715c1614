// What people and pages are shown of the load balancers: a plain reading of the running state.
import type { HealthTarget } from "../health/health-target.ts";
import type { Configuration } from "../model/configuration.ts";
import { spellHealthCheckTarget } from "../model/health-check.ts";
import type { Protocol } from "../model/protocol.ts";
import type { InstanceChecks } from "./instance-checks.ts";
import type { Members, MembersAlike } from "./members.ts";
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
  /** What its health checks have found; there where it is asked. */
  readonly healthCheck?: HealthCheckStatus;
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
  readonly history: ReadonlyArray<{ readonly at: string; readonly to: string; readonly reason: string }>;
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
    instances: loadBalancer.instances.flatMap((instance): ReadonlyArray<InstanceStatus> => {
      const zone = instance.zone === undefined ? {} : { zone: instance.zone };
      const { failure } = names.get(instance.host);
      const ports = new Set(loadBalancer.listeners.map(({ instancePort }) => instance.port ?? instancePort));
      const found = [...ports].flatMap((port) => members.find(loadBalancer.name, instance, port, names));
      if (found.length > 0) {
        return found.map((alike) => ({
          ...describeMembers(instance.id, alike),
          ...zone,
          ...describeHealth(checks.find(loadBalancer.name, instance, alike[0].endpoint.address)),
        }));
      }
      return [
        {
          id: instance.id,
          address: instance.host,
          port: instance.port,
          ...zone,
          state: "OutOfService" as const,
          reasonCode: "ELB" as const,
          description: `The name ${instance.host} has not resolved: ${failure ?? "no address"}.`,
          openConnections: 0,
          outstanding: 0,
        },
      ];
    }),
  }));

/** Several members are one instance to people: one in clear and one with TLS, when listeners speak both to it. */
const describeMembers = (id: string, alike: MembersAlike) => ({
  id,
  address: alike[0].endpoint.address,
  port: alike[0].endpoint.port,
  openConnections: alike.reduce((sum, { counters }) => sum + counters.openConnections, 0),
  outstanding: alike.reduce((sum, { outstanding }) => sum + outstanding, 0),
});

/** Who is asked nothing counts as in service. */
const describeHealth = (target: HealthTarget | undefined) => {
  if (target === undefined) return { state: "InService", reasonCode: "N/A", description: "N/A" } as const;
  const { instanceState, passes, failures, lastResult, history, terms } = target;
  const healthCheck: HealthCheckStatus = {
    target: spellHealthCheckTarget(terms.check.target),
    passes,
    failures,
    lastReason: lastResult?.reason,
    lastAt: lastResult === undefined ? undefined : new Date(lastResult.atMs).toISOString(),
    history: history.map(({ atMs, to, reason }) => ({ at: new Date(atMs).toISOString(), to, reason })),
  };
  return { ...instanceState, healthCheck };
};
