// Balancing at work, through real listeners: what each protocol does by itself, what the attribute asks for, weights, and
// turns that survive a reload.
import { expect, setDefaultTimeout, test } from "bun:test";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const ask = async (elbow: RunningElbow): Promise<string> => {
  using client = await RawClient.connect(elbow.port());
  return (await exchange(client, "/")).body.toString();
};

const asMany = async (elbow: RunningElbow, count: number): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (let round = 0; round < count; round++) {
    const name = await ask(elbow);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
};

test("HTTP: an instance that doesn't answer gets one request, and the others the rest", async () => {
  using stuck = FakeInstance.start(async (connection) => {
    await connection.readRequest();
    await connection.receiveEnd(20_000);
  });
  using one = FakeInstance.start(answerText("one"));
  using two = FakeInstance.start(answerText("two"));
  await using elbow = await startElbow({ protocol: "HTTP", instances: [stuck, one, two] });
  using waiting = await RawClient.connect(elbow.port());
  // Ties go by turns, and the list begins with it.
  await waiting.send(formatRequest("/"));
  await eventually(() => elbow.outstanding() === 1, { what: "a request that waits" });
  expect(await asMany(elbow, 20)).toEqual({ one: 10, two: 10 });
  expect(stuck.connections).toHaveLength(1);
});

test("TCP: each in turn, whatever they have in progress; a reload leaves the turn alone", async () => {
  using one = FakeInstance.start(greet("one"));
  using two = FakeInstance.start(greet("two"));
  using three = FakeInstance.start(greet("three"));
  const port = freePort();
  const configuration = (idleTimeout: number) =>
    configurationOf([{ protocol: "TCP", port, instances: [one, two, three], attributes: { idleTimeout } }]);
  await using elbow = await startElbow(configuration(60));
  const clients: Array<RawClient> = [];
  const names: Array<string> = [];
  for (let round = 0; round < 7; round++) {
    if (round === 4) await elbow.apply(configuration(30));
    const client = await RawClient.connect(port);
    clients.push(client);
    await client.waitFor(() => client.availableBytes > 0, "a greeting");
    names.push(client.takeAvailable().toString().trim());
  }
  expect(names).toEqual(["one", "two", "three", "one", "two", "three", "one"]);
  for (const client of clients) client.dispose();
});

test("the attribute: a client stays with its instance by consistent hash; weights are shares", async () => {
  const names = ["a", "b", "c", "d"];
  const instances = names.map((name) => FakeInstance.start(answerText(name)));
  const port = freePort();
  await using elbow = await startElbow(
    configurationOf([{ protocol: "HTTP", port, instances, attributes: { balancing: "consistent-hash" } }]),
  );
  const counts = await asMany(elbow, 10);
  expect(Object.values(counts)).toEqual([10]);
  const [chosen] = Object.keys(counts);
  // Whoever else leaves, it stays.
  const other = instances[names.findIndex((name) => name !== chosen)]!;
  const staying = instances.filter((instance) => instance !== other);
  await elbow.apply(
    configurationOf([{ protocol: "HTTP", port, instances: staying, attributes: { balancing: "consistent-hash" } }]),
  );
  expect(await asMany(elbow, 5)).toEqual({ [chosen!]: 5 });
  const weighted = configurationOf([
    { protocol: "HTTP", port, instances: instances.slice(0, 2), attributes: { balancing: "round-robin" } },
  ]);
  const [loadBalancer] = weighted.loadBalancers;
  const [heavy, light] = loadBalancer!.instances;
  await elbow.apply({
    ...weighted,
    loadBalancers: [
      {
        ...loadBalancer!,
        instances: [
          { ...heavy!, weight: 3 },
          { ...light!, weight: 1 },
        ],
      },
    ],
  });
  expect(await asMany(elbow, 40)).toEqual({ a: 30, b: 10 });
  for (const instance of instances) instance.stop();
});
