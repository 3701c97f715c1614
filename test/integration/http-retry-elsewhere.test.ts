// Layer 7, an instance that fails a request before its answer, beside others that don't: whose requests go to another
// instance, how often at most, and what the client is told when there is none left.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { testAuthority } from "../support/certificates.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse } from "../support/http-message.ts";
import { Outcomes } from "../support/outcomes.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp } from "../support/scripts.ts";
import { byDuration, StickyClient, startNamed } from "../support/sticky-clients.ts";
import { metricOf } from "../support/tls-counts.ts";
import { encryptTo, TlsInstance } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const gatewayTimeout = "HTTP/1.1 504 GATEWAY_TIMEOUT\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n";

const ways = {
  close: (connection: InstanceConnection) => connection.close(),
  reset: (connection: InstanceConnection) => connection.reset(),
} as const;

const startDying = (how: keyof typeof ways): FakeInstance =>
  FakeInstance.start(
    serveHttp(async (_, connection) => {
      await ways[how](connection);
      return undefined;
    }),
  );

/** A port at which nobody listens. */
const startRefusing = (): FakeInstance => {
  const instance = FakeInstance.start(() => {});
  instance.stop();
  return instance;
};

const startFor = (instances: ReadonlyArray<FakeInstance>): Promise<RunningElbow> =>
  // In turn, so that it is known who comes first.
  startElbow({ protocol: "HTTP", instances, attributes: { balancing: "round-robin" } });

const retriesOf = (elbow: RunningElbow): number =>
  metricOf("elbow_retries_total", { listener: String(elbow.port()), load_balancer: "test" });

const requestsOf = (instances: ReadonlyArray<FakeInstance>) => instances.map(({ requests }) => requests.length);

