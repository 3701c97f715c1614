// Draining: what is in progress on an instance that is deregistered finishes, until the limit; then it is cut, in the way that
// befits it. Nothing new begins there meanwhile.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import { configurationOf, type RunningElbow, startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { startHeld } from "../support/held-instance.ts";
import { exchange, formatRequest, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { freePort, startSilentPort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo } from "../support/scripts.ts";
import { left, openTunnel, pass } from "../support/tunnels.ts";

setDefaultTimeout(30_000);

const draining = (timeout: number, enabled = true): Partial<Attributes> => ({
  connectionDraining: { enabled, timeout },
});

const idOf = ({ port }: { readonly port: number }): string => `127.0.0.1:${port}`;

/** The instances as status shows them: `id state reasonCode description outstanding`. */
const shown = (elbow: RunningElbow): ReadonlyArray<string> =>
  elbow
    .status()[0]!
    .instances.map((one) => `${one.id} ${one.state} ${one.reasonCode} ${one.description} ${one.outstanding}`);

const deregister = (elbow: RunningElbow, ...instances: ReadonlyArray<{ readonly port: number }>) =>
  elbow.run(elbow.control.deregister("test", instances.map(idOf)));

/** A client whose request `target` is held by the only instance. */
const holdRequest = async (elbow: RunningElbow, one: ReturnType<typeof startHeld>, target = "/slow") => {
  const client = await RawClient.connect(elbow.port());
  const before = one.held();
  await client.send(formatRequest(target));
  await eventually(() => one.held() > before, { what: `${target} held` });
  return client;
};

const http = (instances: WrittenLoadBalancer["instances"], attributes: Partial<Attributes> = {}) =>
  ({ protocol: "HTTP", instances, attributes }) as const;

test("a request in progress finishes, the next ones go elsewhere, and status says what is going on", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  await using elbow = await startElbow(http([one]));
  using client = await holdRequest(elbow, one);
  await elbow.run(elbow.control.register("test", [idOf(two)]));
  await deregister(elbow, one);
  expect(shown(elbow)).toEqual([
    `${idOf(two)} InService N/A N/A 0`,
    `${idOf(one)} InService ELB Instance deregistration currently in progress. 1`,
  ]);
  expect(await elbow.run(elbow.control.instanceHealth("test", [idOf(one)]))).toEqual([
    {
      id: idOf(one),
      state: "InService",
      reasonCode: "ELB",
      description: "Instance deregistration currently in progress.",
    },
  ]);
  using other = await RawClient.connect(elbow.port());
  for (let round = 0; round < 4; round++) expect((await exchange(other, "/")).body.toString()).toBe("two");
  one.release();
  const answer = await readResponse(client);
  expect([answer.status, answer.body.toString()]).toEqual([200, "one"]);
  // The client's connection is none of the instance's business.
  expect((await exchange(client, "/")).body.toString()).toBe("two");
  expect(shown(elbow)).toEqual([`${idOf(two)} InService N/A N/A 0`]);
  expect(await elbow.run(elbow.control.instanceHealth("test", [idOf(one)]))).toEqual([
    {
      id: idOf(one),
      state: "OutOfService",
      reasonCode: "ELB",
      description: "Instance is not currently registered with the LoadBalancer.",
    },
  ]);
  await eventually(() => one.instance.openConnections === 0, { what: "no connection to who has left" });
});

test("at the limit a request without an answer gets 504, and its client may go on; one with half an answer is cut", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  using outcomes = new Outcomes();
  await using elbow = await startElbow(http([one], draining(1)));
  using waiting = await holdRequest(elbow, one);
  using begun = await holdRequest(elbow, one, "/begun");
  await begun.takeUntil("ha");
  await elbow.run(elbow.control.register("test", [idOf(two)]));
  const startedAt = performance.now();
  await deregister(elbow, one);
  const answer = await readResponse(waiting);
  expect(performance.now() - startedAt).toBeGreaterThan(950);
  expect([answer.startLine, answer.body.length]).toEqual(["HTTP/1.1 504 GATEWAY_TIMEOUT", 0]);
  expect(await begun.receiveEnd()).toBe("reset");
  expect((await exchange(waiting, "/")).body.toString()).toBe("two");
  expect(outcomes.all.slice(0, 2).map(({ status, reason, instance }) => [status, reason, instance])).toEqual([
    [504, "instanceDeregistered", idOf(one)],
    [200, "instanceDeregistered", idOf(one)],
  ]);
  expect(shown(elbow)).toEqual([`${idOf(two)} InService N/A N/A 0`]);
  await eventually(() => one.instance.openConnections === 0, { what: "no connection to who has left" });
});

