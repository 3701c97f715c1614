// Access logs of TCP, SSL and HTTPS listeners: one line for each connection at layer 4, and for those that come no further.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { parseAddressBlock } from "../../src/model/address-block.ts";
import { startElbow, type WrittenLoadBalancer } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange } from "../support/http-message.ts";
import { awaitLines, loggingTo, textLines } from "../support/log-lines.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, greet, silence } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";

setDefaultTimeout(30_000);

const seconds = /^\d+\.\d{6}$/;
const none = ["-1", "-1", "-1"];
const noRequest = { counts: expect.stringMatching(/^- - /), request: "- - - ", agent: '"-"' };

const start = async (script: Script, written: Partial<WrittenLoadBalancer>, setting: object = {}) => {
  const folder = makeFolder();
  const path = join(folder.path, "access.log");
  const instance = FakeInstance.start(script);
  const { attributes, ...rest } = written;
  const elbow = await startElbow({
    instances: [instance],
    ...rest,
    attributes: { ...loggingTo({ file: path, ...setting }), ...attributes },
  });
  return {
    elbow,
    instance,
    path,
    port: elbow.port(),
    async [Symbol.asyncDispose]() {
      await elbow.stop();
      instance.stop();
      folder[Symbol.dispose]();
    },
  };
};

test("a TCP connection is a line with all its bytes", async () => {
  await using it = await start(echo, { protocol: "TCP" });
  const client = await RawClient.connect(it.port);
  await client.send("0123456789");
  await client.takeBytes(10);
  await client.close();
  const [line] = await awaitLines(it.path, 1);
  expect(line).toMatchObject({
    ...noRequest,
    clientPort: String(client.localPort),
    backend: `127.0.0.1:${it.instance.port}`,
    counts: "- - 10 10",
    tls: "- -",
  });
  for (const time of line!.times) expect(time).toMatch(seconds);
});

test("a client that says nothing has no request time; what its instance says is timed", async () => {
  await using it = await start(greet("welcome"), { protocol: "TCP" });
  const client = await RawClient.connect(it.port);
  await client.takeBytes(7);
  await client.close();
  const [line] = await awaitLines(it.path, 1);
  expect(line!.counts).toBe("- - 0 7");
  expect(line!.times).toEqual(["-1", expect.stringMatching(seconds), expect.stringMatching(seconds)]);
});

test("without an instance, or with one that refuses, a connection has no back end and no times", async () => {
  await using it = await start(silence, { protocol: "TCP" });
  it.instance.stop();
  const client = await RawClient.connect(it.port);
  await client.receiveEnd();
  const [line] = await awaitLines(it.path, 1);
  expect(line).toMatchObject({ ...noRequest, backend: "-", times: none, counts: "- - 0 0" });
  client.dispose();
});

test("an idle connection is a line when it ends", async () => {
  await using it = await start(silence, { protocol: "TCP", attributes: { idleTimeout: 1 } }, { format: "json" });
  const client = await RawClient.connect(it.port);
  await client.receiveEnd();
  await eventually(() => textLines(it.path).length === 1);
  expect(JSON.parse(textLines(it.path)[0] as string)).toMatchObject({
    reason: "idle",
    requestProcessingTime: -1,
    receivedBytes: 0,
    listener: `TCP:${it.port}`,
  });
  client.dispose();
});

test.each([
  ["TLSv1.2", /^ECDHE-[A-Z0-9-]+ TLSv1\.2$/],
  ["TLSv1.3", /^TLS-[A-Z0-9-]+ TLSv1\.3$/],
] as const)("HTTPS and SSL over %s: cipher and protocol", async (version, tls) => {
  const only = { minVersion: version, maxVersion: version };
  await using https = await start(answerText("ok"), { listeners: [await secureListener("HTTPS")] });
  const client = await SecureClient.connect(https.port, only);
  await exchange(client, "/");
  const [line] = await awaitLines(https.path, 1);
  expect(line!.request).toBe(`GET https://test:${https.port}/ HTTP/1.1`);
  expect(line!.tls).toMatch(tls);
  await client.close();

  await using ssl = await start(echo, { listeners: [await secureListener("SSL")] });
  const other = await SecureClient.connect(ssl.port, only);
  await other.send("hello");
  await other.takeBytes(5);
  await other.close();
  const [connection] = await awaitLines(ssl.path, 1);
  expect(connection).toMatchObject({ ...noRequest, counts: "- - 5 5" });
  expect(connection!.tls).toMatch(tls);
});

test("a handshake that fails is a line without request; who says nothing is one at layer 4 alone", async () => {
  for (const [protocol, count] of [
    ["HTTPS", 1],
    ["SSL", 2],
  ] as const) {
    await using it = await start(silence, { listeners: [await secureListener(protocol)] });
    const silent = await RawClient.connect(it.port);
    await silent.close();
    const plain = await RawClient.connect(it.port);
    await plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await plain.receiveEnd();
    await plain.close();
    const lines = await awaitLines(it.path, count);
    expect(lines).toHaveLength(count);
    for (const line of lines) {
      expect(line).toMatchObject({ ...noRequest, backend: "-", times: none, counts: "- - 0 0", tls: "- -" });
    }
  }
});

test("a connection that a proxy tells of is its client's", async () => {
  await using it = await start(echo, {
    protocol: "TCP",
    listeners: [{ trustedProxies: [parseAddressBlock("127.0.0.1")!] }],
  });
  const client = await RawClient.connect(it.port);
  await client.send("PROXY TCP6 2001:db8::22 2001:db8::7 35646 80\r\nhi");
  await client.takeBytes(2);
  await client.close();
  const [line] = await awaitLines(it.path, 1);
  expect(line).toMatchObject({ client: "2001:db8::22", clientPort: "35646", counts: "- - 2 2" });
});

test("the latency is counted with or without a log", async () => {
  for (const protocol of ["HTTP", "TCP"] as const) {
    const instance = FakeInstance.start(answerText("ok"));
    await using elbow = await startElbow({ protocol, instances: [instance] });
    const client = await RawClient.connect(elbow.port());
    await exchange(client, "/");
    await client.close();
    const counted = () => elbow.status()[0]?.listeners[0]?.latency?.count;
    await eventually(() => counted() === 1, { what: `a latency of ${protocol}` });
    instance.stop();
  }
});
