// The OpenAPI document held to a running elbow: each documented operation answers in the shape that the document tells, with
// traffic, checks, ejections, names that don't resolve and changes at run time in it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { type AdminSources, makeAdminApp } from "../../src/admin/app.ts";
import type { ReloadReport } from "../../src/control/reload-report.ts";
import { tellEvent } from "../../src/observe/events.ts";
import { adminSources, askAdmin } from "../support/admin.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { findDepartures, type OpenApi } from "../support/json-schema.ts";
import { withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const report: ReloadReport = {
  cause: "SIGHUP",
  at: new Date().toISOString(),
  durationMs: 1.5,
  isApplied: false,
  problems: ["loadBalancers: is missing (expected a set of load balancers)"],
};

/** An elbow with something of everything to show. */
const start = async () => {
  const instance = FakeInstance.start(answerText("hello"));
  const configuration = withHealth([
    {
      name: "web",
      protocol: "HTTP",
      instances: [
        { id: "i-1", host: "127.0.0.1", port: instance.port, zone: "a" },
        { id: "i-2", host: "127.0.0.1", port: 1 },
        { id: "i-3", host: "nobody.invalid", port: 1 },
      ],
      attributes: { outlierDetection: { failures: 1, ejectionTime: 60, maxEjectionTime: 300, maxEjectedShare: 50 } },
    },
    { name: "tcp", instances: [instance] },
  ]);
  const lookup = () => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" }));
  const elbow = await startElbow(configuration, { lookup });
  return { instance, elbow };
};

test("every operation answers as the document says", async () => {
  const { instance, elbow } = await start();
  await using _elbow = elbow;
  using _instance = instance;
  for (const listener of ["web", "tcp"]) {
    using client = await RawClient.connect(elbow.port(0, listener));
    expect((await exchange(client, "/")).status).toBe(200);
  }
  await eventually(() => elbow.status()[0]?.instances.some(({ phase }) => phase === "outOfService") === true);

  let lastReload: ReloadReport | undefined;
  const reload: AdminSources["reload"] = async () => {
    lastReload = { ...report, isApplied: lastReload !== undefined };
    return lastReload;
  };
  const sources = adminSources({ control: elbow.control, reload, lastReload: () => lastReload });
  const app = makeAdminApp(sources);
  const api = (await (await askAdmin(app, "/openapi.json")).json()) as OpenApi;
  const asked = new Set<string>();

  /** Asks for a documented operation and holds what comes to its shape. */
  const ask = async (method: string, path: string, parameters: Record<string, string> = {}, body?: unknown) => {
    const operation = api.paths[path]?.[method.toLowerCase()];
    if (operation === undefined) throw new Error(`${method} ${path} is not documented`);
    asked.add(operation.operationId);
    const real = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(parameters[name] ?? ""));
    const response = await askAdmin(app, real, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const told = operation.responses[String(response.status)];
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    const content = told?.content[type];
    if (content === undefined) throw new Error(`${method} ${real}: ${response.status} ${type} is not documented`);
    if (type === "text/event-stream") return { response, schema: content["x-event-data"] ?? {}, value: undefined };
    const value: unknown = /json$/.test(type) ? await response.json() : await response.text();
    expect(findDepartures(api, content.schema, value)).toEqual([]);
    return { response, schema: content.schema, value };
  };

  const web = { name: "web" };
  await ask("POST", "/api/v1/load-balancers/{name}/instances", web, { instances: ["127.0.0.1:2"] });
  await ask("POST", "/api/v1/load-balancers/{name}/instances", web, { instances: ["not one"] });
  await ask("POST", "/api/v1/load-balancers/{name}/instances/{id}/drain", { ...web, id: "i-1" });
  await ask("POST", "/api/v1/instances/{id}/drain", { id: "127.0.0.1:2" });
  await ask("POST", "/api/v1/instances/{id}/undrain", { id: "127.0.0.1:2" });
  await ask("DELETE", "/api/v1/load-balancers/{name}/instances/{id}", { ...web, id: "i-2" });
  await ask("DELETE", "/api/v1/load-balancers/{name}/instances/{id}", { ...web, id: "i-2" });
  await ask("POST", "/api/v1/reload");
  await ask("POST", "/api/v1/reload");
  const { value } = await ask("GET", "/api/v1/status");
  expect(value).toMatchObject({
    lastReload: { isApplied: true },
    loadBalancers: [
      {
        name: "web",
        listeners: [{ requests: 1, ownErrors: 0, latency: { count: 1 } }],
        deregistered: ["i-2"],
        instances: [
          { id: "i-1", phase: "draining", override: "drained", description: "drained by an operator", zone: "a" },
          { id: "i-3", lookUpFailure: expect.any(String) },
          { id: "127.0.0.1:2", override: "registered" },
        ],
      },
      { name: "tcp", listeners: [{ protocol: "TCP", requests: 1 }] },
    ],
  });
  await ask("GET", "/api/v1/load-balancers");
  await ask("GET", "/api/v1/load-balancers/{name}", web);
  await ask("GET", "/api/v1/load-balancers/{name}", { name: "nobody" });
  await ask("GET", "/api/v1/load-balancers/{name}/instances", web);
  await ask("POST", "/api/v1/load-balancers/{name}/instances/{id}/undrain", { ...web, id: "i-1" });
  for (const path of ["/", "/healthz", "/metrics", "/openapi.json", "/docs"]) await ask("GET", path);

  const { response, schema } = await ask("GET", "/api/v1/events");
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  tellEvent({ type: "policy", loadBalancer: "web", message: "a\nb" });
  let text = "";
  while (!text.includes("event: policy")) text += new TextDecoder().decode((await reader.read()).value);
  const [, data = ""] = /event: policy\ndata: (.*)\n\n/.exec(text) ?? [];
  expect(findDepartures(api, schema, JSON.parse(data))).toEqual([]);
  await reader.cancel();
  expect(app.streams.size).toBe(0);

  const all = Object.values(api.paths).flatMap((item) => Object.values(item).map(({ operationId }) => operationId));
  expect([...asked].sort()).toEqual(all.sort());
});
