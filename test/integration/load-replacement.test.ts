// Deployments under load: instances are removed, replaced and added by reloads while requests go on, POST among them, and
// not one of them fails. An instance is ended for good the moment it is shown no more.
import { expect, setDefaultTimeout, test } from "bun:test";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { Load } from "../support/load.ts";
import { freePort } from "../support/port.ts";
import { instanceIs, withHealth } from "../support/quick-health.ts";

setDefaultTimeout(30_000);

/** A server that says its name, after some milliseconds; `end` cuts whatever it has. */
const startServer = (name: string, delayMs = 10) => {
  let inProgress = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 120,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/ping") return new Response("");
      inProgress++;
      try {
        const sizeBytes = (await request.bytes()).length;
        await Bun.sleep(delayMs);
        return new Response(`${name}: ${request.method} ${pathname}, ${sizeBytes} bytes\n`);
      } finally {
        inProgress--;
      }
    },
  });
  return {
    name,
    port: server.port as number,
    inProgress: () => inProgress,
    end: () => void server.stop(true),
  };
};

type Server = ReturnType<typeof startServer>;

/** Nothing is shown of it any more: it has left, and what it had in progress is done. */
const hasGone = (elbow: RunningElbow, { name, port }: Server): Promise<unknown> =>
  eventually(() => !elbow.status().some(({ instances }) => instances.some((one) => one.port === port)), {
    what: `${name} gone`,
    timeoutMs: 10_000,
  });

test("an instance is removed by a reload, and ended when it has gone: no request fails", async () => {
  const servers = ["a", "b", "c"].map((name) => startServer(name, 60));
  const [first, leaving, last] = servers as [Server, Server, Server];
  const port = freePort();
  const configuration = (instances: ReadonlyArray<Server>) => withHealth([{ protocol: "HTTP", port, instances }]);
  try {
    await using elbow = await startElbow(configuration(servers));
    await using load = new Load({ port, perSecond: 500, clients: 64, postEvery: 2 });
    await load.answers(200);
    await eventually(() => leaving.inProgress() > 2, { what: "requests in progress on who is to leave" });
    await elbow.apply(configuration([first, last]));
    expect(leaving.inProgress()).toBeGreaterThan(0);
    await hasGone(elbow, leaving);
    expect(leaving.inProgress()).toBe(0);
    leaving.end();
    const before = load.answered.get("b") ?? 0;
    await load.answers(400);
    await load.stop();
    expect(load.failed).toEqual([]);
    expect(before).toBeGreaterThan(50);
    expect(load.answered.get("b")).toBe(before);
    expect(load.sentCount).toBe(load.answeredCount);
    expect(elbow.outstanding()).toBe(0);
  } finally {
    for (const server of servers) server.end();
  }
});

test("all three are replaced, one by one, ten times: no request fails", async () => {
  let serving = ["a0", "b0", "c0"].map((name) => startServer(name));
  const port = freePort();
  const configuration = (instances: ReadonlyArray<Server>) => withHealth([{ protocol: "HTTP", port, instances }]);
  try {
    await using elbow = await startElbow(configuration(serving));
    await using load = new Load({ port, perSecond: 300, postEvery: 2 });
    await load.answers(50);
    for (let round = 1; round <= 10; round++) {
      for (const name of ["a", "b", "c"]) {
        const [old, ...staying] = serving as [Server, ...Array<Server>];
        const fresh = startServer(`${name}${round}`);
        // The new one first, and only when it has passed its check the old one out.
        serving = [old, ...staying, fresh];
        await elbow.apply(configuration(serving));
        await instanceIs(elbow, "InService", fresh);
        await elbow.apply(configuration([...staying, fresh]));
        await hasGone(elbow, old);
        expect(old.inProgress()).toBe(0);
        old.end();
        serving = [...staying, fresh];
      }
      await load.answers(20);
    }
    await load.stop();
    expect(load.failed).toEqual([]);
    expect(load.sentCount).toBe(load.answeredCount);
    // Every generation had its share.
    const generations = new Set([...load.answered.keys()].map((name) => name.slice(1)));
    expect(generations.size).toBe(11);
    expect(elbow.outstanding()).toBe(0);
  } finally {
    for (const server of serving) server.end();
  }
});
