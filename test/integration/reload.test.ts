// Applying a new configuration under live traffic: listeners and instances come and go, everything that did not change
// goes on undisturbed, and a configuration that can't be applied changes nothing.
import { expect, setDefaultTimeout, test } from "bun:test";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, header } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, greet } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const hear = async (port: number): Promise<string> => {
  using client = await RawClient.connect(port);
  await client.halfClose();
  return (await client.takeToEnd()).toString();
};

const speak = async (client: RawClient, text: string): Promise<string> => {
  await client.send(text);
  return (await client.takeBytes(text.length)).toString();
};

test("a listener that is added serves, one that is removed refuses, and the one between never notices", async () => {
  using instance = FakeInstance.start(echo);
  const [kept, removed, added] = [freePort(), freePort(), freePort()];
  const withPorts = (...ports: ReadonlyArray<number>) =>
    configurationOf([{ instances: [instance], listeners: ports.map((port) => ({ port })) }]);
  await using elbow = await startElbow(withPorts(kept, removed));
  using through = await RawClient.connect(kept);
  using onRemoved = await RawClient.connect(removed);
  expect(await speak(through, "before")).toBe("before");
  expect(await speak(onRemoved, "before")).toBe("before");

  await elbow.apply(withPorts(kept, added));
  await expect(RawClient.connect(removed)).rejects.toThrow();
  using onAdded = await RawClient.connect(added);
  expect(await speak(onAdded, "new")).toBe("new");
  expect(await speak(through, "after")).toBe("after");
  // A layer-4 connection keeps what it was built with.
  expect(await speak(onRemoved, "after")).toBe("after");
  using fresh = await RawClient.connect(kept);
  expect(await speak(fresh, "fresh")).toBe("fresh");
  expect(
    elbow
      .status()[0]!
      .listeners.map(({ port }) => port)
      .sort(),
  ).toEqual([kept, added].sort());
});

test("connections made while reloads go on are all served", async () => {
  using a = FakeInstance.start(echo);
  using b = FakeInstance.start(echo);
  const port = freePort();
  const one = configurationOf([{ port, instances: [a] }]);
  const both = configurationOf([{ port, instances: [a, b] }]);
  await using elbow = await startElbow(one);
  let isOver = false;
  const reloading = (async () => {
    for (let round = 0; round < 30; round++) {
      await elbow.apply(round % 2 === 0 ? both : one);
      await Bun.sleep(1);
    }
    isOver = true;
  })();
  let served = 0;
  while (!isOver) {
    using client = await RawClient.connect(port);
    expect(await speak(client, "hello")).toBe("hello");
    served++;
  }
  await reloading;
  expect(served).toBeGreaterThan(5);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("instances that are added take their turn, removed ones get no new connection and keep the old", async () => {
  using a = FakeInstance.start(greet("a"));
  using b = FakeInstance.start(greet("b"));
  using c = FakeInstance.start(greet("c"));
  const port = freePort();
  await using elbow = await startElbow(configurationOf([{ port, instances: [a, b] }]));
  using old = await Promise.all([RawClient.connect(port), RawClient.connect(port)]).then(async (clients) => {
    const texts = await Promise.all(clients.map((client) => client.takeBytes(1)));
    const onA = texts.findIndex((text) => text.toString() === "a");
    clients[1 - onA]!.dispose();
    return clients[onA]!;
  });
  await elbow.apply(configurationOf([{ port, instances: [b, c] }]));
  const heard = new Set<string>();
  for (let round = 0; round < 6; round++) heard.add(await hear(port));
  expect([...heard].sort()).toEqual(["b", "c"]);
  expect(old.ending).toBe("open");
  await old.halfClose();
  expect(await old.receiveEnd()).toBe("eof");
});

test("a load balancer that is added or removed leaves the others alone", async () => {
  using a = FakeInstance.start(echo);
  const [first, second] = [freePort(), freePort()];
  const one = { name: "one", port: first, instances: [a] };
  const two = { name: "two", port: second, instances: [a] };
  await using elbow = await startElbow(configurationOf([one]));
  using through = await RawClient.connect(first);
  expect(await speak(through, "1")).toBe("1");
  await elbow.apply(configurationOf([one, two]));
  using other = await RawClient.connect(second);
  expect(await speak(other, "2")).toBe("2");
  await elbow.apply(configurationOf([two]));
  await expect(RawClient.connect(first)).rejects.toThrow();
  expect(await speak(other, "3")).toBe("3");
  expect(elbow.status().map(({ name }) => name)).toEqual(["two"]);
});

test("a port that is taken: nothing of the new configuration is applied", async () => {
  using a = FakeInstance.start(echo);
  using taken = FakeInstance.start(echo);
  const [kept, wanted] = [freePort(), freePort()];
  await using elbow = await startElbow(configurationOf([{ port: kept, instances: [a] }]));
  const bad = configurationOf([{ instances: [a], listeners: [{ port: wanted }, { port: taken.port }] }]);
  const error = await elbow.apply(bad).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ _tag: "BindError", port: taken.port, code: "EADDRINUSE" });
  await expect(RawClient.connect(wanted)).rejects.toThrow();
  using client = await RawClient.connect(kept);
  expect(await speak(client, "kept")).toBe("kept");
  expect(elbow.status()[0]!.listeners.map(({ port }) => port)).toEqual([kept]);
});

