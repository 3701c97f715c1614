// Changes that APIs may ask for while elbow runs: instances, health check and attributes of one load balancer, all or nothing,
// in the words of a check; and names whose addresses come and go.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect } from "effect";
import type { Instance } from "../../src/model/instance.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { startHeld } from "../support/held-instance.ts";
import { exchange, formatRequest, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const ids = (elbow: RunningElbow): ReadonlyArray<string> => elbow.status()[0]!.instances.map(({ id }) => id);

const idOf = ({ port }: { readonly port: number }): string => `127.0.0.1:${port}`;

/** What an effect fails with: its tag and its message. */
const failureOf = <E extends { readonly _tag: string; readonly message: string }>(
  elbow: RunningElbow,
  effect: Effect.Effect<unknown, E>,
): Promise<string> =>
  elbow.run(
    Effect.match(effect, { onFailure: ({ _tag, message }) => `${_tag}: ${message}`, onSuccess: () => "no failure" }),
  );

const ask = async (elbow: RunningElbow): Promise<string> => {
  using client = await RawClient.connect(elbow.port());
  const { status, body } = await exchange(client, "/");
  return `${status} ${body}`;
};

test("instances are registered by address and by inventory id, once, and a reload that leaves their entries alone keeps them", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  const file = {
    ...configurationOf([{ protocol: "HTTP", port: freePort(), instances: [one] }]),
    inventory: new Map<string, Omit<Instance, "id">>([["i-two", { host: "127.0.0.1", port: two.port, zone: "b" }]]),
  };
  await using elbow = await startElbow(file);
  const { register, instanceHealth } = elbow.control;
  await elbow.run(register("test", ["i-two", "i-two", idOf(one)]));
  expect(ids(elbow)).toEqual([idOf(one), "i-two"]);
  expect(elbow.status()[0]!.instances[1]!.zone).toBe("b");
  await elbow.run(register("test", ["i-two"]));
  expect(new Set([await ask(elbow), await ask(elbow)])).toEqual(new Set(["200 one", "200 two"]));
  expect(await elbow.run(instanceHealth("test"))).toEqual(
    [idOf(one), "i-two"].map((id) => ({ id, state: "InService", reasonCode: "N/A", description: "N/A" })),
  );
  await elbow.apply(file);
  expect(ids(elbow)).toEqual([idOf(one), "i-two"]);
  await elbow.run(elbow.control.deregister("test", [idOf(one)]));
  await elbow.apply(file);
  expect(ids(elbow)).toEqual(["i-two"]);
  expect(await ask(elbow)).toBe("200 two");
  // Another entry is another word on the instance; one that the file doesn't name any more is forgotten.
  const inventory = new Map([["i-two", { host: "127.0.0.1", port: two.port, zone: "c" }]]);
  await elbow.apply({ ...file, inventory });
  expect(ids(elbow)).toEqual([]);
  const [loadBalancer] = file.loadBalancers;
  await elbow.apply({ ...file, loadBalancers: [{ ...loadBalancer!, instances: [] }] });
  await elbow.apply(file);
  expect(ids(elbow)).toEqual([idOf(one)]);
});

test("the health of one load balancer's instances is read of no other", async () => {
  const configuration = configurationOf([
    { name: "test", instances: [1, 2] },
    { name: "other", instances: [3] },
  ]);
  const [, other] = configuration.loadBalancers;
  const { instances } = other!;
  let reads = 0;
  Object.defineProperty(other, "instances", {
    get: () => {
      reads++;
      return instances;
    },
  });
  await using elbow = await startElbow(configuration);
  reads = 0;
  const health = await elbow.run(elbow.control.instanceHealth("test"));
  expect([health.map(({ id }) => id), reads]).toEqual([["127.0.0.1:1", "127.0.0.1:2"], 0]);
  elbow.status();
  expect(reads).toBeGreaterThan(0);
});

test("what breaks the rules is refused in the words of a check, and changes nothing", async () => {
  using one = startHeld("one");
  await using elbow = await startElbow({ protocol: "HTTP", instances: [one] });
  const { register, deregister, setAttributes, setHealthCheck, instanceHealth } = elbow.control;
  const before = elbow.status();
  expect(await failureOf(elbow, register("test", ["127.0.0.1:1", "i-nobody", "a b"]))).toBe(
    [
      'ConfigurationError: instances[1]: "i-nobody" is not in the inventory (expected an id from `instances`, an IP address or a host name, each with an optional :port)',
      'instances[2]: "a b" is not an instance (expected an id from `instances`, an IP address or a host name, each with an optional :port)',
    ].join("\n"),
  );
  expect(await failureOf(elbow, register("nobody", []))).toBe(
    'LoadBalancerNotFound: There is no load balancer "nobody".',
  );
  expect(await failureOf(elbow, deregister("test", [idOf(one), "i-nobody"]))).toBe(
    'InstanceNotRegistered: Not registered with "test": "i-nobody".',
  );
  expect(await failureOf(elbow, setAttributes("test", { idleTimeout: 0 }))).toBe(
    "ConfigurationError: loadBalancers.test.attributes.idleTimeout: 0 is not an idle timeout (expected a whole number of seconds from 1 to 4000)",
  );
  expect(await failureOf(elbow, setAttributes("test", { minIdleConnections: 9, maxIdleConnections: 3 }))).toBe(
    "ConfigurationError: loadBalancers.test.attributes.minIdleConnections: 9 is more than `maxIdleConnections`, which is 3 (expected 3 or less, or a greater `maxIdleConnections`)",
  );
  expect(await failureOf(elbow, setHealthCheck("test", { interval: 5, timeout: 5 }))).toBe(
    "ConfigurationError: loadBalancers.test.healthCheck.timeout: 5 is not less than `interval`, which is 5 (expected 4 or less, or a greater `interval`)",
  );
  expect(await failureOf(elbow, instanceHealth("nobody"))).toStartWith("LoadBalancerNotFound");
  expect(elbow.status()).toEqual(before);
});

