// The management app without a socket: routes, problem documents, and what is refused before anything is looked at.
import { expect, spyOn, test } from "bun:test";
import { Effect } from "effect";
import { type AdminSources, makeAdminApp } from "../../../src/admin/app.ts";
import { operations } from "../../../src/admin/operations.ts";
import { bodyMaxBytes } from "../../../src/admin/request-body.ts";
import { InstanceNotRegistered, LoadBalancerNotFound } from "../../../src/control/changes.ts";
import type { ReloadReport } from "../../../src/control/reload-report.ts";
import { adminSources, askAdmin, askOnce } from "../../support/admin.ts";

const expectProblem = async (response: Response, code: number, title: string, detail: RegExp) => {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const problem = (await response.json()) as { readonly problems?: unknown };
  expect(problem).toMatchObject({ type: "about:blank", title, status: code, detail: expect.stringMatching(detail) });
  expect(response.status).toBe(code);
  return problem.problems;
};

test.each([
  ["starting", 503],
  ["serving", 200],
  ["draining", 503],
] as const)("/healthz says %s with %d", async (readiness, code) => {
  const response = await askOnce("/healthz", {}, { readiness: () => readiness });
  expect(response.status).toBe(code);
  expect(await response.json()).toEqual({ status: readiness });
});

test("/metrics is the Prometheus text format", async () => {
  const response = await askOnce("/metrics");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  expect(await response.text()).toBe("# HELP m h\n# TYPE m counter\nm 7\n");
});

test("the status is read anew for each request, and nobody keeps it", async () => {
  let calls = 0;
  const sources = adminSources();
  const app = makeAdminApp({
    ...sources,
    control: {
      ...sources.control,
      status: () => {
        calls++;
        return [];
      },
    },
  });
  for (let round = 1; round <= 2; round++) {
    const response = await askAdmin(app, "/api/v1/load-balancers");
    expect(await response.json()).toEqual({ loadBalancers: [] });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(calls).toBe(round);
  }
});

test("/ names the version and every path", async () => {
  const index = (await (await askOnce("/")).json()) as { readonly paths: ReadonlyArray<string> };
  expect(index).toMatchObject({ name: "elbow", version: "1.2.3" });
  expect([...index.paths].sort()).toEqual([...new Set(operations.map(({ path }) => path))].sort());
});

test("HEAD is answered like GET, without the body", async () => {
  const response = await askOnce("/healthz", { method: "HEAD" });
  expect(response.status).toBe(200);
  expect(response.headers.get("content-length")).toBe(String('{"status":"serving"}'.length));
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await response.text()).toBe("");
});

test.each(["/nope", "/healthz/", "/api/v1", "/api/v1/load-balancers/web/instances/a/b", "//healthz"])(
  "%s is unknown for every method",
  async (path) => {
    for (const method of ["GET", "DELETE"]) {
      await expectProblem(await askOnce(path, { method }), 404, "Not Found", /^There is nothing at /);
    }
  },
);

test.each([
  ["/metrics", "GET, HEAD"],
  ["/api/v1/load-balancers/web/instances", "GET, POST, HEAD"],
  ["/api/v1/reload", "POST"],
])("other methods on %s: 405, allowed are %s", async (path, allow) => {
  for (const method of ["PUT", "PATCH", "OPTIONS"]) {
    const response = await askOnce(path, { method });
    expect(response.headers.get("allow")).toBe(allow);
    await expectProblem(response, 405, "Method Not Allowed", new RegExp(method));
  }
});

test("a source that fails is a 500 that says nothing of the inside", async () => {
  const said: Array<string> = [];
  const spy = spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
  try {
    const metrics = () => {
      throw new Error("secret");
    };
    await expectProblem(await askOnce("/metrics", {}, { metrics }), 500, "Internal Server Error", /^(?!.*secret)/);
  } finally {
    spy.mockRestore();
  }
  expect(said.join("")).toContain("secret");
});

test("a body whose client has gone is no line in the log", async () => {
  const said: Array<string> = [];
  const spy = spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
  try {
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error(""));
      },
    });
    const headers = { "content-type": "application/json" };
    const response = await askOnce(instancesPath, { method: "POST", body, headers });
    await expectProblem(response, 400, "Bad Request", /not come to its end/);
  } finally {
    spy.mockRestore();
  }
  expect(said).toEqual([]);
});

const instancesPath = "/api/v1/load-balancers/web/instances";

