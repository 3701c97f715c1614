// The one line that the log gets when elbow is ready: version, what listens, and the limits that hold. It is made from the
// live status, like the start-up table, and stands where nobody reads a table. It never measures.

import type { LoadBalancerStatus } from "../control/status.ts";
import { descriptors } from "../net/descriptors.ts";
import { formatAddress } from "../net/endpoint.ts";
import type { LogFields } from "../observe/log.ts";
import { version } from "./version.ts";

/** Listeners beyond this are only counted, so that the line stays one that can be read. */
const shownListeners = 10;

/** The fields of the line: `maxConnections` is what holds, by the configuration or by the descriptors that the system allows. */
export const describeStart = (
  status: ReadonlyArray<LoadBalancerStatus>,
  limits: { readonly maxConnections?: number | undefined; readonly shutdownGrace: number },
  management: { readonly address: string; readonly port: number; readonly socket?: string | undefined },
): LogFields => {
  const all = status.flatMap(({ listeners }) => listeners);
  const shown = all.slice(0, shownListeners).map((one) => `${one.protocol} ${formatAddress(one.address, one.port)}`);
  const more = all.length - shown.length;
  return {
    version,
    pid: process.pid,
    listeners: [...shown, ...(more === 0 ? [] : [`${more} more`])].join(", "),
    management: formatAddress(management.address, management.port),
    managementSocket: management.socket,
    maxConnections: Math.min(limits.maxConnections ?? Number.POSITIVE_INFINITY, descriptors.clientMax),
    descriptors: descriptors.total,
    shutdownGrace: limits.shutdownGrace,
  };
};
