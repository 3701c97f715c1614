// The memory rows: fresh proxies, a short warm-up, then thousands of connections that made one exchange and stay open;
// what a proxy's resident memory grew by, per connection. It owns the proxies that it starts, since memory that was
// grown once is seldom given back and a second reading in the same process would be too good.
import { type Exchanged, openIdle } from "./client.ts";
import { type Place, ProxyMissing, type ProxyName } from "./launches.ts";
import { runLoad } from "./load.ts";
import { medianOf, readRssBytesUnsafe } from "./measure.ts";
import { endChild } from "./processes.ts";
import { type RunningProxy, startProxy } from "./proxies.ts";
import type { Pace } from "./traffic.ts";
import { type IdleWorkload, isSecure } from "./workloads.ts";

/** One reading of one proxy. */
export interface IdleSample {
  readonly round: number;
  readonly kibPerConnection: number;
  readonly baseRssBytes: number;
  readonly rssBytes: number;
  /** Whether memory had stopped moving, before and with the connections. */
  readonly isSettled: boolean;
}

/** The readings of one row by proxy, or why a proxy had none. */
export interface IdleResult {
  readonly workload: IdleWorkload;
  readonly samples: ReadonlyMap<ProxyName, ReadonlyArray<IdleSample>>;
  readonly missing: ReadonlyMap<ProxyName, string>;
}

const readingMs = 200;
const readingsKept = 6;
const readingsMost = 30;

// The median of the last six readings (1.2 s), once they lie within 1 % of each other, or of the last six of 6 s.
async function readSettledRss(proxy: RunningProxy): Promise<{ rssBytes: number; isSettled: boolean }> {
  const readings: number[] = [];
  for (let count = 0; count < readingsMost; count++) {
    await Bun.sleep(readingMs);
    readings.push(readRssBytesUnsafe(proxy.listPids()));
    const kept = readings.slice(-readingsKept);
    if (kept.length === readingsKept && Math.max(...kept) <= Math.min(...kept) * 1.01) {
      return { rssBytes: medianOf(kept), isSettled: true };
    }
  }
  return { rssBytes: medianOf(readings.slice(-readingsKept)), isSettled: false };
}

async function readOne(proxy: RunningProxy, workload: IdleWorkload, pace: Pace, round: number): Promise<IdleSample> {
  const { front, target, connections } = workload;
  const port = proxy.ports[front];
  if (port === undefined) throw new ProxyMissing("no layer 4 here: `apt-get install libnginx-mod-stream`");
  // Code and buffers that any traffic brings in must not be counted as the connections'.
  const address = { port, isSecure: isSecure(front) };
  const warmUp = { ...address, target, connections: 64, isShort: false, seconds: pace.warmUpSeconds };
  await runLoad({ ...warmUp, core: pace.loadCore, directory: pace.directory });
  const base = await readSettledRss(proxy);
  let opened: Exchanged[] = [];
  try {
    opened = await openIdle(address, target, connections);
    const grown = await readSettledRss(proxy);
    const lost = opened.filter((connection) => connection.isClosed()).length;
    if (lost > 0) throw new Error(`${lost} of ${connections} connections were closed`);
    return {
      round,
      kibPerConnection: (grown.rssBytes - base.rssBytes) / 1024 / connections,
      baseRssBytes: base.rssBytes,
      rssBytes: grown.rssBytes,
      isSettled: base.isSettled && grown.isSettled,
    };
  } finally {
    for (const connection of opened) connection.close();
  }
}

/** Runs one row; a proxy that fails drops out with its reason. */
export async function runIdle(
  workload: IdleWorkload,
  names: ReadonlyArray<ProxyName>,
  place: Place,
  pace: Pace,
): Promise<IdleResult> {
  const samples = new Map<ProxyName, IdleSample[]>();
  const missing = new Map<ProxyName, string>();
  for (let round = 1; round <= pace.rounds; round++) {
    for (const name of names) {
      if (missing.has(name)) continue;
      try {
        const proxy = await startProxy(name, place);
        try {
          const sample = await readOne(proxy, workload, pace, round);
          samples.set(name, [...(samples.get(name) ?? []), sample]);
        } finally {
          await endChild(proxy.child);
        }
      } catch (error) {
        missing.set(name, error instanceof ProxyMissing ? error.message : `failed in round ${round}: ${error}`);
        samples.delete(name);
      }
    }
  }
  return { workload, samples, missing };
}
