// What many, silent or broken connections to the management server can't do: take the file descriptors that clients need,
// lock others out, or fill the log.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { streamsMaxCount } from "../../src/admin/event-stream.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { header, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const start = async () => {
  const instance = FakeInstance.start(answerText("served"));
  const port = freePort();
  const web = {
    address: "127.0.0.1",
    listeners: [{ protocol: "HTTP", port, instancePort: instance.port }],
    instances: ["127.0.0.1"],
    attributes: { minIdleConnections: 0 },
  };
  const elbow = await ElbowProcess.start({ loadBalancers: { web } }, { descriptorLimit: 256 });
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${elbow.managementPort}${path}`)).status;
  const isServed = async () =>
    (await (await fetch(`http://127.0.0.1:${port}/`, { keepalive: false })).text()) === "served";
  return {
    ...{ elbow, port, ask, isServed },
    countDescriptors: () => readdirSync(`/proc/${elbow.process.pid}/fd`).length,
    async [Symbol.asyncDispose]() {
      await elbow[Symbol.asyncDispose]();
      instance[Symbol.dispose]();
    },
  };
};

const unfinished =
  "POST /api/v1/load-balancers/web/instances HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";

test.each([
  ["say nothing", ""],
  ["begin a request", "GET /healthz HTT"],
  ["begin a body", unfinished],
])("connections that %s leave descriptors for clients, and room for whoever asks", async (_, text) => {
  await using at = await start();
  const clients: Array<RawClient> = [];
  try {
    for (let count = 0; count < 300; count++) {
      const client = await RawClient.connect(at.elbow.managementPort);
      clients.push(client);
      if (text !== "") await client.send(text).catch(() => {});
    }
    // 64 connections, and what the process has anyway.
    await eventually(() => at.countDescriptors() < 128);
    expect(await at.isServed()).toBe(true);
    if (text === unfinished) for (const client of clients.splice(0)) client.dispose();
    await eventually(async () => (await at.ask("/healthz").catch(() => 0)) === 200);
  } finally {
    for (const client of clients) client.dispose();
  }
  // Nothing of it is worth a line.
  expect(at.elbow.output.split("\n").filter((line) => /could not|error/i.test(line))).toEqual([]);
});

test("HEAD says what GET would and begins no stream: there are streams left after as many as there may be", async () => {
  await using at = await start();
  for (let count = 0; count <= streamsMaxCount; count++) {
    using client = await RawClient.connect(at.elbow.managementPort);
    await client.send("HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const head = (await client.takeUntil("\r\n\r\n")).toString();
    expect(head).toStartWith("HTTP/1.1 200 ");
    expect(head.toLowerCase()).toContain("content-type: text/event-stream");
  }
  using stream = await RawClient.connect(at.elbow.managementPort);
  await stream.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await stream.takeUntil("retry: 3000\n\n");
});

test("requests that come ahead are answered in turn; HEAD has GET's length and no body", async () => {
  await using at = await start();
  using client = await RawClient.connect(at.elbow.managementPort);
  const ask = (method: string) => `${method} /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  await client.send(ask("GET") + ask("GET"));
  const [first, second] = [await readResponse(client), await readResponse(client)];
  expect([first.status, second.status]).toEqual([200, 200]);
  const length = header(first, "content-length");
  expect(Number(length)).toBeGreaterThan(10);
  await client.send(ask("HEAD") + ask("TRACE"));
  const head = (await client.takeUntil("\r\n\r\n")).toString();
  expect(head.toLowerCase()).toContain(`\r\ncontent-length: ${length}\r\n`);
  expect((await readResponse(client)).status).toBe(405);
});

test.each([
  "garbage\r\n\r\n",
  "GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
  "GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
])("%p is refused", async (text) => {
  await using at = await start();
  using client = await RawClient.connect(at.elbow.managementPort);
  await client.send(text);
  expect((await client.takeUntil("\r\n\r\n")).toString()).toMatch(/^HTTP\/1\.1 40[03] /);
  expect(await at.ask("/healthz")).toBe(200);
});
