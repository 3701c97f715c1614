// Authenticated back ends: an instance gets not one byte of a client's before it has proved to own a trusted key, or to
// have an authority's word for its name.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { collectMetrics } from "../../src/observe/metrics.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import { observeOutcomes } from "../../src/observe/outcomes.ts";
import {
  issueTestCertificate,
  type TestCertificateTerms,
  testAuthority,
  testIntermediate,
} from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance, type Script } from "../support/fake-instance.ts";
import { exchange, formatResponse } from "../support/http-message.ts";
import { noNewSockets, openSockets } from "../support/leaks.ts";
import { freePort, startSilentPort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, greet, serveHttp } from "../support/scripts.ts";
import { encryptTo, TlsInstance, trustAuthority, trustKeysOf } from "../support/tls-instance.ts";

setDefaultTimeout(30_000);

const versions = ["TLSv1.2", "TLSv1.3"] as const;
const right = await issueTestCertificate({ tag: "right" });
const wrong = await issueTestCertificate({ tag: "wrong" });
const rsa = await issueTestCertificate({ tag: "right", keyType: "RSA" });

/** Answers one request a connection, so that each request brings a handshake. */
const answerOnce = serveHttp(() => formatResponse("served", { headers: [["Connection", "close"]] }));

const ask = async (port: number): Promise<number> => {
  using client = await RawClient.connect(port);
  return (await exchange(client, "/")).status;
};

