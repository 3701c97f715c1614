// One check against real sockets: what each kind of target asks, every way in which an instance can fail it, in words, and
// nothing left open behind it.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Effect, Fiber } from "effect";
import { probe } from "../../src/health/probe.ts";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import { dial } from "../../src/net/dial.ts";
import { Endpoint } from "../../src/net/endpoint.ts";
import type { Transport } from "../../src/net/transport.ts";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { openSockets } from "../support/leaks.ts";
import { countSockets, freePort, startSilentPort, tcpState } from "../support/port.ts";
import { areLeft, ask, baseline, leaveNothing, securityFor, shortTimeout, spell, termsOf } from "../support/probing.ts";
import { ProxiedTlsInstance } from "../support/proxied-tls-instance.ts";
import { answerText, silence } from "../support/scripts.ts";
import { TlsInstance, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

leaveNothing();

describe("TCP", () => {
  test("passes when the connection stands; it is closed in good order, and not a byte was sent", async () => {
    using instance = FakeInstance.start(silence);
    const result = await ask("TCP", instance.port);
    expect(result).toEqual({
      isHealthy: true,
      reason: "connected",
      durationMs: expect.any(Number),
      isConnected: true,
      isConclusive: true,
    });
    const connection = await instance.connection();
    expect(await connection.receiveEnd()).toBe("eof");
    expect(connection.receivedBytes).toBe(0);
    expect(result.durationMs).toBeGreaterThan(0);
  });

  test("begins with a preamble where there is one", async () => {
    using instance = FakeInstance.start(silence);
    const preamble = Buffer.from("PROXY UNKNOWN\r\n");
    expect(spell(await ask("TCP", instance.port, { preamble }))).toBe("+ connected");
    expect((await (await instance.connection()).takeToEnd()).toString()).toBe("PROXY UNKNOWN\r\n");
  });

  test.each(["SSL", "HTTPS"])("and before the handshake: %s", async (protocol) => {
    const isHttps = protocol === "HTTPS";
    using instance = await ProxiedTlsInstance.proxied(isHttps ? answerText("hi") : silence);
    const preamble = Buffer.from("PROXY UNKNOWN\r\n");
    const reason = isHttps ? "status 200" : "TLS handshake done";
    expect(spell(await ask(protocol, instance.port, { preamble }))).toBe(`+ ${reason}`);
    expect(instance.headers).toEqual([preamble]);
  });

  test("over IPv6", async () => {
    using instance = FakeInstance.start(silence, { host: "::1" });
    const terms = termsOf("TCP", instance.port);
    const result = await Effect.runPromise(probe(new Endpoint("::1", instance.port), terms));
    expect(spell(result)).toBe("+ connected");
  });

  test("fails when nobody listens", async () => {
    const result = await ask("TCP", freePort());
    expect(spell(result)).toBe("- connect refused");
    expect([result.isConnected, result.isConclusive]).toEqual([false, true]);
  });

  test("fails when nobody answers, after the timeout and not before", async () => {
    const silent = await startSilentPort();
    try {
      const before = countSockets(silent.port, tcpState.synSent);
      const result = await ask("TCP", silent.port, { timeout: shortTimeout });
      expect(spell(result)).toBe("- timeout after 0.6 s");
      expect(result.durationMs).toBeGreaterThan(580);
      expect(result.durationMs).toBeLessThan(2500);
      await eventually(() => countSockets(silent.port, tcpState.synSent) === before);
    } finally {
      silent.stop();
    }
  });
});

describe("SSL", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "passes when the handshake is done, any certificate will do (%s)",
    async (version) => {
      const certificate = await issueTestCertificate({ issuer: "self", names: ["elsewhere.test"], tag: "self" });
      using instance = await TlsInstance.secure(silence, { version, certificate });
      expect(spell(await ask("SSL", instance.port))).toBe("+ TLS handshake done");
      await eventually(() => areLeft(instance));
      // The instance's listener and its end of the connection; ours is gone, though the instance hasn't closed.
      await eventually(() => openSockets().filter((socket) => !baseline.includes(socket)).length === 2);
      expect(instance.applicationBytes).toBe(0);
      expect(instance.connections[0]?.serverName).toBeUndefined();
    },
  );

  test("fails in clear", async () => {
    using instance = FakeInstance.start((connection) => connection.send("220 mail.test ESMTP\r\n"));
    expect(spell(await ask("SSL", instance.port))).toBe("- TLS handshake failed: WRONG_VERSION_NUMBER");
  });

  test("fails when nobody listens, or the handshake is cut", async () => {
    expect(spell(await ask("SSL", freePort()))).toBe("- connect refused");
    using instance = FakeInstance.start((connection) => connection.reset());
    expect(spell(await ask("SSL", instance.port))).toBe("- TLS handshake failed: ECONNRESET");
  });

  test("fails when the handshake stalls", async () => {
    using instance = FakeInstance.start(silence);
    expect(spell(await ask("SSL", instance.port, { timeout: shortTimeout }))).toBe("- timeout after 0.6 s");
    await eventually(() => areLeft(instance));
  });

  test("fails for a version that is too old", async () => {
    using instance = await TlsInstance.secure(silence, { version: "TLSv1.1" });
    expect(spell(await ask("SSL", instance.port))).toMatch(/^- TLS handshake failed: .*PROTOCOL/);
  });
});

