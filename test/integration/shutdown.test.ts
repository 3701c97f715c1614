// The end of the process: SIGTERM and SIGINT stop accepting, let what is in flight finish up to the grace period, and
// exit with code 0; a second signal ends at once.
import { expect, setDefaultTimeout, test } from "bun:test";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, serveHttp, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

/** elbow with an HTTP and a TCP listener in front of one scripted instance. */
const start = async (script: Script, shutdownGrace = 30) => {
  const instance = FakeInstance.start(script);
  const [httpPort, tcpPort] = [freePort(), freePort()];
  const elbow = await ElbowProcess.start({
    shutdownGrace,
    loadBalancers: {
      test: {
        address: "127.0.0.1",
        listeners: [
          { protocol: "HTTP", port: httpPort, instancePort: instance.port },
          { protocol: "TCP", port: tcpPort, instancePort: instance.port },
        ],
        instances: ["127.0.0.1"],
        // Its first connection is then the first client's.
        attributes: { minIdleConnections: 0 },
      },
    },
  });
  return {
    instance,
    elbow,
    httpPort,
    tcpPort,
    async [Symbol.asyncDispose]() {
      await elbow[Symbol.asyncDispose]();
      instance.stop();
    },
  };
};

const refuses = (port: number): Promise<boolean> =>
  eventually(async () => {
    const client = await RawClient.connect(port).catch(() => undefined);
    client?.dispose();
    return client === undefined;
  });

test.each(["SIGTERM", "SIGINT"] as const)("%s with nothing in flight: exit code 0 at once", async (signal) => {
  await using at = await start(echo);
  at.elbow.signal(signal);
  expect(await at.elbow.exitCode(5_000)).toBe(0);
});

test("a TCP connection in flight finishes during the grace period, then the exit code is 0", async () => {
  await using at = await start(silence);
  using client = await RawClient.connect(at.tcpPort);
  const connection = await at.instance.connection();
  await client.send("before");
  expect((await connection.takeBytes(6)).toString()).toBe("before");
  at.elbow.signal("SIGTERM");
  await refuses(at.tcpPort);
  await refuses(at.httpPort);
  expect(at.elbow.process.exitCode).toBe(null);
  const sent = await Promise.all([
    sendStream(connection, 16 * MIB, 1).then(() => connection.halfClose()),
    client.digest(),
    client.halfClose(),
  ]);
  expect(sent[1]).toEqual(digestOf(16 * MIB, 1));
  expect(await at.elbow.exitCode()).toBe(0);
});

test("an answer in flight carries Connection: close and arrives whole; idle HTTP connections close at once", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  await using at = await start(
    serveHttp(async ({ target }) => {
      if (target === "/held") await held;
      return formatResponse(`answer to ${target}`);
    }),
  );
  using idle = await RawClient.connect(at.httpPort);
  expect((await exchange(idle, "/first")).status).toBe(200);
  using fresh = await RawClient.connect(at.httpPort);
  using busy = await RawClient.connect(at.httpPort);
  await busy.send(formatRequest("/held"));
  await eventually(() => at.instance.requests.some(({ target }) => target === "/held"));
  at.elbow.signal("SIGTERM");
  expect(await idle.receiveEnd()).toBe("eof");
  expect(await fresh.receiveEnd()).toBe("eof");
  expect(busy.ending).toBe("open");
  release();
  const response = await readResponse(busy);
  expect(response.body.toString()).toBe("answer to /held");
  expect(header(response, "connection")?.toLowerCase()).toBe("close");
  expect(await busy.receiveEnd()).toBe("eof");
  await busy.close();
  expect(await at.elbow.exitCode()).toBe(0);
});

test("a body in flight arrives whole, up and down, though its head went out before the signal", async () => {
  const bytes = 8 * MIB;
  await using at = await start(async (connection) => {
    await connection.takeUntil("\r\n\r\n");
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
    const [digest] = await Promise.all([connection.digest(bytes), sendStream(connection, bytes, 6)]);
    expect(digest).toEqual(digestOf(bytes, 5));
  });
  using client = await RawClient.connect(at.httpPort);
  await client.send(`PUT /big HTTP/1.1\r\nHost: test\r\nContent-Length: ${bytes}\r\n\r\n`);
  await client.takeUntil("\r\n\r\n");
  at.elbow.signal("SIGTERM");
  await refuses(at.httpPort);
  const [digest] = await Promise.all([client.digest(bytes), sendStream(client, bytes, 5)]);
  expect(digest).toEqual(digestOf(bytes, 6));
  expect(await client.receiveEnd()).toBe("eof");
  await client.close();
  expect(await at.elbow.exitCode()).toBe(0);
  expect(at.instance.scriptErrors).toEqual([]);
});

test("under load every answer that was begun is whole, and the exit code is 0", async () => {
  await using at = await start(serveHttp(() => formatResponse("x".repeat(20_000))));
  let answered = 0;
  let isOver = false;
  const cuts: Array<string> = [];
  const worker = async () => {
    while (!isOver) {
      const client = await RawClient.connect(at.httpPort).catch(() => undefined);
      if (client === undefined) return;
      try {
        for (;;) {
          const sent = client.send(formatRequest("/"));
          // An idle connection may close under a request that crosses it; nothing of an answer has come then.
          await sent.catch(() => {});
          const receivedBytes = client.receivedBytes;
          const response = await readResponse(client).catch((error: Error) => {
            if (client.receivedBytes > receivedBytes) cuts.push(error.message);
            return undefined;
          });
          if (response === undefined) break;
          if (response.status !== 200 || response.body.length !== 20_000) cuts.push(response.startLine);
          answered++;
          if (header(response, "connection")?.toLowerCase() === "close") break;
        }
      } finally {
        client.dispose();
      }
    }
  };
  const workers = Array.from({ length: 20 }, worker);
  await eventually(() => answered > 200);
  at.elbow.signal("SIGTERM");
  expect(await at.elbow.exitCode()).toBe(0);
  isOver = true;
  await Promise.all(workers);
  expect(cuts).toEqual([]);
});

test("what is still there when the grace period ends is closed, and the exit code is 0", async () => {
  await using at = await start(silence, 1);
  using client = await RawClient.connect(at.tcpPort);
  const connection = await at.instance.connection();
  const startedAt = performance.now();
  at.elbow.signal("SIGTERM");
  expect(await at.elbow.exitCode()).toBe(0);
  const tookMs = performance.now() - startedAt;
  expect(tookMs).toBeGreaterThan(900);
  expect(tookMs).toBeLessThan(4_000);
  await Promise.all([client.receiveEnd(), connection.receiveEnd()]);
});

test.each([
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const)("a second %s ends at once, with code %d", async (signal, code) => {
  await using at = await start(silence);
  using client = await RawClient.connect(at.tcpPort);
  await at.instance.connection();
  at.elbow.signal(signal);
  await refuses(at.tcpPort);
  expect(at.elbow.process.exitCode).toBe(null);
  at.elbow.signal(signal);
  expect(await at.elbow.exitCode(3_000)).toBe(code);
  await client.receiveEnd();
});
