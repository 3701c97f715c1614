// The metrics page of an elbow that has seen traffic of every kind: what a scraper and a linter ask of it, and that each of
// CloudWatch's numbers is what CloudWatch means by it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { processMetrics } from "../../src/admin/process-metrics.ts";
import { formatMetrics } from "../../src/admin/prometheus.ts";
import type { HealthCheck } from "../../src/model/health-check.ts";
import { watchEventLoop } from "../../src/observe/event-loop.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { readExposition } from "../support/exposition.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { quickCheck, withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, serveHttp } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";

setDefaultTimeout(30_000);

const serveStatuses = serveHttp(async ({ target }, connection) => {
  if (target !== "/close") return formatResponse("ok", { status: `${target.slice(1)} Status` });
  await connection.close();
  return undefined;
});

const pageOf = (): string =>
  formatMetrics([...collectMetrics(), ...processMetrics({ version: "0.0.0", hasReloaded: true })]);

/** The sum of a load balancer's series of this name. */
const read = (name: string, loadBalancer: string, labels: Readonly<Record<string, string>> = {}): number =>
  readExposition(pageOf())
    .series.filter((one) => one.name === name && one.labels.load_balancer === loadBalancer)
    .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((sum, { value }) => sum + value, 0);

const cloudWatch = (name: string, loadBalancer: string): number => read(`elbow_cloudwatch_${name}`, loadBalancer);

/** Sends requests for these statuses, one after another, each over a connection of its own. */
const ask = async (port: number, targets: ReadonlyArray<string>): Promise<void> => {
  for (const target of targets) {
    using client = await RawClient.connect(port);
    await exchange(client, target);
  }
};

/** Load balancers of all kinds, with a name that needs every kind of escape. */
const startLoaded = async (): Promise<AsyncDisposable & { readonly elbow: RunningElbow }> => {
  const web = FakeInstance.start(serveStatuses);
  const echoing = FakeInstance.start(echo);
  const certificates = await secureListener("HTTPS", {});
  const elbow = await startElbow(
    configurationOf(
      [
        { name: "web", protocol: "HTTP", instances: [web], attributes: { minIdleConnections: 1 } },
        { name: "tcp", instances: [echoing] },
        { name: "secure", listeners: [certificates], instances: [web] },
        { name: "dead", protocol: "HTTP", instances: [freePort()] },
        { name: 'odd "name" \\', protocol: "HTTP", instances: [] },
      ],
      { zone: "a" },
    ),
  );
  await ask(elbow.port(0, "web"), ["/200", "/206", "/301", "/404", "/503", "/close"]);
  await ask(elbow.port(0, "dead"), ["/200"]);
  {
    using bad = await RawClient.connect(elbow.port(0, "web"));
    await bad.send("nonsense\r\n\r\n");
    await readResponse(bad);
    using secure = await SecureClient.connect(elbow.port(0, "secure"));
    await exchange(secure, "/200");
    using client = await RawClient.connect(elbow.port(0, "tcp"));
    await client.send("hello");
    await client.takeBytes(5);
    using noTls = await RawClient.connect(elbow.port(0, "secure"));
    await noTls.send("GET / HTTP/1.1\r\n\r\n");
    await noTls.receiveEnd();
  }
  await eventually(() => elbow.outstanding() === 0, { what: "everything over" });
  return {
    elbow,
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      web.stop();
      echoing.stop();
    },
  };
};

test("a page has nothing that a scraper or a linter complains of", async () => {
  await using _ = await startLoaded();
  const stop = watchEventLoop();
  const { types, series, problems } = readExposition(pageOf());
  stop();
  expect(problems).toEqual([]);
  expect(types.size).toBeGreaterThan(50);
  expect(series.length).toBeGreaterThan(types.size);
  expect(types.get("elbow_event_loop_delay_seconds")).toBe("histogram");
});

