// Instances that an operator drains: registered still, they get nothing new and finish what they have begun, over reloads, until
// they are undrained.
import { expect, setDefaultTimeout, spyOn, test } from "bun:test";
import { Effect } from "effect";
import type { Attributes } from "../../src/model/attributes.ts";
import { observeEvents } from "../../src/observe/events.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, type RunningElbow, startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { startHeld } from "../support/held-instance.ts";
import { exchange, formatRequest, headerValues, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const idOf = ({ port }: { readonly port: number }): string => `127.0.0.1:${port}`;

const http = (instances: WrittenLoadBalancer["instances"], attributes: Partial<Attributes> = {}, name = "test") =>
  ({ name, protocol: "HTTP", port: freePort(), instances, attributes }) as const;

const drain = (elbow: RunningElbow, one: { readonly port: number }, loadBalancer: string | null = "test") =>
  elbow.run(elbow.control.drain(loadBalancer ?? undefined, idOf(one)));

const undrain = (elbow: RunningElbow, one: { readonly port: number }, loadBalancer: string = "test") =>
  elbow.run(elbow.control.undrain(loadBalancer, idOf(one)));

const ask = async (elbow: RunningElbow, target = "/"): Promise<string> => {
  using client = await RawClient.connect(elbow.port());
  const { status, body } = await exchange(client, target);
  return `${status} ${body}`;
};

const hold = async (elbow: RunningElbow, one: ReturnType<typeof startHeld>) => {
  const client = await RawClient.connect(elbow.port());
  const before = one.held();
  await client.send(formatRequest("/slow"));
  await eventually(() => one.held() > before, { what: "a request held" });
  return client;
};

const find = (elbow: RunningElbow, one: { readonly port: number }, loadBalancer = "test") =>
  elbow
    .status()
    .find(({ name }) => name === loadBalancer)
    ?.instances.find(({ id }) => id === idOf(one));

test("it stays registered, gets nothing new and finishes what it has begun; undrained, it serves again", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  await using elbow = await startElbow(http([one]));
  using client = await hold(elbow, one);
  await elbow.run(elbow.control.register("test", [idOf(two)]));
  await drain(elbow, one);
  expect(find(elbow, one)).toMatchObject({
    phase: "draining",
    state: "OutOfService",
    reasonCode: "ELB",
    description: "drained by an operator",
    override: "drained",
    outstanding: 1,
  });
  expect(find(elbow, two)).toMatchObject({ phase: "inService", override: "registered" });
  for (let round = 0; round < 4; round++) expect(await ask(elbow)).toBe("200 two");
  one.release();
  expect((await readResponse(client)).body.toString()).toBe("one");
  // The client's next request on the same connection goes elsewhere.
  expect((await exchange(client, "/")).body.toString()).toBe("two");
  expect(find(elbow, one)).toMatchObject({ outstanding: 0, openConnections: 0 });
  await undrain(elbow, one);
  expect(find(elbow, one)).toMatchObject({ phase: "inService" });
  expect(find(elbow, one)).not.toHaveProperty("override");
  expect(new Set([await ask(elbow), await ask(elbow)])).toEqual(new Set(["200 one", "200 two"]));
});

test("a client with its cookie goes elsewhere", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  const stickiness = { name: "sticky", type: "LBCookieStickinessPolicyType", attributes: {} };
  await using elbow = await startElbow({ ...http([one, two]), listeners: [{ protocol: "HTTP", stickiness }] });
  using client = await RawClient.connect(elbow.port());
  const first = await exchange(client, "/");
  const cookie = headerValues(first, "set-cookie")[0]?.split(";")[0] ?? "";
  expect(cookie).toContain("=");
  const again = () => exchange(client, "/", { headers: [["Cookie", cookie]] });
  for (let round = 0; round < 3; round++) expect((await again()).body.toString()).toBe(first.body.toString());
  const [own, others] = first.body.toString() === "one" ? [one, "two"] : [two, "one"];
  await drain(elbow, own);
  expect((await again()).body.toString()).toBe(others);
  await undrain(elbow, own);
  expect((await again()).body.toString()).toBe(first.body.toString());
});

test("with everybody drained there is nobody: 503, and no panic whatever the threshold", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(http([one], { panicThreshold: 100 }));
  await drain(elbow, one);
  expect(await ask(elbow)).toStartWith("503 ");
  await undrain(elbow, one);
  expect(await ask(elbow)).toBe("200 one");
});

test("its time is the draining timeout's, once: doing it again renews nothing", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(http([one], { connectionDraining: { enabled: true, timeout: 1 } }));
  using client = await hold(elbow, one);
  const startedMs = performance.now();
  await drain(elbow, one);
  const again = Bun.sleep(700).then(() => drain(elbow, one));
  expect((await readResponse(client)).status).toBe(504);
  const tookMs = performance.now() - startedMs;
  expect(tookMs).toBeGreaterThan(900);
  expect(tookMs).toBeLessThan(1600);
  await again;
});

