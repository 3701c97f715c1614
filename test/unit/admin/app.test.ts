// The management app without a socket: routes, problem documents, and the Host check in front of everything.
import { expect, test } from "bun:test";
import { type AdminSources, makeAdminApp } from "../../../src/admin/app.ts";

const status: ReturnType<AdminSources["status"]> = [
  {
    name: "web",
    address: "127.0.0.1",
    listeners: [
      {
        protocol: "HTTP",
        port: 8080,
        address: "127.0.0.1",
        instanceProtocol: "HTTP",
        instancePort: 80,
        openConnections: 2,
        acceptedConnections: 5,
      },
    ],
    instances: [],
  },
];

const makeApp = (overrides: Partial<AdminSources> = {}) =>
  makeAdminApp({
    version: "1.2.3",
    address: "127.0.0.1",
    readiness: () => "serving",
    status: () => status,
    metrics: () => [{ name: "m", help: "h", type: "counter", samples: [{ labels: {}, value: 7 }] }],
    ...overrides,
  });

const ask = (path: string, init: RequestInit = {}, overrides: Partial<AdminSources> = {}) =>
  makeApp(overrides).request(path, { ...init, headers: { host: "localhost:9090", ...init.headers } });

test.each([
  ["starting", 503],
  ["serving", 200],
  ["draining", 503],
] as const)("/healthz says %s with %d", async (readiness, code) => {
  const response = await ask("/healthz", {}, { readiness: () => readiness });
  expect(response.status).toBe(code);
  expect(await response.json()).toEqual({ status: readiness });
});

test("/metrics is the Prometheus text format", async () => {
  const response = await ask("/metrics");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await response.text()).toBe("# HELP m h\n# TYPE m counter\nm 7\n");
});

test("/api/v1/load-balancers is the live status, asked anew each time", async () => {
  let calls = 0;
  const app = makeApp({
    status: () => {
      calls++;
      return status;
    },
  });
  for (let round = 1; round <= 2; round++) {
    const response = await app.request("/api/v1/load-balancers", { headers: { host: "127.0.0.1" } });
    expect(await response.json()).toEqual({ loadBalancers: JSON.parse(JSON.stringify(status)) });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(calls).toBe(round);
  }
});

test("/ names the version and every path", async () => {
  expect(await (await ask("/")).json()).toEqual({
    name: "elbow",
    version: "1.2.3",
    paths: ["/", "/healthz", "/metrics", "/api/v1/load-balancers"],
  });
});

test("HEAD is answered like GET, without the body", async () => {
  const response = await ask("/healthz", { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(await response.text()).toBe("");
});

const expectProblem = async (response: Response, code: number, title: string, detail: RegExp) => {
  expect(response.status).toBe(code);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as Record<string, unknown>;
  expect(problem).toEqual({ type: "about:blank", title, status: code, detail: expect.stringMatching(detail) });
};

test.each(["/nope", "/healthz/", "/api/v1", "/api/v1/load-balancers/web", "//healthz"])(
  "%s is unknown: a JSON 404",
  async (path) => {
    await expectProblem(await ask(path), 404, "Not Found", /^There is nothing at /);
  },
);

test("an unknown path is a 404 for every method", async () => {
  await expectProblem(await ask("/nope", { method: "DELETE" }), 404, "Not Found", /\/nope/);
});

test.each(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])(
  "%s on a known path: a JSON 405 with Allow",
  async (method) => {
    const response = await ask("/metrics", { method });
    expect(response.headers.get("allow")).toBe("GET, HEAD");
    await expectProblem(response, 405, "Method Not Allowed", new RegExp(method));
  },
);

test("a foreign Host is refused before anything is looked at", async () => {
  let calls = 0;
  const overrides = {
    metrics: () => {
      calls++;
      return [];
    },
  };
  await expectProblem(
    await ask("/metrics", { headers: { host: "evil.example" } }, overrides),
    403,
    "Forbidden",
    /"evil\.example" is not a name of this server/,
  );
  await expectProblem(await ask("/nope", { headers: { host: "evil.example:9090" } }), 403, "Forbidden", /evil/);
  expect(calls).toBe(0);
});

test("no Host at all is refused", async () => {
  await expectProblem(await makeApp().request("/healthz"), 403, "Forbidden", /Host header is missing/);
});

test("a source that fails is a JSON 500 that says nothing of the inside", async () => {
  const said: Array<string> = [];
  const write = process.stderr.write;
  process.stderr.write = ((text: string) => said.push(text) > 0) as typeof process.stderr.write;
  try {
    const response = await ask(
      "/metrics",
      {},
      {
        metrics: () => {
          throw new Error("secret");
        },
      },
    );
    await expectProblem(response, 500, "Internal Server Error", /^(?!.*secret)/);
  } finally {
    process.stderr.write = write;
  }
  expect(said.join("")).toContain("secret");
});
