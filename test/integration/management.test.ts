// The management surface of a running elbow: live numbers, its errors on the wire, its Host check, and its address across
// reloads.
import { expect, setDefaultTimeout, test } from "bun:test";
import { ElbowCommand } from "../support/elbow-command.ts";
import { eventually } from "../support/eventually.ts";
import { readExposition } from "../support/exposition.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet } from "../support/scripts.ts";

setDefaultTimeout(30_000);

interface Shape {
  readonly management?: number;
  readonly listeners?: ReadonlyArray<object>;
  readonly extra?: object;
}

/** elbow with one load balancer `web` over one instance, and a way to write its file again. */
const start = async (script = greet("hello"), options: { readonly protocol?: "TCP" | "HTTP" } = {}) => {
  const instance = FakeInstance.start(script);
  const [port, management] = [freePort(), freePort()];
  const folder = makeFolder();
  const listener = (at = port) => ({ protocol: options.protocol ?? "TCP", port: at, instancePort: instance.port });
  const write = (shape: Shape = {}) =>
    folder.write("elbow.json", {
      management: { port: shape.management ?? management },
      loadBalancers: {
        web: { address: "127.0.0.1", listeners: shape.listeners ?? [listener()], instances: ["127.0.0.1"] },
      },
      ...shape.extra,
    });
  const file = write();
  const elbow = await ElbowCommand.serving(["run", "--config", file]);
  return {
    ...{ instance, port, management, listener, write, file, elbow },
    async [Symbol.asyncDispose]() {
      await elbow[Symbol.asyncDispose]();
      instance[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
};

const get = (port: number, path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);

test("the JSON view has listeners, instances and live counts", async () => {
  await using at = await start();
  const view = async () => (await (await get(at.management, "/api/v1/load-balancers")).json()) as never;
  const web = (open: number, accepted: number) => ({
    loadBalancers: [
      expect.objectContaining({
        name: "web",
        address: "127.0.0.1",
        listeners: [
          expect.objectContaining({
            ...at.listener(),
            instanceProtocol: "TCP",
            openConnections: open,
            acceptedConnections: accepted,
          }),
        ],
        instances: [expect.objectContaining({ id: "127.0.0.1", state: "InService", openConnections: open })],
      }),
    ],
  });
  expect(await view()).toEqual(web(0, 0) as never);
  {
    using client = await RawClient.connect(at.port);
    expect((await client.takeBytes(5)).toString()).toBe("hello");
    expect(await view()).toEqual(web(1, 1) as never);
  }
  await eventually(async () => {
    expect(await view()).toEqual(web(0, 1) as never);
    return true;
  });
});

test("metrics count what went through", async () => {
  await using at = await start(answerText("hello"), { protocol: "HTTP" });
  expect(await (await get(at.port, "/")).text()).toBe("hello");
  const response = await get(at.management, "/metrics");
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  expect(readExposition(text).problems).toEqual([]);
  expect(text).toMatch(/^elbow_build_info\{version="[^"]+",bun="[^"]+"\} 1$/m);
  expect(text).toMatch(/^elbow_\S*requests\S*\{[^}]*2xx[^}]*\} 1$/m);
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(new Set(names).size).toBe(names.length);
});

test("requests that don't comply are counted by class and reason, served or refused", async () => {
  await using at = await start(answerText("hello"), { protocol: "HTTP" });
  const ask = async (request: string): Promise<number> => {
    using client = await RawClient.connect(at.port);
    await client.send(request);
    return (await readResponse(client)).status;
  };
  const folded = "GET / HTTP/1.1\r\nHost: test\r\nX: a\r\n b\r\n\r\n";
  expect(await ask("GET / HTTP/1.1\r\nHost: test\r\n\r\n")).toBe(200);
  expect(await ask("GET /a b HTTP/1.1\r\nHost: test\r\n\r\n")).toBe(200);
  expect(await ask(folded)).toBe(200);
  expect(await ask(folded)).toBe(200);
  expect(await ask("GET / HTTP/1.1\r\nHost: test\r\nX: a\0b\r\n\r\n")).toBe(400);
  const text = await (await get(at.management, "/metrics")).text();
  const counts = [...text.matchAll(/^elbow_desync_requests_total\{(.*)\} (\d+)$/gm)].map(([, labels, count]) => {
    expect(labels).toContain(`load_balancer="web",listener="${at.port}",protocol="HTTP",`);
    return `${labels?.replace(/^.*,class=/, "class=")} ${count}`;
  });
  expect(counts.sort()).toEqual([
    'class="Acceptable",reason="SpaceInUri" 1',
    'class="Ambiguous",reason="MultilineHeader" 2',
    'class="Severe",reason="BadHeader" 1',
  ]);
  expect(text).toMatch(/^elbow_faults_total\{.*reason="desyncBlocked"\} 1$/m);
});

test("unknown paths, other methods and foreign Hosts get JSON on the wire", async () => {
  await using at = await start();
  const ask = async (path: string, init?: RequestInit) => {
    const response = await get(at.management, path, init);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ status: response.status });
    return response.status;
  };
  expect(await ask("/nope")).toBe(404);
  expect(await ask("/metrics", { method: "POST", body: "x" })).toBe(405);
  expect(await ask("/metrics", { headers: { host: "evil.example" } })).toBe(403);
  expect((await get(at.management, "/healthz", { headers: { host: "localhost:1" } })).status).toBe(200);
});

