// Layer 7, kept-alive connections to instances: shared by clients, reused, never trusted longer than they deserve.
import { expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../support/eventually.ts";
import { startServing } from "../support/http-elbow.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

test("one back-end connection serves many client connections", async () => {
  await using at = await startServing(answerText("ok"));
  for (let round = 0; round < 20; round++) {
    using client = await RawClient.connect(at.port);
    expect((await exchange(client, `/${round}`)).status).toBe(200);
  }
  expect(at.instance.connections.length).toBe(1);
  expect(at.instance.requests.length).toBe(20);
});

test("requests go to the instances in turn, also on one client connection", async () => {
  await using at = await startServing([answerText("a"), answerText("b")]);
  using client = await RawClient.connect(at.port);
  const heard: Array<string> = [];
  for (let round = 0; round < 8; round++) heard.push((await exchange(client, "/")).body.toString());
  expect(["abababab", "babababa"]).toContain(heard.join(""));
});

test("exchanges at the same time never share a back-end connection, and leave few of them", async () => {
  let inFlight = 0;
  let most = 0;
  await using at = await startServing(
    serveHttp(async ({ target }) => {
      most = Math.max(most, ++inFlight);
      await Bun.sleep(10);
      inFlight--;
      return formatResponse(target);
    }),
  );
  const clients = await Promise.all(Array.from({ length: 40 }, () => RawClient.connect(at.port)));
  for (let round = 0; round < 3; round++) {
    const bodies = await Promise.all(clients.map(async (client, index) => (await exchange(client, `/${index}`)).body));
    expect(bodies.map(String)).toEqual(clients.map((_, index) => `/${index}`));
  }
  expect(most).toBeGreaterThan(10);
  expect(at.instance.connections.length).toBeLessThanOrEqual(80);
  for (const client of clients) client.dispose();
  await eventually(() => at.elbow.openConnections() === 0 && at.elbow.outstanding() === 0);
  // What is pooled is bounded, and pooled connections hold no lease.
  expect(at.instance.openConnections).toBeLessThanOrEqual(64);
});

test.each(["close", "reset", "half-close"] as const)(
  "an instance that ends its connection by a %s right after each answer never makes a request fail",
  async (how) => {
    await using at = await startServing(async (connection) => {
      const request = await connection.readRequest();
      if (request === undefined) return;
      await connection.send(formatResponse(request.target));
      if (how === "close") return connection.close();
      if (how === "half-close") return connection.halfClose();
      // A reset could overtake the answer, so it waits until elbow has passed the answer on.
      await eventually(() => answered > Number(request.target.slice(1)));
      connection.reset();
    });
    let answered = 0;
    using client = await RawClient.connect(at.port);
    for (let round = 0; round < 60; round++) {
      const response = await exchange(client, `/${round}`);
      expect([response.status, response.body.toString()]).toEqual([200, `/${round}`]);
      answered++;
    }
    expect(at.instance.connections.length).toBe(60);
  },
);

test("a pooled connection that the instance closed meanwhile is not used, whatever the method", async () => {
  await using at = await startServing(answerText("ok"));
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 5; round++) {
    expect((await exchange(client, "/", { body: "never twice" })).status).toBe(200);
    const connection = at.instance.connections.at(-1)!;
    await connection.close();
    await eventually(() => connection.isDone);
    // One more turn through another connection, so that the FIN has been seen.
    using other = await RawClient.connect(at.port);
    expect((await exchange(other, "/other")).status).toBe(200);
  }
  expect(at.instance.requests.filter(({ method }) => method === "POST").length).toBe(5);
});

test("Connection: close from the instance: its connection is not used again", async () => {
  await using at = await startServing(serveHttp(() => formatResponse("ok", { headers: [["Connection", "close"]] })));
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 3; round++) expect((await exchange(client, "/")).status).toBe(200);
  expect(at.instance.connections.map(({ requests }) => requests.length)).toEqual([1, 1, 1]);
  await eventually(() => at.instance.openConnections === 0);
});

test("an HTTP/1.0 answer: passed on as HTTP/1.1, its connection is not used again", async () => {
  await using at = await startServing(serveHttp(() => "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 2; round++) {
    expect(await exchange(client, "/")).toMatchObject({ startLine: "HTTP/1.1 200 OK", body: Buffer.from("ok") });
  }
  expect(at.instance.connections.length).toBe(2);
});

test("bytes after an answer's end are never taken for another answer", async () => {
  await using at = await startServing(
    serveHttp(({ target }) =>
      target === "/poison"
        ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        : formatResponse(`answer ${target}`),
    ),
  );
  using attacker = await RawClient.connect(at.port);
  using victim = await RawClient.connect(at.port);
  for (let round = 0; round < 10; round++) {
    expect((await exchange(attacker, "/poison")).body.toString()).toBe("ok");
    expect((await exchange(victim, `/${round}`)).body.toString()).toBe(`answer /${round}`);
  }
  expect(attacker.availableBytes).toBe(0);
  expect(
    at.instance.connections.every(({ requests }) => requests.slice(0, -1).every(({ target }) => target !== "/poison")),
  ).toBe(true);
});

test("unasked bytes on a pooled connection never answer the next request", async () => {
  await using at = await startServing(serveHttp(({ target }) => formatResponse(`answer ${target}`)));
  using client = await RawClient.connect(at.port);
  for (let round = 0; round < 10; round++) {
    expect((await exchange(client, `/${round}`)).body.toString()).toBe(`answer /${round}`);
    const pooled = at.instance.connections.at(-1)!;
    await pooled.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil").catch(() => {});
    await eventually(() => pooled.ending !== "open", { what: "the poisoned connection's end" });
  }
});

test("a client that leaves mid-answer takes its back-end connection with it, and only that", async () => {
  await using at = await startServing(
    serveHttp(async ({ target }, connection) => {
      if (target === "/quick") return formatResponse("quick");
      await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbegun");
      return undefined;
    }),
  );
  using leaving = await RawClient.connect(at.port);
  using staying = await RawClient.connect(at.port);
  expect((await exchange(staying, "/quick")).status).toBe(200);
  await leaving.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n");
  await leaving.takeUntil("begun");
  const used = at.instance.connections.find(({ requests }) => requests.some(({ target }) => target === "/slow"))!;
  leaving.reset();
  await used.receiveEnd();
  await eventually(() => at.elbow.outstanding() === 0 && at.elbow.openConnections() === 1);
  expect((await exchange(staying, "/quick")).body.toString()).toBe("quick");
});