describe("back-end authentication", () => {
  test.each(["SSL", "HTTPS"])("%s passes with the right key and says what is wrong with another", async (protocol) => {
    const [right, wrong] = await Promise.all([
      issueTestCertificate({ tag: "right" }),
      issueTestCertificate({ tag: "wrong" }),
    ]);
    using instance = await TlsInstance.secure(answerText("ok"), { certificate: right });
    const security = securityFor(trustKeysOf(right));
    expect((await ask(protocol, instance.port, { security })).isHealthy).toBe(true);
    instance.change({ certificate: wrong });
    const sent = instance.applicationBytes;
    const result = await ask(protocol, instance.port, { security });
    expect(spell(result)).toBe(`- not trusted: its public key, sha256/${wrong.pin}, is not that of key1`);
    expect([result.isConnected, result.isConclusive]).toEqual([false, true]);
    // Nothing of the check went to a stranger.
    await eventually(() => areLeft(instance));
    expect(instance.applicationBytes).toBe(sent);
    instance.change({ certificate: right });
    expect((await ask(protocol, instance.port, { security })).isHealthy).toBe(true);
  });

  test("an authority's word is asked for, and every check proves anew: no session is resumed or kept", async () => {
    const { certPem } = await testAuthority();
    const authority = { pem: certPem, fingerprint: "test" };
    const demand = { authority: { ca: { text: certPem }, serverName: "app.test" } };
    const certificate = await issueTestCertificate({ names: ["app.test"] });
    using instance = await TlsInstance.secure(answerText("ok"), { certificate });
    const security = securityFor(demand, authority);
    for (let round = 0; round < 3; round++) {
      expect(spell(await ask("HTTPS", instance.port, { security }))).toBe("+ status 200");
    }
    expect(instance.secured.map(({ isResumed, serverName }) => [isResumed, serverName])).toEqual(
      new Array(3).fill([false, "app.test"]),
    );
    expect(security.session).toBeUndefined();
    instance.change({ certificate: await issueTestCertificate({ names: ["app.test"], issuer: "self" }) });
    expect(spell(await ask("HTTPS", instance.port, { security }))).toMatch(
      /^- not trusted: the authority doesn't vouch for its certificate: [A-Z_]+$/,
    );
  });

  test("the data path's session is not used, and stays", async () => {
    using instance = await TlsInstance.secure((connection) => connection.send("greeting"), { version: "TLSv1.2" });
    const security = securityFor({});
    const dialled = await new Promise<Transport>((resolve, reject) => {
      dial(new Endpoint("127.0.0.1", instance.port), 2000, { onDialled: resolve, onDialFailed: reject }, security);
    });
    await eventually(() => security.session !== undefined);
    const { session } = security;
    expect(spell(await ask("SSL", instance.port, { security }))).toBe("+ TLS handshake done");
    await eventually(() => instance.secured.length === 2);
    expect(instance.secured[1]?.isResumed).toBe(false);
    expect(security.session).toBe(session);
    dialled.abort();
  });

  test("an instance that wants a certificate of ours fails HTTPS", async () => {
    const { certPem } = await testAuthority();
    using instance = await TlsInstance.secure(answerText("never"), { clientCa: certPem, version: "TLSv1.3" });
    const result = await ask("HTTPS", instance.port);
    expect(spell(result)).toMatch(/^- (TLS failed: TLSV1_ALERT_CERTIFICATE_REQUIRED|connection reset)$/);
  });
});

