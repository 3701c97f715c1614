// HTTPS and SSL listeners: everything that HTTP and TCP listeners do, with TLS in front.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { inlineSource, issueTestCertificate } from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, headerValues, readResponse } from "../support/http-message.ts";
import { openSockets } from "../support/leaks.ts";
import { freePort } from "../support/port.ts";
import { answerText, echo, serveHttp, silence } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { countsFaults, faultsOf, handshakesOf } from "../support/tls-counts.ts";
import { maskedFrame, opcode, readFrame, serveWebSocket, shakeHands } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const versions = ["TLSv1.2", "TLSv1.3"] as const;

const only = (version: (typeof versions)[number]) => ({ minVersion: version, maxVersion: version });

test.each(versions)(
  "HTTPS over %s: keep-alive, pipelining and chunked bodies, and the instance is told",
  async (version) => {
    using instance = FakeInstance.start(
      serveHttp((request) => formatResponse(`${request.method} ${request.target} ${request.body.length}`)),
    );
    await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
    using client = await SecureClient.connect(elbow.port(), { ...only(version), protocols: ["http/1.1"] });
    expect([client.version, client.protocol]).toEqual([version, "http/1.1"]);
    expect((await exchange(client, "/1")).body.toString()).toBe("GET /1 0");
    // Three at once, of which one has a chunked body.
    await client.send(formatRequest("/2"));
    await client.send(
      "POST /3 HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    );
    await client.send(formatRequest("/4"));
    for (const text of ["GET /2 0", "POST /3 11", "GET /4 0"]) {
      expect((await readResponse(client)).body.toString()).toBe(text);
    }
    for (const request of instance.requests) {
      expect(headerValues(request, "X-Forwarded-Proto")).toEqual(["https"]);
      expect(headerValues(request, "X-Forwarded-Port")).toEqual([String(elbow.port())]);
      expect(headerValues(request, "X-Forwarded-For")).toEqual(["127.0.0.1"]);
    }
    expect(instance.connections).toHaveLength(1);
    expect(handshakesOf(elbow.port())).toEqual({ begun: 1, resumed: 0 });
    expect(faultsOf(elbow.port())).toEqual({});
  },
);

test.each(versions)("WebSocket over %s", async (version) => {
  using instance = FakeInstance.start(
    serveWebSocket(async (connection) => {
      const frame = await readFrame(connection);
      await connection.send(Buffer.concat([Buffer.from([0x81, frame.payload.length]), frame.payload]));
    }),
  );
  await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
  using client = await SecureClient.connect(elbow.port(), only(version));
  await shakeHands(client);
  await client.send(maskedFrame(opcode.text, "over TLS"));
  const frame = await readFrame(client);
  expect([frame.opcode, frame.payload.toString()]).toEqual([opcode.text, "over TLS"]);
});

test.each(versions)("over %s, big bodies go both ways, and a slow reader slows its source", async (version) => {
  // More than the kernel's buffers on the way can hold.
  const size = 64 * MIB;
  using uploads = FakeInstance.start(async (connection) => {
    await connection.takeUntil("\r\n\r\n");
    const { bytes, sha256 } = await connection.digest(size);
    await connection.send(formatResponse(`${bytes} ${sha256}`));
  });
  using downloads = FakeInstance.start(async (connection) => {
    await connection.takeUntil("\r\n\r\n");
    await connection.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
    await sendStream(connection, size, 8);
  });
  {
    await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [uploads] });
    using client = await SecureClient.connect(elbow.port(), only(version));
    await client.send(`POST / HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`);
    const sent = await sendStream(client, size, 7);
    expect((await readResponse(client)).body.toString()).toBe(`${sent.bytes} ${sent.sha256}`);
    expect(await client.receiveEnd()).toBe("eof");
  }
  await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [downloads] });
  using client = await SecureClient.connect(elbow.port(), only(version));
  client.pauseReading();
  await client.send(formatRequest("/"));
  const connection = await downloads.connection();
  // What the instance could send stays far below the whole until somebody reads: the buffers on the way are full.
  let before = -1;
  await eventually(
    async () => {
      before = connection.sentBytes;
      await Bun.sleep(100);
      return before > 0 && connection.sentBytes === before;
    },
    { what: "an instance that has to wait" },
  );
  expect(before).toBeLessThan(size);
  client.resumeReading();
  await client.takeUntil("\r\n\r\n");
  expect(await client.digest(size)).toEqual(digestOf(size, 8));
});

test("HTTPS answers for instances that don't: 502, 503 and 504", async () => {
  using broken = FakeInstance.start(async (connection) => {
    await connection.takeUntil("\r\n\r\n");
    await connection.send("nonsense\r\n\r\n");
    await connection.close();
  });
  using closing = FakeInstance.start(async (connection) => {
    await connection.takeUntil("\r\n\r\n");
    await connection.close();
  });
  const cases = [
    [broken.port, 502],
    [freePort(), 503],
    [closing.port, 504],
  ] as const;
  for (const [port, status] of cases) {
    await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [port] });
    using client = await SecureClient.connect(elbow.port());
    expect((await exchange(client, "/", { method: "POST", body: "x" })).status).toBe(status);
  }
});

