// Connections to instances that are kept open ahead of demand: when they are opened, used, replaced, and left alone.
import { expect, setDefaultTimeout, test } from "bun:test";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { configurationOf, type RunningElbow, startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

type Attributes = WrittenLoadBalancer["attributes"];

const startAhead = async (attributes: Attributes, ...scripts: ReadonlyArray<Script>) => {
  const instances = scripts.map((script) => FakeInstance.start(script));
  const written = (changed?: Partial<WrittenLoadBalancer>) => ({
    protocol: "HTTP" as const,
    instances,
    attributes: { minIdleConnections: 1, ...attributes },
    ...changed,
  });
  const elbow: RunningElbow = await startElbow(written());
  return {
    instances,
    instance: instances[0]!,
    elbow,
    port: elbow.port(),
    reload: (changed: Partial<WrittenLoadBalancer>) => elbow.apply(configurationOf([written(changed)])),
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      for (const instance of instances) instance.stop();
    },
  };
};

/** An instance that writes down when connections come, and does with each as its script says. */
const timed = (script: Script) => {
  const times: Array<number> = [];
  const recording: Script = (connection) => {
    times.push(performance.now());
    return script(connection);
  };
  return { times, script: recording };
};

/** An instance whose answers to `/held` wait until they are released. */
const holding = () => {
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const script = serveHttp(async ({ target }) => {
    if (target === "/held") await held;
    return formatResponse(`answer to ${target}`);
  });
  return { script, release };
};

const connectionErrors = (): number =>
  collectMetrics()
    .filter(({ name }) => name === "elbow_backend_connection_errors_total")
    .flatMap(({ samples }) => samples)
    .reduce((sum, { value }) => sum + value, 0);

const hasOpen = (instance: FakeInstance, count: number, what = `${count} open connections`) =>
  eventually(() => instance.openConnections === count, { what });

/** Waits until elbow itself knows of so many open connections to each instance. */
const isReady = (elbow: RunningElbow, ...counts: ReadonlyArray<number>) =>
  eventually(
    () => {
      const open = elbow.status().flatMap(({ instances }) => instances.map(({ openConnections }) => openConnections));
      if (open.join() !== counts.join()) throw new Error(`they are ${open.join()}`);
      return true;
    },
    { what: `open connections ${counts.join()}` },
  );

test("each instance has a connection before any client came; the first requests use them", async () => {
  await using at = await startAhead({}, answerText("a"), answerText("b"));
  await isReady(at.elbow, 1, 1);
  for (const instance of at.instances) await hasOpen(instance, 1);
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 2; round++) expect((await exchange(client, "/")).status).toBe(200);
  expect(at.instances.map(({ connections }) => connections[0]!.requests.length)).toEqual([1, 1]);
});

test("a layer-4 listener opens none; 0 switches it off; an instance behind both kinds is kept ready for the layer-7 one", async () => {
  const [tcp, off, both] = [silence, answerText("off"), answerText("both")].map((script) => FakeInstance.start(script));
  const attributes = { minIdleConnections: 1 };
  const elbow = await startElbow(
    configurationOf([
      { name: "tcp", instances: [tcp!], attributes },
      { name: "off", protocol: "HTTP", instances: [off!], attributes: { minIdleConnections: 0 } },
      { name: "both", listeners: [{ protocol: "TCP" }, { protocol: "HTTP" }], instances: [both!], attributes },
    ]),
  );
  await hasOpen(both!, 1);
  using client = await RawClient.connect(elbow.port(0, "off"));
  expect((await exchange(client, "/")).body.toString()).toBe("off");
  expect([tcp!.connections.length, off!.connections.length, both!.connections.length]).toEqual([0, 1, 1]);
  await elbow.stop();
  for (const instance of [tcp, off, both]) instance!.stop();
});

test("one that is in use is replaced; what is used most recently serves next", async () => {
  const { script, release } = holding();
  await using at = await startAhead({}, script);
  await isReady(at.elbow, 1);
  using busy = await RawClient.connect(at.port);
  await busy.send(formatRequest("/held"));
  await isReady(at.elbow, 2);
  using client = await RawClient.connect(at.port);
  expect((await exchange(client, "/second")).status).toBe(200);
  release();
  expect((await readResponse(busy)).body.toString()).toBe("answer to /held");
  for (let round = 0; round < 5; round++) expect((await exchange(client, "/again")).status).toBe(200);
  expect(at.instance.connections.map(({ requests }) => requests.length)).toEqual([6, 1]);
});

