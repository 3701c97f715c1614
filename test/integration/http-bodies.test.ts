// Layer 7, big bodies: they stream both ways at the pace of the slower side, nothing is kept whole, and an answer that
// was cut is seen as cut.
import { expect, setDefaultTimeout, test } from "bun:test";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { startElbow } from "../support/elbow.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import {
  exchange,
  formatRequest,
  formatResponse,
  header,
  isCut,
  readHead,
  readResponse,
} from "../support/http-message.ts";
import { freePort, startSilentPort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { serveHttp } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

test("64 MiB up, then 64 MiB down, with equal hashes, and the connection lives on", async () => {
  using instance = FakeInstance.start(async (connection) => {
    for (let round = 0; round < 2; round++) {
      expect(header(await readHead(connection), "content-length")).toBe(String(64 * MIB));
      expect(await connection.digest(64 * MIB)).toEqual(digestOf(64 * MIB, 21));
      await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
      await sendStream(connection, 64 * MIB, 22);
    }
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  for (let round = 0; round < 2; round++) {
    await client.send(`PUT /big HTTP/1.1\r\nHost: test\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
    await sendStream(client, 64 * MIB, 21);
    expect((await readHead(client)).startLine).toBe("HTTP/1.1 200 OK");
    expect(await client.digest(64 * MIB)).toEqual(digestOf(64 * MIB, 22));
  }
  expect(instance.connections.length).toBe(1);
  expect(instance.scriptErrors).toEqual([]);
});

test("64 MiB up and 64 MiB down at the same time, with equal hashes", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await readHead(connection);
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
    const [received] = await Promise.all([connection.digest(64 * MIB), sendStream(connection, 64 * MIB, 22)]);
    expect(received).toEqual(digestOf(64 * MIB, 21));
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(`PUT /big HTTP/1.1\r\nHost: test\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
  const receiving = readHead(client).then(() => client.digest(64 * MIB));
  await sendStream(client, 64 * MIB, 21);
  expect(await receiving).toEqual(digestOf(64 * MIB, 22));
  await eventually(() => elbow.outstanding() === 0);
  expect(instance.scriptErrors).toEqual([]);
});

test("16 MiB in chunks up and down", async () => {
  const block = Buffer.alloc(64 * 1024, "0123456789abcdef");
  const blocks = (16 * MIB) / block.length;
  const chunk = Buffer.concat([Buffer.from("10000\r\n"), block, Buffer.from("\r\n")]);
  const sha256 = (...parts: ReadonlyArray<Uint8Array>) => {
    const hasher = new Bun.CryptoHasher("sha256");
    for (const part of parts) hasher.update(part);
    return hasher.digest("hex");
  };
  const expected = sha256(...Array.from({ length: blocks }, () => block));
  using instance = FakeInstance.start(
    serveHttp(async ({ body }, connection) => {
      await connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Hash: ${sha256(body)}\r\n\r\n`);
      for (let index = 0; index < blocks; index++) await connection.send(chunk);
      return "0\r\n\r\n";
    }),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const answering = readResponse(client, { timeoutMs: 30_000 });
  await client.send("PUT / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (let index = 0; index < blocks; index++) await client.send(chunk);
  await client.send("0\r\n\r\n");
  const response = await answering;
  expect(header(response, "x-hash")).toBe(expected);
  expect(sha256(response.body)).toBe(expected);
});

test.each(["upload", "download", "download in chunks"] as const)(
  "a big %s to a side that reads slowly costs bounded memory",
  async (direction) => {
    const total = 128 * MIB;
    const sizeLine = `${total.toString(16)}\r\n`;
    let resume = () => {};
    const resumed = new Promise<void>((resolve) => {
      resume = resolve;
    });
    using instance = FakeInstance.start(async (connection) => {
      await readHead(connection);
      if (direction === "download") {
        await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`);
        await sendStream(connection, total, 31);
        return;
      }
      if (direction === "download in chunks") {
        await connection.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${sizeLine}`);
        await sendStream(connection, total, 31);
        await connection.send("\r\n0\r\n\r\n");
        return;
      }
      connection.pauseReading();
      await resumed;
      connection.resumeReading();
      const { sha256 } = await connection.digest(total);
      await connection.send(formatResponse(sha256));
    });
    const port = freePort();
    await using elbow = await ElbowProcess.start({
      loadBalancers: {
        test: {
          address: "127.0.0.1",
          listeners: [{ protocol: "HTTP", port, instancePort: instance.port }],
          instances: ["127.0.0.1"],
        },
      },
    });
    using client = await RawClient.connect(port);
    const baseline = elbow.memory();
    if (direction === "upload") {
      await client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${total}\r\n\r\n`);
    } else {
      await client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
      await client.takeUntil("\r\n\r\n");
      client.pauseReading();
    }
    const connection = await instance.connection();
    const sender = direction === "upload" ? client : connection;
    const sending = direction === "upload" ? sendStream(client, total, 31) : Promise.resolve();
    let lastBytes = -1;
    let stillSince = performance.now();
    await eventually(
      () => {
        if (sender.sentBytes !== lastBytes) stillSince = performance.now();
        lastBytes = sender.sentBytes;
        return lastBytes > 64 * 1024 && performance.now() - stillSince > 300;
      },
      { what: "a stalled sender", timeoutMs: 20_000 },
    );
    expect(lastBytes).toBeLessThan(total / 2);
    expect(elbow.memory().residentBytes - baseline.residentBytes).toBeLessThan(32 * MIB);
    if (direction === "upload") {
      resume();
      await sending;
      expect((await readResponse(client)).body.toString()).toBe(digestOf(total, 31).sha256);
    } else {
      client.resumeReading();
      if (direction === "download in chunks") expect((await client.takeUntil("\r\n")).toString()).toBe(sizeLine);
      expect(await client.digest(total)).toEqual(digestOf(total, 31));
      if (direction === "download in chunks") await client.takeUntil("\r\n0\r\n\r\n");
    }
    expect(elbow.memory().peakBytes - baseline.peakBytes).toBeLessThan(96 * MIB);
    expect(instance.scriptErrors).toEqual([]);
  },
);

test.each([
  ["Content-Length", "close", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"],
  ["Content-Length", "reset", "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this"],
  ["chunked", "close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n"],
  ["chunked in a chunk", "close", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nonly this"],
  [
    "chunked before the last line",
    "close",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\n",
  ],
  [
    "chunked in its trailers",
    "close",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n0\r\nT: u\r\n",
  ],
  ["close-delimited", "reset", "HTTP/1.1 200 OK\r\n\r\nonly this"],
] as const)("an answer with %s that the instance cuts by a %s is seen as cut", async (_, how, wire) => {
  let passedOn = false;
  using instance = FakeInstance.start(async (connection) => {
    await connection.readRequest();
    await connection.send(wire);
    // A reset may overtake bytes that were not read yet, so it waits until they arrived.
    if (how === "reset") await eventually(() => passedOn);
    if (how === "close") await connection.close();
    else connection.reset();
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  const answering = readResponse(client).then(
    (response) => response,
    (error: unknown) => error,
  );
  if (how === "reset") {
    await eventually(() => {
      passedOn = Buffer.concat(client.recorded).includes("only this");
      return passedOn;
    });
  }
  expect(await answering).toSatisfy(isCut);
  expect(client.ending).not.toBe("open");
  expect(Buffer.concat(client.recorded).toString()).not.toEndWith("0\r\n\r\n");
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test.each([
  ["a chunk", "9\r\nonly this\r\n", "zz\r\n"],
  ["a trailer", "9\r\nonly this\r\n", "0\r\nbad trailer\r\n\r\n"],
  ["a chunk's end", "9\r\nonly", " this and more\r\n0\r\n\r\n"],
] as const)("%s that breaks is 502 while nothing was sent, and a cut behind that", async (_, sound, broken) => {
  const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  let passedOn = false;
  using instance = FakeInstance.start(
    serveHttp(async ({ target }, connection) => {
      if (target === "/together") return head + sound + broken;
      await connection.send(head + sound);
      await eventually(() => passedOn);
      return broken;
    }),
  );
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  // Nothing of it reached the client, whose connection lives on.
  for (let round = 0; round < 3; round++) {
    const response = await exchange(client, "/together");
    expect([response.startLine, response.body.length]).toEqual(["HTTP/1.1 502 BAD_GATEWAY", 0]);
  }
  await client.send(formatRequest("/apart"));
  await client.takeUntil("only");
  passedOn = true;
  await eventually(() => client.ending !== "open");
  expect(client.ending).toBe("reset");
  expect(Buffer.concat(client.recorded).toString()).not.toMatch(/0\r\n\r\n$/);
  expect(instance.connections.length).toBe(4);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test.each([
  [
    "in chunks",
    "Transfer-Encoding: chunked",
    // A chunk whole, one in two pieces, a size line apart from its data, and a long silence's comment.
    ["b\r\ndata: one\n\n\r\n", "c\r\ndata: t", "wo\n", "\n!\r\n", "5", "\r\n:hi\n\n\r\n", "0\r\n\r\n"],
    ["data: one\n\n\r\n", "data: t", "wo\n", "\n!\r\n", "", ":hi\n\n\r\n", "0\r\n\r\n"],
  ],
  ["until close", "X-A: b", ["data: one\n\n", "data: t", "wo\n\n"], ["data: one\n\n", "data: t", "wo\n\n"]],
  [
    "of a length",
    "Content-Length: 23",
    ["data: one\n\n", "data: t", "wo\n\n!"],
    ["data: one\n\n", "data: t", "wo\n\n!"],
  ],
] as const)("events in an answer %s reach the client one by one, as they are said", async (_, field, said, heard) => {
  let taken = -1;
  using instance = FakeInstance.start(async (connection) => {
    await connection.readRequest();
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n${field}\r\n\r\n`);
    for (const [index, piece] of said.entries()) {
      // Not before the client has what was said before: whoever keeps something back stops the test.
      await eventually(() => taken >= index);
      await connection.send(piece);
    }
    await connection.close();
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(formatRequest("/events"));
  await client.takeUntil("\r\n\r\n");
  for (const piece of heard) {
    taken++;
    if (piece !== "") await client.takeUntil(piece);
  }
  expect(client.availableBytes).toBe(0);
  expect(instance.scriptErrors).toEqual([]);
});

test("an answer that comes before the body was sent reaches the client", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await readHead(connection);
    await connection.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    await connection.halfClose();
    await connection.takeToEnd();
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${64 * MIB}\r\n\r\n`);
  const sending = sendStream(client, 64 * MIB, 3).catch(() => undefined);
  const response = await readResponse(client);
  expect([response.status, response.body.toString()]).toEqual([413, "big"]);
  client.dispose();
  await sending;
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("while there is no instance yet to send it to, a big body waits at the client", async () => {
  const silent = await startSilentPort();
  try {
    await using elbow = await startElbow({
      protocol: "HTTP",
      instances: [silent],
      attributes: { connectTimeout: 2 },
    });
    using client = await RawClient.connect(elbow.port());
    await client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${256 * MIB}\r\n\r\n`);
    const sending = sendStream(client, 256 * MIB, 3).catch(() => "stopped");
    const response = await readResponse(client);
    expect(response.status).toBe(504);
    // What the kernel's buffers hold on loopback, and little more.
    expect(client.sentBytes).toBeLessThan(64 * MIB);
    client.dispose();
    expect(await sending).toBe("stopped");
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  } finally {
    silent.stop();
  }
});

test("a body goes on to the instance while the client is still sending it", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await connection.takeUntil("first half");
    await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf seen,");
    await connection.takeUntil("second half");
    await connection.send("whole seen");
  });
  await using elbow = await startElbow({ protocol: "HTTP", instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 21\r\n\r\nfirst half");
  await client.takeUntil("half seen,");
  await client.send("second half");
  await client.takeUntil("whole seen");
});