test("ALPN: http/1.1 is chosen, no offer is fine, and a client that offers only others is told so", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({ listeners: [await secureListener("HTTPS")], instances: [instance] });
  const port = elbow.port();
  const offers = [
    [["h2", "http/1.1"], "http/1.1"],
    [["http/1.1"], "http/1.1"],
    [undefined, undefined],
  ] as const;
  for (const [protocols, chosen] of offers) {
    using client = await SecureClient.connect(port, protocols === undefined ? {} : { protocols });
    expect(client.protocol).toBe(chosen);
    expect((await exchange(client, "/")).body.toString()).toBe("served");
  }
  for (const version of versions) {
    await expect(SecureClient.connect(port, { ...only(version), protocols: ["h2"] })).rejects.toThrow(
      /NO_APPLICATION_PROTOCOL/,
    );
  }
  await countsFaults(port, { noSharedApplication: 2 });
});

test("an SSL listener speaks of no application protocol, whatever a client offers", async () => {
  using instance = FakeInstance.start(echo);
  await using elbow = await startElbow({ listeners: [await secureListener("SSL")], instances: [instance] });
  using client = await SecureClient.connect(elbow.port(), { protocols: ["h2", "imap"] });
  expect(client.protocol).toBeUndefined();
  await client.send("as it is");
  expect((await client.takeBytes(8)).toString()).toBe("as it is");
});

test.each(versions)("SSL over %s: bytes go both ways unmodified", async (version) => {
  using instance = FakeInstance.start(silence);
  await using elbow = await startElbow({ listeners: [await secureListener("SSL")], instances: [instance] });
  using client = await SecureClient.connect(elbow.port(), only(version));
  const connection = await instance.connection();
  // It looks like HTTP, and nothing is added to it.
  const request = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";
  await client.send(request);
  expect((await connection.takeBytes(request.length)).toString()).toBe(request);
  const [toBackend, toClient, atInstance, atClient] = await Promise.all([
    sendStream(client, 8 * MIB, 1),
    sendStream(connection, 8 * MIB, 2),
    connection.digest(8 * MIB),
    client.digest(8 * MIB),
  ]);
  expect(atInstance).toEqual(toBackend);
  expect(atClient).toEqual(toClient);
});

/** How many connections to a port of this process it holds a descriptor for. */
const heldAt = (port: number): number => {
  const held = new Set(openSockets());
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return readFileSync("/proc/net/tcp", "latin1")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] !== "0A" && held.has(`socket:[${fields[9]}]`)).length;
};

test("an idle connection of TLS ends in good order, and holds nothing until its client closes too", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({
    listeners: [await secureListener("HTTPS"), await secureListener("SSL")],
    instances: [instance],
    attributes: { idleTimeout: 1 },
  });
  const clients = await Promise.all(
    [0, 1].flatMap((listener) =>
      versions.map(async (version) => {
        const client = await SecureClient.connect(elbow.port(listener), only(version));
        expect((await exchange(client, "/")).status).toBe(200);
        return client;
      }),
    ),
  );
  expect([heldAt(elbow.port(0)), heldAt(elbow.port(1))]).toEqual([2, 2]);
  for (const client of clients) expect(await client.receiveEnd()).toBe("eof");
  // None of the clients has closed.
  await eventually(() => elbow.openConnections() === 0 && heldAt(elbow.port(0)) + heldAt(elbow.port(1)) === 0);
  for (const client of clients) client.dispose();
});

test("a certificate that has expired is served all the same, and a metric tells", async () => {
  using instance = FakeInstance.start(answerText("served"));
  const days = (count: number) => new Date(Date.now() + count * 86_400_000);
  const expired = await issueTestCertificate({ names: ["expired.test"], notBefore: days(-10), days: 5 });
  const good = await issueTestCertificate({ names: ["good.test"], notBefore: days(-1), days: 31 });
  const certificates = [expired, good].map(inlineSource);
  await using elbow = await startElbow({
    listeners: await Promise.all(certificates.map((one) => secureListener("HTTPS", { certificates: [one] }))),
    instances: [instance],
  });
  using client = await SecureClient.connect(elbow.port());
  expect(client.serverFingerprint).toBe(expired.fingerprint256);
  expect((await exchange(client, "/")).status).toBe(200);
  const expiry = collectMetrics().find(({ name }) => name === "elbow_certificate_expiry_timestamp_seconds");
  const daysLeft = (seconds: number) => Math.floor((seconds * 1000 - Date.now()) / 86_400_000);
  expect(expiry?.samples.map(({ value }) => daysLeft(value))).toEqual([-6, 29]);
});
