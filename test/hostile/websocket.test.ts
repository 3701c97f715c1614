// WebSocket as a way in: frames sent too early, a 101 that lies, HTTP inside a tunnel. A tunnel is its two ends' affair: no
// byte of it is parsed, and its connection serves nobody else.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { eventually } from "../support/eventually.ts";
import { exchange, formatRequest, header, readRequest, readResponse } from "../support/http-message.ts";
import { stalls } from "../support/stalls.ts";
import { left, openTunnel, pass, startTunnelGround } from "../support/tunnels.ts";
import { formatHandshake, relayedSwitching } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const counted = (name: string): number =>
  collectMetrics()
    .filter((family) => family.name === name)
    .reduce((sum, { samples }) => sum + samples.reduce((all, { value }) => all + value, 0), 0);

describe("too early", () => {
  test.each([false, true])(
    "frames behind the handshake reach the server behind it (kept connection: %p)",
    async (isKept) => {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      await using at = await startTunnelGround(async (connection) => {
        for (;;) {
          const request = await readRequest(connection);
          if (request === undefined) return;
          if (header(request, "upgrade") === undefined) await connection.send("HTTP/1.1 204 None\r\n\r\n");
          else break;
        }
        await held;
        await connection.send(`${relayedSwitching}first of the server`);
      });
      using client = await at.connect();
      if (isKept) await exchange(client, "/");
      await client.send(`${formatHandshake()}one`);
      await client.send("two");
      const connection = await at.instance.connection();
      const head = formatHandshake().length;
      await eventually(() => counted("elbow_received_bytes_total") >= head + 6 && connection.receivedBytes > 100);
      // Until the instance has agreed they may be a request as well as frames: none goes on.
      expect(connection.availableBytes).toBe(0);
      release();
      expect((await connection.takeBytes(6)).toString()).toBe("onetwo");
      const expected = `${relayedSwitching}first of the server`;
      expect((await client.takeBytes(expected.length)).toString()).toBe(expected);
      await client.send("three");
      expect((await connection.takeBytes(5)).toString()).toBe("three");
    },
  );

  test("a flood behind the handshake waits at the client until the 101, and arrives whole", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await using at = await startTunnelGround(async (connection) => {
      await connection.takeUntil("\r\n\r\n");
      await held;
      await connection.send(relayedSwitching);
    });
    using client = await at.connect();
    await client.send(formatHandshake());
    const sending = sendStream(client, 128 * MIB, 3).then(() => client.halfClose());
    expect(await stalls(client)).toBeLessThan(64 * MIB);
    const received = (await at.instance.connection()).digest();
    release();
    expect(await received).toEqual(digestOf(128 * MIB, 3));
    await sending;
  });

  test("behind a handshake that is declined, bytes are requests: read, written anew, answered in order", async () => {
    await using at = await startTunnelGround(async (connection) => {
      for (;;) {
        const request = await connection.readRequest();
        if (request === undefined) return;
        const status = request.target === "/socket" ? "426 Upgrade Required" : "200 OK";
        await connection.send(
          `HTTP/1.1 ${status}\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`,
        );
      }
    });
    using client = await at.connect();
    const smuggled =
      "GET /admin HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n\r\n";
    await client.send(formatHandshake().replace("Version: 13", "Version: 1337") + smuggled);
    expect([(await readResponse(client)).status, (await readResponse(client)).body.toString()]).toEqual([
      426,
      "/admin",
    ]);
    const [, second] = at.instance.requests;
    expect([header(second!, "x-forwarded-for"), header(second!, "x-forwarded-proto")]).toEqual([
      "10.0.0.1, 127.0.0.1",
      "http",
    ]);
    await client.send("\x81\x85frames, not HTTP\r\n\r\n");
    expect((await readResponse(client)).status).toBe(400);
    expect(at.instance.requests.length).toBe(2);
  });
});

