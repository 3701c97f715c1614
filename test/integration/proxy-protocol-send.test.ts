// PROXY headers on connections to instances: what comes first on the wire, for TCP and SSL on either side, IPv4 and IPv6,
// both versions; what TLS settled with the client; retries, reloads, and what HTTP listeners beside it do.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Listener } from "../../src/model/listener.ts";
import type { ProxiedConnection } from "../../src/model/proxied-connection.ts";
import { readProxyHeader } from "../../src/parse/proxy-protocol/header-reader.ts";
import { writeProxyHeader } from "../../src/parse/proxy-protocol/header-writer.ts";
import type { ByteEnd } from "../support/byte-end.ts";
import { digestOf, sendStream } from "../support/byte-stream.ts";
import { inlineSource, issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { freePort } from "../support/port.ts";
import { ProxiedTlsInstance } from "../support/proxied-tls-instance.ts";
import { vectorsIn } from "../support/proxy-header.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, greet, silence } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { trustAuthority, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const MIB = 1024 * 1024;
const encrypted = { protocol: "TCP", instanceProtocol: "SSL" } as const;
const line = { instancePreamble: { version: 1 } } as const;
const block = { instancePreamble: { version: 2 } } as const;

/** The line that a client's connection to a listener on 127.0.0.1 is told by. */
const lineFor = ({ localPort }: ByteEnd, port: number): string =>
  `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${port}\r\n`;

/** The ends of that connection. */
const endsOf = ({ localPort }: ByteEnd, proxyPort: number, address = "127.0.0.1"): ProxiedConnection => ({
  clientAddress: address,
  clientPort: localPort,
  proxyAddress: address,
  proxyPort,
});

describe("to TCP instances", () => {
  test("from a TCP listener: the line, then the client's bytes, and the instance's bytes untouched", async () => {
    using instance = FakeInstance.start(echo);
    await using elbow = await startElbow({ listeners: [line], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send("hello");
    const header = lineFor(client, elbow.port());
    expect((await client.takeBytes(header.length + 5)).toString()).toBe(`${header}hello`);
    await client.halfClose();
    expect((await client.takeToEnd()).length).toBe(0);
  });

  test("at once, though the client says nothing", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await startElbow({ listeners: [line], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    const connection = await instance.connection();
    expect((await connection.takeUntil("\r\n")).toString()).toBe(lineFor(client, elbow.port()));
    // And so is what a client says that has ended its side already.
    using quick = await RawClient.connect(elbow.port());
    await quick.send("last words");
    await quick.halfClose();
    const heard = await (await instance.connection(1)).takeToEnd();
    expect(heard.toString()).toBe(`${lineFor(quick, elbow.port())}last words`);
  });

  test("from an SSL listener: the line, then what the client says, in clear", async () => {
    using instance = FakeInstance.start(silence);
    const listener = { ...(await secureListener("SSL")), ...line };
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    using client = await SecureClient.connect(elbow.port());
    await client.send("hello");
    const heard = await (await instance.connection()).takeUntil("hello");
    expect(heard.toString()).toBe(`${lineFor(client, elbow.port())}hello`);
  });

  test("version 2 without TLS", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await startElbow({ listeners: [block], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send("hello");
    const header = writeProxyHeader(2, endsOf(client, elbow.port()));
    const heard = await (await instance.connection()).takeUntil("hello");
    expect(heard).toEqual(Buffer.concat([header, Buffer.from("hello")]));
  });

  test("IPv6; and an IPv4 client of a listener for both is told as IPv4", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await startElbow({ address: "::", listeners: [line], instances: [instance] });
    using client6 = await RawClient.connect(elbow.port(), "::1");
    const first = await (await instance.connection()).takeUntil("\r\n");
    expect(first.toString()).toBe(`PROXY TCP6 ::1 ::1 ${client6.localPort} ${elbow.port()}\r\n`);
    using client4 = await RawClient.connect(elbow.port());
    const second = await (await instance.connection(1)).takeUntil("\r\n");
    expect(second.toString()).toBe(lineFor(client4, elbow.port()));
  });

  test("the next instance gets the same line when the first refuses", async () => {
    using instance = FakeInstance.start(silence);
    const nobody = freePort();
    await using elbow = await startElbow({ listeners: [line], instances: [nobody, instance] });
    for (let index = 0; index < 4; index++) {
      using client = await RawClient.connect(elbow.port());
      await client.send("x");
      const heard = await (await instance.connection(index)).takeUntil("x");
      expect(heard.toString()).toBe(`${lineFor(client, elbow.port())}x`);
    }
  });

  test("many mebibytes both ways behind it", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.takeUntil("\r\n");
      const [{ sha256 }] = await Promise.all([connection.digest(), sendStream(connection, 8 * MIB, 4)]);
      await connection.send(sha256);
      await connection.halfClose();
    });
    await using elbow = await startElbow({ listeners: [line], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    const sent = sendStream(client, 8 * MIB, 3).then(async (digest) => {
      await client.halfClose();
      return digest;
    });
    expect(await client.digest(8 * MIB)).toEqual(digestOf(8 * MIB, 4));
    expect((await client.takeToEnd()).toString()).toBe((await sent).sha256);
  });
});

describe("to SSL instances, before the ClientHello", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("from a TCP listener, %s", async (version) => {
    using instance = await ProxiedTlsInstance.proxied(echo, { version });
    await using elbow = await startElbow({ listeners: [{ ...encrypted, ...line }], instances: [instance] });
    for (let index = 0; index < 3; index++) {
      using client = await RawClient.connect(elbow.port());
      await client.send("hello");
      expect((await client.takeBytes(5)).toString()).toBe("hello");
      expect(instance.headers[index]).toEqual(Buffer.from(lineFor(client, elbow.port())));
      await client.halfClose();
      expect((await client.takeToEnd()).length).toBe(0);
    }
    // The session is resumed as on a connection without a header.
    expect(instance.secured.map((one) => [one.version, one.isResumed])).toEqual([
      [version, false],
      [version, true],
      [version, true],
    ]);
    expect(instance.scriptErrors).toEqual([]);
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  });

  test("from an SSL listener, with what TLS settled with the client", async () => {
    using instance = await ProxiedTlsInstance.proxied(echo);
    const listener = { ...(await secureListener("SSL", { instanceProtocol: "SSL" })), ...block };
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    using client = await SecureClient.connect(elbow.port(), { serverName: "Shop.Test", maxVersion: "TLSv1.2" });
    await client.send("hello");
    expect((await client.takeBytes(5)).toString()).toBe("hello");
    const tls = { version: "TLSv1.2", cipher: client.cipher, serverName: "shop.test" };
    expect(instance.headers).toEqual([Buffer.from(writeProxyHeader(2, { ...endsOf(client, elbow.port()), tls }))]);
  });

  test("large bytes both ways, each end closing its own direction last", async () => {
    using instance = await ProxiedTlsInstance.proxied(async (connection) => {
      const [{ sha256 }] = await Promise.all([connection.digest(), sendStream(connection, 8 * MIB, 4)]);
      await connection.send(sha256);
      await connection.halfClose();
    });
    await using elbow = await startElbow({ listeners: [{ ...encrypted, ...line }], instances: [instance] });
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

  test("an instance that isn't who it should be gets the line and not a byte of the client", async () => {
    const [right, wrong] = await Promise.all([issueTestCertificate(), issueTestCertificate({ tag: "another key" })]);
    using instance = await ProxiedTlsInstance.proxied(echo, { certificate: wrong });
    const listener = { ...encrypted, ...line, instanceSecurity: trustKeysOf(right) };
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send("secret");
    expect((await client.takeToEnd()).length).toBe(0);
    await eventually(() => instance.headers.length === 1);
    expect(instance.applicationBytes).toBe(0);
  });

  test("one that an authority vouches for gets both", async () => {
    using instance = await ProxiedTlsInstance.proxied(echo);
    const { certPem } = await testAuthority();
    const listener = { ...encrypted, ...line, instanceSecurity: trustAuthority(certPem) };
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send("hello");
    expect((await client.takeBytes(5)).toString()).toBe("hello");
  });

  test("one that doesn't speak TLS is given up, and one that says nothing after the connect timeout", async () => {
    using plain = FakeInstance.start(async (connection) => {
      await connection.takeUntil("\r\n");
      await connection.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    using mute = FakeInstance.start(silence);
    const attributes = { connectTimeout: 0.3 };
    await using elbow = await startElbow({
      listeners: [{ ...encrypted, ...line }],
      instances: [plain, mute],
      attributes,
    });
    using client = await RawClient.connect(elbow.port());
    expect((await client.takeToEnd()).length).toBe(0);
    await Promise.all([plain, mute].map(async (one) => (await one.connection()).receiveEnd()));
    expect(elbow.outstanding()).toBe(0);
  });
});

describe("what TLS settled, in version 2", () => {
  /** The vectors of a header, those of TLS by themselves, and what is said of the client's certificate. */
  const factsIn = (bytes: Buffer) => {
    const outside = vectorsIn(bytes.subarray(28));
    const tls = Buffer.from(outside.get(0x20) ?? "", "latin1");
    return {
      serverName: outside.get(0x02),
      application: outside.get(0x01),
      client: tls[0],
      verify: tls.readUInt32BE(1),
      inside: Object.fromEntries(vectorsIn(tls.subarray(5))),
    };
  };

  /** What an instance is told of a client of an SSL listener. */
  const tell = async (
    elbow: { readonly port: () => number },
    instance: FakeInstance,
    options: Parameters<typeof SecureClient.connect>[1],
  ) => {
    const index = instance.connections.length;
    const client = await SecureClient.connect(elbow.port(), options);
    await client.send("hello");
    const heard = await (await instance.connection(index)).takeUntil("hello");
    const header = readProxyHeader(heard);
    if (typeof header === "string") throw new Error(header);
    expect(header).toMatchObject({ version: 2, endpoints: endsOf(client, elbow.port()) });
    expect(heard.subarray(header.bytesTaken).toString()).toBe("hello");
    return { facts: factsIn(heard.subarray(0, header.bytesTaken)), client };
  };

  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s: version, cipher and server name", async (version) => {
    using instance = FakeInstance.start(silence);
    const listener = { ...(await secureListener("SSL")), ...block };
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    const named = await tell(elbow, instance, { maxVersion: version, serverName: "app.test", protocols: ["h2"] });
    using client = named.client;
    // An SSL listener agrees on no application protocol: what is spoken is the instance's affair.
    expect(named.facts).toEqual({
      serverName: "app.test",
      application: undefined,
      client: 1,
      verify: 1,
      inside: { 33: version, 35: client.cipher },
    });
    const nameless = await tell(elbow, instance, { maxVersion: version });
    nameless.client.dispose();
    expect(nameless.facts.serverName).toBeUndefined();
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s: a client certificate, shown and resumed", async (version) => {
    using instance = FakeInstance.start(greet("hi"));
    const { certPem } = await testAuthority();
    const listener = {
      ...(await secureListener("SSL", { clientAuth: { ca: { text: certPem }, mode: "optional" } })),
      ...block,
    };
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    const { chainPem, keyPem } = await issueTestCertificate({ commonName: "Zoë, of the house" });
    const own = { cert: chainPem, key: keyPem, maxVersion: version };
    const name = Buffer.from("Zoë, of the house").toString("latin1");
    const shown = await tell(elbow, instance, own);
    expect(shown.facts).toMatchObject({ client: 7, verify: 0, inside: { 34: name } });
    const session = await shown.client.takeSession();
    shown.client.dispose();
    const resumed = await tell(elbow, instance, { ...own, session });
    expect(resumed.client.isResumed).toBe(true);
    resumed.client.dispose();
    // In the session, and not on this connection.
    expect(resumed.facts).toMatchObject({ client: 5, verify: 0, inside: { 34: name } });
    const without = await tell(elbow, instance, { maxVersion: version });
    without.client.dispose();
    expect(without.facts).toMatchObject({ client: 1, verify: 1 });
    expect(without.facts.inside[0x22]).toBeUndefined();
  });
});

describe("beside it", () => {
  test("an HTTP listener of the same instance port sends none", async () => {
    using web = FakeInstance.start(answerText("ok"));
    const listeners: ReadonlyArray<Partial<Listener>> = [{ protocol: "HTTP", ...line }];
    await using elbow = await startElbow({ listeners, instances: [web] });
    using client = await RawClient.connect(elbow.port());
    for (let round = 0; round < 2; round++) expect((await exchange(client, "/")).body.toString()).toBe("ok");
    expect(web.connections.length).toBe(1);
  });

  test("a reload switches it for the connections to come", async () => {
    using instance = FakeInstance.start(silence);
    const port = freePort();
    const withPreamble = (listener: Partial<Listener>) =>
      configurationOf([{ listeners: [{ port, ...listener }], instances: [instance] }]);
    await using elbow = await startElbow(withPreamble({}));
    const heard: Array<string> = [];
    const wanted: Array<string> = [];
    const clients: Array<RawClient> = [];
    const steps: ReadonlyArray<Pick<Listener, "instancePreamble">> = [{}, line, block, {}];
    for (const [index, listener] of steps.entries()) {
      await elbow.apply(withPreamble(listener));
      const client = await RawClient.connect(port);
      clients.push(client);
      await client.send("hello");
      heard.push((await (await instance.connection(index)).takeUntil("hello")).toString("latin1"));
      const version = listener.instancePreamble?.version;
      const header = version === undefined ? "" : writeProxyHeader(version, endsOf(client, port));
      wanted.push(`${Buffer.from(header as Uint8Array).toString("latin1")}hello`);
    }
    expect(heard).toEqual(wanted);
    // Those that were there go on as they began.
    await clients[1]!.send("more");
    expect((await instance.connections[1]!.takeUntil("more")).toString()).toBe("more");
    for (const client of clients) client.dispose();
  });

  test("nothing is left of any of it", async () => {
    const baseline = openSockets();
    const instance = await ProxiedTlsInstance.proxied(echo);
    const mute = FakeInstance.start(silence);
    const certificates = [inlineSource(await issueTestCertificate())];
    const elbow = await startElbow(
      configurationOf([
        { name: "tls", listeners: [{ ...encrypted, ...line }], instances: [instance, freePort()] },
        {
          name: "ssl",
          listeners: [{ ...(await secureListener("SSL", { certificates })), ...block }],
          instances: [mute],
        },
        { name: "mute", listeners: [{ ...encrypted, ...line }], instances: [mute] },
      ]),
    );
    for (let round = 0; round < 40; round++) {
      using client = await RawClient.connect(elbow.port(0, "tls"));
      await client.send("hello");
      await client.takeBytes(5);
      if (round % 2 === 0) await client.halfClose();
    }
    for (let round = 0; round < 10; round++) {
      using secure = await SecureClient.connect(elbow.port(0, "ssl"));
      await secure.send("hello");
      // The handshake behind the header never begins, and the client leaves.
      const leaver = await RawClient.connect(elbow.port(0, "mute"));
      await mute.connection(2 * round + 1);
      leaver.dispose();
    }
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
    await elbow.stop();
    expect(elbow.activeFibers()).toBe(0);
    instance.stop();
    mute.stop();
    await noNewSockets(baseline);
  });
});
