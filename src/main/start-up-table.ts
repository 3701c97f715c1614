// The table that elbow prints when it is ready: what listens where, and what stands behind it. It is made from the live
// status, so it shows the ports that were really bound. It never waits and never measures.

import type { InstanceStatus, ListenerStatus, LoadBalancerStatus } from "../control/control.ts";
import { formatAddress } from "../net/endpoint.ts";
import { version } from "./version.ts";

/** Instances beyond this are only counted, so that a line of the table stays a line. */
const shownInstances = 3;

/** What the table is made of beside the load balancers. */
export interface StartUpTable {
  readonly title: string;
  readonly management: { readonly address: string; readonly port: number };
  readonly status: ReadonlyArray<LoadBalancerStatus>;
  readonly hasTrial: boolean;
}

/** Formats the start-up table, with the final newline. */
export const formatStartUpTable = (table: StartUpTable): string => {
  const rows: Array<ReadonlyArray<string>> = [["LISTENS ON", "PROTOCOL", "FOR", "SENDS TO"]];
  for (const { name, listeners, instances } of table.status) {
    for (const listener of listeners) {
      const behind = instances.filter((instance) => isBehind(instance, listener, listeners));
      const shown = behind.slice(0, shownInstances).map((instance) => {
        const endpoint = formatAddress(instance.address, instance.port ?? listener.instancePort);
        const remark = instance.state === "InService" ? "" : " (not resolved)";
        return `${instance.id.includes(instance.address) ? endpoint : `${instance.id} ${endpoint}`}${remark}`;
      });
      if (behind.length > shownInstances) shown.push(`${behind.length - shownInstances} more`);
      const sendsTo = shown.length === 0 ? "no instance yet" : `${listener.instanceProtocol} to ${shown.join(", ")}`;
      rows.push([formatAddress(listener.address, listener.port), listener.protocol, name, sendsTo]);
    }
  }
  const { address, port } = table.management;
  rows.push([formatAddress(address, port), "HTTP", "management", "/healthz, /metrics, /api/v1/load-balancers"]);

  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`);
  const trial = table.hasTrial ? findTrial(table.status) : undefined;
  return [`elbow ${version}: ${table.title}`, "", ...lines, ...(trial === undefined ? [] : ["", `Try: ${trial}`]), ""]
    .map((line) => line.trimEnd())
    .join("\n");
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

const findTrial = (status: ReadonlyArray<LoadBalancerStatus>): string | undefined => {
  const http = status.flatMap(({ listeners }) => listeners).find((listener) => listener.protocol === "HTTP");
  return http === undefined ? undefined : `curl http://${formatAddress(dialled(http.address), http.port)}/`;
};
