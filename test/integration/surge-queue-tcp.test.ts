// The surge queue of TCP listeners, and what it is for all listeners together: connections wait for room, those that can't
// are closed, and nothing is left of those that leave.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import type { Configuration } from "../../src/model/configuration.ts";
import type { Protocol } from "../../src/model/protocol.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { formatRequest, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** Instances of which each may have one connection, unless the list says otherwise. */
const configure = (
  ports: ReadonlyArray<number>,
  attributes: Partial<Attributes> = {},
  caps: ReadonlyArray<number> = [],
  protocols: ReadonlyArray<Protocol> = ["TCP"],
): Configuration =>
  configurationOf([
    {
      listeners: protocols.map((protocol) => ({ protocol })),
      instances: ports.map((port, index) => ({
        ...{ id: `i-${index}`, host: "127.0.0.1", port },
        maxConnections: caps[index] ?? 1,
      })),
      attributes,
    },
  ]);

const metric = (name: string): number | undefined =>
  collectMetrics().find((family) => family.name === name)?.samples[0]?.value;

const queued = (count: number): Promise<boolean> =>
  eventually(() => metric("elbow_surge_queue_length") === count, { what: `${count} in the queue` });

/** A client that has said something, which nobody may have heard. */
const say = async (port: number, text: string): Promise<RawClient> => {
  const client = await RawClient.connect(port);
  await client.send(text);
  return client;
};

test("connections wait in their order; what they have sent goes out when there is room", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow(configure([instance.port]));
  using first = await say(elbow.port(), "first");
  await first.takeUntil("first");
  const second = await say(elbow.port(), "second");
  await queued(1);
  using third = await say(elbow.port(), "third");
  await queued(2);
  expect(instance.connections).toHaveLength(1);
  first.dispose();
  await second.takeUntil("second");
  expect([third.availableBytes, metric("elbow_surge_queue_length")]).toEqual([0, 1]);
  second.dispose();
  await third.takeUntil("third");
  await queued(0);
});

test("whoever waits longer than surgeQueueTimeout is closed, and no sooner: not by the idle timeout", async () => {
  using instance = FakeInstance.start(echo);
  using outcomes = new Outcomes();
  await using elbow = await startElbow(configure([instance.port], { idleTimeout: 1, surgeQueueTimeout: 2 }));
  using first = await say(elbow.port(), "first");
  await first.takeUntil("first");
  using second = await say(elbow.port(), "second");
  await queued(1);
  const startedAt = performance.now();
  // The one in progress says something now and then.
  const chatter = setInterval(() => void first.send("."), 200);
  expect(await second.receiveEnd()).not.toBe("open");
  clearInterval(chatter);
  expect(performance.now() - startedAt).toBeGreaterThan(1900);
  expect((await outcomes.at(0)).reason).toBe("surgeQueueTimeout");
  expect(metric("elbow_surge_queue_length")).toBe(0);
});

test("behind a wait the idle timeout begins anew", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow(configure([instance.port], { idleTimeout: 1, surgeQueueTimeout: 60 }));
  const first = await say(elbow.port(), "first");
  await first.takeUntil("first");
  using second = await RawClient.connect(elbow.port());
  await queued(1);
  const until = performance.now() + 1500;
  while (performance.now() < until) {
    await first.send(".");
    await Bun.sleep(200);
  }
  first.dispose();
  await instance.connection(1);
  await second.send("second");
  await second.takeUntil("second");
});

test("a client that resets leaves the queue, though it isn't read any more", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow(configure([instance.port]));
  using first = await say(elbow.port(), "first");
  await first.takeUntil("first");
  const second = await say(elbow.port(), "second");
  await queued(1);
  second.reset();
  await queued(0);
  using third = await say(elbow.port(), "third");
  await queued(1);
  first.dispose();
  await third.takeUntil("third");
  expect(instance.connections).toHaveLength(2);
});

test("beyond 1,024 that wait, a connection is closed, and counted; one queue for all listeners", async () => {
  using instance = FakeInstance.start(echo);
  using outcomes = new Outcomes();
  await using elbow = await startElbow(configure([instance.port], {}, [], ["TCP", "TCP", "HTTP"]));
  const clients: Array<RawClient> = [];
  for (let index = 0; index < 1025; index++) clients.push(await RawClient.connect(elbow.port(index % 2)));
  await queued(1024);
  using late = await RawClient.connect(elbow.port());
  expect(await late.receiveEnd()).not.toBe("open");
  expect((await outcomes.at(0)).reason).toBe("surgeQueueOverflow");
  using other = await RawClient.connect(elbow.port(2));
  await other.send(formatRequest("/"));
  expect((await readResponse(other)).status).toBe(503);
  expect(metric("elbow_spillover_total")).toBe(2);
  for (const client of clients) client.reset();
  await queued(0);
});

test("who was refused by one instance waits for the other", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow(configure([freePort(), instance.port], {}, [10, 1]));
  const first = await say(elbow.port(), "first");
  await first.takeUntil("first");
  using second = await say(elbow.port(), "second");
  using third = await say(elbow.port(), "third");
  await queued(2);
  first.dispose();
  await second.takeUntil("second");
  second.dispose();
  await third.takeUntil("third");
});

test("when the last instance in service leaves, those who wait are closed at once", async () => {
  using instance = FakeInstance.start(echo);
  using outcomes = new Outcomes();
  await using elbow = await startElbow(configure([instance.port]));
  using first = await say(elbow.port(), "first");
  await first.takeUntil("first");
  using second = await say(elbow.port(), "second");
  await queued(1);
  await elbow.apply(configure([]));
  expect(await second.receiveEnd()).not.toBe("open");
  expect((await outcomes.at(0)).reason).toBe("noInstance");
});

test("a TCP connection and HTTP requests share an instance's room", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow(configure([instance.port], {}, [], ["TCP", "HTTP"]));
  const tunnel = await RawClient.connect(elbow.port());
  await instance.connection(0);
  using client = await RawClient.connect(elbow.port(1));
  await client.send(formatRequest("/"));
  await queued(1);
  tunnel.dispose();
  expect((await readResponse(client)).body.toString()).toBe("served");
});

test("a shutdown ends those who wait with the rest", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow(configure([instance.port]));
  using first = await say(elbow.port(), "first");
  await first.takeUntil("first");
  using second = await say(elbow.port(), "second");
  await queued(1);
  await elbow.shutdown(0);
  expect(await second.receiveEnd()).not.toBe("open");
  await eventually(() => elbow.outstanding() === 0, { what: "nothing in progress" });
  await queued(0);
});