/** Asks for a registration, and counts whether it came to one. */
const register = async (body: string | Uint8Array<ArrayBuffer>, type: string | undefined = "application/json") => {
  let registered: ReadonlyArray<string> | undefined;
  const sources = adminSources();
  const control: AdminSources["control"] = {
    ...sources.control,
    register: (_, instances) =>
      Effect.sync(() => {
        registered = instances;
      }),
  };
  const headers = type === undefined ? {} : { "content-type": type };
  const app = makeAdminApp({ ...sources, control });
  return {
    response: await askAdmin(app, instancesPath, { method: "POST", body, headers }),
    registered: () => registered,
  };
};

test.each<readonly [string, string | Uint8Array<ArrayBuffer>, string, number, string, RegExp]>([
  ["broken JSON, with its place", '{"instances": [\n"a",]}', "application/json", 400, "Bad Request", /^body:2:5: /],
  [
    "a key written twice",
    '{"instances": [], "instances": []}',
    "application/json",
    400,
    "Bad Request",
    /twice|already/,
  ],
  ["no body", "", "application/json", 400, "Bad Request", /missing/],
  ["no UTF-8", new Uint8Array([0x22, 0xff, 0x22]), "application/json", 400, "Bad Request", /UTF-8/],
  ["depths", "[".repeat(60_000), "application/json", 400, "Bad Request", /deep|syntax/],
  ["a form", "instances=1", "application/x-www-form-urlencoded", 415, "Unsupported Media Type", /application\/json/],
  ["JSON under another name", "{}", "text/plain", 415, "Unsupported Media Type", /text\/plain/],
  ["too much", " ".repeat(bodyMaxBytes + 1), "application/json", 413, "Content Too Large", /65536/],
  ["an unknown key", '{"instance": []}', "application/json", 422, "Unprocessable Content", /2 problems/],
  [
    "a wrong type",
    '{"instances": [1]}',
    "application/json",
    422,
    "Unprocessable Content",
    /^instances\[0\]: 1 is not an instance/,
  ],
  ["a list", "[]", "application/json", 422, "Unprocessable Content", /^body: an empty list is not/],
])("a body with %s is refused, and nothing is changed", async (_, body, type, code, title, detail) => {
  const { response, registered } = await register(body, type);
  await expectProblem(response, code, title, detail);
  expect(registered()).toBeUndefined();
});

test("a body of the longest length and any spelling of its type is taken", async () => {
  const body = `{"instances": ["a"]}`.padEnd(bodyMaxBytes);
  const { registered } = await register(body, "Application/JSON; charset=utf-8");
  expect(registered()).toEqual(["a"]);
});

test("what means nothing is refused where no body is expected; none and {} are taken", async () => {
  const reload = (body?: string) =>
    askOnce("/api/v1/reload", {
      method: "POST",
      ...(body === undefined ? {} : { body, headers: { "content-type": "application/json" } }),
    });
  await expectProblem(await reload('{"now": true}'), 400, "Bad Request", /none/);
  for (const body of [undefined, "", " {} "]) {
    await expectProblem(
      await reload(body),
      409,
      "Conflict",
      /nothing to reload: elbow runs without a configuration file/,
    );
  }
});

const report: ReloadReport = {
  cause: "API",
  at: "2026-01-02T03:04:05.000Z",
  durationMs: 3,
  isApplied: true,
  problems: [],
};

test("a reload answers its report, or every problem", async () => {
  const applied = await askOnce("/api/v1/reload", { method: "POST" }, { reload: async () => report });
  expect(await applied.json()).toEqual(report);
  const problems = ["a: is wrong (expected b)", "c: is wrong (expected d)"];
  const reload = async () => ({ ...report, isApplied: false, problems });
  const refused = await askOnce("/api/v1/reload", { method: "POST" }, { reload });
  expect(await expectProblem(refused, 422, "Unprocessable Content", /2 problems/)).toEqual(problems);
  const late = { reload: () => new Promise<never>(() => {}), readiness: () => "draining" as const };
  const ending = await askOnce("/api/v1/reload", { method: "POST" }, late);
  await expectProblem(ending, 503, "Service Unavailable", /shutting down/);
});

test("what control doesn't know is a 404 in its words", async () => {
  const { control } = adminSources();
  const missing = new InstanceNotRegistered({ loadBalancer: "web", ids: ["i-1"] });
  const overrides = {
    control: {
      ...control,
      drain: () => Effect.fail(missing),
      register: () => Effect.fail(new LoadBalancerNotFound({ loadBalancer: "web" })),
    },
  };
  const drained = await askOnce(`${instancesPath}/i-1/drain`, { method: "POST" }, overrides);
  await expectProblem(drained, 404, "Not Found", /^Not registered with "web": "i-1"\.$/);
  const init = { method: "POST", body: '{"instances":[]}', headers: { "content-type": "application/json" } };
  const registered = await askOnce(instancesPath, init, overrides);
  await expectProblem(registered, 404, "Not Found", /^There is no load balancer "web"\.$/);
});