test("deregistered while it drains, it gets no more time", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(http([one], { connectionDraining: { enabled: true, timeout: 2 } }));
  using client = await hold(elbow, one);
  const startedMs = performance.now();
  await drain(elbow, one);
  await Bun.sleep(1000);
  await elbow.run(elbow.control.deregister("test", [idOf(one)]));
  expect((await readResponse(client)).status).toBe(504);
  expect(performance.now() - startedMs).toBeLessThan(2700);
});

test("with draining switched off, its time is over at once", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow(http([one], { connectionDraining: { enabled: false, timeout: 300 } }));
  using client = await hold(elbow, one);
  await drain(elbow, one);
  expect((await readResponse(client)).status).toBe(504);
});

test("a reload that leaves its entry alone leaves it drained; another entry ends it", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  const file = configurationOf([http([one, two])]);
  const [loadBalancer] = file.loadBalancers;
  await using elbow = await startElbow(file);
  await drain(elbow, one);
  await elbow.apply({ ...file, shutdownGrace: 5 });
  expect(find(elbow, one)).toMatchObject({ phase: "draining", override: "drained" });
  for (let round = 0; round < 3; round++) expect(await ask(elbow)).toBe("200 two");
  const instances = loadBalancer?.instances.map((instance) => ({ ...instance, weight: 2 })) ?? [];
  await elbow.apply({ ...file, loadBalancers: [{ ...(loadBalancer as NonNullable<typeof loadBalancer>), instances }] });
  expect(find(elbow, one)).toMatchObject({ phase: "inService" });
});

test("every load balancer that has it, or none", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  await using elbow = await startElbow(
    configurationOf([http([one]), http([one, two], {}, "other"), http([two], {}, "third")]),
  );
  const told: Array<string> = [];
  const stop = observeEvents(({ type, loadBalancer, message }) => told.push(`${type} ${loadBalancer} ${message}`));
  const logged = spyOn(process.stderr, "write").mockImplementation(() => true);
  try {
    await drain(elbow, one, null);
    const lines = ["test", "other"].map((name) => `${name}: ${idOf(one)} drained by an operator`);
    expect(told.filter((line) => line.startsWith("instance"))).toEqual([
      `instance test ${lines[0]}`,
      `instance other ${lines[1]}`,
    ]);
    const log = logged.mock.calls.map(([text]) => String(text)).join("");
    for (const line of lines) expect(log).toContain(line);
  } finally {
    stop();
    logged.mockRestore();
  }
  expect([find(elbow, one)?.phase, find(elbow, one, "other")?.phase]).toEqual(["draining", "draining"]);
  expect(find(elbow, two, "third")?.phase).toBe("inService");
  await undrain(elbow, one, "other");
  expect([find(elbow, one)?.phase, find(elbow, one, "other")?.phase]).toEqual(["draining", "inService"]);
  const said = (loadBalancer: string | undefined, id: string) =>
    elbow.run(
      Effect.match(elbow.control.drain(loadBalancer, id), { onFailure: ({ message }) => message, onSuccess: () => "" }),
    );
  expect(await said(undefined, "i-nobody")).toBe('Not registered with any load balancer: "i-nobody".');
  expect(await said("third", idOf(one))).toBe(`Not registered with "third": "${idOf(one)}".`);
  expect(await said("nobody", idOf(one))).toBe('There is no load balancer "nobody".');
});

test("its checks go on; metrics and events say what is going on", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  const told: Array<string> = [];
  const stop = observeEvents(({ type, loadBalancer, message }) => told.push(`${type} ${loadBalancer} ${message}`));
  try {
    await using elbow = await startElbow(withHealth([http([one, two])]));
    await eventually(() => find(elbow, one)?.phase === "inService" && find(elbow, two)?.phase === "inService");
    const inService = () =>
      collectMetrics().find(({ name }) => name === "elbow_instances_in_service")?.samples[0]?.value;
    expect(inService()).toBe(2);
    await drain(elbow, one);
    expect(inService()).toBe(1);
    one.checkStatus = 500;
    await eventually(() => (find(elbow, one)?.healthCheck?.failures ?? 0) >= 2);
    expect(find(elbow, one)?.phase).toBe("draining");
    await undrain(elbow, one);
    expect(find(elbow, one)?.phase).toBe("outOfService");
    await elbow.run(elbow.control.deregister("test", [idOf(two)]));
  } finally {
    stop();
  }
  expect(told.filter((line) => line.includes("is in service")).length).toBe(2);
  expect(told.filter((line) => line.startsWith("instance"))).toEqual([
    `instance test test: ${idOf(one)} drained by an operator`,
    `instance test test: ${idOf(one)} back from draining`,
    `instance test test: ${idOf(two)} deregistered`,
  ]);
  expect(told.find((line) => line.includes("out of service"))).toMatch(
    /^health test test: 127\.0\.0\.1:\d+ is out of service: 2 checks in a row: status 500$/,
  );
});
