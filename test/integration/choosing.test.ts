// Who gets traffic at all: zones and the panic threshold, through real listeners.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Attributes } from "../../src/model/attributes.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { instanceIs, withHealth } from "../support/quick-health.ts";
import { RawClient } from "../support/raw-client.ts";
import { sampleOf } from "../support/samples.ts";
import { answerText, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const ask = async (elbow: RunningElbow): Promise<string> => {
  using client = await RawClient.connect(elbow.port());
  const { status, body } = await exchange(client, "/");
  return `${status} ${body}`;
};

const asMany = async (elbow: RunningElbow, count: number): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (let round = 0; round < count; round++) {
    const answer = await ask(elbow);
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
};

const inZone = ({ port }: FakeInstance, zone: string, name: string) => ({ id: name, host: "127.0.0.1", port, zone });

test("2 + 8 instances in two zones: without crossing, a node's traffic goes to its own zone's, evenly", async () => {
  const fakes = Array.from({ length: 10 }, (_, index) => FakeInstance.start(answerText(`i${index}`)));
  const instances = fakes.map((fake, index) => inZone(fake, index < 2 ? "a" : "b", `i${index}`));
  const port = freePort();
  const at = (zone: string | undefined, crossZone: boolean) =>
    configurationOf(
      [{ protocol: "HTTP", port, instances, attributes: { crossZone } }],
      zone === undefined ? {} : { zone },
    );
  const shares = (first: number, last: number, each: number) =>
    Object.fromEntries(Array.from({ length: last - first + 1 }, (_, index) => [`200 i${first + index}`, each]));
  await using elbow = await startElbow(at("a", true));
  expect(await asMany(elbow, 20)).toEqual(shares(0, 9, 2));
  // Each gets half of this node's traffic, which is half of the whole: 25 %.
  await elbow.apply(at("a", false));
  expect(await asMany(elbow, 16)).toEqual(shares(0, 1, 8));
  // And an eighth of the other node's half: 6.25 %.
  await elbow.apply(at("b", false));
  expect(await asMany(elbow, 16)).toEqual(shares(2, 9, 2));
  await elbow.apply(at(undefined, false));
  expect(await asMany(elbow, 20)).toEqual(shares(0, 9, 2));
  // Whoever gets no traffic is registered all the same.
  await elbow.apply(at("a", false));
  expect(sampleOf("elbow_instances_in_service")).toBe(10);
  expect(elbow.status()[0]!.instances.filter(({ state }) => state === "InService")).toHaveLength(10);
  await eventually(() => fakes.slice(2).every(({ openConnections }) => openConnections === 0), {
    what: "no connection to the other zone",
  });
  // None in service in the own zone: 503, though the other has some.
  await elbow.apply(at("c", false));
  expect(await ask(elbow)).toBe("503 ");
  for (const fake of fakes) fake.stop();
});

test("with too few in service all get traffic, out of service or not, and no longer than that", async () => {
  const ill = new Set<string>();
  const start = (name: string) =>
    FakeInstance.start(
      serveHttp(({ target }) =>
        target === "/ping"
          ? formatResponse("", { status: ill.has(name) ? "500 Ill" : "200 OK" })
          : formatResponse(name),
      ),
    );
  using one = start("one");
  using two = start("two");
  using three = start("three");
  const notices: Array<string> = [];
  const end = observeNotices((text) => notices.push(text));
  const port = freePort();
  const configuration = (attributes: Partial<Attributes>) =>
    withHealth([
      { protocol: "HTTP", port, instances: [one, two, three], attributes: { balancing: "round-robin", ...attributes } },
    ]);
  await using elbow = await startElbow(configuration({ panicThreshold: 50 }));
  ill.add("one");
  await instanceIs(elbow, "OutOfService", one);
  expect(await asMany(elbow, 4)).toEqual({ "200 two": 2, "200 three": 2 });
  expect(sampleOf("elbow_panic", { load_balancer: "test" })).toBe(0);
  ill.add("two");
  await instanceIs(elbow, "OutOfService", two);
  expect(sampleOf("elbow_panic", { load_balancer: "test" })).toBe(1);
  expect(await asMany(elbow, 6)).toEqual({ "200 one": 2, "200 two": 2, "200 three": 2 });
  // In earnest: connections to those that are out of service are kept and used again.
  const before = one.connections.filter(({ requests }) => requests[0]?.target === "/").length;
  await asMany(elbow, 6);
  expect(one.connections.filter(({ requests }) => requests[0]?.target === "/").length).toBe(before);
  expect(sampleOf("elbow_instances_in_service")).toBe(1);
  expect(sampleOf("elbow_instance_in_service", { address: `127.0.0.1:${one.port}` })).toBe(0);
  ill.delete("two");
  await instanceIs(elbow, "InService", two);
  expect(sampleOf("elbow_panic", { load_balancer: "test" })).toBe(0);
  expect(await asMany(elbow, 4)).toEqual({ "200 two": 2, "200 three": 2 });
  expect(notices).toEqual([
    "test: 1 of 3 instances in service, fewer than 50 %: all of them get traffic, whatever their health",
    "test: 2 of 3 instances in service: only these get traffic again",
  ]);
  // Another threshold holds at once.
  await elbow.apply(configuration({ panicThreshold: 100 }));
  expect(await asMany(elbow, 3)).toEqual({ "200 one": 1, "200 two": 1, "200 three": 1 });
  await elbow.apply(configuration({}));
  expect(await asMany(elbow, 4)).toEqual({ "200 two": 2, "200 three": 2 });
  end();
});

test("an instance that was out of service keeps connections ahead of demand when it is back", async () => {
  let isWell = false;
  using instance = FakeInstance.start(
    serveHttp(({ target }) =>
      target === "/ping" ? formatResponse("", { status: isWell ? "200 OK" : "500 Ill" }) : formatResponse("well"),
    ),
  );
  const attributes = { minIdleConnections: 2 };
  await using elbow = await startElbow(withHealth([{ protocol: "HTTP", instances: [instance], attributes }]));
  await instanceIs(elbow, "OutOfService", instance);
  expect(elbow.status()[0]!.instances[0]!.openConnections).toBe(0);
  isWell = true;
  await instanceIs(elbow, "InService", instance);
  await eventually(() => elbow.status()[0]!.instances[0]!.openConnections === 2, { what: "two connections kept" });
});