test("64 busy clients: hardly more connections than clients", async () => {
  await using at = await startAhead(
    {},
    serveHttp(() => Bun.sleep(1).then(() => formatResponse("ok"))),
  );
  const clients = await Promise.all(Array.from({ length: 64 }, () => RawClient.connect(at.port)));
  const endAt = performance.now() + 1_500;
  let answered = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() < endAt) {
        expect((await exchange(client, "/")).status).toBe(200);
        answered++;
      }
      client.dispose();
    }),
  );
  expect(answered).toBeGreaterThan(640);
  // One ahead of them; in step they may overfill the pool, which costs another one now and then.
  expect(at.instance.connections.length).toBeLessThanOrEqual(67);
});

test("one that the instance closes after it has served is reopened", async () => {
  await using at = await startAhead({}, answerText("ok"));
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 4; round++) {
    await isReady(at.elbow, 1);
    expect((await exchange(client, "/")).status).toBe(200);
    const { length } = at.instance.connections;
    for (const connection of at.instance.connections) if (!connection.isDone) await connection.close();
    await eventually(() => at.instance.connections.length > length, { what: "another connection", timeoutMs: 1_500 });
  }
});

test.each([
  ["closes at once", (connection: Parameters<Script>[0]) => connection.close()],
  ["resets at once", (connection: Parameters<Script>[0]) => connection.reset()],
  [
    "speaks first",
    async (connection: Parameters<Script>[0]) => {
      await connection.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
      await connection.receiveEnd();
    },
  ],
])("an instance that %s isn't hammered: 1 s, then 2 s between dials", async (_, script) => {
  const { times, script: recording } = timed(script);
  await using at = await startAhead({}, recording);
  await at.instance.connection(2);
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  expect(gaps[0]).toBeGreaterThan(800);
  expect(gaps[1]).toBeGreaterThan(1_800);
  expect(at.instance.connections.length).toBe(3);
});

test("what an instance says on a connection opened ahead answers nobody", async () => {
  await using at = await startAhead(
    {},
    serveHttp(({ target }) => formatResponse(`answer to ${target}`)),
  );
  const ahead = await at.instance.connection();
  await ahead.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  await ahead.receiveEnd();
  using client = await RawClient.connect(at.port);
  expect((await exchange(client, "/")).body.toString()).toBe("answer to /");
});

test("a request on a connection opened ahead that dies under it is repeated once, if it may be", async () => {
  await using at = await startAhead({}, async (connection) => {
    const request = await connection.readRequest();
    if (connection.index % 2 === 0) connection.reset();
    else if (request !== undefined)
      await connection.send(formatResponse("repeated", { headers: [["Connection", "close"]] }));
  });
  await isReady(at.elbow, 1);
  using client = await RawClient.connect(at.port);
  await client.send(formatRequest("/get"));
  expect((await readResponse(client)).body.toString()).toBe("repeated");
  expect(at.instance.requests.map(({ target }) => target)).toEqual(["/get", "/get"]);
  // The third connection is opened ahead in place of the first.
  await isReady(at.elbow, 1);
  expect((await exchange(client, "/post", { method: "POST" })).status).toBe(504);
  expect(at.instance.requests.filter(({ method }) => method === "POST").length).toBe(1);
});

test("an instance known by name is kept ready too", async () => {
  const instance = FakeInstance.start(answerText("named"));
  const elbow = await startElbow({
    protocol: "HTTP",
    instances: [{ id: "i-named", host: "localhost", port: instance.port }],
    attributes: { minIdleConnections: 1 },
  });
  await hasOpen(instance, 1);
  await elbow.stop();
  instance.stop();
});

test("an instance that isn't up at the start is dialled now and then, and counted, until it is", async () => {
  const port = freePort();
  const elbow = await startElbow({
    protocol: "HTTP",
    instances: [port],
    attributes: { minIdleConnections: 1 },
  });
  await eventually(() => connectionErrors() === 2, { what: "two failed dials" });
  const instance = FakeInstance.start(answerText("up"), { port });
  // The third dial comes two seconds after the second failed.
  await instance.connection(0, 5_000);
  await isReady(elbow, 1);
  expect(connectionErrors()).toBe(2);
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).body.toString()).toBe("up");
  expect(instance.connections.length).toBe(1);
  await elbow.stop();
  instance.stop();
});

