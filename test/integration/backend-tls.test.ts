// Encrypted back ends without an authentication policy: HTTPS and SSL to instances from listeners in clear, whatever
// certificate they show; server name, resumption, half-close, and every byte both ways.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, greet, serveHttp, silence } from "../support/scripts.ts";
import { encryptTo, TlsInstance } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const versions = ["TLSv1.2", "TLSv1.3"] as const;

describe.each(versions)("%s", (version) => {
  test("an HTTP request goes on encrypted, and the next one over the same connection", async () => {
    using instance = await TlsInstance.secure(answerText("hi"), { version });
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    for (let round = 0; round < 3; round++) {
      const { status, body } = await exchange(client, "/");
      expect([status, body.toString()]).toEqual([200, "hi"]);
    }
    expect(instance.connections.map((one) => [one.isSecure, one.version])).toEqual([[true, version]]);
    expect(instance.requests.length).toBe(3);
  });

  test("the next connection resumes the session, and any answer comes over it too", async () => {
    // One request a connection.
    using instance = await TlsInstance.secure(
      serveHttp(() => formatResponse("once", { headers: [["Connection", "close"]] })),
      { version },
    );
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    for (let round = 0; round < 4; round++) expect((await exchange(client, "/")).body.toString()).toBe("once");
    expect(instance.secured.map(({ isResumed }) => isResumed)).toEqual([false, true, true, true]);
    // Another key and other ticket keys: the old session is refused, the connection isn't.
    instance.change({ certificate: await issueTestCertificate({ tag: "renewed" }) });
    for (let round = 0; round < 2; round++) expect((await exchange(client, "/")).status).toBe(200);
    expect(instance.secured.slice(4).map(({ isResumed }) => isResumed)).toEqual([false, true]);
  });

  test("20 MiB up and down arrive byte for byte", async () => {
    using instance = await TlsInstance.secure(
      async (connection) => {
        await connection.takeUntil("\r\n\r\n");
        const { sha256 } = await connection.digest(20 * MIB);
        await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${20 * MIB}\r\nX-Got: ${sha256}\r\n\r\n`);
        await sendStream(connection, 20 * MIB, 2);
      },
      { version },
    );
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send(`PUT / HTTP/1.1\r\nHost: test\r\nContent-Length: ${20 * MIB}\r\n\r\n`);
    const { sha256 } = await sendStream(client, 20 * MIB, 1);
    expect((await client.takeUntil("\r\n\r\n")).toString()).toContain(`X-Got: ${sha256}\r\n`);
    expect(await client.digest(20 * MIB)).toEqual(digestOf(20 * MIB, 2));
  });

  test("layer 4: both ways at once, each end closing its own direction last", async () => {
    using instance = await TlsInstance.secure(
      async (connection) => {
        const [{ sha256 }] = await Promise.all([connection.digest(), sendStream(connection, 8 * MIB, 4)]);
        // The client has ended; this direction goes on.
        await connection.send(sha256);
        await connection.halfClose();
      },
      { version },
    );
    await using elbow = await startElbow({ listeners: [encryptTo("TCP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    const sent = sendStream(client, 8 * MIB, 3).then(async (digest) => {
      await client.halfClose();
      return digest;
    });
    expect(await client.digest(8 * MIB)).toEqual(digestOf(8 * MIB, 4));
    expect((await client.takeToEnd()).toString()).toBe((await sent).sha256);
    expect(instance.scriptErrors).toEqual([]);
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  });

  test("layer 4: an instance that speaks and ends first hears what the client still sends", async () => {
    let heard = "";
    using instance = await TlsInstance.secure(
      async (connection) => {
        await connection.send("greeting");
        await connection.halfClose();
        heard = (await connection.takeToEnd()).toString();
      },
      { version },
    );
    await using elbow = await startElbow({ listeners: [encryptTo("TCP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    expect((await client.takeToEnd()).toString()).toBe("greeting");
    await client.send("afterwards");
    await client.halfClose();
    await eventually(() => heard === "afterwards");
    await eventually(() => elbow.openConnections() === 0);
  });
});

test.each([
  ["signed by nobody else", { issuer: "self" }],
  ["that has expired", { notBefore: new Date(Date.now() - 40 * 86_400_000), days: 10 }],
  ["for another name", { names: ["elsewhere.test"] }],
  ["with an RSA key", { keyType: "RSA" }],
] as const)("a certificate %s is as good as any", async (_, terms) => {
  using instance = await TlsInstance.secure(greet("hi"), { certificate: await issueTestCertificate(terms) });
  await using elbow = await startElbow({ listeners: [encryptTo("TCP")], instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.halfClose();
  expect((await client.takeToEnd()).toString()).toBe("hi");
});

test("a name is sent as server name, an address isn't, in either family", async () => {
  using four = await TlsInstance.secure(answerText("4"));
  using six = await TlsInstance.secure(answerText("6"), {}, { host: "::1" });
  const to = (name: string, host: string, port: number) => ({
    name,
    listeners: [encryptTo("HTTP")],
    instances: [{ id: `i-${name}`, host, port }],
  });
  await using elbow = await startElbow(
    configurationOf([
      to("address", "127.0.0.1", four.port),
      to("name", "localhost", four.port),
      to("six", "::1", six.port),
    ]),
  );
  for (const name of ["address", "name", "six"]) {
    using client = await RawClient.connect(elbow.port(0, name));
    expect((await exchange(client, "/")).status).toBe(200);
  }
  expect(four.secured.map(({ serverName }) => serverName)).toEqual([undefined, "localhost"]);
  expect(six.secured.map(({ serverName }) => serverName)).toEqual([undefined]);
});

test("what a client says at once waits for the handshake, and an instance that says nothing gets it whole", async () => {
  using instance = await TlsInstance.secure(echo);
  await using elbow = await startElbow({ listeners: [encryptTo("TCP")], instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("first words");
  expect((await client.takeBytes(11)).toString()).toBe("first words");
});

test("connections are opened ahead with TLS done, and a request needs no handshake", async () => {
  using instance = await TlsInstance.secure(answerText("hi"));
  await using elbow = await startElbow({
    listeners: [encryptTo("HTTP")],
    instances: [instance],
    attributes: { minIdleConnections: 2 },
  });
  await eventually(() => instance.secured.length === 2);
  await eventually(() => elbow.status()[0]!.instances[0]!.openConnections === 2);
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).status).toBe(200);
  expect(instance.requests.length).toBe(1);
  expect(instance.connections[0]!.receivedBytes + instance.connections[1]!.receivedBytes).toBeGreaterThan(0);
});

test("an instance behind a listener in clear and one with TLS is shown once, its numbers added up", async () => {
  using instance = await TlsInstance.secure(silence);
  await using elbow = await startElbow({
    listeners: [encryptTo("TCP"), { protocol: "TCP" }],
    instances: [{ id: "i-1", host: "127.0.0.1", port: instance.port }],
  });
  using one = await RawClient.connect(elbow.port(0));
  using other = await RawClient.connect(elbow.port(1));
  await eventually(() => instance.connections.length === 2 && elbow.outstanding() === 2);
  expect([one.ending, other.ending]).toEqual(["open", "open"]);
  expect(elbow.status()[0]!.instances).toMatchObject([{ id: "i-1", openConnections: 2, outstanding: 2 }]);
  const open = collectMetrics().find(({ name }) => name === "elbow_backend_connections_open");
  expect(open?.samples.map(({ value }) => value)).toEqual([2]);
});

test("an instance that never closes its side keeps no socket of ours", async () => {
  const before = openSockets();
  using instance = await TlsInstance.secure(
    serveHttp(() => formatResponse("bye", { headers: [["Connection", "close"]] })),
  );
  {
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    instance.become(async (connection) => {
      await connection.readRequest();
      await connection.send(formatResponse("bye", { headers: [["Connection", "close"]] }));
      // Neither a FIN nor a close_notify ever comes from here.
    });
    for (let round = 0; round < 5; round++) expect((await exchange(client, "/")).status).toBe(200);
    await eventually(() => elbow.status()[0]!.instances[0]!.openConnections === 0);
    // Five ended ends of the instance's and its listener, the client's two, and elbow's listener.
    await eventually(() => openSockets().length - before.length <= 5 + 1 + 2 + 1, { what: "our ends closed" });
  }
  instance.stop();
  await noNewSockets(before);
});

test("a plain instance that turns to TLS by a reload is spoken to in TLS from the next request on", async () => {
  using plain = FakeInstance.start(answerText("plain"));
  const { port } = plain;
  const one = (listener: object, listenPort = 0) =>
    configurationOf([{ listeners: [{ ...listener, port: listenPort }], instances: [port] }]);
  await using elbow = await startElbow(one({ protocol: "HTTP" }));
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).body.toString()).toBe("plain");
  plain.stop();
  using secured = await TlsInstance.secure(answerText("secured"), {}, { port });
  await elbow.apply(one(encryptTo("HTTP")));
  using another = await RawClient.connect(elbow.port());
  expect((await exchange(another, "/")).body.toString()).toBe("secured");
  expect(secured.secured.length).toBe(1);
});

test("an instance that is called by another host after a reload is sent that name, over a connection of its own", async () => {
  using instance = await TlsInstance.secure(answerText("hi"));
  const calledBy = (host: string) =>
    configurationOf([{ listeners: [encryptTo("HTTP")], instances: [{ id: "i-1", host, port: instance.port }] }]);
  await using elbow = await startElbow(calledBy("127.0.0.1"));
  using client = await RawClient.connect(elbow.port());
  expect((await exchange(client, "/")).status).toBe(200);
  await elbow.apply(calledBy("localhost"));
  expect((await exchange(client, "/")).status).toBe(200);
  expect(instance.secured.map(({ serverName }) => serverName)).toEqual([undefined, "localhost"]);
});
