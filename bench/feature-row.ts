// The rows of elbow against itself: two processes, one with the thing switched on, that take turns under the same load. It
// owns the processes and the order of the turns; what is switched stands in bench/features.ts.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exchange } from "./client.ts";
import { crowdAddress } from "./crowd.ts";
import { type FeatureWorkload, makeRequest, type Side } from "./features.ts";
import { chooseFreePorts, launchElbow, launchNginx, type Place } from "./launches.ts";
import { countErrors, type LoadReport, runIntroductions, runLoad } from "./load.ts";
import { diffCpuNs, readCpuOfAllUnsafe } from "./measure.ts";
import { anyHost, makeGet } from "./messages.ts";
import { type Child, describeEnd, endChild, hasEnded, listTree, readLogTail, startChild } from "./processes.ts";
import type { Pace } from "./traffic.ts";

/** One turn of one process. */
export interface FeatureTurn {
  /** NaN where nothing is asked. */
  readonly cpuUsPerRequest: number;
  /** The share of the time for which it was running on its core, 0–1. */
  readonly busy: number;
  readonly errors: number;
}

/** A turn of either process. */
export interface FeatureSample {
  readonly round: number;
  readonly off: FeatureTurn;
  readonly on: FeatureTurn;
}

/** The rounds of one row, or why it has none. */
export interface FeatureResult {
  readonly workload: FeatureWorkload;
  readonly samples: ReadonlyArray<FeatureSample>;
  readonly missing?: string;
}

/**
 * Two processes of one program differ by a percent or two as long as they live; so there are new ones now and then. Not where
 * nothing is asked of them, which takes its time to settle.
 */
const roundsPerProcess = ({ isIdle }: FeatureWorkload): number => (isIdle === true ? Number.POSITIVE_INFINITY : 5);

/** The first checks of a thousand instances take ten seconds, and warm what the next run through. */
const settlingMs = 15_000;

const startMs = 10_000;

/** Ports of the instances: as they are, and where they expect a PROXY header. */
export interface InstancePorts {
  readonly plain: number;
  readonly introduced: number;
}

interface RunningSide {
  readonly side: Side;
  readonly child: Child;
  readonly port: number;
  /** What its first answer set. */
  readonly cookie: string | undefined;
}

let started = 0;

async function startSide(
  workload: FeatureWorkload,
  side: Side,
  ports: InstancePorts,
  place: Place,
): Promise<RunningSide> {
  const directory = join(place.directory, `feature-${++started}`);
  mkdirSync(directory);
  if (side.nginx !== undefined) return startNginx(workload, side, side.nginx.isLogging, place, directory);
  const [port = 0, management = 0] = chooseFreePorts(2);
  const instancePort = side.isIntroduced === true ? ports.introduced : ports.plain;
  const { protocol } = side;
  const configuration = {
    management: { address: "127.0.0.1", port: management },
    shutdownGrace: 1,
    loadBalancers: {
      bench: {
        address: "127.0.0.1",
        listeners: [{ protocol, port, instanceProtocol: protocol, instancePort, ...side.listener }],
        instances: Array.from({ length: workload.instances }, (_, index) => crowdAddress(index)),
        attributes: { idleTimeout: 3600 },
        ...side.loadBalancer?.(instancePort),
      },
    },
  };
  const file = join(directory, "elbow.json");
  writeFileSync(file, JSON.stringify(configuration, null, 2));
  for (const [name, text] of Object.entries(side.files ?? {})) writeFileSync(join(directory, name), text);
  const child = startChild({ name: "elbow", core: place.core, directory, ...launchElbow(place, file, directory) });
  return awaitSide(workload, side, child, port);
}

async function startNginx(
  workload: FeatureWorkload,
  side: Side,
  isLogging: boolean,
  place: Place,
  directory: string,
): Promise<RunningSide> {
  const { command, ports } = launchNginx(place, directory, isLogging);
  const child = startChild({ name: "nginx", core: place.core, directory, command });
  return awaitSide(workload, side, child, ports.http as number);
}

async function awaitSide(workload: FeatureWorkload, side: Side, child: Child, port: number): Promise<RunningSide> {
  try {
    return { side, child, port, cookie: await askFirst(workload, side, child, port) };
  } catch (error) {
    await endChild(child);
    throw error;
  }
}