test("reloads: more, fewer, none, and the connection that stays is the same", async () => {
  await using at = await startAhead({}, answerText("ok"));
  await hasOpen(at.instance, 1);
  await at.reload({ attributes: { minIdleConnections: 3 } });
  await hasOpen(at.instance, 3);
  await at.reload({ attributes: { minIdleConnections: 1, maxIdleConnections: 1 } });
  await hasOpen(at.instance, 1);
  await at.reload({ attributes: { minIdleConnections: 0, maxIdleConnections: 1 } });
  using client = await RawClient.connect(at.port);
  expect((await exchange(client, "/")).status).toBe(200);
  expect(at.instance.connections.length).toBe(3);
  await at.reload({ attributes: { minIdleConnections: 0, maxIdleConnections: 0 } });
  await hasOpen(at.instance, 0);
  for (let round = 0; round < 2; round++) expect((await exchange(client, "/")).status).toBe(200);
  expect(at.instance.connections.map(({ requests }) => requests.length).slice(3)).toEqual([1, 1]);
});

test("reloads: an instance that comes gets a connection, one that goes loses it and is not dialled again", async () => {
  await using at = await startAhead({}, answerText("a"));
  using other = FakeInstance.start(answerText("b"));
  await hasOpen(at.instance, 1);
  await at.reload({ instances: [other] });
  await hasOpen(other, 1);
  await hasOpen(at.instance, 0);
  await at.reload({ instances: [at.instance, other] });
  await hasOpen(at.instance, 1);
  expect([at.instance.connections.length, other.connections.length]).toEqual([2, 1]);
  // An HTTP listener that turns to TCP needs none ahead: what ends isn't replaced, and nothing is about to.
  await at.reload({ protocol: "TCP", instances: [at.instance, other] });
  await at.instance.connections[1]!.close();
  await isReady(at.elbow, 0, 1);
  expect([countArmedDeadlines(), at.instance.connections.length]).toEqual([1, 2]);
});

test("one that has been idle too long is replaced by a new one", async () => {
  const { times, script } = timed(answerText("ok"));
  await using at = await startAhead({ idleConnectionTimeout: 1 }, script);
  await at.instance.connection(2);
  const gaps = times.slice(1).map((time, index) => time - times[index]!);
  for (const gap of gaps) expect(gap).toBeGreaterThan(800);
  for (const connection of at.instance.connections.slice(0, 2)) expect(await connection.receiveEnd()).toBe("eof");
});

test("a shorter limit on idle time holds for connections that wait already", async () => {
  await using at = await startAhead({}, answerText("ok"));
  const ahead = await at.instance.connection();
  await at.reload({ attributes: { minIdleConnections: 0, idleConnectionTimeout: 1 } });
  expect(await ahead.receiveEnd()).toBe("eof");
});

test("shutdown with connections opened ahead ends at once, opens no other, and leaves nothing", async () => {
  const baseline = openSockets();
  const deadlines = countArmedDeadlines();
  const { script, release } = holding();
  const instance = FakeInstance.start(script);
  const unreachable = freePort();
  const elbow = await startElbow({
    protocol: "HTTP",
    instances: [instance, unreachable],
    attributes: { minIdleConnections: 2 },
  });
  await isReady(elbow, 2, 0);
  using busy = await RawClient.connect(elbow.port());
  await busy.send(formatRequest("/held"));
  await isReady(elbow, 3, 0);
  // From here on it drains: the connection in use is not replaced, and the answer under way still comes.
  const ended = elbow.shutdown(20_000);
  for (const connection of instance.connections) if (connection.requests.length === 0) connection.reset();
  release();
  expect((await readResponse(busy)).body.toString()).toBe("answer to /held");
  await ended;
  await hasOpen(instance, 0);
  expect(instance.connections.length).toBe(3);
  expect(countArmedDeadlines()).toBe(deadlines);
  await elbow.stop();
  instance.stop();
  busy.dispose();
  await noNewSockets(baseline);
});

test("shutdown of an idle elbow takes no time", async () => {
  await using at = await startAhead({ minIdleConnections: 4 }, answerText("ok"));
  await hasOpen(at.instance, 4);
  const startedAt = performance.now();
  await at.elbow.shutdown(20_000);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
  await hasOpen(at.instance, 0);
});
