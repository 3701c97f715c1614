// The traffic rows: the same load on each proxy in turn, several rounds, and for every turn what it cost the proxy. It
// owns the order of the turns; starting proxies and drawing tables is done elsewhere.

import type { ProxyName } from "./launches.ts";
import { countErrors, type LoadReport, runHandshakes, runLoad } from "./load.ts";
import { diffCpuNs, readCpuOfAllUnsafe, readRssBytesUnsafe } from "./measure.ts";
import { describeEnd, hasEnded } from "./processes.ts";
import type { RunningProxy } from "./proxies.ts";
import { isSecure, type TrafficWorkload } from "./workloads.ts";

/** One turn of one proxy. */
export interface TrafficSample {
  readonly round: number;
  readonly requests: number;
  readonly cpuUsPerRequest: number;
  readonly requestsPerSecond: number;
  /** NaN with several requests under way on a connection: wrk "corrects" latencies by the rate of single requests. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssBytes: number;
  /** The share of the time for which the proxy was running on its core, 0–1. */
  readonly busy: number;
  readonly errors: number;
}

/** The turns of one row by proxy, or why a proxy had none. */
export interface TrafficResult {
  readonly workload: TrafficWorkload;
  readonly samples: ReadonlyMap<ProxyName, ReadonlyArray<TrafficSample>>;
  readonly missing: ReadonlyMap<ProxyName, string>;
  /**
   * Load and back end without a proxy between them: what the other core can do at most. Not there for rows with TLS, where
   * the back end would have the proxies' work on the load's core.
   */
  readonly direct?: { readonly requestsPerSecond: number; readonly p50Ms: number; readonly p99Ms: number };
}

/** How long and how often. */
export interface Pace {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly loadCore: number;
  readonly backendPort: number;
  readonly directory: string;
}

const latencyMs = (workload: TrafficWorkload, us: number) =>
  (workload.written?.count ?? 1) > 1 ? Number.NaN : us / 1000;

function load(workload: TrafficWorkload, port: number, seconds: number, pace: Pace): Promise<LoadReport> {
  const { loadCore: core, directory } = pace;
  const { handshake, target, connections } = workload;
  if (handshake !== undefined) {
    return runHandshakes({ ...handshake, port, target, connections, seconds }, { core, directory });
  }
  return runLoad({ ...workload, port, isSecure: isSecure(workload.front), seconds, core, directory });
}

async function takeTurn(proxy: RunningProxy, port: number, workload: TrafficWorkload, pace: Pace, round: number) {
  const pids = proxy.listPids();
  const before = readCpuOfAllUnsafe(pids);
  const report = await load(workload, port, pace.seconds, pace);
  const cpuNs = diffCpuNs(before, readCpuOfAllUnsafe(pids));
  const sample: TrafficSample = {
    round,
    requests: report.requests,
    cpuUsPerRequest: cpuNs / 1000 / report.requests,
    requestsPerSecond: report.requests / (report.durationUs / 1e6),
    p50Ms: latencyMs(workload, report.p50Us),
    p99Ms: latencyMs(workload, report.p99Us),
    rssBytes: readRssBytesUnsafe(pids),
    busy: cpuNs / 1000 / report.durationUs,
    errors: countErrors(report),
  };
  return sample;
}

/** Runs one row: a warm-up of every proxy, then the rounds; a proxy that fails drops out with its reason. */
export async function runTraffic(
  workload: TrafficWorkload,
  proxies: ReadonlyArray<RunningProxy>,
  pace: Pace,
): Promise<TrafficResult> {
  const samples = new Map<ProxyName, TrafficSample[]>();
  const missing = new Map<ProxyName, string>();
  const direct = isSecure(workload.front) ? undefined : await load(workload, pace.backendPort, 1, pace);
  for (let round = 0; round <= pace.rounds; round++) {
    for (const proxy of proxies) {
      const port = proxy.ports[workload.front];
      if (missing.has(proxy.name)) continue;
      if (port === undefined) {
        missing.set(proxy.name, "no layer 4 here: `apt-get install libnginx-mod-stream`");
        continue;
      }
      try {
        if (round === 0) {
          // Other rows have warmed most of what a handshake runs through.
          await load(workload, port, workload.handshake === undefined ? pace.warmUpSeconds : 1, pace);
          continue;
        }
        const sample = await takeTurn(proxy, port, workload, pace, round);
        samples.set(proxy.name, [...(samples.get(proxy.name) ?? []), sample]);
      } catch (error) {
        const cause = hasEnded(proxy.child) ? describeEnd(proxy.child) : String(error);
        missing.set(proxy.name, `failed in round ${round}: ${cause}`);
        samples.delete(proxy.name);
      }
    }
  }
  return {
    workload,
    samples,
    missing,
    ...(direct === undefined
      ? {}
      : {
          direct: {
            requestsPerSecond: direct.requests / (direct.durationUs / 1e6),
            p50Ms: latencyMs(workload, direct.p50Us),
            p99Ms: latencyMs(workload, direct.p99Us),
          },
        }),
  };
}
