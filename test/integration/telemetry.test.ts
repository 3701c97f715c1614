// The push of metrics and traces to a collector on loopback: what comes there, and what a collector that is down or hangs costs.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect, Exit, Scope } from "effect";
import { makeTelemetry } from "../../src/main/telemetry.ts";
import type { Configuration } from "../../src/model/configuration.ts";
import { defaultOtlp, type Otlp } from "../../src/model/telemetry.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import { spans } from "../../src/observe/telemetry/spans.ts";
import { Collector } from "../support/collector.ts";
import { configurationOf, startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const parent = "00f067aa0ba902b7";

const withOtlp = (loadBalancers: ReadonlyArray<WrittenLoadBalancer>, otlp: Partial<Otlp> & { url: string }) => ({
  ...configurationOf(loadBalancers),
  otlp: { ...defaultOtlp, encoding: "json" as const, ...otlp },
});

/** elbow with its telemetry; `end` pushes what is left, as the end of the process does. */
const startPushing = async (configuration: Configuration) => {
  const elbow = await startElbow(configuration);
  const scope = Effect.runSync(Scope.make());
  const telemetry = Effect.runSync(Scope.provide(makeTelemetry(collectMetrics), scope));
  await Effect.runPromise(telemetry.follow(configuration));
  const end = () => Effect.runPromise(Scope.close(scope, Exit.void));
  return {
    elbow,
    follow: (next: Configuration) => Effect.runPromise(telemetry.follow(next)),
    end,
    async [Symbol.asyncDispose]() {
      await end();
      await elbow.stop();
    },
  };
};

const serveStatuses = serveHttp(({ target }) => formatResponse("ok", { status: `${target.slice(1, 4)} Status` }));

const ask = async (port: number, target: string, headers: ReadonlyArray<readonly [string, string]> = []) => {
  using client = await RawClient.connect(port);
  await exchange(client, target, { headers });
};

test("every family comes under its name, with its points and its unit", async () => {
  using collector = new Collector();
  using instance = FakeInstance.start(serveStatuses);
  await using pushing = await startPushing(
    withOtlp([{ protocol: "HTTP", instances: [instance] }], { url: collector.url, interval: 3600 }),
  );
  await ask(pushing.elbow.port(), "/200");
  const expected = collectMetrics().filter(({ samples }) => samples.length > 0);
  await pushing.end();
  const metrics = collector.lastMetrics();
  expect([...metrics.keys()].sort()).toEqual(expected.map(({ name }) => name).sort());
  expect(metrics.get("elbow_requests_total")?.sum).toMatchObject({ isMonotonic: true, aggregationTemporality: 2 });
  expect(metrics.get("elbow_received_bytes_total")?.unit).toBe("By");
  expect(metrics.get("elbow_connections_open")?.gauge).toBeDefined();
  const { histogram, unit } = metrics.get("elbow_latency_seconds") as {
    histogram: { dataPoints: Array<{ count: number; bucketCounts: Array<number>; explicitBounds: Array<number> }> };
    unit: string;
  };
  const [point] = histogram.dataPoints;
  expect(unit).toBe("s");
  expect(point?.count).toBe(1);
  expect(point?.bucketCounts.length).toBe((point?.explicitBounds.length ?? 0) + 1);
  expect(JSON.stringify(collector.read("/v1/metrics")[0])).toContain(
    '{"key":"service.name","value":{"stringValue":"elbow"}}',
  );
  // None were asked for.
  expect(collector.read("/v1/traces")).toEqual([]);
});

test("a request is a span under the parent that it names, and a connection is one too", async () => {
  using collector = new Collector();
  using web = FakeInstance.start(serveStatuses);
  using echoing = FakeInstance.start(echo);
  const loadBalancers = [
    { name: "web", protocol: "HTTP" as const, instances: [web] },
    { name: "tcp", instances: [echoing] },
  ];
  await using pushing = await startPushing(withOtlp(loadBalancers, { url: collector.url, traces: 1 }));
  await ask(pushing.elbow.port(0, "web"), "/200/path?a=b?c", [["traceparent", `00-${trace}-${parent}-01`]]);
  await ask(pushing.elbow.port(0, "web"), "/503/hidden", [["traceparent", `00-${trace}-${parent}-00`]]);
  await ask(pushing.elbow.port(0, "web"), "/503/shown", [["traceparent", "nonsense"]]);
  {
    using client = await RawClient.connect(pushing.elbow.port(0, "tcp"));
    await client.send("hello");
    await client.takeBytes(5);
  }
  await eventually(() => collector.spans().length + (spans.queue?.length ?? 0) === 3, { what: "three" });
  await pushing.end();
  const found = collector.spans();
  expect(found.length).toBe(3);
  const [first, second, third] = found;
  expect(first).toMatchObject({ traceId: trace, parentSpanId: parent, name: "GET", kind: 2, status: { code: 0 } });
  expect(first?.attributes).toMatchObject({
    "http.request.method": "GET",
    "url.path": "/200/path",
    "url.query": "a=b?c",
    "http.response.status_code": 200,
    "client.address": "127.0.0.1",
    "elbow.load_balancer": "web",
    "elbow.instance": `127.0.0.1:${web.port}`,
    "network.protocol.version": "1.1",
  });
  const times = first?.events.map(({ timeUnixNano }) => BigInt(timeUnixNano)) ?? [];
  const ordered = [BigInt(first?.startTimeUnixNano ?? 0), ...times, BigInt(first?.endTimeUnixNano ?? 0)];
  expect(times.length).toBe(3);
  expect([...ordered].sort((one, other) => (one < other ? -1 : 1))).toEqual(ordered);
  expect(Math.abs(Number(ordered[0]) / 1e6 - Date.now())).toBeLessThan(60_000);

  expect(second).toMatchObject({ name: "GET", status: { code: 2 } });
  expect(second?.parentSpanId).toBeUndefined();
  expect(second?.traceId).not.toBe(trace);
  expect(second?.attributes["url.path"]).toBe("/503/shown");
  expect(third).toMatchObject({ name: "TCP connection", status: { code: 0 } });
  expect(third?.attributes).toMatchObject({ "elbow.received_bytes": 5, "elbow.sent_bytes": 5 });
});

test("of those without a parent, a share of none leaves none; of those with one, all", async () => {
  using collector = new Collector();
  using web = FakeInstance.start(serveStatuses);
  await using pushing = await startPushing(
    withOtlp([{ protocol: "HTTP", instances: [web] }], { url: collector.url, traces: 1e-12 }),
  );
  for (let round = 0; round < 20; round++) await ask(pushing.elbow.port(), "/200");
  await ask(pushing.elbow.port(), "/200", [["traceparent", `00-${trace}-${parent}-01`]]);
  await pushing.end();
  expect(collector.spans().map(({ traceId }) => traceId)).toEqual([trace]);
});

test("protobuf is the default, and headers go with it", async () => {
  using collector = new Collector();
  using web = FakeInstance.start(serveStatuses);
  const headers = { authorization: "Bearer secret" };
  await using pushing = await startPushing(
    withOtlp([{ protocol: "HTTP", instances: [web] }], {
      url: collector.url,
      encoding: "protobuf",
      headers,
      interval: 1,
      traces: 1,
    }),
  );
  await ask(pushing.elbow.port(), "/200/protobuf", [["traceparent", `00-${trace}-${parent}-01`]]);
  await ask(pushing.elbow.port(), "/200/orphan");
  await eventually(() => collector.batches.length > 1, { what: "the first pushes, after a second" });
  await pushing.end();
  const batch = collector.batches.find(({ path }) => path === "/v1/metrics");
  const traced = Buffer.concat(collector.batches.filter(({ path }) => path === "/v1/traces").map(({ body }) => body));
  for (const part of ["/200/protobuf", "/200/orphan"]) expect(traced.includes(part)).toBe(true);
  expect(traced.includes(Buffer.from(trace, "hex"))).toBe(true);
  expect(batch?.headers.get("content-type")).toBe("application/x-protobuf");
  expect(batch?.headers.get("authorization")).toBe("Bearer secret");
  expect(Buffer.from(batch?.body ?? []).includes("elbow_connections_open")).toBe(true);
});

test("a collector that is down is told once, and holds nothing up", async () => {
  using web = FakeInstance.start(serveStatuses);
  const notices: Array<string> = [];
  const stop = observeNotices((text) => void notices.push(text));
  const url = `http://127.0.0.1:${freePort()}`;
  await using pushing = await startPushing(
    withOtlp([{ protocol: "HTTP", instances: [web] }], { url, interval: 1, traces: 1 }),
  );
  for (let round = 0; round < 5; round++) await ask(pushing.elbow.port(), "/200");
  const failed = () =>
    collectMetrics()
      .find(({ name }) => name === "elbow_telemetry_pushes_total")
      ?.samples.find(({ labels }) => labels.signal === "metrics" && labels.result === "failed")?.value ?? 0;
  await eventually(() => failed() >= 2, { what: "two attempts" });
  const endedMs = performance.now();
  await pushing.end();
  expect(performance.now() - endedMs).toBeLessThan(5000);
  stop();
  const told = notices.filter((text) => text.includes(url));
  expect(told.filter((text) => text.includes("takes no metrics")).length).toBe(1);
  expect(told.filter((text) => text.includes("takes no traces")).length).toBe(1);
});

test("a collector that never answers holds up the end for a moment at most", async () => {
  using collector = new Collector();
  collector.status = undefined;
  await using pushing = await startPushing(withOtlp([{ instances: [] }], { url: collector.url, interval: 1 }));
  await eventually(() => collector.batches.length === 1, { what: "a push under way" });
  const endedMs = performance.now();
  await pushing.end();
  expect(performance.now() - endedMs).toBeLessThan(5000);
});

test("a reload that changes the settings moves the push, and any other leaves it alone", async () => {
  using first = new Collector();
  using second = new Collector();
  const before = withOtlp([{ instances: [] }], { url: first.url, interval: 3600, traces: 1 });
  await using pushing = await startPushing(before);
  const { queue } = spans;
  expect(queue).toBeDefined();
  await pushing.follow({ ...before, shutdownGrace: 1 });
  expect(spans.queue).toBe(queue);
  expect(first.batches).toEqual([]);
  await pushing.follow({ ...before, otlp: { ...before.otlp, url: second.url } });
  // What was counted so far went to the one before.
  expect(first.read("/v1/metrics").length).toBe(1);
  const { otlp: _, ...without } = before;
  await pushing.follow(without);
  expect(second.read("/v1/metrics").length).toBe(1);
  expect(spans.queue).toBeUndefined();
});
