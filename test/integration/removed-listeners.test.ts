// Listeners that were removed while something was under way on them: those who wait there, still, go only to instances in
// service.
import { expect, setDefaultTimeout, test } from "bun:test";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { type HeldInstance, startHeld } from "../support/held-instance.ts";
import { formatRequest, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { instanceIs, withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const waiting = (): number | undefined =>
  collectMetrics().find(({ name }) => name === "elbow_surge_queue_length")?.samples[0]?.value;

/** A request in progress at an instance, and one that waits behind it. */
const fill = async (port: number, instance: HeldInstance): Promise<readonly [RawClient, RawClient]> => {
  const first = await RawClient.connect(port);
  await first.send(formatRequest("/slow"));
  await eventually(() => instance.held() === 1, { what: "a request at the instance" });
  const second = await RawClient.connect(port);
  await second.send(formatRequest("/second"));
  await eventually(() => waiting() === 1, { what: "a request that waits" });
  return [first, second];
};

test("who waits on a listener that was removed goes to an instance that comes into service", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  const [removed, kept] = [freePort(), freePort()];
  const having = (...ports: ReadonlyArray<number>) =>
    withHealth([
      {
        protocol: "HTTP",
        listeners: ports.map((port) => ({ port })),
        instances: [one, two].map(({ port }) => ({ id: `i-${port}`, host: "127.0.0.1", port, maxConnections: 1 })),
      },
    ]);
  await using elbow = await startElbow(having(removed, kept));
  two.checkStatus = 500;
  await instanceIs(elbow, "OutOfService", two);
  const [inProgress, queued] = await fill(removed, one);
  using first = inProgress;
  using second = queued;
  await elbow.apply(having(kept));
  two.checkStatus = 200;
  expect((await readResponse(second)).body.toString()).toBe("two");
  one.release();
  expect((await readResponse(first)).body.toString()).toBe("one");
});

test("who waits there for nobody but an instance that goes out of service gets its answer at once", async () => {
  using one = startHeld("one");
  const [removed, kept] = [freePort(), freePort()];
  const having = (...ports: ReadonlyArray<number>) =>
    withHealth([
      {
        protocol: "HTTP",
        listeners: ports.map((port) => ({ port })),
        instances: [{ id: "i-one", host: "127.0.0.1", port: one.port, maxConnections: 1 }],
      },
    ]);
  await using elbow = await startElbow(having(removed, kept));
  const [inProgress, queued] = await fill(removed, one);
  using first = inProgress;
  using second = queued;
  await elbow.apply(having(kept));
  one.checkStatus = 500;
  expect((await readResponse(second)).status).toBe(503);
  one.release();
  expect((await readResponse(first)).body.toString()).toBe("one");
  expect(one.instance.requests.some(({ target }) => target === "/second")).toBe(false);
});

test("who waits there never goes to an instance that was deregistered since, under another name neither", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  const [removed, kept] = [freePort(), freePort()];
  const having = (name: string, instance: { readonly port: number }, ...ports: ReadonlyArray<number>) =>
    configurationOf([
      {
        name,
        protocol: "HTTP",
        listeners: ports.map((port) => ({ port })),
        instances: [{ id: `i-${instance.port}`, host: "127.0.0.1", port: instance.port, maxConnections: 1 }],
      },
    ]);
  await using elbow = await startElbow(having("a", one, removed, kept));
  const [inProgress, queued] = await fill(removed, one);
  using first = inProgress;
  using second = queued;
  await elbow.apply(having("renamed", one, kept));
  await elbow.apply(having("renamed", two, kept));
  one.release();
  expect((await readResponse(first)).body.toString()).toBe("one");
  expect((await readResponse(second)).status).toBe(503);
  expect([one, two].flatMap(({ instance }) => instance.requests.map(({ target }) => target))).toEqual(["/slow"]);
});
