// Certificates asked of clients, and sessions: none carries anybody from one listener into another, beyond the end of a
// certificate, or past a change of what is asked.
import { expect, setDefaultTimeout, test } from "bun:test";
import { inlineSource, issueTestCertificate, type TestCertificate, testAuthority } from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange, type HeaderLine, type HttpRequest } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText } from "../support/scripts.ts";
import { SecureClient, type SecureClientOptions } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { faultsOf, handshakesOf } from "../support/tls-counts.ts";
import { makeClientHello } from "../support/tls-probe.ts";

setDefaultTimeout(30_000);

const versions = ["TLSv1.2", "TLSv1.3"] as const;

const clients = await testAuthority("clients");
const strangers = await testAuthority("strangers");
const ca = { text: clients.certPem };
const good = await issueTestCertificate({ commonName: "a good client", names: [], issuer: clients });
const bad = await issueTestCertificate({ commonName: "a stranger", names: [], issuer: strangers });

const shows = ({ chainPem, keyPem }: TestCertificate) => ({ cert: chainPem, key: keyPem });

/** What an instance was told of a client's certificate. */
const told = ({ headers }: HttpRequest): ReadonlyArray<HeaderLine> => headers.filter(([name]) => /mtls/i.test(name));

/** Connects and asks; "refused" when no answer comes, wherever the handshake failed. */
const ask = async (port: number, options: SecureClientOptions) => {
  try {
    using client = await SecureClient.connect(port, options);
    const answer = await exchange(client, "/");
    return `${answer.status} ${answer.body}`;
  } catch {
    return "refused";
  }
};

/** Gets a session at a port, and one more answer to be sure that it is one which resumes there. */
const sessionOf = async (port: number, options: SecureClientOptions): Promise<Uint8Array> => {
  using client = await SecureClient.connect(port, options);
  expect((await exchange(client, "/")).status).toBe(200);
  return client.takeSession();
};

test.each(versions)("%s: a session of one listener opens no door of another", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  // The same certificate for all: nothing but what they ask of clients tells them apart.
  const certificates = [inlineSource(await issueTestCertificate())];
  const strangersCa = { text: strangers.certPem };
  await using elbow = await startElbow({
    listeners: [
      await secureListener("HTTPS", { certificates }),
      await secureListener("HTTPS", { certificates, clientAuth: { ca, mode: "require" } }),
      await secureListener("HTTPS", { certificates, clientAuth: { ca: strangersCa, mode: "require" } }),
      await secureListener("HTTPS", { certificates, clientAuth: { ca, mode: "optional" } }),
      await secureListener("HTTPS", { certificates, clientAuth: { ca, mode: "require" } }),
    ],
    instances: [instance],
  });
  const only = { minVersion: version, maxVersion: version };
  const withGood = { ...only, ...shows(good) };
  const sessions = [
    [0, await sessionOf(elbow.port(0), only)],
    [1, await sessionOf(elbow.port(1), withGood)],
    [3, await sessionOf(elbow.port(3), only)],
    [3, await sessionOf(elbow.port(3), withGood)],
  ] as const;
  // Each is worth something where it comes from.
  for (const [from, session] of sessions) {
    using client = await SecureClient.connect(elbow.port(from), { ...only, session });
    expect([from, client.isResumed]).toEqual([from, true]);
    expect((await exchange(client, "/")).status).toBe(200);
  }
  const servedBefore = instance.requests.length;
  for (const [from, session] of sessions) {
    for (const to of [1, 2, 4]) {
      if (to === from) continue;
      expect([from, to, await ask(elbow.port(to), { ...only, session })]).toEqual([from, to, "refused"]);
    }
  }
  expect(instance.requests).toHaveLength(servedBefore);
  // Where nothing is asked, or nothing has to be shown, such a client is one like any other, and nothing is said of it.
  for (const [from, session] of sessions) {
    for (const to of [0, 3]) {
      if (to === from) continue;
      using client = await SecureClient.connect(elbow.port(to), { ...only, session });
      expect([from, to, client.isResumed]).toEqual([from, to, false]);
      expect((await exchange(client, "/")).status).toBe(200);
      expect(told(instance.requests.at(-1)!)).toEqual([]);
    }
  }
});

test.each(versions)("%s: a resumed session tells of its certificate", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  const listener = await secureListener("HTTPS", { clientAuth: { ca, mode: "require" } });
  await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
  const only = { minVersion: version, maxVersion: version };
  const session = await sessionOf(elbow.port(), { ...only, ...shows(good) });
  // Whoever holds the session's keys was the one who had shown the certificate (RFC 8446 §2.2).
  using client = await SecureClient.connect(elbow.port(), { ...only, session });
  expect(client.isResumed).toBe(true);
  expect((await exchange(client, "/")).status).toBe(200);
  expect(told(instance.requests[1]!)).toEqual(told(instance.requests[0]!));
  expect(handshakesOf(elbow.port())).toEqual({ begun: 2, resumed: 1 });
});