test("a WebSocket is in progress until it ends, and is cut at the limit", async () => {
  using outcomes = new Outcomes();
  using instance = FakeInstance.start(left);
  await using elbow = await startElbow(http([instance], draining(1)));
  const ground = { instance, elbow, outcomes, connect: () => RawClient.connect(elbow.port()) };
  const tunnel = await openTunnel({ ...ground, [Symbol.asyncDispose]: async () => {} });
  using client = tunnel.client;
  await deregister(elbow, instance);
  await pass(client, tunnel.instance, "still here");
  expect(shown(elbow)).toEqual([`${idOf(instance)} InService ELB Instance deregistration currently in progress. 1`]);
  expect(await Promise.all([client.receiveEnd(), tunnel.instance.receiveEnd()])).toEqual(["reset", "reset"]);
  expect((await outcomes.at(0)).reason).toBe("instanceDeregistered");
  expect(shown(elbow)).toEqual([]);
});

test("a layer-4 connection is in progress until it ends, and is cut at the limit, also when its listener has gone", async () => {
  using outcomes = new Outcomes();
  using instance = FakeInstance.start(echo);
  const [kept, removed] = [freePort(), freePort()];
  const written = (...ports: ReadonlyArray<number>): WrittenLoadBalancer => ({
    instances: [instance],
    listeners: ports.map((port) => ({ port })),
    attributes: draining(300),
  });
  await using elbow = await startElbow(configurationOf([written(kept, removed)]));
  using clients = new DisposableStack();
  const open = async (port: number) => {
    const client = clients.use(await RawClient.connect(port));
    await client.send("before");
    expect((await client.takeBytes(6)).toString()).toBe("before");
    return client;
  };
  const [onKept, onRemoved] = [await open(kept), await open(removed)];
  await elbow.apply(configurationOf([written(kept)]));
  await elbow.apply(configurationOf([{ ...written(kept), instances: [], attributes: draining(1) }]));
  await onKept.send("after");
  expect((await onKept.takeBytes(5)).toString()).toBe("after");
  expect(await Promise.all([onKept.receiveEnd(), onRemoved.receiveEnd()])).toEqual(["reset", "reset"]);
  expect(outcomes.all.map(({ reason }) => reason)).toEqual(["instanceDeregistered", "instanceDeregistered"]);
  await eventually(() => elbow.outstanding() === 0 && elbow.openConnections() === 0);
});

test("a listener that is removed deregisters nobody: its connections have draining's time, or 300 s where it is off", async () => {
  // One instance, which each listener reaches at another port.
  using one = FakeInstance.start(echo);
  using other = FakeInstance.start(echo);
  for (const enabled of [true, false]) {
    const listeners = [one, other].map(({ port }) => ({ port: freePort(), instancePort: port }));
    const written = (count: number): WrittenLoadBalancer => ({
      instances: [{ id: "i-both", host: "127.0.0.1" }],
      listeners: listeners.slice(0, count),
      attributes: draining(1, enabled),
    });
    await using elbow = await startElbow(configurationOf([written(2)]));
    using onKept = await RawClient.connect(listeners[0]!.port);
    using onRemoved = await RawClient.connect(listeners[1]!.port);
    for (const client of [onKept, onRemoved]) {
      await client.send("before");
      expect((await client.takeBytes(6)).toString()).toBe("before");
    }
    await elbow.apply(configurationOf([written(1)]));
    expect(shown(elbow)).toEqual(["i-both InService N/A N/A 1"]);
    if (enabled) expect(await onRemoved.receiveEnd()).toBe("reset");
    for (const client of enabled ? [onKept] : [onKept, onRemoved]) {
      await client.send("after");
      expect((await client.takeBytes(5)).toString()).toBe("after");
    }
  }
});

