// Instances that fail under load, as real processes: what is killed costs no request that can safely be sent again, what
// falls silent costs those alone that were on their way before anybody could know.
import { expect, setDefaultTimeout, test } from "bun:test";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { ExampleInstance } from "../support/example-instance.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { formatResponse } from "../support/http-message.ts";
import { Load } from "../support/load.ts";
import { freePort, startSilentPort } from "../support/port.ts";
import { instanceIs, quickCheck, withHealth } from "../support/quick-health.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const startThree = async () => {
  const started = await Promise.all(["a", "b", "c"].map((name) => ExampleInstance.start(name)));
  return {
    instances: started,
    victim: started[1]!,
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((instance) => instance[Symbol.asyncDispose]()));
    },
  };
};

/** Waits until several requests are under way to an instance. */
const isBusy = (elbow: RunningElbow, { port }: ExampleInstance): Promise<unknown> =>
  eventually(
    () => elbow.status().some(({ instances }) => instances.some((one) => one.port === port && one.outstanding > 2)),
    { what: "three requests under way to it" },
  );

test.each([
  ["connections that are kept", 64],
  ["a new connection for each request", 0],
])("one of three is killed twice under 500 requests/s, over %s: no GET fails", async (_, maxIdleConnections) => {
  await using three = await startThree();
  const { instances, victim } = three;
  // So that it dies with some requests under way.
  for (const instance of instances) await instance.tell("/slow?ms=20");
  const port = freePort();
  await using elbow = await startElbow(
    withHealth([{ protocol: "HTTP", port, instances, attributes: { maxIdleConnections } }]),
  );
  await using load = new Load({ port, perSecond: 500 });
  await load.answers(200);
  await isBusy(elbow, victim);
  victim.signal("SIGKILL");
  await victim.ended();
  await instanceIs(elbow, "OutOfService", victim);
  await load.answers(100);
  const before = load.answered.get("b") ?? 0;
  await using revived = await ExampleInstance.start("b", victim.port);
  await revived.tell("/slow?ms=20");
  await instanceIs(elbow, "InService", revived);
  await eventually(() => (load.answered.get("b") ?? 0) > before + 20, { what: "answers from who has come back" });
  await isBusy(elbow, revived);
  revived.signal("SIGKILL");
  await load.answers(300);
  await load.stop();
  expect(load.failed.filter(({ method }) => method === "GET")).toEqual([]);
  // What was under way to it when it died, and may have been done: one for each client at the very most. Seen: 0 to 3.
  expect(load.failed.length).toBeLessThan(32);
  expect(load.sentCount).toBe(load.answeredCount + load.failed.length);
});

test("TCP: one of three is killed: only connections that it had are cut, new ones go to the others", async () => {
  await using three = await startThree();
  const { instances, victim } = three;
  for (const instance of instances) await instance.tell("/slow?ms=20");
  // Nobody asks how they are: each connection finds out for itself.
  await using elbow = await startElbow({ instances });
  await using load = new Load({ port: elbow.port(), perSecond: 300, freshEvery: 1 });
  await load.answers(60);
  await isBusy(elbow, victim);
  victim.signal("SIGKILL");
  await victim.ended();
  const endedMs = performance.now();
  await load.answers(200);
  await load.stop();
  expect(load.failed.length).toBeGreaterThan(0);
  expect(load.failed.length).toBeLessThan(32);
  expect(load.failed.filter(({ sentMs }) => sentMs > endedMs)).toEqual([]);
  expect(load.sentCount).toBe(load.answeredCount + load.failed.length);
});

test("one of three falls silent with its connections standing: nothing fails that was sent once the checks knew", async () => {
  await using three = await startThree();
  const { instances, victim } = three;
  const port = freePort();
  const configuration = withHealth([{ protocol: "HTTP", port, instances, attributes: { idleTimeout: 3 } }], {
    ...quickCheck,
    timeout: 0.5,
  });
  await using elbow = await startElbow(configuration);
  await using load = new Load({ port, perSecond: 300, clients: 64 });
  await load.answers(150);
  // The kernel goes on accepting and acknowledging for it; nobody reads.
  victim.signal("SIGSTOP");
  const silentMs = performance.now();
  await instanceIs(elbow, "OutOfService", victim);
  const knownMs = performance.now();
  await load.answers(300);
  await eventually(() => load.failed.length > 0, { what: "the end of what hung", timeoutMs: 10_000 });
  victim.signal("SIGCONT");
  await instanceIs(elbow, "InService", victim);
  const before = load.answered.get("b") ?? 0;
  await eventually(() => (load.answered.get("b") ?? 0) > before + 20, { what: "answers from who has come back" });
  await load.stop();
  const sentMs = load.failed.map((failed) => failed.sentMs);
  // What was on its way when it fell silent is the earliest that can fail.
  expect(Math.min(...sentMs)).toBeGreaterThan(silentMs - 1000);
  expect(Math.max(...sentMs)).toBeLessThan(knownMs);
  expect(new Set(load.failed.map(({ reason }) => reason))).toEqual(new Set(["status 504"]));
  expect(load.sentCount).toBe(load.answeredCount + load.failed.length);
});

test("one of three can't be dialled and nobody knows: its requests go to the others, POST too", async () => {
  const silent = await startSilentPort();
  const answering = ["a", "c"].map((name) =>
    FakeInstance.start(
      serveHttp(({ method, target, body }) => formatResponse(`${name}: ${method} ${target}, ${body.length} bytes\n`)),
    ),
  );
  try {
    await using elbow = await startElbow({
      protocol: "HTTP",
      instances: [answering[0]!, silent, answering[1]!],
      attributes: { connectTimeout: 0.3 },
    });
    await using load = new Load({ port: elbow.port(), perSecond: 300 });
    await load.answers(600);
    await load.stop();
    expect(load.failed).toEqual([]);
    expect(load.sentCount).toBe(load.answeredCount);
  } finally {
    silent.stop();
    for (const instance of answering) instance.stop();
  }
});