test.each(versions)("%s: a session doesn't outlive the client's certificate", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  const listener = await secureListener("HTTPS", { clientAuth: { ca, mode: "require" } });
  await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
  const only = { minVersion: version, maxVersion: version };
  const endsAt = Math.ceil(Date.now() / 1000) * 1000 + 1000;
  const certificate = await issueTestCertificate({
    names: [],
    issuer: clients,
    days: 1,
    notBefore: new Date(endsAt - 86_400_000),
    tag: version,
  });
  const session = await sessionOf(elbow.port(), { ...only, ...shows(certificate) });
  await eventually(() => Date.now() > endsAt + 1000, { what: "the certificate's end" });
  expect(await ask(elbow.port(), { ...only, session })).toBe("refused");
  expect(await ask(elbow.port(), { ...only, ...shows(certificate), session })).toBe("refused");
  expect(instance.requests).toHaveLength(1);
});

test.each(versions)("%s: sessions of before end when a certificate is asked for from now on", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  const port = freePort();
  const certificates = [inlineSource(await issueTestCertificate())];
  const open = configurationOf([
    { listeners: [await secureListener("HTTPS", { port, certificates })], instances: [instance] },
  ]);
  const guarded = configurationOf([
    {
      listeners: [await secureListener("HTTPS", { port, certificates, clientAuth: { ca, mode: "require" } })],
      instances: [instance],
    },
  ]);
  await using elbow = await startElbow(open);
  const only = { minVersion: version, maxVersion: version };
  const session = await sessionOf(port, only);
  // A connection of before has not been asked: it ends, between requests.
  using before = await SecureClient.connect(port, only);
  await elbow.apply(guarded);
  expect(await ask(port, { ...only, session })).toBe("refused");
  expect(await ask(port, only)).toBe("refused");
  expect(await before.receiveEnd()).toBe("eof");
  const guardedSession = await sessionOf(port, { ...only, ...shows(good) });
  await elbow.apply(open);
  using after = await SecureClient.connect(port, { ...only, session: guardedSession });
  expect(after.isResumed).toBe(false);
  expect((await exchange(after, "/")).status).toBe(200);
  expect(told(instance.requests.at(-1)!)).toEqual([]);
});

/** The types of the handshake messages in a server's answer, as far as they come in clear (RFC 5246 §7.4). */
const messageTypes = (answer: Uint8Array): ReadonlyArray<number> => {
  const messages: Array<number> = [];
  for (let at = 0; at + 5 <= answer.length; at += 5 + answer[at + 3]! * 256 + answer[at + 4]!) {
    if (answer[at] === 22) messages.push(...answer.subarray(at + 5, at + 5 + answer[at + 3]! * 256 + answer[at + 4]!));
  }
  const types: Array<number> = [];
  for (
    let at = 0;
    at < messages.length;
    at += 4 + messages[at + 1]! * 65_536 + messages[at + 2]! * 256 + messages[at + 3]!
  ) {
    types.push(messages[at]!);
  }
  return types;
};

test("what is asked of a client is what holds when its ClientHello is whole", async () => {
  const certificateRequest = 13;
  const serverHelloDone = 14;
  using instance = FakeInstance.start(answerText("served"));
  const port = freePort();
  const open = configurationOf([{ listeners: [await secureListener("HTTPS", { port })], instances: [instance] }]);
  const asking = await secureListener("HTTPS", { port, clientAuth: { ca, mode: "require" } });
  await using elbow = await startElbow(open);
  const hello = makeClientHello({ version: "TLSv1.2", suites: [0xc02b] });
  const clientsSeen: Array<boolean> = [];
  for (const next of [configurationOf([{ listeners: [asking], instances: [instance] }]), open]) {
    using client = await RawClient.connect(port);
    await client.send(hello.subarray(0, 50));
    await eventually(() => elbow.openConnections() === 1);
    await elbow.apply(next);
    await client.send(hello.subarray(50));
    await client.waitFor(() => messageTypes(client.peek()).includes(serverHelloDone), "the server's first flight");
    clientsSeen.push(messageTypes(client.peek()).includes(certificateRequest));
    client.dispose();
    await eventually(() => elbow.openConnections() === 0);
  }
  expect(clientsSeen).toEqual([true, false]);
});

test.each(versions)("%s: the session of a client that was refused opens nothing", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  const only = { minVersion: version, maxVersion: version };
  for (const mode of ["require", "optional"] as const) {
    const listener = await secureListener("HTTPS", { clientAuth: { ca, mode } });
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    // The handshake is done before the certificate is judged, so that the client may have a session already.
    using refused = await SecureClient.connect(elbow.port(), { ...only, ...shows(bad) });
    expect(await refused.receiveEnd()).toBe("eof");
    const session = await refused.takeSession();
    expect(await ask(elbow.port(), { ...only, session })).toBe("refused");
    expect(await ask(elbow.port(), { ...only, ...shows(bad), session })).toBe("refused");
    await eventually(() => faultsOf(elbow.port()).clientCertificateRefused === 3);
    expect(await ask(elbow.port(), { ...only, ...shows(good) })).toBe("200 served");
  }
  expect(instance.requests).toHaveLength(2);
});