test("two processes never share a management port", async () => {
  await using at = await start();
  using folder = makeFolder({
    "elbow.json": {
      management: { port: at.management },
      loadBalancers: { other: { listeners: [{ protocol: "TCP", port: freePort(), instancePort: 1 }], instances: [] } },
    },
  });
  const { exitCode, stderr } = await ElbowCommand.run(["run", "--config", `${folder.path}/elbow.json`]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^elbow: cannot listen on 127\.0\.0\.1:\d+: the port is taken .*management\.port in .*\n$/);
});

test("a reload moves the management server; the old address is given up", async () => {
  await using at = await start();
  const moved = freePort();
  at.write({ management: moved });
  at.elbow.process.kill("SIGHUP");
  await at.elbow.says(/reloaded configuration/, "stdout");
  expect(at.elbow.ports).toEqual([at.port, moved]);
  expect((await get(moved, "/healthz")).status).toBe(200);
  await eventually(() =>
    RawClient.connect(at.management).then(
      (client) => {
        client.dispose();
        return false;
      },
      () => true,
    ),
  );
  expect(await (await get(moved, "/metrics")).text()).toContain("\nelbow_configuration_last_reload_successful 1\n");
});

const refused = /reload refused, everything stays as it was cause=SIGHUP\n/;

test("a bad file changes nothing and is told in the words of check", async () => {
  await using at = await start();
  at.write({ listeners: [{ protocol: "HTTPX", port: freePort() }], extra: { stray: 1 } });
  at.elbow.process.kill("SIGHUP");
  await at.elbow.says(refused);
  const { stdout: problems } = await ElbowCommand.run(["check", "--config", at.file]);
  expect(problems.trimEnd().split("\n").length).toBeGreaterThanOrEqual(3);
  expect(at.elbow.stderr).toEndWith(problems.replaceAll(/^(?=.)/gm, "  "));
  using client = await RawClient.connect(at.port);
  expect((await client.takeBytes(5)).toString()).toBe("hello");
  expect(await (await get(at.management, "/metrics")).text()).toContain("last_reload_successful 0\n");
});

test("a reload onto a taken port is refused whole: listeners and management stay where they were", async () => {
  await using at = await start();
  using taken = FakeInstance.start(greet("not elbow"));
  const [added, moved] = [freePort(), freePort()];
  at.write({ management: moved, listeners: [at.listener(added), at.listener(taken.port)] });
  at.elbow.process.kill("SIGHUP");
  await at.elbow.says(refused);
  await at.elbow.says(
    new RegExp(`cannot listen on 127\\.0\\.0\\.1:${taken.port}: .*loadBalancers\\.web\\.listeners\\[1\\]\\.port in `),
  );
  using client = await RawClient.connect(at.port);
  expect((await client.takeBytes(5)).toString()).toBe("hello");
  expect((await get(at.management, "/healthz")).status).toBe(200);
  for (const port of [added, moved]) await expect(RawClient.connect(port)).rejects.toThrow();
});

test.each([false, true])(
  "while connections finish, the management server still answers and says that it drains (moved before: %p)",
  async (isMoved) => {
    await using at = await start();
    const management = isMoved ? freePort() : at.management;
    if (isMoved) {
      at.write({ management });
      at.elbow.process.kill("SIGHUP");
      await at.elbow.says(/reloaded/, "stdout");
    }
    using client = await RawClient.connect(at.port);
    await client.takeBytes(5);
    at.elbow.process.kill("SIGTERM");
    await eventually(async () => {
      const response = await get(management, "/healthz");
      return response.status === 503 && ((await response.json()) as { status: string }).status === "draining";
    });
    expect(at.elbow.process.exitCode).toBe(null);
    await client.halfClose();
    expect(await at.elbow.exitCode()).toBe(0);
  },
);
