// The stream of events of a running management server: what happens comes at once, the streams are bounded in number and in
// what one may be behind, and none of them holds up the end.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect, Exit, Scope } from "effect";
import { streamsMaxCount } from "../../src/admin/event-stream.ts";
import { openAdminServer } from "../../src/admin/server.ts";
import { tellEvent } from "../../src/observe/events.ts";
import { adminSources } from "../support/admin.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const start = async () => {
  const scope = Effect.runSync(Scope.make());
  const server = await Effect.runPromise(
    openAdminServer(adminSources(), { address: "127.0.0.1", port: 0 }).pipe(Scope.provide(scope)),
  );
  const stop = () => Effect.runPromise(Scope.close(scope, Exit.void));
  return { port: server.place().port, stop, [Symbol.asyncDispose]: stop };
};

const listen = async (port: number): Promise<RawClient> => {
  const client = await RawClient.connect(port);
  await client.send("GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  return client;
};

test("everybody who listens gets every event, in its words and in its order", async () => {
  await using at = await start();
  using one = await listen(at.port);
  using two = await listen(at.port);
  const events = [
    { type: "health", loadBalancer: "web", instance: "i-1", message: "one" },
    { type: "reload", message: "two\nlines" },
  ] as const;
  for (const client of [one, two]) {
    const head = (await client.takeUntil("retry: 3000\n\n")).toString();
    expect(head).toStartWith("HTTP/1.1 200 ");
    expect(head.toLowerCase()).toContain("\r\ncontent-type: text/event-stream\r\n");
  }
  for (const event of events) tellEvent(event);
  for (const client of [one, two]) {
    for (const event of events) {
      await client.takeUntil(`event: ${event.type}\ndata: `);
      const data = JSON.parse((await client.takeUntil("\n\n")).toString());
      expect(data).toEqual({ ...event, at: expect.stringMatching(/^\d{4}-.*Z$/) });
    }
  }
});

test("one too many is refused; when one leaves, another may come", async () => {
  await using at = await start();
  const clients: Array<RawClient> = [];
  try {
    for (let count = 0; count < streamsMaxCount; count++) {
      const client = await listen(at.port);
      clients.push(client);
      await client.takeUntil("retry: 3000\n\n");
    }
    const ask = () => fetch(`http://127.0.0.1:${at.port}/api/v1/events`);
    const refused = await ask();
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ status: 503, detail: expect.stringContaining("open already") });
    clients.pop()?.dispose();
    let last = await ask();
    for (let round = 0; last.status !== 200 && round < 100; round++) {
      await Bun.sleep(20);
      last = await ask();
    }
    expect(last.status).toBe(200);
    await last.body?.cancel();
  } finally {
    for (const client of clients) client.dispose();
  }
});

test("who stops reading is let go, and takes no memory for what he misses", async () => {
  await using at = await start();
  using client = await listen(at.port);
  await client.takeUntil("retry: 3000\n\n");
  client.pauseReading();
  const message = "x".repeat(10_000);
  const before = process.memoryUsage.rss();
  // Far more than sockets hold: without a bound it would all be kept.
  for (let count = 0; count < 20_000; count++) {
    tellEvent({ type: "policy", message });
    if (count % 100 === 0) await Bun.sleep(0);
  }
  expect(process.memoryUsage.rss() - before).toBeLessThan(60_000_000);
  client.resumeReading();
  expect(
    await client.takeToEnd().then(
      (bytes) => bytes.length,
      () => 0,
    ),
  ).toBeLessThan(20_000 * 10_000);
});

test("streams end with the server, and don't hold it up", async () => {
  const at = await start();
  using client = await listen(at.port);
  await client.takeUntil("retry: 3000\n\n");
  const startedMs = performance.now();
  await at.stop();
  expect(performance.now() - startedMs).toBeLessThan(900);
  await client.takeToEnd();
});
