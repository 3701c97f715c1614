// The proxies of the bench as processes: started, waited for, checked, and which of their processes count.
// It owns their start; how each is configured stands in bench/launches.ts, and it measures nothing. Each runs in the
// foreground, pinned to the proxies' core.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { checkAnswers } from "./checks.ts";
import { type Address, exchangeOnce } from "./client.ts";
import { type Place, ProxyMissing, type ProxyName, prepareLaunch } from "./launches.ts";
import { type Child, describeEnd, endChild, hasEnded, listTree, readLogTail, startChild } from "./processes.ts";
import { type Front, isSecure } from "./workloads.ts";

/** A proxy that answers. */
export interface RunningProxy {
  readonly name: ProxyName;
  readonly child: Child;
  readonly ports: Readonly<Partial<Record<Front, number>>>;
  /** The processes whose CPU and memory count: all, but not nginx's idle master. */
  readonly listPids: () => number[];
}

const startMs = 10_000;

async function waitUntilReady(child: Child, address: Address): Promise<void> {
  const giveUpAt = performance.now() + startMs;
  while (performance.now() < giveUpAt) {
    if (hasEnded(child)) throw new ProxyMissing(`did not start: ${describeEnd(child)}`);
    const isReady = await exchangeOnce(address, "/100").then(
      (exchanged) => {
        exchanged.close();
        return exchanged.answers[0]?.status === 200;
      },
      () => false,
    );
    if (isReady) return;
    await Bun.sleep(50);
  }
  throw new ProxyMissing(`did not answer on port ${address.port} in ${startMs} ms: ${readLogTail(child)}`);
}

let started = 0;

/** Starts a proxy and checks its answers; throws `ProxyMissing` when it is not installed, does not start or answers wrongly. */
export async function startProxy(name: ProxyName, place: Place): Promise<RunningProxy> {
  const directory = join(place.directory, `${name}-${++started}`);
  mkdirSync(directory);
  const { ports, ...launch } = prepareLaunch(name, place, directory);
  const child = startChild({ name, core: place.core, directory, ...launch });
  const listPids = () => {
    const tree = listTree(child.pid);
    return name === "nginx" && tree.length > 1 ? tree.slice(1) : tree;
  };
  const proxy: RunningProxy = { name, child, ports, listPids };
  try {
    for (const [front, port] of Object.entries(ports) as Array<[Front, number]>) {
      await waitUntilReady(child, { port, isSecure: isSecure(front) });
    }
    await checkAnswers(ports);
    return proxy;
  } catch (error) {
    await endChild(child);
    throw error instanceof ProxyMissing ? error : new ProxyMissing(String(error));
  }
}