test("a start on a taken port leaves nothing behind", async () => {
  using a = FakeInstance.start(echo);
  using taken = FakeInstance.start(echo);
  const free = freePort();
  const bad = configurationOf([{ instances: [a], listeners: [{ port: free }, { port: taken.port }] }]);
  await expect(startElbow(bad)).rejects.toMatchObject({ _tag: "BindError", port: taken.port });
  await expect(RawClient.connect(free)).rejects.toThrow();
});

test("a listener may change its protocol and back, on the same port", async () => {
  using http = FakeInstance.start(answerText("over http"));
  const port = freePort();
  const as = (protocol: "HTTP" | "TCP") => configurationOf([{ port, protocol, instances: [http] }]);
  await using elbow = await startElbow(as("TCP"));
  for (const protocol of ["HTTP", "TCP", "HTTP"] as const) {
    await elbow.apply(as(protocol));
    using client = await RawClient.connect(port);
    expect((await exchange(client, "/")).body.toString()).toBe("over http");
    const forwarded = header(http.requests.at(-1)!, "x-forwarded-port");
    expect(forwarded).toBe(protocol === "HTTP" ? String(port) : undefined);
  }
});

test("a kept-alive HTTP connection reads the new configuration at its next request", async () => {
  using a = FakeInstance.start(answerText("a"));
  using b = FakeInstance.start(answerText("b"));
  const port = freePort();
  await using elbow = await startElbow(configurationOf([{ port, protocol: "HTTP", instances: [a] }]));
  using client = await RawClient.connect(port);
  expect((await exchange(client, "/1")).body.toString()).toBe("a");
  await elbow.apply(configurationOf([{ port, protocol: "HTTP", instances: [b] }]));
  expect((await exchange(client, "/2")).body.toString()).toBe("b");
  // What was pooled for the instance that left is closed.
  await eventually(() => a.openConnections === 0);
});

test("HTTP connections of a removed listener finish their exchange and are told to close", async () => {
  let answer = () => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  using instance = FakeInstance.start(async (connection) => {
    await connection.readRequest();
    await held;
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
  });
  const [removed, kept] = [freePort(), freePort()];
  const withPorts = (...ports: ReadonlyArray<number>) =>
    configurationOf([{ protocol: "HTTP", instances: [instance], listeners: ports.map((port) => ({ port })) }]);
  await using elbow = await startElbow(withPorts(removed, kept));
  using client = await RawClient.connect(removed);
  const answering = exchange(client, "/");
  await eventually(() => instance.requests.length === 1);
  await elbow.apply(withPorts(kept));
  answer();
  const response = await answering;
  expect(response.body.toString()).toBe("late");
  expect(header(response, "connection")?.toLowerCase()).toBe("close");
  expect(await client.receiveEnd()).toBe("eof");
});

const openGauge = (name: string): number =>
  collectMetrics()
    .filter((family) => family.name === name)
    .flatMap(({ samples }) => samples)
    .reduce((sum, { value }) => sum + value, 0);

test("a listener that turns to another protocol: idle HTTP connections end, new ones speak the new one", async () => {
  using web = FakeInstance.start(answerText("web"));
  using raw = FakeInstance.start(echo);
  const port = freePort();
  await using elbow = await startElbow({ protocol: "HTTP", port, instances: [web] });
  using idle = await RawClient.connect(port);
  expect((await exchange(idle, "/")).body.toString()).toBe("web");
  await elbow.apply(configurationOf([{ protocol: "TCP", port, instances: [raw] }]));
  expect(await idle.receiveEnd()).toBe("eof");
  using fresh = await RawClient.connect(port);
  expect(await speak(fresh, "raw bytes")).toBe("raw bytes");
  expect(openGauge("elbow_connections_open")).toBe(1);
  await eventually(() => openGauge("elbow_connections_draining") === 0);
});

test("a load balancer that is renamed keeps its sockets and its count of open connections", async () => {
  using instance = FakeInstance.start(echo);
  const port = freePort();
  await using elbow = await startElbow({ name: "before", port, instances: [instance] });
  using client = await RawClient.connect(port);
  expect(await speak(client, "one")).toBe("one");
  await elbow.apply(configurationOf([{ name: "after", port, instances: [instance] }]));
  expect(await speak(client, "two")).toBe("two");
  expect(openGauge("elbow_connections_open")).toBe(1);
  await client.halfClose();
  await client.receiveEnd();
  await eventually(() => openGauge("elbow_connections_open") === 0);
});

test("an instance that leaves in use and comes back is the same one, with what is in progress there", async () => {
  using a = FakeInstance.start(echo);
  using b = FakeInstance.start(echo);
  const port = freePort();
  await using elbow = await startElbow({ port, instances: [a] });
  using client = await RawClient.connect(port);
  expect(await speak(client, "one")).toBe("one");
  await elbow.apply(configurationOf([{ port, instances: [b] }]));
  const statesOf = () =>
    elbow.status()[0]!.instances.map((one) => [one.port, one.description, one.outstanding] as const);
  expect(statesOf()).toEqual([
    [b.port, "N/A", 0],
    [a.port, "Instance deregistration currently in progress.", 1],
  ]);
  await elbow.apply(configurationOf([{ port, instances: [a, b] }]));
  expect(statesOf()).toEqual([
    [a.port, "N/A", 1],
    [b.port, "N/A", 0],
  ]);
  await client.halfClose();
  await client.receiveEnd();
  await eventually(() => elbow.outstanding() === 0);
});
