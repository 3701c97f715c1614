// Instances that checks find out of service while something is in progress on them: it finishes where draining is switched
// on, however long that takes, and is cut at once where it is off. And instances that leave under traffic.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { startHeld } from "../support/held-instance.ts";
import { exchange, formatRequest, readResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { freePort } from "../support/port.ts";
import { instanceIs, withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const written = (port: number, connectionDraining: Attributes["connectionDraining"]) =>
  ({ protocol: "HTTP", instances: [port], attributes: { connectionDraining } }) as const;

test("out of service with draining on: the request finishes, and no limit applies", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(withHealth([written(one.port, { enabled: true, timeout: 1 })]));
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1);
  one.checkStatus = 500;
  await instanceIs(elbow, "OutOfService", one);
  const failedAt = Date.now();
  // Longer than the limit of those who are deregistered.
  const checksFor = (ms: number) =>
    eventually(() => Date.parse(elbow.status()[0]!.instances[0]!.healthCheck!.lastAt!) > failedAt + ms);
  await checksFor(1300);
  one.release();
  expect((await readResponse(client)).body.toString()).toBe("one");
});

test("out of service with draining off: 504 at once", async () => {
  using outcomes = new Outcomes();
  using one = startHeld("one");
  await using elbow = await startElbow(withHealth([written(one.port, { enabled: false, timeout: 300 })]));
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1);
  one.checkStatus = 500;
  expect((await readResponse(client)).startLine).toBe("HTTP/1.1 504 GATEWAY_TIMEOUT");
  expect((await outcomes.at(0)).reason).toBe("instanceOutOfService");
  expect((await exchange(client, "/")).status).toBe(503);
  one.checkStatus = 200;
  await instanceIs(elbow, "InService", one);
  expect((await exchange(client, "/")).body.toString()).toBe("one");
});

test("draining that is switched off cuts what an instance out of service has yet to finish", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(withHealth([written(one.port, { enabled: true, timeout: 300 })]));
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/slow"));
  await eventually(() => one.held() === 1);
  one.checkStatus = 500;
  await instanceIs(elbow, "OutOfService", one);
  await elbow.run(elbow.control.setAttributes("test", { connectionDraining: { enabled: false } }));
  expect((await readResponse(client)).status).toBe(504);
});

test("instances leave and come by reloads under traffic, and no request fails", async () => {
  using a = startHeld("a");
  using b = startHeld("b");
  using c = startHeld("c");
  const port = freePort();
  const having = (...ports: ReadonlyArray<number>) =>
    configurationOf([{ protocol: "HTTP", port, instances: ports, attributes: { minIdleConnections: 1 } }]);
  await using elbow = await startElbow(having(a.port, b.port));
  let isOver = false;
  const talk = async (method: string) => {
    using client = await RawClient.connect(port);
    const statuses: Array<number> = [];
    while (!isOver) {
      const body = method === "POST" ? { body: "x".repeat(100) } : {};
      statuses.push((await exchange(client, "/", { method, ...body })).status);
    }
    return statuses;
  };
  const talking = Promise.all(["GET", "POST", "GET", "POST"].map(talk));
  for (let round = 0; round < 10; round++) {
    for (const pair of [
      [b, c],
      [c, a],
      [a, b],
    ] as const) {
      const seen = pair.map(({ instance }) => instance.requests.length);
      await elbow.apply(having(...pair.map((one) => one.port)));
      await eventually(() => pair.every(({ instance }, index) => instance.requests.length > seen[index]!));
    }
  }
  isOver = true;
  const statuses = (await talking).flat();
  expect(statuses.length).toBeGreaterThan(100);
  expect(new Set(statuses)).toEqual(new Set([200]));
});