test.skipIf(Bun.which("promtool") === null)("promtool, where it is installed, has nothing to say", async () => {
  await using _ = await startLoaded();
  const promtool = Bun.spawn(["promtool", "check", "metrics"], {
    stdin: new Blob([pageOf()]),
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = (await promtool.stdout.text()) + (await promtool.stderr.text());
  expect(said).toBe("");
  expect(await promtool.exited).toBe(0);
});

test("the reader of pages finds what is wrong", () => {
  const wrong = [
    "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\na_total 1",
    "# HELP b B.\n# TYPE b counter\nb 1",
    "# HELP c_count C.\n# TYPE c_count gauge\nc_count 1",
    "# HELP d_days D.\n# TYPE d_days gauge\nd_days 1",
    '# HELP e E.\n# TYPE e histogram\ne_bucket{le="1"} 2\ne_bucket{le="+Inf"} 1\ne_sum 1\ne_count 1',
    '# HELP f F.\n# TYPE f gauge\nf{aB="1"} 1',
    "# HELP g \n# TYPE g gauge\nh 1",
  ];
  for (const page of wrong) expect(readExposition(`${page}\n`).problems).not.toEqual([]);
});

test("CloudWatch's numbers have CloudWatch's meaning at layer 7", async () => {
  await using _ = await startLoaded();
  const statuses = [2, 3, 4, 5].map((digit) => cloudWatch(`httpcode_backend_${digit}xx_total`, "web"));
  expect(statuses).toEqual([2, 1, 1, 1]);
  // The instance that closed without a word, once; the request that was none.
  expect(cloudWatch("httpcode_elb_5xx_total", "web")).toBe(1);
  expect(cloudWatch("httpcode_elb_4xx_total", "web")).toBe(1);
  expect(cloudWatch("request_count_total", "web")).toBe(6);
  expect(cloudWatch("latency_seconds_count", "web")).toBe(5);
  expect(read("elbow_backend_answers_total", "web")).toBe(5);
  const seconds = ["elbow_backend_answer_seconds_total", "elbow_latency_seconds_sum"].map((name) => read(name, "web"));
  expect(seconds[0]).toBeCloseTo(seconds[1] ?? 0, 9);
  expect(cloudWatch("backend_connection_errors_total", "web")).toBe(0);

  expect(cloudWatch("request_count_total", "dead")).toBe(0);
  expect(cloudWatch("httpcode_elb_5xx_total", "dead")).toBe(1);
  expect(cloudWatch("backend_connection_errors_total", "dead")).toBeGreaterThanOrEqual(1);
  const zones = readExposition(pageOf()).series.filter(({ name }) => name === "elbow_cloudwatch_request_count_total");
  expect(zones.map(({ labels }) => labels.availability_zone)).toEqual(["a", "a", "a", "a", "a"]);
});

test("at layer 4 a connection to an instance is a request, and its making the latency", async () => {
  await using _ = await startLoaded();
  expect(cloudWatch("request_count_total", "tcp")).toBe(1);
  expect(cloudWatch("latency_seconds_count", "tcp")).toBe(1);
  expect(cloudWatch("latency_seconds_sum", "tcp")).toBeGreaterThan(0);
});

test("handshakes are told apart by what they settled, and by why they failed", async () => {
  await using _ = await startLoaded();
  const settled = readExposition(pageOf()).series.filter(({ name }) => name === "elbow_tls_settled_handshakes_total");
  expect(settled.map(({ labels, value }) => [labels.version, value])).toEqual([["TLSv1.3", 1]]);
  expect(settled[0]?.labels.cipher).toMatch(/^TLS_/);
  expect(read("elbow_tls_handshake_failures_total", "secure", { reason: "handshakeNotTls" })).toBe(1);
});

test("pools count what they keep, what is used again, and what was opened ahead", async () => {
  using instance = FakeInstance.start(serveStatuses);
  await using elbow = await startElbow({
    protocol: "HTTP",
    instances: [instance],
    attributes: { minIdleConnections: 2 },
  });
  await eventually(() => read("elbow_pool_opened_ahead_total", "test") === 2, { what: "two opened ahead" });
  expect(read("elbow_pool_idle_connections", "test")).toBe(2);
  using client = await RawClient.connect(elbow.port());
  for (let round = 0; round < 3; round++) await exchange(client, "/200");
  expect(read("elbow_pool_reused_total", "test")).toBe(3);
});

test("hosts are counted by zone, and failed health checks as failed connections", async () => {
  using instance = FakeInstance.start(serveStatuses);
  const well = { id: "well", host: "127.0.0.1", port: instance.port, zone: "a" };
  const ill = { id: "ill", host: "127.0.0.1", port: freePort(), zone: "b" };
  const check: HealthCheck = { ...quickCheck, target: { protocol: "TCP", port: 9 } };
  await using _ = await startElbow(withHealth([{ protocol: "HTTP", instances: [well, ill] }], check));
  const hosts = (name: string, zone: string) =>
    read(`elbow_cloudwatch_${name}_hosts`, "test", { availability_zone: zone });
  await eventually(() => hosts("unhealthy", "b") === 1 && hosts("healthy", "a") === 1, { what: "both found out" });
  expect([hosts("healthy", "b"), hosts("unhealthy", "a")]).toEqual([0, 0]);
  await eventually(() => cloudWatch("backend_connection_errors_total", "test") >= 2, { what: "checks counted" });
});

test("what a load balancer has counted stays when a listener and an instance go", async () => {
  using instance = FakeInstance.start(serveStatuses);
  const listeners = [{ protocol: "HTTP" as const }, { protocol: "HTTP" as const, instancePort: 10 }];
  const before = configurationOf([{ listeners, instances: [instance, freePort()] }]);
  await using elbow = await startElbow(before);
  await ask(elbow.port(0), ["/200", "/200"]);
  await ask(elbow.port(1), ["/200", "/404", "/200"]);
  const counted = ["request_count_total", "httpcode_backend_2xx_total", "backend_connection_errors_total"].map((name) =>
    cloudWatch(name, "test"),
  );
  expect(counted.slice(0, 2)).toEqual([5, 4]);
  expect(counted[2]).toBeGreaterThanOrEqual(1);
  await elbow.apply(configurationOf([{ listeners: [listeners[0]!], instances: [instance] }]));
  const after = ["request_count_total", "httpcode_backend_2xx_total", "backend_connection_errors_total"].map((name) =>
    cloudWatch(name, "test"),
  );
  expect(after).toEqual(counted);
});

test("the time in the surge queue is measured", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  using instance = FakeInstance.start(
    serveHttp(async () => {
      await held;
      return formatResponse("ok");
    }),
  );
  const one = { id: "one", host: "127.0.0.1", port: instance.port, maxConnections: 1 };
  await using elbow = await startElbow({ protocol: "HTTP", instances: [one] });
  using first = await RawClient.connect(elbow.port());
  using second = await RawClient.connect(elbow.port());
  const answers = [exchange(first, "/"), exchange(second, "/")];
  await eventually(() => cloudWatch("surge_queue_length", "test") === 1, { what: "one waits" });
  expect(read("elbow_surge_queue_wait_seconds_count", "test")).toBe(0);
  release();
  await Promise.all(answers);
  expect(read("elbow_surge_queue_wait_seconds_count", "test")).toBe(1);
  expect(cloudWatch("surge_queue_length", "test")).toBe(0);
});

const root = resolve(import.meta.dir, "../..");

test("the dashboard and the alert rules name metrics that there are, and no other", async () => {
  await using _ = await startLoaded();
  const stop = watchEventLoop();
  const { types } = readExposition(pageOf());
  stop();
  for (const path of ["examples/grafana/elbow.json", "examples/grafana/alerts.yaml"]) {
    const text = readFileSync(resolve(root, path), "utf8");
    const named = [...new Set(text.match(/\b(?:elbow|process)_[a-z0-9_]+/g) ?? [])];
    expect(named.length).toBeGreaterThan(5);
    const known = named.filter((name) => types.has(name) || types.has(name.replace(/_(?:bucket|sum|count)$/, "")));
    expect(known).toEqual(named);
  }
});