test("a health check that is set, moved or taken away costs no request, and holds from then on", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  await using elbow = await startElbow({ protocol: "HTTP", instances: [one, two], listeners: [{ instancePort: 9 }] });
  const { setHealthCheck } = elbow.control;
  let isOver = false;
  const talking = (async () => {
    const answers: Array<string> = [];
    while (!isOver) answers.push((await ask(elbow)).slice(0, 3));
    return answers;
  })();
  await elbow.run(setHealthCheck("test", { target: "HTTP:9/ping", interval: 5, timeout: 2 }));
  expect(elbow.status()[0]!.instances.map(({ healthCheck }) => healthCheck?.target)).toEqual(
    Array(2).fill("HTTP:9/ping"),
  );
  // Now at another port, which is the same for both instances.
  const since = elbow.status()[0]!.instances[0]!.healthCheck!.history;
  await elbow.run(setHealthCheck("test", { target: `TCP:${two.port}` }));
  const moved = elbow.status()[0]!.instances[0]!;
  expect([moved.state, moved.healthCheck?.target, moved.healthCheck?.history]).toEqual([
    "InService",
    `TCP:${two.port}`,
    since,
  ]);
  await elbow.run(setHealthCheck("test", undefined));
  expect(elbow.status()[0]!.instances.map(({ healthCheck }) => healthCheck)).toEqual([undefined, undefined]);
  isOver = true;
  expect(new Set(await talking)).toEqual(new Set(["200"]));
});

test("an instance that takes the place of all others is checked before they go", async () => {
  using one = startHeld("one");
  using two = startHeld("two");
  const having = (port: number, listener: number) =>
    withHealth([{ protocol: "HTTP", port: listener, instances: [port] }]);
  const port = freePort();
  await using elbow = await startElbow(having(one.port, port));
  await elbow.apply(having(two.port, port));
  expect(elbow.status()[0]!.instances.map(({ state }) => state)).toEqual(["InService"]);
  expect(await ask(elbow)).toBe("200 two");
});

test("an address that a name has no more drains; one that comes is checked before it is used", async () => {
  using gone = startHeld("gone");
  const { port } = gone;
  let isChecked = false;
  using came = FakeInstance.start((connection) => (isChecked ? answerText("came")(connection) : connection.close()), {
    host: "127.0.0.2",
    port,
  });
  let addresses = ["127.0.0.1"];
  const instances = [{ id: "app", host: "app.test", port }];
  const configuration = withHealth([{ protocol: "HTTP", instances }]);
  await using elbow = await startElbow(configuration, {
    lookup: async () => addresses.map((address) => ({ address })),
    resolveEveryMs: 20,
  });
  expect(await ask(elbow)).toBe("200 gone");
  addresses = ["127.0.0.1", "127.0.0.2"];
  await eventually(() => came.connections.length > 0, { what: "a check of the new address" });
  expect(elbow.status()[0]!.instances.map(({ address, state }) => `${address} ${state}`)).toEqual([
    "127.0.0.1 InService",
    "127.0.0.2 OutOfService",
  ]);
  for (let round = 0; round < 4; round++) expect(await ask(elbow)).toBe("200 gone");
  isChecked = true;
  await eventually(async () => (await ask(elbow)) === "200 came", { what: "the new address in use" });
  using client = await RawClient.connect(elbow.port());
  await eventually(
    async () => {
      if (gone.held() > 0) return true;
      await client.send(formatRequest("/slow"));
      return eventually(() => gone.held() > 0, { timeoutMs: 100 }).catch(() => readResponse(client).then(() => false));
    },
    { what: "a request held at the address that goes" },
  );
  addresses = ["127.0.0.2"];
  await eventually(() =>
    elbow.status()[0]!.instances.some(({ description }) => description.includes("deregistration")),
  );
  expect(elbow.status()[0]!.instances.map(({ address, state }) => `${address} ${state}`)).toEqual([
    "127.0.0.2 InService",
    "127.0.0.1 InService",
  ]);
  for (let round = 0; round < 4; round++) expect(await ask(elbow)).toBe("200 came");
  gone.release();
  expect((await readResponse(client)).body.toString()).toBe("gone");
});
