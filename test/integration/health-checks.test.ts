// Health checks at work: instances go out of service and come back while the load balancer runs, and nobody's request goes
// where the checks know better.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { HealthCheck } from "../../src/model/health-check.ts";
import { defaultHealthCheck } from "../../src/model/health-check.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

/** Faster than AWS allows, so that a test needn't wait for half a minute. */
const quick = (check: Partial<HealthCheck> & Pick<HealthCheck, "target">): HealthCheck => ({
  ...defaultHealthCheck,
  interval: 0.2,
  timeout: 0.1,
  healthyThreshold: 2,
  ...check,
});

const isCheck = (headers: ReadonlyArray<readonly [string, string]>): boolean =>
  headers.some(([name, value]) => name === "User-Agent" && value === "ELB-HealthChecker/1.0");

/** An instance that answers with its name, and its checks with `status.code`. */
const startNamed = (name: string, status: { code: number }): FakeInstance =>
  FakeInstance.start(
    serveHttp((request) =>
      isCheck(request.headers) ? formatResponse("", { status: `${status.code} Whatever` }) : formatResponse(name),
    ),
  );

const ask = async (elbow: RunningElbow): Promise<string> => {
  using client = await RawClient.connect(elbow.port());
  const { status, body } = await exchange(client, "/");
  return `${status} ${body}`;
};

const statesOf = (elbow: RunningElbow): ReadonlyArray<string> =>
  elbow.status().flatMap(({ instances }) => instances.map(({ state }) => state));

const withHealth = (
  written: Parameters<typeof configurationOf>[0][number],
  healthCheck: HealthCheck,
): ReturnType<typeof configurationOf> => {
  const configuration = configurationOf([written]);
  return { ...configuration, loadBalancers: configuration.loadBalancers.map((one) => ({ ...one, healthCheck })) };
};

test("an instance that fails its checks gets nothing until it passes them again", async () => {
  const status = { code: 200 };
  using one = startNamed("one", { code: 200 });
  using two = startNamed("two", status);
  const check = quick({ target: { protocol: "HTTP", port: 9, path: "/ping" } });
  await using elbow = await startElbow(withHealth({ protocol: "HTTP", instances: [one, two] }, check));
  // The listener opened when both had answered.
  expect(statesOf(elbow)).toEqual(["InService", "InService"]);
  expect(new Set([await ask(elbow), await ask(elbow)])).toEqual(new Set(["200 one", "200 two"]));
  status.code = 500;
  await eventually(() => statesOf(elbow).join() === "InService,OutOfService", { what: "two out of service" });
  const [, failed] = elbow.status()[0]!.instances;
  expect(failed).toMatchObject({
    reasonCode: "Instance",
    description: "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
    healthCheck: { target: "HTTP:9/ping", lastReason: "status 500" },
  });
  for (let round = 0; round < 4; round++) expect(await ask(elbow)).toBe("200 one");
  status.code = 200;
  await eventually(() => statesOf(elbow).join() === "InService,InService", { what: "two back in service" });
  expect(new Set([await ask(elbow), await ask(elbow)])).toEqual(new Set(["200 one", "200 two"]));
  expect(elbow.status()[0]!.instances[1]!.healthCheck!.history.map(({ to }) => to)).toEqual([
    "inService",
    "outOfService",
    "inService",
  ]);
});

test("nobody in service: 503 at once, without a dial; TCP clients are closed", async () => {
  const check = quick({ target: { protocol: "TCP", port: 9 } });
  const dead = freePort();
  await using elbow = await startElbow(
    withHealth({ listeners: [{ protocol: "HTTP" }, { protocol: "TCP" }], instances: [dead] }, check),
  );
  expect(statesOf(elbow)).toEqual(["OutOfService"]);
  expect(await ask(elbow)).toBe("503 ");
  using client = await RawClient.connect(elbow.port(1));
  expect(await client.receiveEnd()).toBe("eof");
  using instance = FakeInstance.start(
    serveHttp(() => formatResponse("here")),
    { port: dead },
  );
  await eventually(async () => (await ask(elbow)) === "200 here", { what: "the instance in service" });
  expect(instance.connections.length).toBeGreaterThan(0);
});

test("state, counts and history survive a reload; who leaves is asked no more", async () => {
  using one = startNamed("one", { code: 200 });
  using two = startNamed("two", { code: 404 });
  const check = quick({ target: { protocol: "HTTP", port: 9, path: "/ping" } });
  const both = withHealth({ protocol: "HTTP", instances: [one, two], port: freePort() }, check);
  await using elbow = await startElbow(both);
  await eventually(() => (elbow.status()[0]!.instances[1]!.healthCheck?.failures ?? 0) >= 2);
  const history = elbow.status()[0]!.instances[0]!.healthCheck!.history;
  const [loadBalancer] = both.loadBalancers;
  await elbow.apply({
    ...both,
    loadBalancers: [{ ...loadBalancer!, attributes: { ...loadBalancer!.attributes, idleTimeout: 30 } }],
  });
  expect(statesOf(elbow)).toEqual(["InService", "OutOfService"]);
  expect(elbow.status()[0]!.instances[0]!.healthCheck!.history).toEqual(history);
  await elbow.apply({ ...both, loadBalancers: [{ ...loadBalancer!, instances: loadBalancer!.instances.slice(0, 1) }] });
  await eventually(() => two.connections.every(({ isDone }) => isDone), { what: "no connection to who has left" });
  const asked = two.connections.length;
  const alsoAsked = one.requests.length;
  await eventually(() => one.requests.length >= alsoAsked + 3, { what: "three more checks of who has stayed" });
  expect(two.connections.length).toBe(asked);
});

test("an instance whose name has no address is being registered, and the look-up's failure stands apart", async () => {
  const instances = [{ id: "i-app", host: "app.test", port: 80 }];
  await using elbow = await startElbow(configurationOf([{ protocol: "HTTP", instances }]), {
    lookup: () => Promise.reject(Object.assign(new Error("no such name"), { code: "ENOTFOUND" })),
  });
  expect(elbow.status()[0]!.instances).toEqual([
    {
      id: "i-app",
      address: "app.test",
      port: 80,
      phase: "registering",
      state: "OutOfService",
      reasonCode: "ELB",
      description: "Instance registration is still in progress.",
      lookUpFailure: "ENOTFOUND",
      openConnections: 0,
      outstanding: 0,
    },
  ]);
  expect(await ask(elbow)).toBe("503 ");
});
