// HTTPS and SSL listeners that go away, by a reload or with the process, whatever their connections are doing: handshakes
// come to an end, idle connections close in good order, and nothing is left behind.
import { expect, setDefaultTimeout, test } from "bun:test";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { Outcomes } from "../support/outcomes.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, serveHttp } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { metricOf } from "../support/tls-counts.ts";
import { makeClientHello, readAnswer } from "../support/tls-probe.ts";
import { startWire } from "../support/wire.ts";

setDefaultTimeout(30_000);

const hello = makeClientHello({ version: "TLSv1.3", suites: [0x1301] });

/** Clients in each phase of a handshake, none of which will go on by itself. */
const startStalled = async (port: number): Promise<ReadonlyArray<RawClient>> => {
  const [silent, half, whole] = [
    await RawClient.connect(port),
    await RawClient.connect(port),
    await RawClient.connect(port),
  ];
  await half.send(hello.subarray(0, 60));
  await whole.send(hello);
  await eventually(() => readAnswer(whole.peek()), { what: "a ServerHello" });
  return [silent, half, whole];
};

const isEmpty = (elbow: RunningElbow): Promise<true> =>
  eventually(
    () => elbow.openConnections() === 0 && elbow.outstanding() === 0 && metricOf("elbow_connections_draining") === 0,
    { what: "an empty elbow" },
  );

const nothing = configurationOf([]);

test("a listener that is removed: idle clients leave at once, handshakes by their deadline, nothing is left", async () => {
  const sockets = openSockets();
  {
    using instance = FakeInstance.start(answerText("served"));
    const port = freePort();
    await using elbow = await startElbow({
      listeners: [await secureListener("HTTPS", { port })],
      instances: [instance],
      attributes: { handshakeTimeout: 1 },
    });
    const fibers = elbow.activeFibers();
    const stalled = await startStalled(port);
    const fresh = await SecureClient.connect(port);
    const used = await SecureClient.connect(port);
    expect((await exchange(used, "/")).status).toBe(200);
    await eventually(() => elbow.openConnections() === 5);
    await elbow.apply(nothing);
    await expect(RawClient.connect(port)).rejects.toThrow();
    for (const client of [fresh, used]) {
      expect(await client.receiveEnd()).toBe("eof");
      expect(client.availableBytes).toBe(0);
      await client.close();
    }
    for (const client of stalled) expect(await client.receiveEnd(4_000)).not.toBe("open");
    await isEmpty(elbow);
    for (const client of stalled) client.dispose();
    await eventually(() => elbow.activeFibers() <= fibers, { what: "no fiber more than before" });
  }
  await noNewSockets(sockets);
});

test("a request under way is answered, and its connection ends", async () => {
  const finish = Promise.withResolvers<void>();
  using instance = FakeInstance.start(
    serveHttp(async () => {
      await finish.promise;
      return formatResponse("at last");
    }),
  );
  await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
  using client = await SecureClient.connect(elbow.port());
  await client.send(formatRequest("/"));
  // Not the connection's bytes: the request counts a turn after the last of them.
  await eventually(() => instance.requests.length === 1, { what: "the request" });
  await elbow.apply(nothing);
  finish.resolve();
  const answer = await readResponse(client);
  expect([answer.status, answer.body.toString()]).toEqual([200, "at last"]);
  expect(await client.receiveEnd()).toBe("eof");
  await client.close();
  await isEmpty(elbow);
});

test("a handshake that is done after its listener was removed: HTTPS ends in good order, SSL is served", async () => {
  using web = FakeInstance.start(answerText("served"));
  using mail = FakeInstance.start(echo);
  await using elbow = await startElbow(
    configurationOf([
      { name: "web", listeners: [await secureListener("HTTPS")], instances: [web] },
      { name: "mail", listeners: [await secureListener("SSL")], instances: [mail] },
    ]),
  );
  const opened = Promise.withResolvers<void>();
  using webWire = startWire(elbow.port(0, "web"), opened.promise);
  using mailWire = startWire(elbow.port(0, "mail"), opened.promise);
  const connecting = Promise.all([SecureClient.connect(webWire.port), SecureClient.connect(mailWire.port)]);
  await eventually(() => elbow.openConnections() === 2);
  await elbow.apply(nothing);
  expect(metricOf("elbow_connections_draining")).toBe(2);
  opened.resolve();
  const [webClient, mailClient] = await connecting;
  expect(await webClient.receiveEnd()).toBe("eof");
  // What began at layer 4 goes on until it ends.
  await mailClient.send("still here");
  expect((await mailClient.takeBytes(10)).toString()).toBe("still here");
  await webClient.close();
  await mailClient.close();
  await isEmpty(elbow);
});

test("a listener that turns from HTTPS to HTTP on its port: each client is served as it began", async () => {
  using instance = FakeInstance.start(answerText("served"));
  const port = freePort();
  await using elbow = await startElbow(
    configurationOf([{ listeners: [await secureListener("HTTPS", { port })], instances: [instance] }]),
  );
  using open = await SecureClient.connect(port);
  expect((await exchange(open, "/")).status).toBe(200);
  const opened = Promise.withResolvers<void>();
  using wire = startWire(port, opened.promise);
  const connecting = SecureClient.connect(wire.port);
  await eventually(() => elbow.openConnections() === 2);
  await elbow.apply(configurationOf([{ listeners: [{ protocol: "HTTP", port }], instances: [instance] }]));
  expect(await open.receiveEnd()).toBe("eof");
  using plain = await RawClient.connect(port);
  expect((await exchange(plain, "/")).status).toBe(200);
  opened.resolve();
  // It was accepted under TLS, so that is what it gets, and then the end of its listener.
  using late = await connecting;
  expect(await late.receiveEnd()).toBe("eof");
  // And back, while a client in clear is connected.
  await elbow.apply(configurationOf([{ listeners: [await secureListener("HTTPS", { port })], instances: [instance] }]));
  expect(await plain.receiveEnd()).toBe("eof");
  using again = await SecureClient.connect(port);
  expect((await exchange(again, "/")).status).toBe(200);
  for (const client of [open, plain, late, again]) client.dispose();
  await isEmpty(elbow);
});

test("shutdown waits for idle clients of TLS no longer than for others, and cuts handshakes after its grace", async () => {
  const sockets = openSockets();
  {
    using instance = FakeInstance.start(answerText("served"));
    await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
    const clients = await Promise.all(Array.from({ length: 10 }, () => SecureClient.connect(elbow.port())));
    for (const client of clients.slice(5)) expect((await exchange(client, "/")).status).toBe(200);
    const startedMs = performance.now();
    const ended = Promise.all(
      clients.map(async (client) => {
        const ending = await client.receiveEnd();
        await client.close();
        return ending;
      }),
    );
    await elbow.shutdown(20_000);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(new Set(await ended)).toEqual(new Set(["eof"]));
    expect(elbow.openConnections()).toBe(0);
  }
  {
    using instance = FakeInstance.start(answerText("served"));
    await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
    const stalled = await startStalled(elbow.port());
    using outcomes = new Outcomes();
    const startedMs = performance.now();
    await elbow.shutdown(300);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    for (const client of stalled) expect(await client.receiveEnd()).not.toBe("open");
    expect(elbow.openConnections()).toBe(0);
    expect(outcomes.all.map(({ reason }) => reason)).toEqual(["shutdown", "shutdown", "shutdown"]);
    for (const client of stalled) client.dispose();
  }
  await noNewSockets(sockets);
});
