// Handshakes that come to nothing: what clients that can't be served get, how long a handshake may take, what else comes to
// a port of TLS, and what is counted of it all; nobody else is disturbed.
import { expect, setDefaultTimeout, test } from "bun:test";
import { sendStream } from "../support/byte-stream.ts";
import { inlineSource, issueTestCertificate } from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";
import { HandshakeFailure, SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { countsFaults, faultsOf, handshakesOf } from "../support/tls-counts.ts";
import { makeClientHello, readAnswer } from "../support/tls-probe.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;

test("a client with no version or suite in common fails with an alert and a reason", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
  const port = elbow.port();
  await expect(SecureClient.connect(port, { maxVersion: "TLSv1.1" })).rejects.toThrow(HandshakeFailure);
  await countsFaults(port, { noSharedProtocol: 1 });
  await expect(SecureClient.connect(port, { maxVersion: "TLSv1.2", ciphers: "ECDHE-RSA-AES128-SHA" })).rejects.toThrow(
    HandshakeFailure,
  );
  await countsFaults(port, { noSharedProtocol: 1, noSharedCipher: 1 });
  using client = await SecureClient.connect(port);
  expect((await exchange(client, "/")).status).toBe(200);
  await eventually(() => elbow.openConnections() === 1);
});

test("a handshake that takes too long is ended, wherever it stands, while others are served", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({
    listeners: [await secureListener("HTTPS")],
    instances: [instance],
    attributes: { handshakeTimeout: 0.3 },
  });
  const port = elbow.port();
  const hello = makeClientHello({ version: "TLSv1.3", suites: [0x1301] });
  const started = performance.now();
  using silent = await RawClient.connect(port);
  using half = await RawClient.connect(port);
  using whole = await RawClient.connect(port);
  using trickled = await RawClient.connect(port);
  await half.send(hello.subarray(0, 40));
  await whole.send(hello);
  // Bytes that keep coming don't renew the deadline.
  const trickling = trickled.sendSlowly(hello, 4, 20).catch(() => {});
  await eventually(() => readAnswer(whole.peek()), { what: "a ServerHello" });
  using client = await SecureClient.connect(port);
  expect((await exchange(client, "/")).status).toBe(200);
  for (const stalled of [silent, half, whole, trickled]) {
    expect(await stalled.receiveEnd()).not.toBe("open");
  }
  const tookMs = performance.now() - started;
  expect(tookMs).toBeGreaterThan(200);
  expect(tookMs).toBeLessThan(3_000);
  await trickling;
  await countsFaults(port, { handshakeTimeout: 4 });
  // Whose handshake is done has all the time in the world.
  expect((await exchange(client, "/")).status).toBe(200);
  client.dispose();
  await eventually(() => elbow.openConnections() === 0);
});

test("plain HTTP on an HTTPS port ends in good order, also in the middle of a body", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
  const port = elbow.port();
  {
    using client = await RawClient.connect(port);
    await client.send(formatRequest("/"));
    expect(await client.receiveEnd()).toBe("eof");
    expect(client.receivedBytes).toBe(0);
  }
  {
    using client = await RawClient.connect(port);
    await client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${8 * MIB}\r\n\r\n`);
    await sendStream(client, 8 * MIB, 5);
    expect(await client.receiveEnd()).toBe("eof");
    // A FIN answered by a FIN: nothing was reset.
    await client.halfClose();
    await eventually(() => client.isDone);
    expect(client.ending).toBe("eof");
  }
  await countsFaults(port, { handshakeNotTls: 2 });
  expect(handshakesOf(port).begun).toBe(0);
  await eventually(() => elbow.openConnections() === 0);
});

test("a client that sends plain bytes and never leaves is let go", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({ listeners: [await secureListener("SSL")], instances: [instance] });
  using client = await RawClient.connect(elbow.port());
  await client.send("SSH-2.0-OpenSSH_9.2\r\n");
  expect(await client.receiveEnd()).toBe("eof");
  await eventually(() => elbow.openConnections() === 0, { timeoutMs: 8_000 });
  expect(faultsOf(elbow.port())).toEqual({ handshakeNotTls: 1 });
  expect(instance.connections).toHaveLength(0);
});

test("a probe that connects and leaves counts nothing; one that leaves after a word does", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
  const port = elbow.port();
  for (const leave of ["close", "halfClose"] as const) {
    using probe = await RawClient.connect(port);
    await eventually(() => elbow.openConnections() === 1);
    await probe[leave]();
    await eventually(() => elbow.openConnections() === 0);
  }
  {
    using probe = await RawClient.connect(port);
    await eventually(() => elbow.openConnections() === 1);
    probe.reset();
    await eventually(() => elbow.openConnections() === 0);
  }
  expect(faultsOf(port)).toEqual({});
  {
    using probe = await RawClient.connect(port);
    await probe.send(new Uint8Array([22, 3, 1]));
    await probe.close();
  }
  await countsFaults(port, { handshakeCut: 1 });
  using client = await SecureClient.connect(port);
  expect((await exchange(client, "/")).status).toBe(200);
});

test("a client that doesn't trust the certificate leaves, and is counted once", async () => {
  using instance = FakeInstance.start(answerText("served"));
  const stranger = await issueTestCertificate({ issuer: "self" });
  const listener = await secureListener("HTTPS", { certificates: [inlineSource(stranger)] });
  await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
  const { caPem } = await issueTestCertificate();
  const versions = ["TLSv1.2", "TLSv1.3"] as const;
  for (const version of versions) {
    const options = { minVersion: version, maxVersion: version, ca: caPem };
    await expect(SecureClient.connect(elbow.port(), options)).rejects.toThrow(HandshakeFailure);
  }
  await eventually(() => elbow.openConnections() === 0);
  const faults = Object.values(faultsOf(elbow.port())).reduce((sum, count) => sum + count, 0);
  expect(faults).toBe(versions.length);
  expect(instance.connections).toHaveLength(0);
});

test("a listener of TLS that was given no certificate never serves in clear", async () => {
  using instance = FakeInstance.start(answerText("in clear"));
  for (const protocol of ["HTTPS", "SSL"] as const) {
    const instanceProtocol = protocol === "HTTPS" ? "HTTP" : "TCP";
    const starting = startElbow({ listeners: [{ protocol, instanceProtocol }], instances: [instance] });
    const elbow = await starting.catch(() => undefined);
    // Refused as a whole is as good as closed to everybody.
    if (elbow === undefined) continue;
    await using stopping = elbow;
    using client = await RawClient.connect(stopping.port());
    await client.send(formatRequest("/"));
    expect(await client.receiveEnd(5_000)).not.toBe("open");
    expect([protocol, client.receivedBytes]).toEqual([protocol, 0]);
  }
  expect(instance.connections).toHaveLength(0);
});
