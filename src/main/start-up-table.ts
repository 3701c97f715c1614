// The table that elbow prints when it is ready: what listens where, and what stands behind it. It is made from the live
// status, so it shows the ports that were really bound. It never waits and never measures.

import type { ListenerStatus } from "../control/listener-status.ts";
import type { InstanceStatus, LoadBalancerStatus } from "../control/status.ts";
import { formatAddress } from "../net/endpoint.ts";
import { version } from "./version.ts";

/** Instances beyond this are only counted, so that a line of the table stays a line. */
const shownInstances = 3;

/** What there is to ask the management server for; its `GET /` lists it all. */
const managementPaths = "/docs, /healthz, /metrics, /api/v1/status";

/** What the table is made of beside the load balancers. */
export interface StartUpTable {
  readonly title: string;
  readonly management: {
    readonly address: string;
    readonly port: number;
    readonly isSecure?: boolean;
    readonly socket?: string | undefined;
  };
  readonly status: ReadonlyArray<LoadBalancerStatus>;
  readonly hasTrial: boolean;
  /** The authority whose certificate lets a client trust what the HTTPS listeners show. */
  readonly authorityFile?: string | undefined;
}

/** Formats the start-up table, with the final newline. */
export const formatStartUpTable = (table: StartUpTable): string => {
  const rows: Array<ReadonlyArray<string>> = [["LISTENS ON", "PROTOCOL", "FOR", "SENDS TO"]];
  for (const { name, listeners, instances } of table.status) {
    for (const listener of listeners) {
      const behind = instances.filter((instance) => isBehind(instance, listener, listeners));
      const shown = behind.slice(0, shownInstances).map((instance) => {
        const endpoint = formatAddress(instance.address, instance.port ?? listener.instancePort);
        const remark = remarkOn(instance);
        return `${instance.id.includes(instance.address) ? endpoint : `${instance.id} ${endpoint}`}${remark === "" ? "" : ` (${remark})`}`;
      });
      if (behind.length > shownInstances) shown.push(`${behind.length - shownInstances} more`);
      const sendsTo = shown.length === 0 ? "no instance yet" : `${listener.instanceProtocol} to ${shown.join(", ")}`;
      rows.push([formatAddress(listener.address, listener.port), listener.protocol, name, sendsTo]);
    }
  }
  const { address, port, isSecure, socket } = table.management;
  rows.push([formatAddress(address, port), isSecure === true ? "HTTPS" : "HTTP", "management", managementPaths]);
  if (socket !== undefined) rows.push([socket, "HTTP", "management", managementPaths]);

  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`);
  const trials = table.hasTrial ? findTrials(table) : [];
  const tried = trials.map((trial, index) => `${index === 0 ? "Try:" : "    "} ${trial}`);
  return [`elbow ${version}: ${table.title}`, "", ...lines, ...(tried.length === 0 ? [] : ["", ...tried]), ""]
    .map((line) => line.trimEnd())
    .join("\n");
};

/** Why nothing is sent to it; empty where something is. */
const remarkOn = ({ phase, lookUpFailure }: InstanceStatus): string => {
  if (phase === "inService") return "";
  if (phase === "draining") return "draining";
  if (lookUpFailure !== undefined) return "not resolved";
  return phase === "outOfService" ? "out of service" : "being checked";
};

// The status has one entry for each instance port; where listeners have different ones, each shows its own. (An instance
// with a port of its own exists only where they all have the same.)
const isBehind = (
  instance: InstanceStatus,
  listener: ListenerStatus,
  listeners: ReadonlyArray<ListenerStatus>,
): boolean =>
  instance.port === undefined ||
  instance.port === listener.instancePort ||
  listeners.every(({ instancePort }) => instancePort === listener.instancePort);

// A wildcard is where elbow listens, not where one can connect to.
const dialled = (address: string): string =>
  address === "*" || address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;

/** Commands to try, one for each protocol that curl speaks; with and without trust in the authority, where there is one. */
const findTrials = ({ status, authorityFile }: StartUpTable): ReadonlyArray<string> => {
  const listeners = status.flatMap(({ listeners }) => listeners);
  const find = (protocol: string): string | undefined => {
    const listener = listeners.find((listener) => listener.protocol === protocol);
    return listener && `${protocol.toLowerCase()}://${formatAddress(dialled(listener.address), listener.port)}/`;
  };
  const [http, https] = [find("HTTP"), find("HTTPS")];
  return [
    ...(http === undefined ? [] : [`curl ${http}`]),
    ...(https === undefined ? [] : [`curl -k ${https}`]),
    ...(https === undefined || authorityFile === undefined ? [] : [`curl --cacert ${quote(authorityFile)} ${https}`]),
  ];
};

/** A path as a shell takes it. */
const quote = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