/** Waits for the first right answer; returns the cookie that it set. */
async function askFirst(workload: FeatureWorkload, side: Side, child: Child, port: number) {
  const request = makeRequest(workload, side, undefined, anyHost) ?? makeGet(workload.target, anyHost);
  const giveUpAt = performance.now() + startMs;
  while (performance.now() < giveUpAt) {
    if (hasEnded(child)) throw new Error(`did not start: ${describeEnd(child)}`);
    const exchanged = await exchange({ port, isSecure: false }, request).catch(() => undefined);
    exchanged?.close();
    const answer = exchanged?.answers[0];
    if (answer?.status === 200 && answer.body.length === 100) {
      return /^Set-Cookie: (AWSELB=[^;\r]*)/m.exec(answer.head)?.[1];
    }
    await Bun.sleep(50);
  }
  throw new Error(`did not answer in ${startMs} ms: ${readLogTail(child)}`);
}

function load(
  workload: FeatureWorkload,
  side: Side,
  port: number,
  cookie: string | undefined,
  seconds: number,
  { loadCore: core, directory }: Pace,
): Promise<LoadReport> {
  const { target, connections, isShort, isIntroducing } = workload;
  const request = makeRequest(workload, side, cookie, `127.0.0.1:${port}`);
  if (isIntroducing === true && request !== undefined) {
    const bytes = Buffer.from(request).toString("base64");
    return runIntroductions({ port, bytes, connections, seconds }, { core, directory });
  }
  const plain = { port, isSecure: false, target, connections, isShort, seconds, core, directory };
  return runLoad(request === undefined ? plain : { ...plain, written: { make: () => request, count: 1 } });
}

/** One turn; an idle one lasts as long, and both processes have theirs at the same time. */
async function takeTurn(
  workload: FeatureWorkload,
  { side, child, port }: RunningSide,
  cookie: string | undefined,
  seconds: number,
  pace: Pace,
): Promise<FeatureTurn> {
  const pids = listTree(child.pid);
  const before = readCpuOfAllUnsafe(pids);
  const startedAt = performance.now();
  let report: LoadReport | undefined;
  if (workload.isIdle === true) await Bun.sleep(seconds * 1000);
  else report = await load(workload, side, port, cookie, seconds, pace);
  const cpuNs = diffCpuNs(before, readCpuOfAllUnsafe(pids));
  return {
    cpuUsPerRequest: report === undefined ? Number.NaN : cpuNs / 1000 / report.requests,
    busy: cpuNs / 1e6 / (performance.now() - startedAt),
    errors: report === undefined ? 0 : countErrors(report),
  };
}

async function runRounds(
  workload: FeatureWorkload,
  rounds: ReadonlyArray<number>,
  ports: InstancePorts,
  place: Place,
  pace: Pace,
): Promise<FeatureSample[]> {
  const on = await startSide(workload, workload.on, ports, place);
  try {
    const off = await startSide(workload, workload.off, ports, place);
    try {
      if (workload.returnsCookie === true && on.cookie === undefined) throw new Error("no cookie was set");
      const turn = (it: RunningSide, seconds: number) => takeTurn(workload, it, on.cookie, seconds, pace);
      const samples: FeatureSample[] = [];
      if (workload.isIdle === true) await Bun.sleep(settlingMs);
      else for (const it of [off, on]) await turn(it, pace.warmUpSeconds);
      for (const round of rounds) {
        if (workload.isIdle === true) {
          const [without, with_] = await Promise.all([turn(off, pace.seconds), turn(on, pace.seconds)]);
          samples.push({ round, off: without, on: with_ });
        } else if (round % 2 === 0) {
          samples.push({ round, off: await turn(off, pace.seconds), on: await turn(on, pace.seconds) });
        } else {
          // Neither is always the one behind the other.
          samples.push({ round, on: await turn(on, pace.seconds), off: await turn(off, pace.seconds) });
        }
      }
      return samples;
    } finally {
      await endChild(off.child);
    }
  } finally {
    await endChild(on.child);
  }
}

/** Runs one row; a failure leaves it without figures. */
export async function runFeature(
  workload: FeatureWorkload,
  ports: InstancePorts,
  place: Place,
  pace: Pace,
): Promise<FeatureResult> {
  const samples: FeatureSample[] = [];
  try {
    const most = roundsPerProcess(workload);
    for (let first = 1; first <= pace.rounds; first += most) {
      const count = Math.min(most, pace.rounds - first + 1);
      const rounds = Array.from({ length: count }, (_, at) => first + at);
      samples.push(...(await runRounds(workload, rounds, ports, place, pace)));
    }
    return { workload, samples };
  } catch (error) {
    return { workload, samples: [], missing: (error as Error).message };
  }
}