test("a request on a listener that was removed never goes to an instance that was deregistered since", async () => {
  const silent = await startSilentPort();
  try {
    using other = startHeld("other");
    const [kept, removed] = [freePort(), freePort()];
    const written = (instances: WrittenLoadBalancer["instances"], ...ports: ReadonlyArray<number>) =>
      configurationOf([
        { protocol: "HTTP", instances, listeners: ports.map((port) => ({ port })), attributes: { connectTimeout: 1 } },
      ]);
    await using elbow = await startElbow(written([silent], kept, removed));
    using client = await RawClient.connect(removed);
    await client.send(formatRequest("/"));
    await eventually(() => elbow.outstanding() === 1, { what: "a dial under way" });
    await elbow.apply(written([silent, other], kept, removed));
    await elbow.apply(written([silent, other], kept));
    await elbow.apply(written([silent], kept));
    expect((await readResponse(client)).status).toBe(504);
    expect(other.instance.connections).toHaveLength(0);
  } finally {
    silent.stop();
  }
});

test("switched off: deregistering cuts at once", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(http([one], draining(300, false)));
  using waiting = await holdRequest(elbow, one);
  using begun = await holdRequest(elbow, one, "/begun");
  await begun.takeUntil("ha");
  await deregister(elbow, one);
  expect((await readResponse(waiting)).startLine).toBe("HTTP/1.1 504 GATEWAY_TIMEOUT");
  expect(await begun.receiveEnd()).toBe("reset");
  expect((await exchange(waiting, "/")).status).toBe(503);
  expect(shown(elbow)).toEqual([]);
});

test("a limit that is shortened, or switched off, holds at once for what drains", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(http([one]));
  const setDraining = (connectionDraining: Attributes["connectionDraining"]) =>
    elbow.run(elbow.control.setAttributes("test", { connectionDraining }));
  using first = await holdRequest(elbow, one);
  await deregister(elbow, one);
  await setDraining({ enabled: true, timeout: 1 });
  expect((await readResponse(first)).status).toBe(504);
  await setDraining({ enabled: true, timeout: 3600 });
  await elbow.run(elbow.control.register("test", [idOf(one)]));
  using second = await holdRequest(elbow, one);
  await deregister(elbow, one);
  expect(shown(elbow)).toHaveLength(1);
  await setDraining({ enabled: false, timeout: 3600 });
  expect((await readResponse(second)).status).toBe(504);
});

test("who comes back before the limit isn't cut", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  await using elbow = await startElbow(http([one, two], draining(1)));
  using first = await RawClient.connect(elbow.port());
  await first.send(formatRequest("/slow"));
  using second = await RawClient.connect(elbow.port());
  await second.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1 && two.held() === 1, { what: "one request on each" });
  await deregister(elbow, one, two);
  await elbow.run(elbow.control.register("test", [idOf(one)]));
  expect(shown(elbow)).toEqual([
    `${idOf(one)} InService N/A N/A 1`,
    `${idOf(two)} InService ELB Instance deregistration currently in progress. 1`,
  ]);
  const answers = [first, second].map(async (client) => readResponse(client));
  // The limit has passed when the other's request is cut.
  expect((await Promise.race(answers)).status).toBe(504);
  one.release();
  const statuses = (await Promise.all(answers)).map(({ status, body }) => `${status} ${body}`);
  expect(statuses.sort()).toEqual(["200 one", "504 "]);
});

test("a dial under way to an instance that is cut goes on to the next one", async () => {
  const silent = await startSilentPort();
  try {
    using one = startHeld("one");
    const attributes = { ...draining(300, false), connectTimeout: 20 };
    await using elbow = await startElbow(http([silent], attributes));
    using client = await RawClient.connect(elbow.port());
    await client.send(formatRequest("/"));
    await eventually(() => elbow.outstanding() === 1, { what: "a dial under way" });
    await elbow.run(elbow.control.register("test", [idOf(one)]));
    await deregister(elbow, silent);
    expect((await readResponse(client)).body.toString()).toBe("one");
  } finally {
    silent.stop();
  }
});
