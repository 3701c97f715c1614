// PROXY headers that a listener accepts: whose word is taken, what the client's address then is, in clear and before TLS,
// however the bytes come; what is malformed, missing or late is closed and counted.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { parseAddressBlock } from "../../src/model/address-block.ts";
import type { Listener } from "../../src/model/listener.ts";
import { proxyHeaderMaxBytes } from "../../src/parse/proxy-protocol/header.ts";
import { writeProxyHeader } from "../../src/parse/proxy-protocol/header-writer.ts";
import { configurationOf, type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, formatRequest, formatResponse, header, readResponse } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { freePort } from "../support/port.ts";
import { ends4, proxyBlock, proxyVector } from "../support/proxy-header.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, serveHttp, silence } from "../support/scripts.ts";
import { SecureClient } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { countsFaults, faultsOf } from "../support/tls-counts.ts";
import { Wiretap } from "../support/wiretap.ts";

setDefaultTimeout(30_000);

const trust = (...blocks: ReadonlyArray<string>): Pick<Listener, "trustedProxies"> => ({
  trustedProxies: blocks.map((text) => parseAddressBlock(text)!),
});
const trusting = trust("127.0.0.0/8", "::1");

const ends = { clientAddress: "198.51.100.22", clientPort: 35646, proxyAddress: "203.0.113.7", proxyPort: 80 };
const ends6 = { clientAddress: "2001:db8::22", clientPort: 65535, proxyAddress: "2001:db8:0:1::7", proxyPort: 443 };
const line = writeProxyHeader(1, ends);
const block = writeProxyHeader(2, ends);

/** An instance that answers with the headers by which elbow says who the client is. */
const tellForwarded = serveHttp((request) =>
  formatResponse(["for", "proto", "port"].map((name) => header(request, `x-forwarded-${name}`)).join(" ")),
);

const joinBytes = (...parts: ReadonlyArray<Uint8Array | string>): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string, "latin1")));