describe.each(["close", "reset"] as const)(
  "instances that leave a request without a byte of answer, by a %s",
  (how) => {
    test.each(["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"])("%s goes to another", async (method) => {
      using dying = startDying(how);
      using well = FakeInstance.start(answerText("well"));
      await using elbow = await startFor([dying, well]);
      using outcomes = new Outcomes();
      using client = await RawClient.connect(elbow.port());
      expect((await exchange(client, "/", { method })).status).toBe(200);
      expect(requestsOf([dying, well])).toEqual([1, 1]);
      expect(retriesOf(elbow)).toBe(1);
      expect(await outcomes.at(0)).toMatchObject({
        status: 200,
        reason: undefined,
        instance: `127.0.0.1:${well.port}`,
      });
      await eventually(() => elbow.outstanding() === 0);
    });

    test.each([
      ["POST", {}],
      ["PATCH", {}],
      ["PUT with a body", { method: "PUT", body: "written once" }],
      ["DELETE with a body", { method: "DELETE", body: "done once" }],
    ])("%s doesn't", async (name, options) => {
      using dying = startDying(how);
      using well = FakeInstance.start(answerText("well"));
      await using elbow = await startFor([dying, well]);
      using client = await RawClient.connect(elbow.port());
      await client.send(formatRequest("/", { method: name, ...options }));
      expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
      expect(requestsOf([dying, well])).toEqual([1, 0]);
      expect(retriesOf(elbow)).toBe(0);
    });

    test("each has it once; two more are tried, and no third", async () => {
      const dying = [startDying(how), startDying(how), startDying(how)];
      using well = FakeInstance.start(answerText("well"));
      await using elbow = await startFor([...dying.slice(1), well]);
      using client = await RawClient.connect(elbow.port());
      expect((await exchange(client, "/")).body.toString()).toBe("well");
      expect(requestsOf([...dying, well])).toEqual([0, 1, 1, 1]);
      await using another = await startFor([...dying, well]);
      using outcomes = new Outcomes();
      using other = await RawClient.connect(another.port());
      await other.send(formatRequest("/"));
      expect((await other.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
      expect(await outcomes.at(0)).toMatchObject({ status: 504, reason: "backendClosed" });
      expect(requestsOf([...dying, well])).toEqual([1, 2, 2, 1]);
      expect([retriesOf(elbow), retriesOf(another)]).toEqual([2, 2]);
      await eventually(() => elbow.outstanding() + another.outstanding() === 0);
      for (const one of dying) one.stop();
    });

    test("when nobody else is there, or reached, the answer is that of the first failure", async () => {
      using dying = startDying(how);
      using refusing = startRefusing();
      for (const instances of [[dying], [dying, refusing], [refusing, dying]]) {
        await using elbow = await startFor(instances);
        using outcomes = new Outcomes();
        using client = await RawClient.connect(elbow.port());
        await client.send(formatRequest("/"));
        expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(gatewayTimeout);
        expect(await outcomes.at(0)).toMatchObject({ status: 504, reason: "backendClosed" });
        await eventually(() => elbow.outstanding() === 0);
      }
      expect(dying.requests.length).toBe(3);
    });

    test("a kept connection that dies: once more to the same instance, then to another", async () => {
      using dying = FakeInstance.start(
        serveHttp(async ({ target }, connection) => {
          if (target === "/first") return formatResponse("first");
          await ways[how](connection);
          return undefined;
        }),
      );
      using well = FakeInstance.start(answerText("well"));
      await using elbow = await startFor([dying, well]);
      using client = await RawClient.connect(elbow.port());
      expect((await exchange(client, "/first")).body.toString()).toBe("first");
      expect((await exchange(client, "/other")).body.toString()).toBe("well");
      expect((await exchange(client, "/dies")).body.toString()).toBe("well");
      expect(dying.requests.map(({ target }) => target)).toEqual(["/first", "/dies", "/dies"]);
      expect(retriesOf(elbow)).toBe(2);
    });

    test("another that is full is waited for", async () => {
      using dying = startDying(how);
      const released = Promise.withResolvers<void>();
      using well = FakeInstance.start(
        serveHttp(async ({ target }) => {
          if (target === "/slow") await released.promise;
          return formatResponse(`well ${target}`);
        }),
      );
      const configuration = configurationOf([
        { protocol: "HTTP", instances: [dying, well], attributes: { balancing: "round-robin" } },
      ]);
      const [loadBalancer] = configuration.loadBalancers;
      const [first, second] = loadBalancer!.instances;
      await using elbow = await startElbow({
        ...configuration,
        loadBalancers: [{ ...loadBalancer!, instances: [first!, { ...second!, maxConnections: 1 }] }],
      });
      using waiting = await RawClient.connect(elbow.port());
      using slow = await RawClient.connect(elbow.port());
      expect((await exchange(waiting, "/")).body.toString()).toBe("well /");
      await slow.send(formatRequest("/slow"));
      await eventually(() => well.requests.some(({ target }) => target === "/slow"), { what: "a full instance" });
      await waiting.send(formatRequest("/waits"));
      await eventually(() => dying.requests.some(({ target }) => target === "/waits"), { what: "a failure" });
      released.resolve();
      expect((await slow.takeUntil("/slow")).toString()).toEndWith("well /slow");
      expect((await waiting.takeUntil("well /waits")).toString()).toStartWith("HTTP/1.1 200 ");
    });
  },
);

test("one answer to each request, also where the failure ejects the instance and all that it has is cut", async () => {
  for (const [method, status] of [
    ["GET", 200],
    ["POST", 504],
  ] as const) {
    using dying = startDying("close");
    using well = FakeInstance.start(answerText("well"));
    await using elbow = await startElbow({
      protocol: "HTTP",
      instances: [dying, well],
      attributes: {
        balancing: "round-robin",
        connectionDraining: { enabled: false, timeout: 300 },
        outlierDetection: { failures: 1, ejectionTime: 30, maxEjectionTime: 300, maxEjectedShare: 50 },
      },
    });
    using client = await RawClient.connect(elbow.port());
    expect((await exchange(client, "/", { method })).status).toBe(status);
    expect((await exchange(client, "/next")).body.toString()).toBe("well");
    expect(client.availableBytes).toBe(0);
    expect(dying.requests.length).toBe(1);
    await eventually(() => elbow.outstanding() === 0);
  }
});

test("an instance that refuses us behind our side of the handshake is left for another", async () => {
  const { certPem } = await testAuthority();
  using strict = await TlsInstance.secure(answerText("strict"), { version: "TLSv1.3", clientCa: certPem });
  using well = await TlsInstance.secure(answerText("well"));
  await using elbow = await startElbow({
    listeners: [encryptTo("HTTP")],
    instances: [strict, well],
    attributes: { balancing: "round-robin" },
  });
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).body.toString()).toBe("well");
  await using alone = await startElbow({ listeners: [encryptTo("HTTP")], instances: [strict] });
  using outcomes = new Outcomes();
  using other = await RawClient.connect(alone.port());
  expect((await exchange(other, "/")).status).toBe(502);
  expect(await outcomes.at(0)).toMatchObject({ reason: "backendHandshakeFailed" });
});

test("a session whose instance has failed it belongs to the one that answers", async () => {
  const instances = [startNamed("a"), startNamed("b")];
  await using elbow = await startElbow({
    protocol: "HTTP",
    listeners: [{ stickiness: byDuration() }],
    instances,
  });
  const client = new StickyClient(elbow.port());
  const first = await client.visit();
  const own = instances[first === "a" ? 0 : 1]!;
  const before = client.value;
  own.become(
    serveHttp(async (_, connection) => {
      await connection.close();
      return undefined;
    }),
  );
  for (const connection of own.connections) connection.dispose();
  expect(await client.visit()).toBe(first === "a" ? "b" : "a");
  expect(client.value).not.toBe(before);
  for (const instance of instances) instance.stop();
});