describe("a 101 that lies", () => {
  const bytes = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
  const plain = formatRequest("/socket").toString();
  test.each([
    ["to nobody's asking", plain, "Upgrade: websocket\r\nConnection: upgrade\r\n", {}],
    [
      "where the attribute is off",
      formatHandshake(),
      "Upgrade: websocket\r\nConnection: upgrade\r\n",
      { webSocket: false },
    ],
    ["to POST", formatHandshake("", { requestLine: "POST /s HTTP/1.1" }), "Upgrade: websocket\r\n", {}],
    [
      "to an h2c upgrade",
      formatHandshake("", { requestLine: "GET / HTTP/1.1", upgrade: ["h2c"] }),
      "Upgrade: h2c\r\n",
      {},
    ],
    ["with another protocol", formatHandshake(), "Upgrade: h2c\r\nConnection: upgrade\r\n", {}],
    ["with none", formatHandshake(), "Connection: upgrade\r\n", {}],
    ["with a name that only begins so", formatHandshake(), "Upgrade: websockets\r\n", {}],
    ["with a control byte", formatHandshake(), "Upgrade: websocket\r\nX-A: \x00\r\n", {}],
    ["with two lengths", formatHandshake(), "Upgrade: websocket\r\nContent-Length: 1\r\nContent-Length: 2\r\n", {}],
  ] as const)("%s: 502, and nobody hears what follows", async (_, wire, lines, attributes) => {
    let served = 0;
    await using at = await startTunnelGround(async (connection) => {
      for (;;) {
        const request = await connection.readRequest();
        if (request === undefined) return;
        const isLie = served++ === 0;
        await connection.send(isLie ? `HTTP/1.1 101 Switching\r\n${lines}\r\n${bytes}` : "HTTP/1.1 204 None\r\n\r\n");
      }
    }, attributes);
    using client = await at.connect();
    await client.send(wire);
    const response = await readResponse(client);
    expect([response.startLine, header(response, "connection")]).toEqual(["HTTP/1.1 502 BAD_GATEWAY", "keep-alive"]);
    expect(await at.outcomes.at(0)).toMatchObject({ status: 502, reason: "badResponse" });
    expect((await exchange(client, "/next")).status).toBe(204);
    // The one that lied is gone; the next request had another.
    expect(await at.instance.connections[0]!.receiveEnd()).toBe("reset");
    expect(at.instance.connections.length).toBe(2);
    expect(client.availableBytes).toBe(0);
  });

  test("HTTP/1.0 asks for no upgrade and gets none, whatever the instance says", async () => {
    await using at = await startTunnelGround(async (connection) => {
      await connection.readRequest();
      await connection.send(`${relayedSwitching}${bytes}`);
    });
    using client = await at.connect();
    await client.send(formatHandshake("", { requestLine: "GET /socket HTTP/1.0" }));
    expect((await client.takeToEnd()).toString()).toStartWith("HTTP/1.1 502 BAD_GATEWAY\r\n");
  });
});

describe("inside the tunnel", () => {
  test("HTTP is bytes, either way, and concerns nobody else", async () => {
    await using at = await startTunnelGround();
    const { client, instance } = await openTunnel(at);
    using victim = await at.connect();
    const request =
      "GET /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nCONNECT x HTTP/1.1\r\n\r\n";
    const response = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbadHTTP/1.1 101 x\r\n\r\n";
    await pass(client, instance, request);
    await pass(instance, client, response);
    // While the tunnel stands and once it is over, nobody else meets its connection.
    expect((await exchange(victim, "/victim")).body.toString()).toBe("plain /victim");
    await pass(instance, client, response);
    await pass(client, instance, request);
    await client.halfClose();
    expect(await instance.receiveEnd()).toBe("eof");
    await instance.send(response);
    await instance.halfClose();
    expect((await client.takeToEnd()).toString()).toBe(response);
    expect((await exchange(victim, "/again")).body.toString()).toBe("plain /again");
    expect(at.instance.connections.length).toBe(2);
    // No request of the tunnel's was counted, judged or answered.
    await eventually(() => at.outcomes.all.length === 3);
    expect(at.outcomes.all.filter(({ status }) => status === 101)).toMatchObject([
      { reason: undefined, desync: undefined },
    ]);
  });

  test("every byte is counted, in the metrics and in the outcome", async () => {
    await using at = await startTunnelGround();
    const [received, sent] = [counted("elbow_received_bytes_total"), counted("elbow_sent_bytes_total")];
    const { client, instance } = await openTunnel(at);
    await pass(client, instance, "x".repeat(1234));
    await pass(instance, client, "y".repeat(70_000));
    await Promise.all([client.close(), instance.close()]);
    const { length } = formatHandshake();
    const outcome = await at.outcomes.at(0);
    expect([outcome.status, outcome.receivedBytes, outcome.sentBytes, outcome.instance]).toEqual([
      101,
      length + 1234,
      relayedSwitching.length + 70_000,
      `127.0.0.1:${at.instance.port}`,
    ]);
    expect(counted("elbow_received_bytes_total") - received).toBe(outcome.receivedBytes);
    expect(counted("elbow_sent_bytes_total") - sent).toBe(outcome.sentBytes);
  });

  test("a kept connection that has died is replaced under a handshake, and the early frame isn't lost", async () => {
    await using at = await startTunnelGround(async (connection) => {
      if (connection.index > 0) return left(connection);
      await connection.readRequest();
      await connection.send("HTTP/1.1 204 None\r\n\r\n");
      await connection.readRequest();
      connection.reset();
    });
    using client = await at.connect();
    await exchange(client, "/");
    await client.send(`${formatHandshake()}early`);
    expect((await client.takeUntil("\r\n\r\n")).toString()).toBe(relayedSwitching);
    const second = await at.instance.connection(1);
    expect((await second.takeBytes(5)).toString()).toBe("early");
    await pass(second, client, "answer");
  });
});
