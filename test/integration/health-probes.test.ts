// One check against real sockets: what each kind of target asks, every way in which an instance can fail it, in words, and
// nothing left open behind it.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Effect, Fiber } from "effect";
import type { ProbeSecurity } from "../../src/health/fresh-handshake.ts";
import { type ProbeResult, type ProbeTerms, probe } from "../../src/health/probe.ts";
import { bodyMaxBytes } from "../../src/health/probe-response.ts";
import { type HealthCheck, settleHealthCheck, type WrittenHealthCheck } from "../../src/model/health-check.ts";
import type { InstanceSecurity } from "../../src/model/security.ts";
import { countArmedDeadlines } from "../../src/net/deadlines.ts";
import { dial } from "../../src/net/dial.ts";
import { Endpoint } from "../../src/net/endpoint.ts";
import type { Transport } from "../../src/net/transport.ts";
import { BackendAuthentication } from "../../src/tls/backend-authentication.ts";
import { type BackendAuthority, makeBackendSecurity } from "../../src/tls/backend-security.ts";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { header } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { countSockets, freePort, startSilentPort, tcpState } from "../support/port.ts";
import { ProxiedTlsInstance } from "../support/proxied-tls-instance.ts";
import { answerText, serveHttp, silence } from "../support/scripts.ts";
import { TlsInstance, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

/** Shorter than any that a configuration may ask for. */
const shortTimeout = 0.6;

interface Options extends WrittenHealthCheck, Omit<ProbeTerms, "check"> {
  readonly host?: string;
}

const termsOf = (protocol: string, port: number, options: Options = {}): ProbeTerms => {
  const { security, preamble, timeout = 5, ...written } = options;
  const target = `${protocol}:${port}${protocol.startsWith("HTTP") ? "/ping" : ""}`;
  const check: HealthCheck = { ...settleHealthCheck({ target, ...written }, port), timeout };
  return { check, security, preamble };
};

const ask = (protocol: string, port: number, options: Options = {}): Promise<ProbeResult> =>
  Effect.runPromise(probe(new Endpoint("127.0.0.1", port), termsOf(protocol, port, options)));

/** `+ status 200`, `- connect refused`. */
const spell = ({ isHealthy, reason }: ProbeResult): string => `${isHealthy ? "+" : "-"} ${reason}`;

const securityFor = (security: InstanceSecurity, authority?: BackendAuthority): ProbeSecurity =>
  new BackendAuthentication(makeBackendSecurity(security, authority), "127.0.0.1", "i-test");

let baseline: ReadonlyArray<string> = [];
beforeEach(() => {
  baseline = openSockets();
});
afterEach(async () => {
  await noNewSockets(baseline);
  await eventually(() => countArmedDeadlines() === 0, { what: "no deadline left" });
});

/** Every connection has been ended from this side, in good order or not. */
const areLeft = (instance: FakeInstance): boolean => instance.connections.every(({ ending }) => ending !== "open");

/** Reads a request, then goes on. */
const afterRequest =
  (then: Script): Script =>
  async (connection) => {
    await connection.readRequest();
    await then(connection);
  };

const say = (text: string): Script => afterRequest((connection) => connection.send(text));

const sayAndClose = (text: string): Script =>
  afterRequest(async (connection) => {
    await connection.send(text);
    await connection.close();
  });

const ok = "HTTP/1.1 200 OK\r\n";

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

describe("HTTP", () => {
  test("asks for the path on a connection of its own, and says who asks", async () => {
    using instance = FakeInstance.start(answerText("ok"));
    for (let round = 0; round < 3; round++) expect(spell(await ask("HTTP", instance.port))).toBe("+ status 200");
    expect(instance.connections.length).toBe(3);
    const [request] = instance.requests;
    expect(request?.startLine).toBe("GET /ping HTTP/1.1");
    expect(request?.headers).toEqual([
      ["Host", `127.0.0.1:${instance.port}`],
      ["User-Agent", "ELB-HealthChecker/1.0"],
      ["Accept", "*/*"],
      ["Connection", "close"],
    ]);
    await eventually(() => areLeft(instance));
  });

  test("over TLS, the same", async () => {
    using instance = await TlsInstance.secure(answerText("ok"));
    expect(spell(await ask("HTTPS", instance.port))).toBe("+ status 200");
    expect(instance.requests[0]?.startLine).toBe("GET /ping HTTP/1.1");
    await eventually(() => areLeft(instance));
  });

  test("with a preamble, Host, headers and other success codes", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.takeUntil("PROXY UNKNOWN\r\n");
      await serveHttp(() => "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nyes")(connection);
    });
    const options = {
      preamble: Buffer.from("PROXY UNKNOWN\r\n"),
      host: "app.test",
      headers: { "X-Check": "1" },
      successCodes: "200-299,404",
      expectBody: "yes",
    };
    expect(spell(await ask("HTTP", instance.port, options))).toBe("+ status 404");
    const [request] = instance.requests;
    expect(header(request!, "Host")).toBe("app.test");
    expect(header(request!, "X-Check")).toBe("1");
  });

  test.each([
    ["204 No Content", "- status 204"],
    ["302 Found\r\nLocation: /", "- status 302"],
    ["500 Internal Server Error", "- status 500"],
    ["503 Service Unavailable", "- status 503"],
  ])("%j: %s", async (status, outcome) => {
    using instance = FakeInstance.start(say(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`));
    expect(spell(await ask("HTTP", instance.port))).toBe(outcome);
    await eventually(() => areLeft(instance));
  });

  test.each<readonly [string, Script, string]>([
    ["a body of a length", sayAndClose(`${ok}Content-Length: 2\r\n\r\nok`), "+ status 200"],
    ["chunks", say(`${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`), "+ status 200"],
    ["nothing behind the head", sayAndClose(`${ok}\r\n`), "+ status 200"],
    ["an interim response first", say(`HTTP/1.1 100 Continue\r\n\r\n${ok}Content-Length: 0\r\n\r\n`), "+ status 200"],
    ["a body without a length", sayAndClose(`${ok}\r\nhello`), "- a body without Content-Length or chunks"],
    ["half a body", sayAndClose(`${ok}Content-Length: 5\r\n\r\nhell`), "- closed before the response was whole"],
    [
      "chunks without an end",
      sayAndClose(`${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`),
      "- closed before the response was whole",
    ],
    ["a broken chunk", say(`${ok}Transfer-Encoding: chunked\r\n\r\nzz\r\n`), "- broken response: bad chunk size"],
    [
      "two lengths",
      say(`${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nx`),
      "- broken response: different content lengths",
    ],
    ["no HTTP", (connection) => connection.send("220 mail.test ESMTP\r\n"), "- the answer isn't HTTP/1"],
    ["the end at once", (connection) => connection.close(), "- closed without a response"],
    ["the end behind the request", afterRequest((connection) => connection.close()), "- closed without a response"],
    ["a half-close", afterRequest((connection) => connection.halfClose()), "- closed without a response"],
    ["a reset", afterRequest((connection) => connection.reset()), "- connection reset"],
    [
      "a reset in the body",
      afterRequest(async (connection) => {
        await connection.send(`${ok}Content-Length: 50\r\n\r\nhello`);
        connection.reset();
      }),
      "- connection reset",
    ],
    ["silence", silence, "- timeout after 0.6 s"],
    ["half a head, and silence", say(ok), "- timeout after 0.6 s"],
    ["half a body, and silence", say(`${ok}Content-Length: 5\r\n\r\nhell`), "- timeout after 0.6 s"],
    ["no body, no length and no end", say(`${ok}\r\n`), "- timeout after 0.6 s"],
    [
      "a head that trickles",
      (connection) => connection.sendSlowly(`${ok}X-Long: ${"x".repeat(500)}\r\n\r\n`, 1, 20),
      "- timeout after 0.6 s",
    ],
    [
      "a body that trickles",
      afterRequest(async (connection) => {
        await connection.send(`${ok}Content-Length: 500\r\n\r\n`);
        await connection.sendSlowly("x".repeat(500), 1, 20);
      }),
      "- timeout after 0.6 s",
    ],
    [
      "a huge head",
      say(`${ok}${"X-Fill: ".concat("x".repeat(1000), "\r\n").repeat(90)}`),
      "- broken response: head too large",
    ],
    ["a huge field", say(`${ok}X-Fill: ${"x".repeat(40_000)}`), "- broken response: field too long"],
  ])("%s", async (_, script, outcome) => {
    using instance = FakeInstance.start(script);
    const result = await ask("HTTP", instance.port, { timeout: shortTimeout });
    expect(spell(result)).toBe(outcome);
    expect(result.isConnected).toBe(true);
    expect(result.durationMs).toBeLessThan(2500);
    await eventually(() => areLeft(instance));
  });

  test("a body without end is left at its limit, long before the timeout", async () => {
    using instance = FakeInstance.start(
      afterRequest(async (connection) => {
        await connection.send(`${ok}Transfer-Encoding: chunked\r\n\r\n`);
        const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
        for (let count = 0; count < 10_000 && !connection.isDone; count++) await connection.send(chunk);
      }),
    );
    expect(spell(await ask("HTTP", instance.port))).toBe("- a body of more than 8 MiB");
    await eventually(() => areLeft(instance));
    expect(instance.connections[0]!.sentBytes).toBeLessThan(4 * bodyMaxBytes);
  });

  test("a TLS server, asked in clear", async () => {
    using instance = await TlsInstance.secure(answerText("never"));
    expect((await ask("HTTP", instance.port)).reason).toMatch(
      /^(the answer isn't HTTP\/1|closed without a response|connection reset)$/,
    );
  });

  test("a server in clear, asked for TLS", async () => {
    using instance = FakeInstance.start(async (connection) => {
      await connection.takeBytes(6);
      await connection.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    });
    expect(spell(await ask("HTTPS", instance.port))).toBe("- TLS handshake failed: WRONG_VERSION_NUMBER");
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
