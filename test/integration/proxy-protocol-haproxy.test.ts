// PROXY headers between elbow's writer and reader and a real HAProxy, both ways: it believes what is written here, it
// writes the same for the same connection, what it writes is read here, and it refuses what the reader refuses.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { ProxiedConnection } from "../../src/model/proxied-connection.ts";
import { readProxyHeader } from "../../src/parse/proxy-protocol/header-reader.ts";
import { writeProxyHeader } from "../../src/parse/proxy-protocol/header-writer.ts";
import { CutError } from "../support/byte-end.ts";
import { issueTestCertificate, type TestCertificate } from "../support/certificates.ts";
import { FakeInstance, type InstanceConnection } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { findProgram, type ServingProgram, startServer, titleOf } from "../support/program.ts";
import { ends4, proxyBlock, proxyVector, vectorsIn } from "../support/proxy-header.ts";
import { RawClient } from "../support/raw-client.ts";
import { SecureClient } from "../support/secure-client.ts";

setDefaultTimeout(30_000);

const ipv4 = { clientAddress: "198.51.100.22", clientPort: 35646, proxyAddress: "203.0.113.7", proxyPort: 80 };
const ipv6 = { clientAddress: "2001:db8::22", clientPort: 65535, proxyAddress: "2001:db8:0:1::7", proxyPort: 443 };

/** What a header of version 2 says in vectors, those of TLS apart. */
const factsIn = (bytes: Uint8Array) => {
  const outside = vectorsIn(bytes);
  const tls = Buffer.from(outside.get(0x20) ?? "", "latin1");
  outside.delete(0x20);
  return { outside, client: tls[0], verify: tls.readUInt32BE(1), inside: vectorsIn(tls.subarray(5)) };
};

const certificateName = "Client of a proxy";

