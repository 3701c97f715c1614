// Admission: a process-wide cap on client connections. What is over it gets no service, what is under it notices
// nothing, and a place that becomes free is given to the next.
import { expect, setDefaultTimeout, test } from "bun:test";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

test("no more connections than the cap are served, over all listeners; a free place is given away", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow(
    configurationOf([{ instances: [instance], listeners: [{ port: 0 }, { port: 0 }] }], { maxConnections: 3 }),
  );
  const speak = async (client: RawClient, text: string) => {
    await client.send(text);
    return (await client.takeBytes(text.length)).toString();
  };
  using one = await RawClient.connect(elbow.port(0));
  using two = await RawClient.connect(elbow.port(1));
  using three = await RawClient.connect(elbow.port(0));
  for (const client of [one, two, three]) expect(await speak(client, "in")).toBe("in");

  const refused = await Promise.all(
    [0, 1, 0, 1].map(async (listener) => {
      // Refused at once, or left waiting: either way no instance hears of it.
      const client = await RawClient.connect(elbow.port(listener)).catch(() => undefined);
      await client?.send("over").catch(() => {});
      return client;
    }),
  );
  for (const client of [one, two, three]) expect(await speak(client, "still in")).toBe("still in");
  expect(instance.connections.length).toBe(3);
  expect(elbow.openConnections()).toBe(3);
  expect(refused.every((client) => client === undefined || client.receivedBytes === 0)).toBe(true);
  for (const client of refused) client?.dispose();

  await two.halfClose();
  expect(await two.receiveEnd()).toBe("eof");
  const served = await eventually(async () => {
    const client = await RawClient.connect(elbow.port(1));
    try {
      return (await speak(client, "next")) === "next" ? client : undefined;
    } catch {
      client.dispose();
      return undefined;
    }
  });
  expect(await speak(one, "one")).toBe("one");
  served.dispose();
});

test("the cap counts HTTP connections too", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow(
    configurationOf([{ protocol: "HTTP", instances: [instance] }], { maxConnections: 2 }),
  );
  using one = await RawClient.connect(elbow.port());
  using two = await RawClient.connect(elbow.port());
  expect((await exchange(one, "/")).body.toString()).toBe("served");
  expect((await exchange(two, "/")).body.toString()).toBe("served");
  using over = await RawClient.connect(elbow.port());
  await over.send("GET /over HTTP/1.1\r\nHost: test\r\n\r\n").catch(() => {});
  for (const client of [one, two]) expect((await exchange(client, "/again")).status).toBe(200);
  expect(instance.requests.some(({ target }) => target === "/over")).toBe(false);
});

test("without a configured cap the process's descriptors are one: none is used up, and service goes on", async () => {
  const descriptorLimit = 200;
  using instance = FakeInstance.start(echo);
  const port = freePort();
  await using elbow = await ElbowProcess.start(
    {
      loadBalancers: {
        test: {
          address: "127.0.0.1",
          listeners: [{ protocol: "TCP", port, instancePort: instance.port }],
          instances: ["127.0.0.1"],
        },
      },
    },
    { descriptorLimit },
  );
  const clients = await Promise.all(Array.from({ length: 150 }, () => RawClient.connect(port)));
  try {
    const served = await Promise.all(
      clients.map(async (client) => {
        await client.send("hello").catch(() => {});
        return client.takeBytes(5).then(
          () => true,
          () => false,
        );
      }),
    );
    const count = served.filter((isServed) => isServed).length;
    expect(count).toBeGreaterThan(20);
    expect(count).toBeLessThanOrEqual(descriptorLimit / 2);
    // Every one that was not served was closed, not left hanging.
    expect(clients.filter(({ ending }) => ending === "open").length).toBe(count);
    // Room is left for the rest of the process.
    expect((await fetch(`http://127.0.0.1:${elbow.managementPort}/healthz`)).ok).toBe(true);
  } finally {
    for (const client of clients) client.dispose();
  }
  await eventually(async () => {
    using client = await RawClient.connect(port);
    await client.send("again");
    return (await client.takeBytes(5)).toString() === "again";
  });
});

test("connections kept idle give way to clients: no load balancer starves another of descriptors", async () => {
  const descriptorLimit = 256;
  const burst = 60;
  let waiting: Array<() => void> = [];
  // Every request of a burst is in flight at once, so that a connection to the instance is made for each.
  using instance = FakeInstance.start(
    serveHttp(async () => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === burst) for (const answer of waiting.splice(0)) answer();
      });
      return formatResponse("served");
    }),
  );
  const ports = [freePort(), freePort(), freePort(), freePort()];
  await using elbow = await ElbowProcess.start(
    {
      loadBalancers: Object.fromEntries(
        ports.map((port, index) => [
          `lb-${index}`,
          {
            address: "127.0.0.1",
            listeners: [{ protocol: "HTTP", port, instancePort: instance.port }],
            instances: ["127.0.0.1"],
          },
        ]),
      ),
    },
    { descriptorLimit },
  );
  for (const port of ports) {
    waiting = [];
    const clients = await Promise.all(Array.from({ length: burst }, () => RawClient.connect(port)));
    const statuses = await Promise.all(clients.map(async (client) => (await exchange(client, "/")).status));
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    for (const client of clients) client.dispose();
  }
  expect((await fetch(`http://127.0.0.1:${elbow.managementPort}/healthz`)).ok).toBe(true);
});
