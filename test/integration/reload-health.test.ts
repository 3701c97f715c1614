// Reloads and health checks: whatever a reload changes about instances and their checks, clients are served by those who
// served until those who come have answered their first check, one timeout at most.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect, Exit, Fiber } from "effect";
import type { Configuration } from "../../src/model/configuration.ts";
import type { HealthCheck } from "../../src/model/health-check.ts";
import { configurationOf, type RunningElbow, startElbow, type WrittenInstance } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse, header } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { quickCheck, withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** How long an instance takes for the answer to a check: long enough for clients to see what a reload does meanwhile. */
const checkTakesMs = 250;

/** An instance that answers clients at once, and checks after a while. */
const startSlow = (name: string, at: { readonly host?: string; readonly port?: number } = {}): FakeInstance =>
  FakeInstance.start(
    serveHttp(async (request) => {
      if (header(request, "user-agent")?.startsWith("ELB-HealthChecker") === true) await Bun.sleep(checkTakesMs);
      return formatResponse(name);
    }),
    at,
  );

const ask = async (elbow: RunningElbow): Promise<string> => {
  using client = await RawClient.connect(elbow.port());
  const { status, body } = await exchange(client, "/");
  return `${status} ${body}`;
};

/** Asks without a pause until it is stopped; every answer that there was, once. */
const askOn = (elbow: RunningElbow) => {
  let isOver = false;
  const seen = new Set<string>();
  const asking = (async () => {
    while (!isOver) seen.add(await ask(elbow));
  })();
  // A test that failed before it stopped this ends elbow under it.
  asking.catch(() => undefined);
  return {
    stop: async (): Promise<ReadonlyArray<string>> => {
      isOver = true;
      await asking;
      return [...seen].sort();
    },
  };
};

/** The states of those that are registered; who has left and finishes something is listed, too. */
const statesOf = (elbow: RunningElbow): ReadonlyArray<string> =>
  elbow
    .status()
    .flatMap(({ instances }) =>
      instances
        .filter(({ description }) => !description.includes("deregistration"))
        .map(({ port, state }) => `${port} ${state}`),
    );

/** Everybody in service. */
const serving = (...instances: ReadonlyArray<{ readonly port: number }>): ReadonlyArray<string> =>
  instances.map(({ port }) => `${port} InService`);

/** One HTTP load balancer on a port, checked by `/ping` of the instances' own ports unless told otherwise. */
const having = (
  port: number,
  instances: ReadonlyArray<WrittenInstance>,
  check: Partial<HealthCheck> | undefined = {},
): Configuration => withHealth([{ protocol: "HTTP", port, instances }], { ...quickCheck, ...check });

test("another target, at another port: states and history stay, and no request fails", async () => {
  using one = startSlow("one");
  using two = startSlow("two");
  using checks = startSlow("checks");
  const port = freePort();
  await using elbow = await startElbow(having(port, [one, two]));
  const before = elbow.status()[0]!.instances.map(({ healthCheck }) => healthCheck!.history);
  const clients = askOn(elbow);
  await elbow.apply(having(port, [one, two], { target: { protocol: "HTTP", port: checks.port, path: "/other" } }));
  expect(statesOf(elbow)).toEqual(serving(one, two));
  await eventually(() => elbow.status()[0]!.instances.every(({ healthCheck }) => (healthCheck?.passes ?? 0) >= 1));
  expect(checks.requests.every(({ target }) => target === "/other")).toBe(true);
  expect(elbow.status()[0]!.instances.map(({ healthCheck }) => healthCheck!.history)).toEqual(before);
  expect(await clients.stop()).toEqual(["200 one", "200 two"]);
});

test("another target that fails takes nobody out before unhealthyThreshold checks", async () => {
  using one = startSlow("one");
  using two = startSlow("two");
  const port = freePort();
  await using elbow = await startElbow(having(port, [one, two]));
  await elbow.apply(having(port, [one, two], { target: { protocol: "TCP", port: freePort() } }));
  const first = await eventually(
    () => {
      const { healthCheck, state } = elbow.status()[0]!.instances[0]!;
      return healthCheck!.failures === 1 && { healthCheck, state };
    },
    { what: "one failed check" },
  );
  expect(first).toMatchObject({ state: "InService", healthCheck: { history: [{ to: "inService" }] } });
  await eventually(() => elbow.status()[0]!.instances.every(({ state }) => state === "OutOfService"));
  expect(elbow.status()[0]!.instances[0]!.healthCheck!.history.at(-1)).toEqual({
    at: expect.any(String),
    from: "inService",
    to: "outOfService",
    checks: 2,
    reason: "connect refused",
  });
});

test("a health check where there was none: everybody serves, and is shown as serving, until it has answered", async () => {
  using one = startSlow("one");
  using two = startSlow("two");
  const port = freePort();
  await using elbow = await startElbow(configurationOf([{ protocol: "HTTP", port, instances: [one, two] }]));
  const clients = askOn(elbow);
  const applied = elbow.apply(having(port, [one, two]));
  await eventually(() => one.requests.some(({ target }) => target === "/ping"), { what: "a check" });
  expect(statesOf(elbow)).toEqual(serving(one, two));
  expect(elbow.status()[0]!.instances.map(({ healthCheck }) => healthCheck)).toEqual([undefined, undefined]);
  await applied;
  expect(statesOf(elbow)).toEqual(serving(one, two));
  expect(elbow.status()[0]!.instances.map(({ healthCheck }) => healthCheck?.passes)).toEqual([1, 1]);
  expect(await clients.stop()).toEqual(["200 one", "200 two"]);
});

test("who comes for those who leave is checked first, also where some stay", async () => {
  using one = startSlow("one");
  using two = startSlow("two");
  using three = startSlow("three");
  using four = startSlow("four");
  const port = freePort();
  await using elbow = await startElbow(having(port, [one, two]));
  const clients = askOn(elbow);
  await elbow.apply(having(port, [three]));
  expect(statesOf(elbow)).toEqual(serving(three));
  await elbow.apply(having(port, [three, four]));
  // Nobody has left: nobody waits for the one that has come.
  expect(statesOf(elbow)).toEqual([`${three.port} InService`, `${four.port} OutOfService`]);
  await eventually(() => statesOf(elbow).join() === serving(three, four).join());
  await elbow.apply(having(port, [four, one]));
  expect(statesOf(elbow)).toEqual(serving(four, one));
  expect((await clients.stop()).filter((answer) => !answer.startsWith("200 "))).toEqual([]);
});

test("who failed its first check, and is well by the time that it is to take over, is asked once more, first", async () => {
  let isUp = false;
  using one = startSlow("one");
  using booting = FakeInstance.start(
    serveHttp(({ target }) => formatResponse("two", target === "/ping" && !isUp ? { status: "503 Booting" } : {})),
  );
  const port = freePort();
  const check = { interval: 60 };
  await using elbow = await startElbow(having(port, [one], check));
  await elbow.apply(having(port, [one, booting], check));
  await eventually(() => elbow.status()[0]!.instances[1]!.healthCheck!.failures === 1, { what: "a failed check" });
  isUp = true;
  const clients = askOn(elbow);
  await elbow.apply(having(port, [booting], check));
  expect(statesOf(elbow)).toEqual(serving(booting));
  expect((await clients.stop()).filter((answer) => !answer.startsWith("200 "))).toEqual([]);
});

test("an instance that moves to another port, or is the only one left in reach, is checked first, too", async () => {
  using old = startSlow("old");
  using moved = startSlow("moved");
  using near = startSlow("near");
  const port = freePort();
  const at = (instance: FakeInstance, id: string, rest = {}): WrittenInstance => ({
    ...{ id, host: "127.0.0.1", port: instance.port },
    ...rest,
  });
  await using elbow = await startElbow(having(port, [at(old, "i-1", { zone: "b" })]));
  const clients = askOn(elbow);
  await elbow.apply(having(port, [at(moved, "i-1", { zone: "b" })]));
  expect(statesOf(elbow)).toEqual(serving(moved));
  const both = having(port, [at(moved, "i-1", { zone: "b" }), at(near, "i-2", { zone: "a" })]);
  const [loadBalancer] = both.loadBalancers;
  const attributes = { ...loadBalancer!.attributes, crossZone: false };
  await elbow.apply({ ...both, zone: "a", loadBalancers: [{ ...loadBalancer!, attributes }] });
  expect(statesOf(elbow)).toEqual(serving(moved, near));
  expect((await clients.stop()).filter((answer) => !answer.startsWith("200 "))).toEqual([]);
  expect(await ask(elbow)).toBe("200 near");
});

test("a load balancer gets another name: its listener serves on until the checks under that name have answered", async () => {
  using one = startSlow("one");
  const port = freePort();
  await using elbow = await startElbow(having(port, [one]));
  const clients = askOn(elbow);
  await elbow.apply(withHealth([{ name: "renamed", protocol: "HTTP", port, instances: [one] }]));
  expect(statesOf(elbow)).toEqual(serving(one));
  expect(await clients.stop()).toEqual(["200 one"]);
});

test("the only address of a name changes: the old one serves, and is shown, until the new one has answered", async () => {
  using old = startSlow("old");
  using came = startSlow("came", { host: "127.0.0.2", port: old.port });
  let addresses = ["127.0.0.1"];
  const instances = [{ id: "app", host: "app.test", port: old.port }];
  await using elbow = await startElbow(withHealth([{ protocol: "HTTP", instances }]), {
    lookup: async () => addresses.map((address) => ({ address })),
    resolveEveryMs: 20,
  });
  const shown = () => elbow.status()[0]!.instances.map(({ address, state }) => `${address} ${state}`);
  const clients = askOn(elbow);
  addresses = ["127.0.0.2"];
  await eventually(() => came.requests.length > 0, { what: "a check of the new address" });
  expect(shown()).toEqual(["127.0.0.1 InService"]);
  await eventually(() => shown().join() !== "127.0.0.1 InService");
  expect(shown()[0]).toBe("127.0.0.2 InService");
  await eventually(async () => (await ask(elbow)) === "200 came");
  expect(await clients.stop()).toEqual(["200 came", "200 old"]);
});

test("a reload that is refused leaves nobody asked, and everybody in service", async () => {
  using one = FakeInstance.start(
    serveHttp((request) =>
      request.target === "/ping" ? formatResponse("", { status: "500 No" }) : formatResponse("one"),
    ),
  );
  const [port, taken] = [freePort(), freePort()];
  using _ = FakeInstance.start(silence, { port: taken });
  await using elbow = await startElbow(configurationOf([{ protocol: "HTTP", port, instances: [one] }]));
  const listeners = [port, taken].map((at) => ({ protocol: "HTTP" as const, port: at }));
  const refused = elbow.apply(withHealth([{ listeners, instances: [one] }]));
  expect(
    await refused.then(
      () => "applied",
      ({ _tag }) => _tag,
    ),
  ).toBe("BindError");
  expect(elbow.status()[0]!.instances.map(({ state, healthCheck }) => [state, healthCheck])).toEqual([
    ["InService", undefined],
  ]);
  expect(await ask(elbow)).toBe("200 one");
});

test("a change whose wait is interrupted, or that the end overtakes, has changed nothing", async () => {
  using one = startSlow("one");
  using silent = FakeInstance.start(silence);
  const [port, other] = [freePort(), freePort()];
  await using elbow = await startElbow(having(port, [one]));
  const next = withHealth(
    [
      { protocol: "HTTP", port, instances: [silent] },
      { name: "new", protocol: "HTTP", port: other, instances: [silent] },
    ],
    { ...quickCheck, interval: 60, timeout: 20 },
  );
  const isClosed = () =>
    RawClient.connect(other).then(
      () => false,
      () => true,
    );
  const begin = async () => {
    const asked = silent.connections.length;
    const fiber = Effect.runFork(elbow.control.apply(next));
    await eventually(() => silent.connections.length >= asked + 2, { what: "a check on behalf of each" });
    return fiber;
  };
  await Effect.runPromise(Fiber.interrupt(await begin()));
  expect(statesOf(elbow)).toEqual(serving(one));
  expect(await ask(elbow)).toBe("200 one");
  await eventually(() => silent.connections.every(({ isDone }) => isDone), { what: "the checks given up" });
  expect(await isClosed()).toBe(true);
  const overtaken = await begin();
  await elbow.shutdown(1000);
  expect(Exit.isFailure(await Effect.runPromise(Fiber.await(overtaken)))).toBe(true);
  expect(await isClosed()).toBe(true);
});

test("who is new is waited for by nobody where all go on who have a share, also beside one that has none", async () => {
  const instances = [startSlow("a"), startSlow("standby"), FakeInstance.start(silence)] as const;
  const [a, standby, silent] = instances.map(({ port }) => ({ id: `i-${port}`, host: "127.0.0.1", port }));
  const port = freePort();
  const having = (...listed: ReadonlyArray<WrittenInstance>) =>
    withHealth([{ protocol: "HTTP", port, instances: listed }], { ...quickCheck, interval: 20, timeout: 15 });
  await using elbow = await startElbow(having(a!, { ...standby!, weight: 0 }));
  const beganMs = performance.now();
  await elbow.apply(having(a!, { ...standby!, weight: 0 }, silent!));
  expect(performance.now() - beganMs).toBeLessThan(5000);
  expect(await ask(elbow)).toBe("200 a");
  for (const instance of instances) instance.stop();
});