describe("a check that is interrupted leaves nothing open and is not heard of", () => {
  const interruptWhen = async (protocol: string, port: number, isTime: () => boolean): Promise<void> => {
    const fiber = Effect.runFork(probe(new Endpoint("127.0.0.1", port), termsOf(protocol, port)));
    await eventually(isTime);
    await Effect.runPromise(Fiber.interrupt(fiber));
    await eventually(() => countArmedDeadlines() === 0);
  };

  test("before it is connected", async () => {
    const silent = await startSilentPort();
    try {
      const before = countSockets(silent.port, tcpState.synSent);
      await interruptWhen("TCP", silent.port, () => countSockets(silent.port, tcpState.synSent) > before);
      await eventually(() => countSockets(silent.port, tcpState.synSent) === before);
    } finally {
      silent.stop();
    }
  });

  test("in the handshake", async () => {
    using instance = FakeInstance.start(silence);
    await interruptWhen("HTTPS", instance.port, () => (instance.connections[0]?.receivedBytes ?? 0) > 0);
    await eventually(() => areLeft(instance));
  });

  test("while it waits for the response", async () => {
    using instance = FakeInstance.start(silence);
    await interruptWhen("HTTP", instance.port, () => (instance.connections[0]?.receivedBytes ?? 0) > 0);
    await eventually(() => areLeft(instance));
  });
});

test("without a free file descriptor, a check says nothing of the instance", async () => {
  using instance = FakeInstance.start(silence);
  const source = (file: string): string => JSON.stringify(join(import.meta.dir, "../../src", file));
  const program = `
    import { openSync } from "node:fs";
    import { Effect } from "effect";
    import { probe } from ${source("health/probe.ts")};
    import { settleHealthCheck } from ${source("model/health-check.ts")};
    import { dial } from "../../src/net/dial.ts";
import { Endpoint } from ${source("net/endpoint.ts")};
    const terms = { check: settleHealthCheck({}, ${instance.port}) };
    const ask = () => Effect.runPromise(probe(new Endpoint("127.0.0.1", ${instance.port}), terms));
    const first = await ask();
    try { for (let count = 0; count < 5000; count++) openSync("/dev/null"); } catch {}
    const { isConclusive, isHealthy, reason } = await ask();
    console.log(JSON.stringify([first.reason, isConclusive, isHealthy, reason]));
    process.exit(0);
  `;
  const child = Bun.spawn(["sh", "-c", 'ulimit -n 100; exec "$0" -e "$1"', process.execPath, program], {
    cwd: join(import.meta.dir, "../.."),
    stdout: "pipe",
    stderr: "inherit",
  });
  const [said] = await Promise.all([new Response(child.stdout).text(), child.exited]);
  expect(JSON.parse(said)).toEqual(["connected", false, false, "no file descriptor is free here"]);
});
