// Policies that pick among the instances, by tags or ids: balancing, sessions, retries and waiting all stay among those picked.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Instance } from "../../src/model/instance.ts";
import { refuse, type Selection } from "../../src/policy/index.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import { type Hooks, startWithPolicies, usesOf } from "../support/policy-elbow.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet, serveHttp } from "../support/scripts.ts";
import { metricOf } from "../support/tls-counts.ts";

setDefaultTimeout(30_000);

const instanceOf = ({ port }: { readonly port: number }, id: string, tags?: Instance["tags"]): Instance => ({
  id,
  host: "127.0.0.1",
  port,
  ...(tags && { tags }),
});

/** Blue 1 and 2, green 3. */
const startColors = () => {
  const servers = [1, 2, 3].map((number) => FakeInstance.start(answerText(`i-${number}`)));
  const instances = servers.map((server, index) => {
    const color = index < 2 ? "blue" : "green";
    return instanceOf(server, `i-${index + 1}`, { color, host: "api" });
  });
  return {
    servers,
    instances,
    [Symbol.dispose]() {
      for (const server of servers) server.stop();
    },
  };
};

const colors: Readonly<Record<string, Selection>> = {
  "/blue": { tags: { color: "blue" } },
  "/green": { tags: { host: "api", color: "green" } },
  "/two": { instances: ["i-2"] },
  "/none": { instances: [] },
  "/red": { tags: { color: "red" } },
  "/red-or-any": { tags: { color: "red" }, orElse: "any" },
};

const byPath: Hooks = { pick: (_, request) => ("path" in request ? colors[request.path] : undefined) };

const ask = async (client: RawClient, path: string): Promise<string> => {
  const response = await exchange(client, path);
  return response.status === 200 ? response.body.toString() : String(response.status);
};

test("requests go to those picked, balanced among them", async () => {
  using ground = startColors();
  await using elbow = await startWithPolicies(byPath, {
    instances: ground.instances,
    attributes: { balancing: "round-robin" },
  });
  using client = await RawClient.connect(elbow.port());
  const ofMany = async (path: string) => {
    const answers: Array<string> = [];
    for (let index = 0; index < 6; index++) answers.push(await ask(client, path));
    return answers.sort();
  };
  expect(await ofMany("/blue")).toEqual(["i-1", "i-1", "i-1", "i-2", "i-2", "i-2"]);
  expect(await ofMany("/green")).toEqual(Array(6).fill("i-3"));
  expect(await ofMany("/two")).toEqual(Array(6).fill("i-2"));
  expect(await ofMany("/all")).toEqual(["i-1", "i-1", "i-2", "i-2", "i-3", "i-3"]);
  expect(await ofMany("/none")).toEqual(Array(6).fill("503"));
  expect(await ofMany("/red")).toEqual(Array(6).fill("503"));
  expect(await ofMany("/red-or-any")).toEqual(["i-1", "i-1", "i-2", "i-2", "i-3", "i-3"]);
  expect(elbow.outstanding()).toBe(0);
});

test.each(["sync", "async"])("the last policy that picks decides, %s", async (how) => {
  using ground = startColors();
  const wrap = <A>(value: A): A | Promise<A> => (how === "sync" ? value : Promise.resolve(value));
  const policies: ReadonlyArray<Hooks> = [
    { deadlineMs: 5000, pick: () => wrap(colors["/blue"]) },
    { deadlineMs: 5000, pick: () => wrap(colors["/green"]) },
    { deadlineMs: 5000, pick: () => wrap(undefined) },
    { deadlineMs: 5000, admit: () => wrap(undefined) },
  ];
  await using elbow = await startWithPolicies(policies, { instances: ground.instances });
  using client = await RawClient.connect(elbow.port());
  for (let index = 0; index < 4; index++) expect(await ask(client, "/")).toBe("i-3");
});

test.each([
  ["nothing to pick by", {}],
  ["ids that are no list", { instances: "i-1" }],
  ["a tag that is no text", { tags: { color: 1 } }],
  ["an unknown orElse", { tags: {}, orElse: "some" }],
  ["an instance alone", "i-1"],
  ["a refusal", refuse()],
])("%s is an error of the policy", async (_, value) => {
  using ground = startColors();
  await using elbow = await startWithPolicies({ pick: () => value as never }, { instances: ground.instances });
  using client = await RawClient.connect(elbow.port());
  expect(await ask(client, "/")).toBe("500");
});

