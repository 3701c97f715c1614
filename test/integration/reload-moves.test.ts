// A port that goes from one load balancer to another at a reload: what the one was asked stays with its instances, and the other
// serves the port as if it had always been its own. And a load balancer that only has another name: it drains as before.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import type { Protocol } from "../../src/model/protocol.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import { startHeld } from "../support/held-instance.ts";
import { exchange, formatRequest, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { instanceIs, withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const metric = (name: string, loadBalancer: string): number | undefined =>
  collectMetrics()
    .find((family) => family.name === name)
    ?.samples.find(({ labels }) => labels.load_balancer === loadBalancer)?.value;

/** An instance that keeps its first request in progress until the test resets it. */
const startStuck = () => {
  const stuck: Array<InstanceConnection> = [];
  const instance = FakeInstance.start(async (connection) => {
    await connection.readRequest();
    stuck.push(connection);
    await new Promise(() => {});
  });
  return { instance, stuck };
};

for (const { to, isStaying } of [
  { to: "TCP", isStaying: false },
  { to: "TCP", isStaying: true },
  { to: "HTTP", isStaying: true },
] satisfies ReadonlyArray<{ readonly to: Protocol; readonly isStaying: boolean }>) {
  const rest = isStaying ? "which keeps another port" : "which is gone";
  test(`HTTP to ${to}: a request in progress isn't sent on to the instances of who has the port now; from one ${rest}`, async () => {
    const { instance: first, stuck } = startStuck();
    using mine = first;
    using others = FakeInstance.start(answerText("b"));
    const [moved, kept] = [freePort(), freePort()];
    const a = { name: "a", protocol: "HTTP" as const, instances: [mine] };
    await using elbow = await startElbow(configurationOf([{ ...a, listeners: [{ port: moved }, { port: kept }] }]));
    using client = await RawClient.connect(moved);
    await client.send(formatRequest("/secret-of-a"));
    await eventually(() => stuck.length === 1, { what: "the request in progress" });
    const b = { name: "b", protocol: to, port: moved, instances: [others] };
    await elbow.apply(configurationOf(isStaying ? [{ ...a, port: kept }, b] : [b]));
    stuck[0]!.reset();
    expect((await readResponse(client)).status).toBeGreaterThanOrEqual(502);
    expect(others.connections.length).toBe(0);
    using fresh = await RawClient.connect(moved);
    expect((await exchange(fresh, "/")).body.toString()).toBe("b");
  });
}

test("a port that goes to a load balancer which was there before takes no waiting request with it", async () => {
  using one = startHeld("one");
  using others = FakeInstance.start(answerText("b"));
  const [moved, kept] = [freePort(), freePort()];
  const instance = { id: "i-one", host: "127.0.0.1", port: one.port, maxConnections: 1 };
  const a = { name: "a", protocol: "HTTP" as const, port: moved, instances: [instance] };
  const b = { name: "b", protocol: "HTTP" as const, instances: [others] };
  await using elbow = await startElbow(configurationOf([a, { ...b, port: kept }]));
  using first = await RawClient.connect(moved);
  await first.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1, { what: "a request at the instance" });
  using second = await RawClient.connect(moved);
  await second.send(formatRequest("/secret-of-a"));
  await eventually(() => metric("elbow_surge_queue_length", "a") === 1, { what: "a request that waits" });
  await elbow.apply(configurationOf([{ ...b, listeners: [{ port: kept }, { port: moved }] }]));
  one.release();
  expect((await readResponse(first)).body.toString()).toBe("one");
  await readResponse(second);
  expect(others.requests.length).toBe(0);
});

test("an old connection on a port that has moved takes nobody's instances away, and goes on", async () => {
  using mine = FakeInstance.start(echo);
  using others = FakeInstance.start(answerText("b"));
  const [moved, kept] = [freePort(), freePort()];
  const a = { name: "a", instances: [mine] };
  await using elbow = await startElbow(configurationOf([{ ...a, listeners: [{ port: moved }, { port: kept }] }]));
  using old = await RawClient.connect(moved);
  await old.send("before");
  expect((await old.takeBytes(6)).toString()).toBe("before");
  const b = { name: "b", protocol: "HTTP" as const, port: moved, instances: [others] };
  const next = configurationOf([{ ...a, port: kept }, b]);
  // The second time round, too, draining looks at what is left of it.
  for (let round = 0; round < 2; round++) {
    await elbow.apply(next);
    using fresh = await RawClient.connect(moved);
    expect((await exchange(fresh, "/")).body.toString()).toBe("b");
  }
  await old.send("after");
  expect((await old.takeBytes(5)).toString()).toBe("after");
});

const drainingOf = (enabled: boolean): Partial<Attributes> => ({ connectionDraining: { enabled, timeout: 300 } });

test("what began under a load balancer's old name drains when its instance is deregistered, and ends when its time does", async () => {
  using one = FakeInstance.start(echo);
  using two = FakeInstance.start(echo);
  const port = freePort();
  const having = (name: string, instances: ReadonlyArray<FakeInstance>, isDraining = true) =>
    configurationOf([{ name, port, instances, attributes: drainingOf(isDraining) }]);
  await using elbow = await startElbow(having("old", [one]));
  using client = await RawClient.connect(port);
  await client.send("before");
  await client.takeBytes(6);
  await elbow.apply(having("new", [one, two], false));
  await elbow.apply(having("newer", [one, two]));
  await elbow.apply(having("newer", [two]));
  await client.send("after");
  expect((await client.takeBytes(5)).toString()).toBe("after");
  const shown = () => elbow.status()[0]!.instances.map(({ id, outstanding }) => `${id} ${outstanding}`);
  expect(shown()).toEqual([`127.0.0.1:${two.port} 0`, `127.0.0.1:${one.port} 1`]);
  await elbow.run(elbow.control.setAttributes("newer", drainingOf(false)));
  await eventually(() => client.ending === "reset", { what: "the connection cut" });
  expect(shown()).toEqual([`127.0.0.1:${two.port} 0`]);
});

test("where two have what was one's, its connections drain when neither has the instance any more", async () => {
  using one = FakeInstance.start(echo);
  const [first, second] = [freePort(), freePort()];
  const having = (ofFirst: ReadonlyArray<number>, ofSecond: ReadonlyArray<number>) =>
    configurationOf([
      { name: "a", port: first, instances: ofFirst, attributes: drainingOf(false) },
      { name: "b", port: second, instances: ofSecond, attributes: drainingOf(false) },
    ]);
  await using elbow = await startElbow(
    configurationOf([{ name: "old", listeners: [{ port: first }, { port: second }], instances: [one] }]),
  );
  using client = await RawClient.connect(second);
  await client.send("before");
  await client.takeBytes(6);
  await elbow.apply(having([1], [one.port]));
  await client.send("after");
  expect((await client.takeBytes(5)).toString()).toBe("after");
  await elbow.apply(having([1], [1]));
  await eventually(() => client.ending === "reset", { what: "the connection cut" });
});

test("what began under the old name is cut when the instance goes out of service, with draining switched off", async () => {
  using one = startHeld("one");
  const port = freePort();
  const having = (name: string) =>
    withHealth([{ name, protocol: "HTTP", port, instances: [one], attributes: drainingOf(false) }]);
  await using elbow = await startElbow(having("old"));
  using client = await RawClient.connect(port);
  await client.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1, { what: "a request at the instance" });
  await elbow.apply(having("new"));
  one.checkStatus = 500;
  await instanceIs(elbow, "OutOfService", one);
  expect((await readResponse(client)).startLine).toBe("HTTP/1.1 504 GATEWAY_TIMEOUT");
});
