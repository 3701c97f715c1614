// Every legal pair of a listener's and its instances' protocols ("Listeners for your Classic Load Balancer", AWS) passes
// traffic both ways; those with encrypted instances with and without back-end authentication.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Listener } from "../../src/model/listener.ts";
import { isLayer7, isSecure, type Protocol } from "../../src/model/protocol.ts";
import type { InstanceSecurity } from "../../src/model/security.ts";
import type { ByteEnd } from "../support/byte-end.ts";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { exchange, formatResponse, headerValues, readHead, readResponse } from "../support/http-message.ts";
import { RawClient } from "../support/raw-client.ts";
import { SecureClient } from "../support/secure-client.ts";
import { securityOf } from "../support/secure-listener.ts";
import { faultsOf } from "../support/tls-counts.ts";
import { TlsInstance, trustAuthority, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const pairs: ReadonlyArray<readonly [Protocol, Protocol]> = [
  ["HTTP", "HTTP"],
  ["HTTP", "HTTPS"],
  ["HTTPS", "HTTP"],
  ["HTTPS", "HTTPS"],
  ["TCP", "TCP"],
  ["TCP", "SSL"],
  ["SSL", "TCP"],
  ["SSL", "SSL"],
];

const size = 3 * 1024 * 1024;

const right = await issueTestCertificate({ ips: ["127.0.0.1"], tag: "right" });
const other = await issueTestCertificate({ ips: ["127.0.0.1"], tag: "other" });
/** Without an authentication policy even this will do. */
const careless = await issueTestCertificate({
  names: ["elsewhere.test"],
  issuer: "self",
  days: 1,
  notBefore: new Date(0),
});

/** Answers a stream with the stream of another seed, on either layer. */
const web: Script = async (connection) => {
  for (;;) {
    await connection.waitFor(() => connection.availableBytes > 0 || connection.ending !== "open", "a request", 60_000);
    if (connection.availableBytes === 0) return connection.ending === "eof" ? connection.close() : undefined;
    const head = await readHead(connection);
    if (head.startLine.startsWith("GET")) {
      const told = ["X-Forwarded-Proto", "X-Forwarded-For"].map((name) => headerValues(head, name).join("+"));
      await connection.send(formatResponse(told.join(" ")));
      continue;
    }
    const { sha256 } = await connection.digest(size);
    await connection.send(`HTTP/1.1 200 OK\r\nX-Got: ${sha256}\r\nContent-Length: ${size}\r\n\r\n`);
    await sendStream(connection, size, 2);
  }
};

const bytes: Script = async (connection) => {
  const [{ sha256 }] = await Promise.all([connection.digest(), sendStream(connection, size, 2)]);
  await connection.send(sha256);
  await connection.halfClose();
};

const startInstance = (protocol: Protocol, certificate = careless): Promise<FakeInstance> | FakeInstance => {
  const script = isLayer7(protocol) ? web : bytes;
  return isSecure(protocol) ? TlsInstance.secure(script, { certificate }) : FakeInstance.start(script);
};

const startPair = async (
  [protocol, instanceProtocol]: readonly [Protocol, Protocol],
  instance: FakeInstance,
  instanceSecurity?: InstanceSecurity,
): Promise<RunningElbow> => {
  const listener: Partial<Listener> = {
    protocol,
    instanceProtocol,
    ...(isSecure(protocol) ? { security: await securityOf() } : {}),
    ...(instanceSecurity === undefined ? {} : { instanceSecurity }),
  };
  return startElbow({ listeners: [listener], instances: [instance] });
};

const connectTo = (protocol: Protocol, port: number): Promise<ByteEnd> =>
  isSecure(protocol) ? SecureClient.connect(port) : RawClient.connect(port);

const passWeb = async (protocol: Protocol, port: number): Promise<void> => {
  using client = await connectTo(protocol, port);
  const told = await exchange(client, "/");
  expect([told.status, told.body.toString()]).toEqual([200, `${protocol.toLowerCase()} 127.0.0.1`]);
  // Twice over the same connection.
  for (let round = 0; round < 2; round++) {
    await client.send(`POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ${size}\r\n\r\n`);
    const { sha256 } = await sendStream(client, size, 1);
    const head = await readHead(client);
    expect([head.startLine, headerValues(head, "X-Got")]).toEqual(["HTTP/1.1 200 OK", [sha256]]);
    expect(await client.digest(size)).toEqual(digestOf(size, 2));
  }
};

const passBytes = async (protocol: Protocol, port: number): Promise<void> => {
  using client = await connectTo(protocol, port);
  const sending = sendStream(client, size, 1).then(async (digest) => {
    await client.halfClose();
    return digest;
  });
  expect(await client.digest(size)).toEqual(digestOf(size, 2));
  expect((await client.takeToEnd()).toString()).toBe((await sending).sha256);
};

const pass = (protocol: Protocol, port: number): Promise<void> =>
  isLayer7(protocol) ? passWeb(protocol, port) : passBytes(protocol, port);

describe.each(pairs)("%s to %s", (protocol, instanceProtocol) => {
  const pair = [protocol, instanceProtocol] as const;

  test("passes traffic both ways", async () => {
    using instance = await startInstance(instanceProtocol);
    await using elbow = await startPair(pair, instance);
    await pass(protocol, elbow.port());
    expect(instance.scriptErrors).toEqual([]);
    expect(faultsOf(elbow.port())).toEqual({});
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  });

  if (!isSecure(instanceProtocol)) return;

  test.each([
    ["a key", trustKeysOf(other, right)],
    ["an authority", trustAuthority(right.caPem)],
    ["a key and an authority", { ...trustKeysOf(right), ...trustAuthority(right.caPem) }],
  ] as ReadonlyArray<readonly [string, InstanceSecurity]>)(
    "authenticated by %s, passes traffic both ways",
    async (_, security) => {
      using instance = await startInstance(instanceProtocol, right);
      await using elbow = await startPair(pair, instance, security);
      await pass(protocol, elbow.port());
      expect(instance.scriptErrors).toEqual([]);
      expect(faultsOf(elbow.port())).toEqual({});
      await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
    },
  );

  test("an instance that isn't who it should be gets no byte", async () => {
    using instance = (await startInstance(instanceProtocol, other)) as TlsInstance;
    await using elbow = await startPair(pair, instance, trustKeysOf(right));
    using client = await connectTo(protocol, elbow.port());
    if (isLayer7(protocol)) {
      await client.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\nsecret");
      expect((await readResponse(client)).status).toBe(502);
    } else {
      await client.send("secret").catch(() => {});
      await client.receiveEnd();
      expect(client.receivedBytes).toBe(0);
    }
    expect(instance.applicationBytes).toBe(0);
    await eventually(() => (faultsOf(elbow.port()).backendUntrusted ?? 0) > 0);
  });
});
