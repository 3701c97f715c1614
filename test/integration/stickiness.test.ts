// Clients that stay with their instances, over real sockets: who gets which request, and for how long.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { defaultHealthCheck, type HealthCheck } from "../../src/model/health-check.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { exchange, formatRequest, headerValues, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import {
  answerNamed,
  byApplication,
  byDuration,
  StickyClient,
  setValues,
  startNamed,
  startThree,
  sticking,
} from "../support/sticky-clients.ts";

setDefaultTimeout(30_000);

describe("stickiness by duration", () => {
  test("clients stay, each with its instance, until their cookie ends", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byDuration(60), three.all));
    const clients = [1, 2, 3].map(() => new StickyClient(elbow.port()));
    const firsts: Array<string> = [];
    for (const client of clients) firsts.push(await client.visit());
    expect([...firsts].sort().join("")).toBe("abc");
    for (const [index, client] of clients.entries()) {
      const { value } = client;
      expect(await client.visits()).toBe(firsts[index] as string);
      // Its end isn't put off.
      expect(client.value).toBe(value);
    }
    const [client] = clients as [StickyClient];
    client.jar.nowMs += 61_000;
    expect(client.value).toBe("");
    expect(setValues(await client.get())).toHaveLength(2);
    expect(client.value).not.toBe("");
  });

  test("an instance that can't be reached counts as no cookie: another, a new cookie, and no way back", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byDuration(), three.all));
    const client = new StickyClient(elbow.port());
    const first = await client.visit();
    const { value } = client;
    const { port } = three.of(first);
    three.of(first).stop();
    const second = await client.visit();
    expect(second).toMatch(/^[abc]$/);
    expect(second).not.toBe(first);
    expect(client.value).not.toBe(value);
    three.of(first).listen(port);
    expect(await client.visits()).toBe(second);
  });

  test("so does one that is taken out; its cookie is good again when it is back", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byDuration(), three.all));
    const [client, absent] = [new StickyClient(elbow.port()), new StickyClient(elbow.port())];
    const first = await client.visit();
    absent.jar.take(`Set-Cookie: AWSELB=${client.value};PATH=/`);
    await elbow.apply(sticking(byDuration(), three.without(first)));
    const second = await client.visit();
    expect(second).not.toBe(first);
    expect(await client.visits()).toBe(second);
    await elbow.apply(sticking(byDuration(), three.all));
    expect(await client.visits()).toBe(second);
    // A client that wasn't there meanwhile has lost nothing.
    expect(await absent.visits()).toBe(first);
  });
});

test.each([
  ["by duration", byDuration(), "/"],
  ["by the application's cookie", byApplication, "/login"],
] as const)("an instance that fails its checks can't be had: %s", async (_, stickiness, path) => {
  using three = startThree();
  const target: HealthCheck["target"] = { protocol: "HTTP", port: 9, path: "/ping" };
  const checked = { ...defaultHealthCheck, target, interval: 0.2, timeout: 0.1, healthyThreshold: 2 };
  const configuration = sticking(stickiness, three.all);
  const loadBalancers = configuration.loadBalancers.map((one) => ({ ...one, healthCheck: checked }));
  await using elbow = await startElbow({ ...configuration, loadBalancers });
  const hasOut = (isOut: boolean) =>
    elbow.status()[0]?.instances.some(({ state }) => state === "OutOfService") === isOut;
  const client = new StickyClient(elbow.port());
  const first = await client.visit(path);
  expect(await client.visits()).toBe(first);
  // It would answer: only the checks know.
  three.of(first).become(answerNamed(first, { isWell: false }));
  await eventually(() => hasOut(true), { what: "out of service" });
  const second = await client.visit();
  expect(second).not.toBe(first);
  expect(await client.visits()).toBe(second);
  three.of(first).become(answerNamed(first));
  await eventually(() => hasOut(false), { what: "in service" });
  expect(await client.visits()).toBe(second);
});

