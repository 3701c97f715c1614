// Dialling with TLS: one limit for connecting and handshake together, a failure that says what went wrong, and nothing
// left behind however it ends.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { type Dial, dial } from "../../src/net/dial.ts";
import { Endpoint } from "../../src/net/endpoint.ts";
import type { DialSecurity } from "../../src/net/secure-dial.ts";
import type { Transport } from "../../src/net/transport.ts";
import { BackendAuthentication } from "../../src/tls/backend-authentication.ts";
import { makeBackendSecurity } from "../../src/tls/backend-security.ts";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { countSockets, freePort, startSilentPort, tcpState } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, silence } from "../support/scripts.ts";
import { encryptTo, TlsInstance, trustAuthority, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const securityFor = (security = {}): DialSecurity =>
  new BackendAuthentication(makeBackendSecurity(security), "127.0.0.1", "i-test");

/** Dials; `ended` has the words for how that ended. */
const start = (port: number, timeoutMs = 2000, security = securityFor()) => {
  let attempt: Dial | undefined;
  const ended = new Promise<string>((resolve) => {
    attempt = dial(
      new Endpoint("127.0.0.1", port),
      timeoutMs,
      {
        onDialled: (transport: Transport) => {
          transport.abort();
          resolve("dialled");
        },
        onDialFailed: (failure, code) => resolve(`${failure} ${code}`),
      },
      security,
    );
  });
  return { attempt: attempt as Dial, ended };
};

const afterHello =
  (then: Script): Script =>
  async (connection) => {
    await connection.takeBytes(6);
    await then(connection);
  };

const bytes = (hex: string): Uint8Array => Buffer.from(hex, "hex");

const breaking: ReadonlyArray<readonly [string, Script, string]> = [
  ["closes at once", (connection) => connection.close(), "handshake ECONNRESET"],
  ["resets at once", (connection) => connection.reset(), "handshake ECONNRESET"],
  ["closes after the ClientHello", afterHello((connection) => connection.close()), "handshake ECONNRESET"],
  ["resets after the ClientHello", afterHello((connection) => connection.reset()), "handshake ECONNRESET"],
  ["half-closes after the ClientHello", afterHello((connection) => connection.halfClose()), "handshake ECONNRESET"],
  [
    "answers with a refusal",
    afterHello((connection) => connection.send(bytes("15030300020228"))),
    "handshake SSLV3_ALERT_HANDSHAKE_FAILURE",
  ],
  [
    "answers in clear",
    afterHello((connection) => connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")),
    "handshake WRONG_VERSION_NUMBER",
  ],
  [
    "ends in the middle of a record",
    afterHello(async (connection) => {
      await connection.send(bytes("160303004a02"));
      await connection.close();
    }),
    "handshake ECONNRESET",
  ],
  ["greets in clear", (connection) => connection.send("220 mail.test ESMTP\r\n"), "handshake WRONG_VERSION_NUMBER"],
];

describe("an instance that", () => {
  test.each(breaking)("%s", async (_, script, outcome) => {
    using instance = FakeInstance.start(script);
    const baseline = openSockets();
    expect(await start(instance.port).ended).toBe(outcome);
    instance.stop();
    await noNewSockets(baseline);
  });

  test.each(breaking)("%s: 502 for an HTTP client, who may ask again", async (_, script) => {
    using instance = FakeInstance.start(script);
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    for (let round = 0; round < 2; round++) expect((await exchange(client, "/")).status).toBe(502);
    expect(elbow.status()[0]!.instances[0]!.openConnections).toBe(0);
  });

  test("stalls in the handshake: the dial ends at its limit, 504, and the instance is let go", async () => {
    using instance = FakeInstance.start(silence);
    const baseline = openSockets();
    const startedMs = performance.now();
    expect(await start(instance.port, 500).ended).toBe("timeout ETIMEDOUT");
    expect(performance.now() - startedMs).toBeGreaterThan(450);
    await eventually(() => instance.openConnections === 0);
    await using elbow = await startElbow({
      listeners: [encryptTo("HTTP")],
      instances: [instance],
      attributes: { connectTimeout: 1 },
    });
    using client = await RawClient.connect(elbow.port());
    expect((await exchange(client, "/")).status).toBe(504);
    await eventually(() => instance.openConnections === 0);
    await elbow.stop();
    client.dispose();
    instance.stop();
    await noNewSockets(baseline);
  });

  test("trickles its handshake gets no more time for that", async () => {
    using instance = FakeInstance.start(
      afterHello(async (connection) => {
        const hello = bytes(`16030303e8020003e40303${"00".repeat(900)}`);
        await connection.sendSlowly(hello, 1, 100);
      }),
    );
    const startedMs = performance.now();
    expect(await start(instance.port, 700).ended).toBe("timeout ETIMEDOUT");
    expect(performance.now() - startedMs).toBeLessThan(3000);
  });

  test("refuses, or never answers, is told apart from one whose TLS fails", async () => {
    expect(await start(freePort()).ended).toBe("refused ECONNREFUSED");
    const silent = await startSilentPort();
    try {
      expect(await start(silent.port, 300).ended).toBe("timeout ETIMEDOUT");
    } finally {
      silent.stop();
    }
  });

  test("speaks TLS 1.1 at most is refused", async () => {
    using instance = await TlsInstance.secure(silence, { version: "TLSv1.1" });
    expect(await start(instance.port).ended).toMatch(/^handshake .*PROTOCOL/);
    expect(instance.secured.length).toBe(0);
  });
});

describe("an instance that wants a certificate of us: 502, and told as such", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("%s", async (version) => {
    const { certPem } = await testAuthority();
    using instance = await TlsInstance.secure(answerText("never"), { version, clientCa: certPem });
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    for (let round = 0; round < 3; round++) expect((await exchange(client, "/")).status).toBe(502);
    expect(instance.requests).toEqual([]);
    await eventually(() => elbow.status()[0]!.instances[0]!.openConnections === 0 && elbow.outstanding() === 0);
  });
});

describe("a dial that is cancelled is never heard of again, and leaves no socket", () => {
  const cancelWhen = async (port: number, isTime: () => boolean): Promise<void> => {
    const baseline = openSockets();
    const { attempt, ended } = start(port, 20_000);
    let heard: string | undefined;
    void ended.then((words) => {
      heard = words;
    });
    await eventually(isTime);
    attempt.cancel();
    attempt.cancel();
    await eventually(() => openSockets().filter((one) => !baseline.includes(one)).length <= 1);
    expect(heard).toBeUndefined();
  };

  test("before it is connected", async () => {
    const silent = await startSilentPort();
    try {
      const before = countSockets(silent.port, tcpState.synSent);
      await cancelWhen(silent.port, () => countSockets(silent.port, tcpState.synSent) > before);
      await eventually(() => countSockets(silent.port, tcpState.synSent) === before);
    } finally {
      silent.stop();
    }
  });

  test("in the turn in which it was begun", async () => {
    using instance = FakeInstance.start(silence);
    await cancelWhen(instance.port, () => true);
  });

  test("in the middle of the handshake", async () => {
    using instance = FakeInstance.start(silence);
    await cancelWhen(instance.port, () => (instance.connections[0]?.receivedBytes ?? 0) > 0);
    await eventually(() => instance.openConnections === 0);
  });

  test("by a client that leaves during the handshake", async () => {
    using instance = FakeInstance.start(silence);
    await using elbow = await startElbow({ listeners: [encryptTo("TCP")], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await eventually(() => (instance.connections[0]?.receivedBytes ?? 0) > 0);
    client.reset();
    await eventually(
      () => instance.openConnections === 0 && elbow.openConnections() === 0 && elbow.outstanding() === 0,
    );
  });
});

const source = (file: string): string => JSON.stringify(join(import.meta.dir, "../../src", file));

const program = (ports: ReadonlyArray<number>, spki: string) => `
  import { dial, dialWithoutSystemCalls } from ${source("net/dial.ts")};
  import { Endpoint } from ${source("net/endpoint.ts")};
  import { BackendAuthentication } from ${source("tls/backend-authentication.ts")};
  import { makeBackendSecurity } from ${source("tls/backend-security.ts")};
  if (process.env.PORTABLE === "1") dialWithoutSystemCalls();
  const keys = [{ policy: "key1", spki: Buffer.from(${JSON.stringify(spki)}, "base64") }];
  const run = (port, timeoutMs, cancels) => new Promise((resolve) => {
    const security = new BackendAuthentication(makeBackendSecurity({ keys }), "127.0.0.1", "i-test");
    const attempt = dial(new Endpoint("127.0.0.1", port), timeoutMs, {
      onDialFailed: (failure) => resolve(failure),
      onDialled: (transport) => {
        let text = "";
        transport.receiver = {
          onBytes: (chunk) => { text += new TextDecoder().decode(chunk); },
          onWritable() {}, onEnd() { resolve("answered " + text); transport.close(); }, onClosed() {},
        };
        transport.write(new TextEncoder().encode("hello"));
        transport.shutdown();
      },
    }, security);
    if (cancels) { attempt.cancel(); setTimeout(() => resolve("cancelled"), 50); }
  });
  const said = [];
  for (const port of ${JSON.stringify(ports)}) said.push(await run(port, 600, false));
  said.push(await run(${ports[0]}, 600, true));
  console.log(said.join());
`;

test.each([
  ["with the system's own calls", "0"],
  ["without them", "1"],
])(
  "%s, and whatever the environment says of certificates: the same outcomes, and the process ends",
  async (_, portable) => {
    const right = await issueTestCertificate({ tag: "right" });
    using good = await TlsInstance.secure(
      async (connection) => {
        await connection.send(`${await connection.takeToEnd()} back`);
        await connection.close();
      },
      { certificate: right },
    );
    using impostor = await TlsInstance.secure(silence);
    using plain = FakeInstance.start((connection) => connection.send("220 mail.test\r\n"));
    using stalling = FakeInstance.start(silence);
    const ports = [good.port, impostor.port, plain.port, stalling.port, freePort()];
    const child = Bun.spawn([process.execPath, "-e", program(ports, right.publicKey)], {
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, PORTABLE: portable, NODE_TLS_REJECT_UNAUTHORIZED: portable },
    });
    const [said, code] = await Promise.all([new Response(child.stdout).text(), child.exited]);
    expect([said.trim(), code]).toEqual(["answered hello back,untrusted,handshake,timeout,refused,cancelled", 0]);
    expect(impostor.applicationBytes).toBe(0);
    await eventually(() => stalling.openConnections === 0 && impostor.openConnections === 0);
  },
);

test("a judge that says no ends the connection before the instance can read anything of ours", async () => {
  const right = await issueTestCertificate({ tag: "right" });
  using instance = await TlsInstance.secure((connection) => connection.send("greeting"));
  const security = securityFor(trustKeysOf(right));
  for (let round = 0; round < 3; round++)
    expect(await start(instance.port, 2000, security).ended).toBe("untrusted untrusted");
  expect(security.session).toBeUndefined();
  await eventually(() => instance.openConnections === 0);
  expect(instance.applicationBytes).toBe(0);
});

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "%s: under an authority, the session of the proof is resumed again and again, and no later one takes its place",
  async (version) => {
    const ca = (await testAuthority()).certPem;
    // The greeting comes behind the session tickets of TLS 1.3.
    using instance = await TlsInstance.secure((connection) => connection.send("greeting"), { version });
    const demand = makeBackendSecurity(trustAuthority(ca), { pem: ca, fingerprint: "ca" });
    const security = new BackendAuthentication(demand, "127.0.0.1", "i-test");
    const keep = security.keepSession.bind(security);
    const offered: Array<boolean> = [];
    security.keepSession = (session, provedAtMs) => {
      offered.push(provedAtMs !== undefined);
      keep(session, provedAtMs);
    };
    const meet = () =>
      new Promise<void>((resolve, reject) => {
        const { port } = instance;
        const onDialled = (transport: Transport) => {
          const onBytes = () => {
            transport.abort();
            resolve();
          };
          transport.receiver = { onBytes, onWritable() {}, onEnd() {}, onClosed() {} };
        };
        const onDialFailed = (failure: string, code?: string) => reject(new Error(`${failure} ${code}`));
        dial(new Endpoint("127.0.0.1", port), 2000, { onDialled, onDialFailed }, security);
      });
    await meet();
    const { session } = security;
    expect(session).toBeDefined();
    for (let round = 0; round < 3; round++) await meet();
    expect(security.session).toBe(session!);
    expect(instance.connections.map(({ isResumed }) => isResumed)).toEqual([false, true, true, true]);
    // With TLS 1.3 a resumed session brings others, and says of them that they prove nothing.
    expect([offered[0], offered.includes(false)]).toEqual([true, version === "TLSv1.3"]);
  },
);