test("a retry stays among those picked", async () => {
  using well = FakeInstance.start(answerText("other"));
  using dying = FakeInstance.start(
    serveHttp(async (_, connection) => {
      await connection.close();
      return undefined;
    }),
  );
  using spare = FakeInstance.start(answerText("spare"));
  const instances = [
    instanceOf(well, "i-0"),
    instanceOf(dying, "i-1", { color: "blue" }),
    instanceOf(spare, "i-2", { color: "blue" }),
  ];
  await using elbow = await startWithPolicies(byPath, { instances, attributes: { balancing: "round-robin" } });
  using client = await RawClient.connect(elbow.port());
  for (let index = 0; index < 6; index++) expect(await ask(client, "/blue")).toBe("spare");
  expect(well.requests).toEqual([]);
});

test("who finds those picked full waits for one of them, and only for them", async () => {
  const held: Array<() => void> = [];
  const holding = serveHttp(async () => {
    await new Promise<void>((resolve) => held.push(resolve));
    return formatResponse("blue");
  });
  using blue = FakeInstance.start(holding);
  using green = FakeInstance.start(answerText("green"));
  const instances = [
    { ...instanceOf(blue, "i-1", { color: "blue" }), maxConnections: 1 },
    instanceOf(green, "i-2", { color: "green", host: "api" }),
  ];
  await using elbow = await startWithPolicies(byPath, { instances });
  using first = await RawClient.connect(elbow.port());
  using second = await RawClient.connect(elbow.port());
  using third = await RawClient.connect(elbow.port());
  await first.send(formatRequest("/blue"));
  await eventually(() => held.length === 1);
  await second.send(formatRequest("/blue"));
  await eventually(() => metricOf("elbow_surge_queue_length", { load_balancer: "test" }) === 1);
  expect(await ask(third, "/green")).toBe("green");
  held[0]?.();
  expect((await readResponse(first)).body.toString()).toBe("blue");
  await eventually(() => held.length === 2);
  held[1]?.();
  expect((await readResponse(second)).body.toString()).toBe("blue");
  expect(green.requests.length).toBe(1);
});

test("a reload that changes tags is followed, also by those who wait", async () => {
  using ground = startColors();
  const listeners = [{ port: 0, policies: usesOf([byPath]), protocol: "HTTP" as const }];
  await using elbow = await startWithPolicies(byPath, { instances: ground.instances });
  using client = await RawClient.connect(elbow.port());
  expect(await ask(client, "/green")).toBe("i-3");
  const repainted = ground.instances.map((one) => ({
    ...one,
    tags: { ...one.tags, color: one.id === "i-1" ? "green" : "blue" },
  }));
  await elbow.apply(configurationOf([{ protocol: "HTTP", listeners, instances: repainted, attributes: {} }]));
  for (let index = 0; index < 4; index++) expect(await ask(client, "/green")).toBe("i-1");
});

describe("a cookie", () => {
  test("whose instance isn't among those picked is ignored", async () => {
    using ground = startColors();
    const stickiness = { type: "LBCookieStickinessPolicyType", attributes: {} };
    await using elbow = await startElbow({
      protocol: "HTTP",
      instances: ground.instances,
      listeners: [{ policies: usesOf([byPath]), stickiness: stickiness as never }],
    });
    using client = await RawClient.connect(elbow.port());
    const response = await exchange(client, "/two");
    const cookie = response.headers.find(([name]) => name.toLowerCase() === "set-cookie")?.[1].split(";")[0] ?? "";
    expect(cookie).not.toBe("");
    const headers = [["Cookie", cookie]] as const;
    for (let index = 0; index < 3; index++) {
      expect((await exchange(client, "/", { headers })).body.toString()).toBe("i-2");
      expect((await exchange(client, "/green", { headers })).body.toString()).toBe("i-3");
    }
  });
});

test("layer-4 connections go to those picked", async () => {
  using one = FakeInstance.start(greet("one"));
  using two = FakeInstance.start(greet("two"));
  const instances = [instanceOf(one, "i-1"), instanceOf(two, "i-2")];
  const policy: Hooks = { deadlineMs: 5000, pick: async () => colors["/two"] };
  await using elbow = await startWithPolicies(policy, { protocol: "TCP", instances });
  for (let index = 0; index < 3; index++) {
    using client = await RawClient.connect(elbow.port());
    expect(String(await client.takeBytes(3))).toBe("two");
  }
  expect(one.connections).toEqual([]);
});
