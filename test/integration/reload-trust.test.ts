// A reload that asks for more trust holds from the moment it has returned: for dials and retries that began before it, for
// handshakes under way, and for clients that are in already.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { InstanceSecurity } from "../../src/model/security.ts";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { metricOf } from "../support/tls-counts.ts";
import { encryptTo, TlsInstance, trustKeysOf } from "../support/tls-instance.ts";
import { startWire } from "../support/wire.ts";

setDefaultTimeout(30_000);

const trusted = await issueTestCertificate({ tag: "trusted" });
const stranger = await issueTestCertificate({ tag: "stranger" });

test.each(["HTTP", "TCP"] as const)(
  "%s: a dial under way at the reload doesn't end at a key that it refuses",
  async (protocol) => {
    using instance = await TlsInstance.secure(answerText("leaked"), { certificate: stranger });
    const opened = Promise.withResolvers<void>();
    using wire = startWire(instance.port, opened.promise);
    const configuration = (security?: InstanceSecurity) =>
      configurationOf([{ listeners: [encryptTo(protocol, security)], instances: [wire.port] }]);
    await using elbow = await startElbow(configuration());
    using client = await RawClient.connect(elbow.port());
    await client.send(formatRequest("/secret"));
    await eventually(() => wire.far.length === 1, { what: "a dial under way" });
    await elbow.apply(configuration(trustKeysOf(trusted)));
    opened.resolve();
    if (protocol === "HTTP") expect((await readResponse(client)).status).toBe(502);
    else expect(await client.receiveEnd()).toBe("eof");
    expect(instance.applicationBytes).toBe(0);
  },
);

test("a request that is sent again goes by the terms of the reload: neither to the old key nor in clear", async () => {
  for (const isClear of [false, true]) {
    const asked = Promise.withResolvers<() => Promise<void>>();
    const script = async (connection: FakeInstance["connections"][number]): Promise<void> => {
      for (;;) {
        const request = await connection.readRequest();
        if (request === undefined) return;
        if (request.target === "/again") {
          asked.resolve(() => connection.close());
          return;
        }
        await connection.send(formatResponse("first"));
      }
    };
    using instance = isClear ? FakeInstance.start(script) : await TlsInstance.secure(script, { certificate: stranger });
    const before = isClear ? { protocol: "HTTP" as const } : encryptTo("HTTP");
    await using elbow = await startElbow({ listeners: [before], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    expect((await exchange(client, "/first")).status).toBe(200);
    await client.send(formatRequest("/again"));
    const end = await asked.promise;
    const connections = instance.connections.length;
    await elbow.apply(
      configurationOf([
        {
          listeners: [encryptTo("HTTP", trustKeysOf(trusted))],
          instances: [instance],
          attributes: { connectTimeout: 0.5 },
        },
      ]),
    );
    await end();
    // An instance that was never told of TLS waits for more of what it takes for a request.
    expect((await readResponse(client)).status).toBe(isClear ? 504 : 502);
    // Whoever was dialled once more got no request.
    expect(instance.requests.filter(({ target }) => target === "/again")).toHaveLength(1);
    expect(instance.connections.length).toBeGreaterThan(connections - 1);
  }
});

test("a listener that turns from HTTP to HTTPS, and its instances to keys: half a request of before goes to no old key", async () => {
  using instance = await TlsInstance.secure(answerText("leaked"), { certificate: stranger });
  const port = freePort();
  await using elbow = await startElbow(
    configurationOf([{ listeners: [{ ...encryptTo("HTTP"), port }], instances: [instance] }]),
  );
  using client = await RawClient.connect(port);
  const half = "GET /secret HTTP/1.1\r\nHost: a\r\n";
  await client.send(half);
  const receivedBytes = () => metricOf("elbow_received_bytes_total", { listener: String(port) });
  await eventually(() => receivedBytes() === half.length, { what: "half a head" });
  const secure = await secureListener("HTTPS", {
    port,
    instanceProtocol: "HTTPS",
    instanceSecurity: trustKeysOf(trusted),
  });
  await elbow.apply(configurationOf([{ listeners: [secure], instances: [instance] }]));
  await client.send("Authorization: secret\r\n\r\n");
  // Nobody is left whom the listener of before would send it to.
  expect((await readResponse(client)).status).toBe(503);
  expect(instance.applicationBytes).toBe(0);
});

const authority = await testAuthority("clients of the reload");
const clientAuth = { ca: { text: authority.certPem }, mode: "require" as const };

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "%s: clients that are in already don't outlast what is asked of them now",
  async (version) => {
    const only = { minVersion: version, maxVersion: version };
    using instance = FakeInstance.start(answerText("served"));
    const port = freePort();
    await using elbow = await startElbow(
      configurationOf([{ listeners: [await secureListener("HTTPS", { port })], instances: [instance] }]),
    );
    using idle = await SecureClient.connect(port, only);
    expect((await exchange(idle, "/")).status).toBe(200);
    using halfway = await SecureClient.connect(port, only);
    await halfway.send("GET /late HTTP/1.1\r\n");
    const opened = Promise.withResolvers<void>();
    using wire = startWire(port, opened.promise);
    const connecting = SecureClient.connect(wire.port, only);
    await eventually(() => elbow.openConnections() === 3);
    const strict = await secureListener("HTTPS", { port, clientAuth });
    await elbow.apply(configurationOf([{ listeners: [strict], instances: [instance] }]));
    for (const client of [idle, halfway]) expect(await client.receiveEnd()).toBe("eof");
    opened.resolve();
    // Its ClientHello comes after the reload: refused in the handshake, or behind it.
    await connecting.then(
      (client) => client.receiveEnd(),
      () => {},
    );
    const served = instance.requests.length;
    const own = await issueTestCertificate({ issuer: authority });
    using good = await SecureClient.connect(port, { ...only, cert: own.chainPem, key: own.keyPem });
    expect((await exchange(good, "/")).status).toBe(200);
    expect(instance.requests.length).toBe(served + 1);
    expect(instance.requests.map(({ target }) => target)).toEqual(["/", "/"]);
  },
);
