// Layer 4, one connection at a time: bytes go through unmodified in both directions, and each end learns how the other
// one ended (FIN as FIN, with the other direction still open; RST as RST).
import { expect, setDefaultTimeout, test } from "bun:test";
import type { ByteEnd } from "../support/byte-end.ts";
import { sendStream } from "../support/byte-stream.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, greet, silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

test("bytes go through unmodified, whoever speaks first", async () => {
  using talker = FakeInstance.start(greet("220 ready\r\n"));
  await using elbow = await startElbow({ instances: [talker] });
  using client = await RawClient.connect(elbow.port());
  expect((await client.takeUntil("\n")).toString()).toBe("220 ready\r\n");
  const every = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
  await client.sendSlowly(every, 7);
  await client.halfClose();
  expect(await client.receiveEnd()).toBe("eof");
  expect(Buffer.concat(talker.connections[0]!.recorded)).toEqual(every);
});

test("what the client sends before the instance is connected arrives, its FIN too", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow({ instances: [instance] });
  for (let round = 0; round < 20; round++) {
    using client = await RawClient.connect(elbow.port());
    await client.send(`early ${round}`);
    await client.halfClose();
    expect((await client.takeToEnd()).toString()).toBe(`early ${round}`);
  }
});

test("an instance that speaks and leaves at once is heard, every time", async () => {
  using instance = FakeInstance.start(async (connection) => {
    await connection.send("only this");
    await connection.close();
  });
  await using elbow = await startElbow({ instances: [instance] });
  for (let round = 0; round < 10; round++) {
    const heard = await Promise.all(
      Array.from({ length: 40 }, async () => {
        using client = await RawClient.connect(elbow.port());
        return (await client.takeToEnd()).toString();
      }),
    );
    expect(new Set(heard)).toEqual(new Set(["only this"]));
  }
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("64 MiB go both ways at once with equal hashes", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  const send = async (end: ByteEnd, seed: number) => {
    const digest = await sendStream(end, 64 * MIB, seed);
    await end.halfClose();
    return digest;
  };
  const [toBackend, toClient, atInstance, atClient] = await Promise.all([
    send(client, 1),
    send(connection, 2),
    connection.digest(),
    client.digest(),
  ]);
  expect(atInstance).toEqual(toBackend);
  expect(atClient).toEqual(toClient);
  expect(atInstance.bytes).toBe(64 * MIB);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("a client's half-close reaches the instance, which goes on sending", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  await client.send("question");
  await client.halfClose();
  expect((await connection.takeToEnd()).toString()).toBe("question");
  await connection.sendSlowly("an answer in pieces", 5, 2);
  expect((await client.takeBytes(19)).toString()).toBe("an answer in pieces");
  expect(client.ending).toBe("open");
  expect(elbow.openConnections()).toBe(1);
  await connection.halfClose();
  expect(await client.receiveEnd()).toBe("eof");
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("an instance's half-close reaches the client, which goes on sending", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  await connection.send("done");
  await connection.halfClose();
  expect((await client.takeToEnd()).toString()).toBe("done");
  const sent = await sendStream(client, 3 * MIB, 3);
  await client.halfClose();
  expect(await connection.digest()).toEqual(sent);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("a half-closed direction's last bytes are not lost behind a slow reader", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  client.pauseReading();
  const sending = sendStream(connection, 16 * MIB, 4).then(async (digest) => {
    await connection.close();
    return digest;
  });
  await eventually(() => connection.sentBytes > MIB);
  client.resumeReading();
  expect(await client.digest()).toEqual(await sending);
});

test("a client's reset reaches the instance as a reset", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("x");
  const connection = await instance.connection();
  await connection.takeBytes(1);
  client.reset();
  expect(await connection.receiveEnd()).toBe("reset");
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("an instance's reset reaches the client as a reset", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  await connection.send("x");
  await client.takeBytes(1);
  connection.reset();
  expect(await client.receiveEnd()).toBe("reset");
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("a reset after a half-close is still a reset", async () => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  const connection = await instance.connection();
  await client.halfClose();
  expect(await connection.receiveEnd()).toBe("eof");
  connection.reset();
  expect(await client.receiveEnd()).toBe("reset");
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});

test("IPv6 in front and behind", async () => {
  using instance = FakeInstance.start(echo, { host: "::1" });
  await using elbow = await startElbow({
    address: "::1",
    instances: [{ id: "six", host: "::1", port: instance.port }],
  });
  using client = await RawClient.connect(elbow.port(), "::1");
  await client.send("over six");
  expect((await client.takeBytes(8)).toString()).toBe("over six");
  expect(instance.connections[0]!.remoteAddress).toBe("::1");
  await expect(RawClient.connect(elbow.port(), "127.0.0.1")).rejects.toThrow();
});

test("a listener without an address takes both families", async () => {
  using instance = FakeInstance.start(echo);
  const { address: _, ...loadBalancer } = configurationOf([{ instances: [instance] }]).loadBalancers[0]!;
  await using elbow = await startElbow({ ...configurationOf([]), loadBalancers: [loadBalancer] });
  for (const host of ["127.0.0.1", "::1"]) {
    using client = await RawClient.connect(elbow.port(), host);
    await client.send(host);
    expect((await client.takeBytes(host.length)).toString()).toBe(host);
  }
});

test("1000 connections at once each get their own bytes", async () => {
  using one = FakeInstance.start(echo);
  using two = FakeInstance.start(echo);
  await using elbow = await startElbow({ instances: [one, two] });
  const count = 1000;
  const clients = await Promise.all(Array.from({ length: count }, () => RawClient.connect(elbow.port())));
  try {
    await eventually(() => one.openConnections + two.openConnections === count, { timeoutMs: 15_000 });
    expect(one.connections.length).toBe(count / 2);
    expect(elbow.openConnections()).toBe(count);
    expect(elbow.outstanding()).toBe(count);
    const answers = await Promise.all(
      clients.map(async (client, index) => {
        const text = `this is client ${String(index).padStart(4, "0")}`;
        await client.send(text);
        return (await client.takeBytes(text.length, 20_000)).toString() === text;
      }),
    );
    expect(answers.filter((isRight) => isRight).length).toBe(count);
    await Promise.all(clients.map((client) => client.halfClose()));
    await Promise.all(clients.map((client) => client.receiveEnd(20_000)));
    expect(clients.filter(({ ending }) => ending !== "eof").length).toBe(0);
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  } finally {
    for (const client of clients) client.dispose();
  }
});
