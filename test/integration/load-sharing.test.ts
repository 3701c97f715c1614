// How the load is shared, over real sockets: round robin is exact under concurrency, and least outstanding requests keeps
// the queue of a slow instance short where round robin doesn't; both in the same run.
import { expect, setDefaultTimeout, test } from "bun:test";
import { configurationOf, startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { formatResponse } from "../support/http-message.ts";
import { Load } from "../support/load.ts";
import { RawClient } from "../support/raw-client.ts";
import { greet, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** Says its name after `delayMs`; knows how many it had in progress at most. */
const startCounting = (name: string, delayMs = 0) => {
  let inProgress = 0;
  let most = 0;
  const instance = FakeInstance.start(
    serveHttp(async ({ method, target, body }) => {
      most = Math.max(most, ++inProgress);
      if (delayMs > 0) await Bun.sleep(delayMs);
      inProgress--;
      return formatResponse(`${name}: ${method} ${target}, ${body.length} bytes\n`);
    }),
  );
  return { name, port: instance.port, most: () => most, stop: () => instance.stop() };
};

test("a slow instance: least outstanding keeps its queue short, round robin doesn't", async () => {
  const balancings = ["least-outstanding", "round-robin"] as const;
  const sets = balancings.map(() => [startCounting("a"), startCounting("slow", 300), startCounting("c")]);
  const loadBalancers = balancings.map(
    (balancing, index): WrittenLoadBalancer => ({
      name: balancing,
      protocol: "HTTP",
      instances: sets[index]!,
      attributes: { balancing },
    }),
  );
  try {
    await using elbow = await startElbow(configurationOf(loadBalancers));
    // As many clients as round robin could ever keep waiting, so that nobody slows the pace.
    const plan = { perSecond: 150, clients: 64 };
    const loads = balancings.map((name) => new Load({ ...plan, port: elbow.port(0, name) }));
    for (const load of loads) await load.answers(300 - load.answeredCount);
    for (const load of loads) await load.stop();
    const [least, turns] = loads.map((load, index) => ({
      failed: load.failed,
      share: (load.answered.get("slow") ?? 0) / load.answeredCount,
      most: sets[index]![1]!.most(),
    }));
    expect([...least!.failed, ...turns!.failed]).toEqual([]);
    // 50 a second, each for 300 ms: 15 at once.
    expect(turns!.share).toBeGreaterThan(0.3);
    expect(turns!.most).toBeGreaterThanOrEqual(10);
    // Seen here: 1 to 3 at once, 3 % of the requests.
    expect(least!.most).toBeLessThanOrEqual(turns!.most / 2);
    expect(least!.share).toBeLessThan(turns!.share / 2);
    expect(least!.share).toBeGreaterThan(0);
  } finally {
    for (const instance of sets.flat()) instance.stop();
  }
});

test("HTTP: round robin is exact whatever the clients do at once", async () => {
  const instances = [startCounting("a"), startCounting("b", 30), startCounting("c", 5)];
  try {
    await using elbow = await startElbow({ protocol: "HTTP", instances, attributes: { balancing: "round-robin" } });
    await using load = new Load({ port: elbow.port(), perSecond: 500 });
    await load.answers(300);
    await load.stop();
    expect(load.failed).toEqual([]);
    const counts = instances.map(({ name }) => load.answered.get(name) ?? 0);
    // Each comes once in every three: at most one apart, wherever the count stops.
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(100);
  } finally {
    for (const instance of instances) instance.stop();
  }
});

test("TCP: 300 connections made 30 at once are 100 for each of three", async () => {
  const instances = ["a", "b", "c"].map((name) => FakeInstance.start(greet(name)));
  try {
    await using elbow = await startElbow({ instances });
    for (let round = 0; round < 10; round++) {
      const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.connect(elbow.port())));
      await Promise.all(clients.map((client) => client.takeBytes(1)));
      for (const client of clients) client.dispose();
    }
    expect(instances.map(({ connections }) => connections.length)).toEqual([100, 100, 100]);
  } finally {
    for (const instance of instances) instance.stop();
  }
});