describe("at layer 4", () => {
  // The instance is told in turn, and echoes what it is told.
  const listeners = [{ ...trusting, instancePreamble: { version: 1 } }] as const;

  test.each<readonly [string, Uint8Array, Uint8Array]>([
    ["version 1", line, line],
    ["version 2", block, line],
    ["IPv6, version 1", writeProxyHeader(1, ends6), writeProxyHeader(1, ends6)],
    ["IPv6, version 2", writeProxyHeader(2, ends6), writeProxyHeader(1, ends6)],
    [
      "version 2 with vectors and the longest header",
      proxyBlock({ family: 0x11, addresses: ends4, vectors: [proxyVector(4, Buffer.alloc(proxyHeaderMaxBytes - 31))] }),
      Buffer.from("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"),
    ],
  ])("%s is the client's address to the instance, at every split of the bytes", async (_, first, told) => {
    using instance = FakeInstance.start(echo);
    await using elbow = await startElbow({ listeners, instances: [instance] });
    const bytes = joinBytes(first, "hello");
    const wanted = joinBytes(told, "hello").toString("latin1");
    const splitAt = async (at: number) => {
      using client = await RawClient.connect(elbow.port());
      await client.send(bytes.subarray(0, at));
      // Read apart: the listener has the first part before the second goes out.
      await Bun.sleep(1);
      await client.send(bytes.subarray(at));
      expect([at, (await client.takeBytes(wanted.length)).toString("latin1")]).toEqual([at, wanted]);
      await client.halfClose();
      expect((await client.takeToEnd()).length).toBe(0);
    };
    const count = Math.min(bytes.length, 100);
    for (let at = 1; at <= count; at++) await splitAt(at);
    for (let at = bytes.length - 10; at <= bytes.length; at++) await splitAt(at);
    expect(faultsOf(elbow.port())).toEqual({});
  });

  test("byte by byte", async () => {
    using instance = FakeInstance.start(echo);
    await using elbow = await startElbow({ listeners, instances: [instance] });
    for (const first of [line, block]) {
      using client = await RawClient.connect(elbow.port());
      await client.sendSlowly(joinBytes(first, "hello"));
      expect((await client.takeBytes(line.length + 5)).toString()).toBe(`${Buffer.from(line)}hello`);
    }
  });

  test("nothing is dialled before the header, and the instance may speak first behind it", async () => {
    using instance = FakeInstance.start((connection) => connection.send("welcome"));
    await using elbow = await startElbow({ listeners: [trusting], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send(line.subarray(0, 20));
    await eventually(() => elbow.openConnections() === 1);
    expect(instance.connections.length).toBe(0);
    await client.send(line.subarray(20));
    expect((await client.takeBytes(7)).toString()).toBe("welcome");
  });

  test("many mebibytes in one write with it", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.send((await connection.digest()).sha256);
      await connection.close();
    });
    await using elbow = await startElbow({ listeners: [trusting], instances: [instance] });
    const body = Buffer.alloc(4 * 1024 * 1024, "elbow");
    using client = await RawClient.connect(elbow.port());
    await client.send(joinBytes(line, body));
    await client.halfClose();
    expect((await client.takeToEnd()).toString()).toBe(new Bun.CryptoHasher("sha256").update(body).digest("hex"));
  });

  test.each<readonly [string, Uint8Array]>([
    ["UNKNOWN", Buffer.from("PROXY UNKNOWN\r\n")],
    ["LOCAL", writeProxyHeader(2, { ...ends, isLocal: true })],
    ["datagrams", proxyBlock({ family: 0x12, addresses: ends4 })],
  ])("a header without a client's ends: the connection's own count (%s)", async (_, first) => {
    using instance = FakeInstance.start(echo);
    await using elbow = await startElbow({ listeners, instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send(joinBytes(first, "hello"));
    const told = `PROXY TCP4 127.0.0.1 127.0.0.1 ${client.localPort} ${elbow.port()}\r\nhello`;
    expect((await client.takeUntil("hello")).toString()).toBe(told);
  });
});

describe("at layer 7", () => {
  test("X-Forwarded-For of each request; the port stays the listener's", async () => {
    using instance = FakeInstance.start(tellForwarded);
    await using elbow = await startElbow({ listeners: [{ protocol: "HTTP", ...trusting }], instances: [instance] });
    for (const [first, address] of [
      [line, "198.51.100.22"],
      [block, "198.51.100.22"],
      [writeProxyHeader(2, ends6), "2001:db8::22"],
    ] as const) {
      using client = await RawClient.connect(elbow.port());
      // The first two requests come with the header, in one write.
      await client.send(joinBytes(first, formatRequest("/"), formatRequest("/")));
      const told = `${address} http ${elbow.port()}`;
      expect((await readResponse(client)).body.toString()).toBe(told);
      expect((await readResponse(client)).body.toString()).toBe(told);
      const forwarded = await exchange(client, "/", { headers: [["X-Forwarded-For", "10.1.1.1"]] });
      expect(forwarded.body.toString()).toBe(`10.1.1.1, ${told}`);
    }
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("before TLS, %s", async (maxVersion) => {
    using instance = FakeInstance.start(tellForwarded);
    const listener = { ...(await secureListener("HTTPS")), ...trusting };
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    for (const first of [line, block]) {
      using tap = Wiretap.start(elbow.port(), first);
      using client = await SecureClient.connect(tap.port, { serverName: "localhost", maxVersion });
      const told = `198.51.100.22 https ${elbow.port()}`;
      for (let round = 0; round < 2; round++) expect((await exchange(client, "/")).body.toString()).toBe(told);
    }
    expect(faultsOf(elbow.port())).toEqual({});
  });

  test("from elbow to elbow: over TLS and with a header, the first one's client is the second one's", async () => {
    using instance = FakeInstance.start(tellForwarded);
    const second = { ...(await secureListener("HTTPS")), ...trusting };
    await using back = await startElbow({ listeners: [second], instances: [instance] });
    const first = { protocol: "TCP", instanceProtocol: "SSL", ...trusting, instancePreamble: { version: 2 } } as const;
    await using front = await startElbow({ listeners: [first], instances: [back.port()] });
    using client = await RawClient.connect(front.port());
    await client.send(joinBytes(line, formatRequest("/")));
    expect((await readResponse(client)).body.toString()).toBe(`198.51.100.22 https ${back.port()}`);
  });
});

describe("a sender that isn't trusted", () => {
  const distrusting = trust("10.0.0.0/8", "::1");

  test("is served as if no header were accepted, and what it sends is passed on", async () => {
    using instance = FakeInstance.start(echo);
    const listeners = [{ ...distrusting, instancePreamble: { version: 1 } }] as const;
    await using elbow = await startElbow({ address: "::", listeners, instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send(joinBytes(line, "hello"));
    const own = `PROXY TCP4 127.0.0.1 127.0.0.1 ${client.localPort} ${elbow.port()}\r\n`;
    expect((await client.takeUntil("hello")).toString()).toBe(`${own}${Buffer.from(line)}hello`);
    using silent = await RawClient.connect(elbow.port());
    expect((await silent.takeUntil("\r\n")).toString()).toBe(
      `PROXY TCP4 127.0.0.1 127.0.0.1 ${silent.localPort} ${elbow.port()}\r\n`,
    );
    // The same listener believes another one.
    using trusted = await RawClient.connect(elbow.port(), "::1");
    await trusted.send(joinBytes(line, "hello"));
    expect((await trusted.takeUntil("hello")).toString()).toBe(`${Buffer.from(line)}hello`);
  });

  test("can't say that it is anybody to an HTTP listener", async () => {
    using instance = FakeInstance.start(tellForwarded);
    await using elbow = await startElbow({ listeners: [{ protocol: "HTTP", ...distrusting }], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    expect((await exchange(client, "/")).body.toString()).toBe(`127.0.0.1 http ${elbow.port()}`);
    using liar = await RawClient.connect(elbow.port());
    await liar.send(joinBytes(line, formatRequest("/")));
    expect((await readResponse(liar)).status).toBe(400);
    expect(instance.requests.length).toBe(1);
  });
});

describe("closed and counted", () => {
  const start = async (script = silence, listener: Partial<Listener> = {}, handshakeTimeout = 10) => {
    const instance = FakeInstance.start(script);
    const elbow: RunningElbow = await startElbow({
      listeners: [{ ...trusting, ...listener }],
      instances: [instance],
      attributes: { handshakeTimeout },
    });
    return {
      instance,
      elbow,
      [Symbol.asyncDispose]: async () => {
        await elbow.stop();
        instance.stop();
      },
    };
  };

  test.each<readonly [string, Uint8Array | string]>([
    ["a blank too many", "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n"],
    ["a bare LF", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"],
    ["no end", `PROXY UNKNOWN ${"x".repeat(200)}`],
    ["another version", Buffer.from(block).fill(0x31, 12, 13)],
    ["a block beyond any bound", proxyBlock({ family: 0x11, addresses: ends4, length: 0xffff })],
    ["a wrong checksum", proxyBlock({ family: 0x11, addresses: ends4, vectors: [proxyVector(3, [1, 2, 3, 4])] })],
  ])("malformed: %s", async (_, first) => {
    await using ground = await start();
    const { elbow, instance } = ground;
    using client = await RawClient.connect(elbow.port());
    await client.send(joinBytes(first));
    expect(["eof", "reset"]).toContain(await client.receiveEnd());
    expect(client.receivedBytes).toBe(0);
    await countsFaults(elbow.port(), { proxyHeaderMalformed: 1 });
    expect([instance.connections.length, elbow.openConnections()]).toEqual([0, 0]);
  });

  test("missing: bytes of something else", async () => {
    await using ground = await start(answerText("never"), { protocol: "HTTP" });
    using client = await RawClient.connect(ground.elbow.port());
    await client.send(formatRequest("/"));
    expect(["eof", "reset"]).toContain(await client.receiveEnd());
    expect(client.receivedBytes).toBe(0);
    await countsFaults(ground.elbow.port(), { proxyHeaderMissing: 1 });
    expect(ground.instance.connections.length).toBe(0);
  });

  test("missing: TLS at once, on an HTTPS listener", async () => {
    await using ground = await start(answerText("never"), await secureListener("HTTPS"));
    await expect(SecureClient.connect(ground.elbow.port())).rejects.toThrow();
    await countsFaults(ground.elbow.port(), { proxyHeaderMissing: 1 });
  });

  test("missing: the end in the middle, or a reset there; a probe of the port has failed at nothing", async () => {
    await using ground = await start();
    const { elbow } = ground;
    using quiet = await RawClient.connect(elbow.port());
    await quiet.halfClose();
    expect(await quiet.receiveEnd()).toBe("eof");
    const probe = await RawClient.connect(elbow.port());
    probe.reset();
    using cut = await RawClient.connect(elbow.port());
    await cut.send(line.subarray(0, 10));
    await cut.halfClose();
    expect(await cut.receiveEnd()).toBe("eof");
    await countsFaults(elbow.port(), { proxyHeaderMissing: 1 });
    const broken = await RawClient.connect(elbow.port());
    await broken.send(block.subarray(0, 10));
    await eventually(() => elbow.openConnections() === 1);
    await Bun.sleep(5);
    broken.reset();
    await countsFaults(elbow.port(), { proxyHeaderMissing: 2 });
    await eventually(() => elbow.openConnections() === 0);
  });

  test("late: silence, and a header bit by bit", async () => {
    await using ground = await start(silence, {}, 0.3);
    const { elbow, instance } = ground;
    using mute = await RawClient.connect(elbow.port());
    using slow = await RawClient.connect(elbow.port());
    const sending = slow.sendSlowly(block, 1, 50).catch(() => {});
    expect(await mute.receiveEnd()).toBe("eof");
    expect(["eof", "reset"]).toContain(await slow.receiveEnd());
    await countsFaults(elbow.port(), { proxyHeaderMissing: 2 });
    await sending;
    expect(instance.connections.length).toBe(0);
  });

  test("late: the TLS handshake behind it has what is left of the time", async () => {
    await using ground = await start(answerText("never"), await secureListener("HTTPS"), 1);
    const { elbow } = ground;
    const began = performance.now();
    using client = await RawClient.connect(elbow.port());
    await Bun.sleep(700);
    await client.send(line);
    await client.receiveEnd();
    // With the whole time anew it would be 1.7 s.
    expect(performance.now() - began).toBeLessThan(1_600);
    await countsFaults(elbow.port(), { handshakeTimeout: 1 });
  });
});

describe("changes", () => {
  test("a reload switches it, for the connections to come", async () => {
    using instance = FakeInstance.start(tellForwarded);
    const port = freePort();
    const withListener = (listener: Partial<Listener>) =>
      configurationOf([{ listeners: [{ protocol: "HTTP", port, ...listener }], instances: [instance] }]);
    await using elbow = await startElbow(withListener({}));
    using before = await RawClient.connect(port);
    expect((await exchange(before, "/")).body.toString()).toStartWith("127.0.0.1 ");
    await elbow.apply(withListener(trusting));
    using client = await RawClient.connect(port);
    await client.send(joinBytes(line, formatRequest("/")));
    expect((await readResponse(client)).body.toString()).toStartWith("198.51.100.22 ");
    expect((await exchange(before, "/")).body.toString()).toStartWith("127.0.0.1 ");
    using waiting = await RawClient.connect(port);
    await eventually(() => elbow.openConnections() === 3);
    await elbow.apply(withListener({}));
    expect((await exchange(client, "/")).body.toString()).toStartWith("198.51.100.22 ");
    // What it was when the connection came, it stays.
    await waiting.send(joinBytes(line, formatRequest("/")));
    expect((await readResponse(waiting)).body.toString()).toStartWith("198.51.100.22 ");
    using after = await RawClient.connect(port);
    expect((await exchange(after, "/")).body.toString()).toStartWith("127.0.0.1 ");
  });

  test("a request that comes with the header while its listener goes away is served, and is the last", async () => {
    using instance = FakeInstance.start(tellForwarded);
    const [port, other] = [freePort(), freePort()];
    const withPort = (one: number) =>
      configurationOf([{ listeners: [{ protocol: "HTTP", port: one, ...trusting }], instances: [instance] }]);
    await using elbow = await startElbow(withPort(port));
    using client = await RawClient.connect(port);
    await eventually(() => elbow.openConnections() === 1);
    await elbow.apply(withPort(other));
    await client.send(joinBytes(line, formatRequest("/")));
    const response = await readResponse(client);
    expect(response.body.toString()).toStartWith("198.51.100.22 ");
    expect(header(response, "connection")).toBe("close");
    expect(await client.receiveEnd()).toBe("eof");
  });

  test("nothing is left of connections that came to nothing, nor of those that wait when the process ends", async () => {
    const baseline = openSockets();
    const instance = FakeInstance.start(echo);
    const elbow = await startElbow({
      listeners: [trusting, { ...(await secureListener("SSL")), ...trusting }],
      instances: [instance],
    });
    for (let round = 0; round < 30; round++) {
      for (const bytes of [
        Buffer.alloc(0),
        line.subarray(0, 7),
        Buffer.from("GET /"),
        line,
        joinBytes(line, "hello"),
      ]) {
        const client = await RawClient.connect(elbow.port(round % 2));
        if (bytes.length > 0) await client.send(bytes);
        if (round % 3 === 0) await client.halfClose().catch(() => {});
        client.dispose();
      }
    }
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
    const waiting = await Promise.all([RawClient.connect(elbow.port(0)), RawClient.connect(elbow.port(1))]);
    await waiting[1]!.send(line.subarray(0, 7));
    await eventually(() => elbow.openConnections() === 2);
    await elbow.shutdown(0);
    await Promise.all(waiting.map((client) => client.receiveEnd()));
    await elbow.stop();
    expect(elbow.activeFibers()).toBe(0);
    instance.stop();
    await noNewSockets(baseline);
  });
});