describe.skipIf(findProgram("haproxy") === undefined)(titleOf("haproxy"), () => {
  const folder = makeFolder();
  const ports = { tell: freePort(), line: freePort(), block: freePort(), secure: freePort() };
  let instance: FakeInstance;
  let haproxy: ServingProgram;
  let certificate: TestCertificate;

  beforeAll(async () => {
    certificate = await issueTestCertificate({ commonName: certificateName });
    instance = FakeInstance.start((connection) =>
      connection.waitFor(() => connection.ending !== "open", "the end", 30_000),
    );
    const pem = folder.write("server.pem", certificate.chainPem + certificate.keyPem);
    const ca = folder.write("ca.pem", certificate.caPem);
    const server = `server one 127.0.0.1:${instance.port}`;
    const file = folder.write(
      "haproxy.cfg",
      `
global
  maxconn 100
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
frontend tell
  mode http
  bind 127.0.0.1:${ports.tell} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port] %[fc_pp_authority]"
listen line
  bind 127.0.0.1:${ports.line} accept-proxy
  ${server} send-proxy
listen block
  bind 127.0.0.1:${ports.block} accept-proxy
  ${server} send-proxy-v2
listen secure
  bind 127.0.0.1:${ports.secure} ssl crt ${pem} ca-file ${ca} verify optional alpn http/1.1 no-tls-tickets
  ${server} send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,authority,crc32c
`,
    );
    haproxy = await startServer([findProgram("haproxy") as string, "-db", "-q", "-f", file], ports.tell);
  });
  afterAll(async () => {
    await haproxy?.[Symbol.asyncDispose]();
    instance?.stop();
    folder[Symbol.dispose]();
  });

  /** What HAProxy says of a connection that begins with `header`; how it ended when it says nothing. */
  const tell = async (header: Uint8Array): Promise<string> => {
    using client = await RawClient.connect(ports.tell);
    await client.send(header);
    await client.send("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").catch(() => {});
    try {
      return (await readResponse(client)).body.toString();
    } catch (error) {
      if (error instanceof CutError && error.partial.length === 0) return "closed";
      throw error;
    }
  };

  /** What the instance gets when a client opens a connection and says `words`, up to their end. */
  const relay = async (
    open: () => Promise<RawClient | SecureClient>,
    words: ReadonlyArray<string | Uint8Array>,
  ): Promise<{ readonly received: Buffer; readonly client: RawClient | SecureClient }> => {
    const index = instance.connections.length;
    const client = await open();
    try {
      for (const word of words) await client.send(word);
      const connection: InstanceConnection = await instance.connection(index);
      const received = await connection.takeUntil("the client's words");
      return { received, client };
    } finally {
      client.dispose();
    }
  };

  test.each<readonly [string, ProxiedConnection]>([
    ["IPv4", ipv4],
    ["IPv6", ipv6],
    ["the highest ports", { ...ipv4, clientPort: 65535, proxyPort: 65535 }],
  ])("it believes both versions: %s", async (_, connection) => {
    const { clientAddress, clientPort, proxyAddress, proxyPort } = connection;
    const said = `${clientAddress} ${clientPort} ${proxyAddress} ${proxyPort} `;
    expect(await tell(writeProxyHeader(1, connection))).toBe(said);
    expect(await tell(writeProxyHeader(2, connection))).toBe(said);
  });

  test("it believes what TLS settled", async () => {
    const tls = {
      version: "TLSv1.3",
      cipher: "TLS_AES_128_GCM_SHA256",
      serverName: "app.test",
      applicationProtocol: "h2",
      clientCertificate: { commonName: certificateName, isVerified: true },
    };
    expect(await tell(writeProxyHeader(2, { ...ipv6, tls }))).toBe("2001:db8::22 65535 2001:db8:0:1::7 443 app.test");
  });

  test("ends of two families are told as IPv6", async () => {
    const mixed = { ...ipv4, proxyAddress: "2001:db8::7" };
    for (const version of [1, 2] as const) {
      expect(await tell(writeProxyHeader(version, mixed))).toBe("::ffff:198.51.100.22 35646 2001:db8::7 80 ");
    }
  });

  test.each<readonly [string, Uint8Array]>([
    ["a proxy's own connection", writeProxyHeader(2, { ...ipv4, isLocal: true })],
    ["LOCAL with a block", proxyBlock({ command: 0x20, family: 0x11, addresses: ends4 })],
    ["ends that can't be said", writeProxyHeader(1, { ...ipv4, clientAddress: "" })],
  ])("it takes the real ends where we do: %s", async (_, header) => {
    expect(readProxyHeader(header)).toMatchObject({ bytesTaken: header.length, endpoints: undefined });
    expect(await tell(header)).toMatch(/^127\.0\.0\.1 \d+ 127\.0\.0\.1 \d+ $/);
  });

  test.each<readonly [string, ProxiedConnection]>([
    ["IPv4", ipv4],
    ["IPv6", ipv6],
    ["the longest addresses", { ...ipv6, clientAddress: "1111:2222:3333:4444:5555:6666:7777:8888", clientPort: 1 }],
  ])("it writes the same for the same connection: %s", async (_, connection) => {
    for (const [port, version] of [
      [ports.line, 1],
      [ports.block, 2],
    ] as const) {
      const ours = writeProxyHeader(version, connection);
      const words = [writeProxyHeader(1, connection), "the client's words"];
      const { received } = await relay(() => RawClient.connect(port), words);
      expect(received.toString("latin1")).toBe(`${Buffer.from(ours).toString("latin1")}the client's words`);
      expect(readProxyHeader(received)).toEqual({ version, bytesTaken: ours.length, endpoints: connection });
    }
  });

  test.each<readonly ["TLSv1.2" | "TLSv1.3", boolean]>([
    ["TLSv1.2", true],
    ["TLSv1.3", true],
    ["TLSv1.3", false],
  ])("what it says of %s, with a certificate: %s", async (version, hasCertificate) => {
    const own = hasCertificate ? { cert: certificate.chainPem, key: certificate.keyPem } : {};
    const open = () =>
      SecureClient.connect(ports.secure, {
        ...own,
        ca: certificate.caPem,
        serverName: "localhost",
        protocols: ["http/1.1"],
        maxVersion: version,
      });
    const { received, client } = await relay(open, ["the client's words"]);
    const { cipher, localPort } = client as SecureClient;
    const endpoints = { clientAddress: "127.0.0.1", clientPort: localPort, proxyAddress: "127.0.0.1" };
    const header = readProxyHeader(received);
    if (typeof header === "string") throw new Error(header);
    expect(header).toMatchObject({ version: 2, endpoints: { ...endpoints, proxyPort: ports.secure } });
    expect(received.subarray(header.bytesTaken).toString()).toBe("the client's words");
    // Its checksum counts: no other byte may be in its place.
    for (let at = 16; at < header.bytesTaken; at++) {
      const broken = Buffer.from(received);
      broken[at] = (broken[at] as number) ^ 0x80;
      if (received[at] !== 3 || received[at + 2] !== 4)
        expect([at, readProxyHeader(broken)]).toEqual([at, "malformed"]);
    }
    const ours = writeProxyHeader(2, {
      ...endpoints,
      proxyPort: ports.secure,
      tls: {
        version,
        cipher,
        serverName: "localhost",
        applicationProtocol: "http/1.1",
        ...(hasCertificate ? { clientCertificate: { commonName: certificateName, isVerified: true } } : {}),
      },
    });
    expect(ours.subarray(16, 28)).toEqual(new Uint8Array(received.subarray(16, 28)));
    const said = factsIn(received.subarray(28, header.bytesTaken));
    const written = factsIn(ours.subarray(28));
    // The checksum is its own; of a client without certificate it says that it was verified, against §2.2.6.
    said.outside.delete(3);
    expect([said.verify, written.verify]).toEqual([0, hasCertificate ? 0 : 1]);
    expect({ ...written, verify: 0 }).toEqual(said);
  });

  const line = "PROXY TCP4 1.2.3.4 5.6.7.8 80 443";
  const sound = proxyBlock({ family: 0x11, addresses: ends4 });

  test.each<readonly [string, Uint8Array | string]>([
    ["a bare LF", `${line}\n`],
    ["lower case", line.replace("TCP4", "tcp4").concat("\r\n")],
    ["two blanks", line.replace("TCP4 ", "TCP4  ").concat("\r\n")],
    ["an address too many", line.replace("5.6.7.8", "5.6.7.8.9").concat("\r\n")],
    ["the other family's addresses", line.replace("TCP4", "TCP6").concat("\r\n")],
    ["a line without end", `PROXY UNKNOWN ${"x".repeat(100)}\r\n`],
    ["no addresses", "PROXY TCP4\r\n"],
    ["another version", Buffer.from(sound).fill(0x11, 12, 13)],
    ["another command", Buffer.from(sound).fill(0x22, 12, 13)],
    ["a block without its addresses", proxyBlock({ family: 0x21, addresses: ends4 })],
    ["a vector that is cut", proxyBlock({ family: 0x11, addresses: ends4, vectors: [Uint8Array.of(4, 0, 1)] })],
    ["a byte too many", proxyBlock({ family: 0x11, addresses: ends4, vectors: [Uint8Array.of(4)] })],
    ["a wrong checksum", proxyBlock({ family: 0x11, addresses: ends4, vectors: [proxyVector(3, [1, 2, 3, 4])] })],
  ])("it refuses what we refuse: %s", async (_, header) => {
    const bytes = Buffer.from(header as string, "latin1");
    expect([readProxyHeader(bytes), await tell(bytes)]).toEqual(["malformed", "closed"]);
  });
});