describe("stickiness by the application's cookie", () => {
  test("a session begins and ends with the application's cookie", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byApplication, three.all));
    const client = new StickyClient(elbow.port());
    expect(await client.visits(6)).toBe("abc");
    const first = await client.visit("/login");
    expect(await client.visits()).toBe(first);
    expect(setValues(await client.get())).toEqual([]);
    // Signed out: both cookies end together.
    expect(await client.visit("/logout")).toBe(first);
    expect(client.value).toBe("");
    expect(await client.visits(6)).toBe("abc");
  });

  test("ours alone binds nobody", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byApplication, three.all));
    const [client, other] = [new StickyClient(elbow.port()), new StickyClient(elbow.port())];
    await client.visit("/login");
    other.jar.take(`Set-Cookie: AWSELB=${client.value}; Path=/`);
    expect(await other.visits(6)).toBe("abc");
  });

  test("a session goes over to another instance for good, also over a reload", async () => {
    const attributes = "Path=/app; HttpOnly";
    const [a, b] = [startNamed("a", attributes), startNamed("b", attributes)];
    using _a = a;
    using _b = b;
    await using elbow = await startElbow(sticking(byApplication, [a, b]));
    const client = new StickyClient(elbow.port());
    const [first, second] = (await client.visit("/app/login")) === "a" ? [a, b] : [b, a];
    await elbow.apply(sticking(byApplication, [second]));
    const moved = await client.get("/app/x");
    const [value = ""] = setValues(moved);
    expect(headerValues(moved, "set-cookie")).toEqual([
      `AWSELB=${value};PATH=/app;HTTPONLY`,
      `AWSELBCORS=${value};PATH=/app;HTTPONLY;SECURE;SAMESITE=None`,
    ]);
    await elbow.apply(sticking(byApplication, [first, second]));
    expect(await client.visits(5, "/app/y")).toBe(moved.body.toString());
    expect(setValues(await client.get("/app/y"))).toEqual([]);
  });

  test("the same when its instance is killed", async () => {
    using three = startThree();
    await using elbow = await startElbow(sticking(byApplication, three.all));
    const client = new StickyClient(elbow.port());
    const first = await client.visit("/login");
    const { port } = three.of(first);
    three.of(first).stop();
    const second = await client.visit();
    expect(second).toMatch(/^[abc]$/);
    three.of(first).listen(port);
    expect(await client.visits()).toBe(second);
    expect(second).not.toBe(first);
  });

  test.each([
    ["Path=/app", "/app/login", "site.test"],
    ["Path=/; Domain=site.test", "/login", "www.site.test"],
    ["HttpOnly", "/deep/er/login", "site.test"],
  ])("whatever other clients are given, and over a restart: %s", async (attributes, path, host) => {
    using three = startThree(attributes);
    const configuration = sticking(byApplication, three.all, { secrets: ["a secret that is long enough to be one"] });
    const client = new StickyClient(0, host);
    let first = "";
    {
      await using before = await startElbow(configuration);
      client.port = before.port();
      first = await client.visit(path);
      expect(client.countAt(path)).toBe(1);
    }
    await using elbow = await startElbow(configuration);
    client.port = elbow.port();
    await new StickyClient(elbow.port()).visit("/other/login");
    const { port } = three.of(first);
    three.of(first).stop();
    const second = await client.visits(6, path.replace("login", "x"));
    expect(second).toMatch(/^[abc]$/);
    expect(second).not.toBe(first);
    three.of(first).listen(port);
    expect(await client.visits(6, path.replace("login", "y"))).toBe(second);
    expect(client.countAt(path)).toBe(1);
    // The application sets its cookie anew, and takes it back.
    expect(await client.visit(path)).toBe(second);
    expect(await client.visits(3, path.replace("login", "z"))).toBe(second);
    await client.visit(path.replace("in", "out"));
    expect(client.countAt(path)).toBe(0);
  });

  test("two sessions in one browser, each with its instance: one's change isn't the other's", async () => {
    using three = startThree("Path=/app");
    await using elbow = await startElbow(sticking(byApplication, three.all));
    const client = new StickyClient(elbow.port());
    const first = await client.visit("/app/login");
    const other = await client.visit("/other/login");
    expect(other).not.toBe(first);
    const { port } = three.of(first);
    three.of(first).stop();
    const second = await client.visits(5, "/app/x");
    expect(second).toMatch(/^[abc]$/);
    three.of(first).listen(port);
    expect(await client.visits(5, "/app/x")).toBe(second);
    expect(await client.visits(5, "/other/x")).toBe(other);
  });
});

test("on one connection every request goes where its own cookie says, also when all are sent at once", async () => {
  using three = startThree();
  await using elbow = await startElbow(sticking(byDuration(), three.all));
  using client = await RawClient.connect(elbow.port());
  const values = new Map<string, string>();
  for (let index = 0; index < 3; index++) {
    const answer = await exchange(client, "/");
    values.set(answer.body.toString(), setValues(answer)[0] ?? "");
  }
  const order = "cabbacbaacccabab";
  const requests = [...order].map((name) =>
    formatRequest("/", { headers: [["Cookie", `x=1; AWSELB=${values.get(name)}`]] }),
  );
  await client.send(Buffer.concat(requests));
  let answered = "";
  for (const _ of order) {
    const answer = await readResponse(client);
    answered += answer.body.toString();
    expect(setValues(answer)).toEqual([]);
  }
  expect(answered).toBe(order);
});

test("an instance that takes no share gets those whose cookie names it, and nobody else", async () => {
  using three = startThree();
  await using elbow = await startElbow(sticking(byDuration(), three.all));
  const client = new StickyClient(elbow.port());
  const first = await client.visit();
  const instances = three.all.map(({ port }) => ({
    ...{ id: `127.0.0.1:${port}`, host: "127.0.0.1", port },
    weight: port === three.of(first).port ? 0 : 1,
  }));
  const listeners = [{ stickiness: byDuration() }];
  await elbow.apply(configurationOf([{ name: "web", protocol: "HTTP", listeners, instances }]));
  expect(await client.visits()).toBe(first);
  const others = new Set<string>();
  for (let index = 0; index < 8; index++) others.add(await new StickyClient(elbow.port()).visit());
  expect([...others].sort().join("")).toBe("abc".replace(first, ""));
});