/** An HTTP server that was never told of TLS. */
const speakInClear: Script = async (connection) => {
  await connection.takeBytes(1);
  await connection.send("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
};

/** What is said while the test runs. */
const listen = (): { readonly said: ReadonlyArray<string> } & Disposable => {
  const said: Array<string> = [];
  return { said, [Symbol.dispose]: observeNotices((text) => void said.push(text)) };
};

const sumOf = (name: string): number =>
  collectMetrics()
    .filter((family) => family.name === name)
    .flatMap(({ samples }) => samples)
    .reduce((sum, { value }) => sum + value, 0);

describe.each(versions)("%s", (version) => {
  test.each([
    ["ECDSA", right],
    ["RSA", rsa],
  ])("the right key, %s, serves; the resumed sessions after it too", async (_, certificate) => {
    using instance = await TlsInstance.secure(answerOnce, { version, certificate });
    await using elbow = await startElbow({
      listeners: [encryptTo("HTTP", trustKeysOf(wrong, certificate))],
      instances: [instance],
    });
    for (let round = 0; round < 4; round++) expect(await ask(elbow.port())).toBe(200);
    expect(instance.secured.map(({ isResumed }) => isResumed)).toEqual([false, true, true, true]);
  });

  test("a wrong key: 502, and the instance has got no byte", async () => {
    using instance = await TlsInstance.secure(answerOnce, { version, certificate: wrong });
    await using elbow = await startElbow({
      listeners: [encryptTo("HTTP", trustKeysOf(right, rsa))],
      instances: [instance],
    });
    using client = await RawClient.connect(elbow.port());
    for (let round = 0; round < 3; round++) {
      const { status } = await exchange(client, "/secret", { method: "POST", body: "secret" });
      expect(status).toBe(502);
    }
    expect([instance.connections.length, instance.applicationBytes]).toEqual([3, 0]);
    await eventually(() => instance.openConnections === 0 && elbow.outstanding() === 0);
    expect(sumOf("elbow_backend_authentication_errors_total")).toBe(3);
    expect(sumOf("elbow_backend_connection_errors_total")).toBe(3);
    expect(elbow.status()[0]!.instances[0]!.openConnections).toBe(0);
  });

  test("a wrong key behind layer 4: the client is closed, and the instance has got no byte", async () => {
    using instance = await TlsInstance.secure(greet("never"), { version, certificate: wrong });
    await using elbow = await startElbow({ listeners: [encryptTo("TCP", trustKeysOf(right))], instances: [instance] });
    using client = await RawClient.connect(elbow.port());
    await client.send("secret").catch(() => {});
    expect(["eof", "reset"]).toContain(await client.receiveEnd());
    expect([client.receivedBytes, instance.applicationBytes]).toEqual([0, 0]);
    await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
  });

  test("a key that changes is refused at the next connection, a kept session notwithstanding, until it is right again", async () => {
    using instance = await TlsInstance.secure(answerOnce, { version, certificate: right });
    await using elbow = await startElbow({ listeners: [encryptTo("HTTP", trustKeysOf(right))], instances: [instance] });
    for (let round = 0; round < 2; round++) expect(await ask(elbow.port())).toBe(200);
    instance.change({ certificate: wrong });
    const got = instance.applicationBytes;
    for (let round = 0; round < 2; round++) expect(await ask(elbow.port())).toBe(502);
    expect(instance.applicationBytes).toBe(got);
    instance.change({ certificate: right });
    for (let round = 0; round < 2; round++) expect(await ask(elbow.port())).toBe(200);
    // No session is left of before or of the refused ones.
    expect(instance.secured.map(({ isResumed }) => isResumed).slice(-2)).toEqual([false, true]);
  });

  test("an authority: its certificate for the instance's name serves, also over resumed sessions", async () => {
    const certificate = await issueTestCertificate({ names: ["localhost"], issuer: await testIntermediate() });
    using instance = await TlsInstance.secure(answerOnce, { version, certificate });
    await using elbow = await startElbow({
      listeners: [encryptTo("HTTP", trustAuthority(certificate.caPem))],
      instances: [{ id: "i-1", host: "localhost", port: instance.port }],
    });
    for (let round = 0; round < 3; round++) expect(await ask(elbow.port())).toBe(200);
    expect(instance.secured.map(({ isResumed, serverName }) => [isResumed, serverName])).toEqual([
      [false, "localhost"],
      [true, "localhost"],
      [true, "localhost"],
    ]);
  });
});

const other = await testAuthority("other");
const past = new Date(Date.now() - 40 * 86_400_000);

test.each<readonly [string, TestCertificateTerms, string, string | undefined, string]>([
  ["another name", { names: ["other.test"] }, "localhost", undefined, "its certificate is not for localhost"],
  ["another address", { ips: ["127.0.0.2"] }, "127.0.0.1", undefined, "its certificate is not for 127.0.0.1"],
  ["a name where an address is asked", { names: ["localhost"] }, "127.0.0.1", undefined, "is not for 127.0.0.1"],
  ["not the configured name", { names: ["localhost"] }, "localhost", "app.test", "its certificate is not for app.test"],
  ["another authority", { names: ["localhost"], issuer: other }, "localhost", undefined, "doesn't vouch"],
  ["its own word only", { names: ["localhost"], issuer: "self" }, "localhost", undefined, "doesn't vouch"],
  ["another authority and name", { names: ["x.test"], issuer: other }, "localhost", undefined, "doesn't vouch"],
  ["a certificate of the past", { names: ["localhost"], notBefore: past, days: 10 }, "localhost", undefined, "EXPIRED"],
  ["one for clients", { names: ["localhost"], usages: ["client"] }, "localhost", undefined, "INVALID_PURPOSE"],
])("an authority, and %s: 502, and not one byte", async (_, terms, host, serverName, words) => {
  using notices = listen();
  const certificate = await issueTestCertificate(terms);
  const { certPem } = await testAuthority();
  using instance = await TlsInstance.secure(answerOnce, { certificate });
  await using elbow = await startElbow({
    listeners: [encryptTo("HTTP", trustAuthority(certPem, serverName))],
    instances: [{ id: "i-1", host, port: instance.port }],
  });
  for (let round = 0; round < 2; round++) expect(await ask(elbow.port())).toBe(502);
  expect([instance.connections.length, instance.applicationBytes]).toEqual([2, 0]);
  expect(notices.said).toEqual([expect.stringContaining(words)]);
});

test.each<readonly [string, TestCertificateTerms, string, string | undefined, string | undefined]>([
  ["an address in the certificate", { ips: ["127.0.0.1"] }, "127.0.0.1", undefined, undefined],
  ["a configured name", { names: ["app.test"] }, "127.0.0.1", "app.test", "app.test"],
  ["a configured address", { ips: ["192.0.2.1"] }, "localhost", "192.0.2.1", undefined],
  ["a wildcard", { names: ["*.app.test"] }, "localhost", "one.app.test", "one.app.test"],
])("an authority, and %s: served", async (_, terms, host, serverName, sent) => {
  const certificate = await issueTestCertificate(terms);
  using instance = await TlsInstance.secure(answerOnce, { certificate });
  await using elbow = await startElbow({
    listeners: [encryptTo("HTTP", trustAuthority(certificate.caPem, serverName))],
    instances: [{ id: "i-1", host, port: instance.port }],
  });
  expect(await ask(elbow.port())).toBe(200);
  expect(instance.secured[0]!.serverName).toBe(sent);
});

test("a key and an authority: both are needed", async () => {
  const signed = await issueTestCertificate({ names: ["localhost"], tag: "signed" });
  const self = await issueTestCertificate({ names: ["localhost"], tag: "self", issuer: "self" });
  const statusWith = async (shown: typeof signed, trusted: typeof signed): Promise<number> => {
    using instance = await TlsInstance.secure(answerOnce, { certificate: shown });
    await using elbow = await startElbow({
      listeners: [encryptTo("HTTP", { ...trustKeysOf(trusted), ...trustAuthority(signed.caPem) })],
      instances: [{ id: "i-1", host: "localhost", port: instance.port }],
    });
    const status = await ask(elbow.port());
    expect(instance.applicationBytes > 0).toBe(status === 200);
    return status;
  };
  expect(await statusWith(signed, signed)).toBe(200);
  expect(await statusWith(signed, right)).toBe(502);
  expect(await statusWith(self, self)).toBe(502);
});

test("the next instance is tried: requests and connections reach the one that is trusted", async () => {
  using impostor = await TlsInstance.secure(answerOnce, { certificate: wrong });
  using plain = FakeInstance.start(speakInClear);
  using good = await TlsInstance.secure(answerOnce, { certificate: right });
  await using elbow = await startElbow({
    listeners: [encryptTo("HTTP", trustKeysOf(right))],
    instances: [impostor, plain, good],
  });
  for (let round = 0; round < 6; round++) expect(await ask(elbow.port())).toBe(200);
  expect([impostor.applicationBytes, good.requests.length]).toEqual([0, 6]);
});

test("when no instance will do, the gravest of what happened is told", async () => {
  const silent = await startSilentPort();
  try {
    using impostor = await TlsInstance.secure(answerOnce, { certificate: wrong });
    using plain = FakeInstance.start(speakInClear);
    const dead = freePort();
    const reasonWith = async (...ports: ReadonlyArray<number>): Promise<unknown> => {
      await using elbow = await startElbow({
        listeners: [encryptTo("HTTP", trustKeysOf(right))],
        instances: ports,
        attributes: { connectTimeout: 1 },
      });
      const outcomes: Array<unknown> = [];
      const stop = observeOutcomes(({ status, reason }) => void outcomes.push([status, reason]));
      await ask(elbow.port());
      await eventually(() => outcomes.length === 1);
      stop();
      return outcomes[0];
    };
    expect(await reasonWith(dead, impostor.port, plain.port, silent.port)).toEqual([502, "backendUntrusted"]);
    expect(await reasonWith(impostor.port, dead)).toEqual([502, "backendUntrusted"]);
    expect(await reasonWith(dead, plain.port, silent.port)).toEqual([502, "backendHandshakeFailed"]);
    expect(await reasonWith(silent.port, dead)).toEqual([504, "connectTimeout"]);
    expect(await reasonWith(dead)).toEqual([503, "connectRefused"]);
  } finally {
    silent.stop();
  }
});

test("a mismatch is told with the instance, its address, its pin and the policies; again only when the pin is another", async () => {
  using notices = listen();
  using instance = await TlsInstance.secure(answerOnce, { certificate: wrong });
  await using elbow = await startElbow({
    listeners: [encryptTo("HTTP", trustKeysOf(right, rsa))],
    instances: [{ id: "i-web1", host: "127.0.0.1", port: instance.port }],
  });
  const told = (pin: string) =>
    `TLS to instance i-web1 at 127.0.0.1:${instance.port} failed: its public key, sha256/${pin}, is not that of key1, key2`;
  for (let round = 0; round < 5; round++) expect(await ask(elbow.port())).toBe(502);
  expect(notices.said).toEqual([told(wrong.pin)]);
  const third = await issueTestCertificate({ tag: "third" });
  instance.change({ certificate: third });
  for (let round = 0; round < 5; round++) expect(await ask(elbow.port())).toBe(502);
  expect(notices.said).toEqual([told(wrong.pin), told(third.pin)]);
});

test("another policy by a reload: what was kept under the old one is never used again, and sessions aren't either", async () => {
  const baseline = openSockets();
  {
    using instance = await TlsInstance.secure(answerText("served"), { certificate: right });
    const trusting = (certificate: typeof right, port: number) =>
      configurationOf([
        { port, listeners: [{ ...encryptTo("HTTP", trustKeysOf(certificate)), port }], instances: [instance] },
      ]);
    await using elbow = await startElbow(trusting(right, 0));
    using client = await RawClient.connect(elbow.port());
    expect((await exchange(client, "/")).status).toBe(200);
    const [kept] = instance.connections;
    const got = instance.applicationBytes;
    await elbow.apply(trusting(wrong, 0));
    // The same client, whose connection lives on.
    expect((await exchange(client, "/")).status).toBe(502);
    expect(await kept!.receiveEnd()).toBe("eof");
    expect(instance.applicationBytes).toBe(got);
    await elbow.apply(trusting(right, 0));
    expect((await exchange(client, "/")).status).toBe(200);
    expect(instance.secured.at(-1)!.isResumed).toBe(false);
  }
  await noNewSockets(baseline);
});

test("connections opened ahead are authenticated: an impostor gets none, and the right key brings them", async () => {
  using notices = listen();
  using instance = await TlsInstance.secure(answerText("served"), { certificate: wrong });
  await using elbow = await startElbow({
    listeners: [encryptTo("HTTP", trustKeysOf(right))],
    instances: [instance],
    attributes: { minIdleConnections: 2 },
  });
  await eventually(() => instance.connections.length >= 2 && instance.openConnections === 0);
  expect(notices.said.length).toBe(1);
  expect(elbow.status()[0]!.instances[0]!.openConnections).toBe(0);
  instance.change({ certificate: right });
  // After the first wait, of a second.
  await eventually(() => elbow.status()[0]!.instances[0]!.openConnections === 2, { timeoutMs: 10_000 });
  expect(await ask(elbow.port())).toBe(200);
  expect(instance.applicationBytes).toBe(instance.connections.reduce((sum, one) => sum + one.receivedBytes, 0));
});
