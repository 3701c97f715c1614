// Certificates asked of clients: who is let in, what the instance is told, and what a client may not tell it. Sessions and
// changes are in client-auth-sessions.test.ts.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import {
  issueTestCertificate,
  type TestCertificate,
  testAuthority,
  testIntermediate,
} from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange, formatRequest, type HeaderLine, type HttpRequest, header } from "../support/http-message.ts";
import { findProgram, runProgram, titleOf } from "../support/program.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo } from "../support/scripts.ts";
import { SecureClient, type SecureClientOptions } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { countsFaults } from "../support/tls-counts.ts";
import { serveWebSocket, shakeHands } from "../support/web-socket.ts";

setDefaultTimeout(30_000);

const versions = ["TLSv1.2", "TLSv1.3"] as const;

const clients = await testAuthority("clients");
const strangers = await testAuthority("strangers");
const below = await testIntermediate("clients' department", clients);
const ca = { text: clients.certPem };
const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);

const good = await issueTestCertificate({ commonName: "a good client", names: [], issuer: clients });
const viaIntermediate = await issueTestCertificate({ commonName: "of a department", names: [], issuer: below });
const bad: Readonly<Record<string, TestCertificate>> = {
  untrusted: await issueTestCertificate({ commonName: "a stranger", names: [], issuer: strangers }),
  "self-signed": await issueTestCertificate({ commonName: "a good client", names: [], issuer: "self" }),
  expired: await issueTestCertificate({ names: [], issuer: clients, notBefore: daysAgo(10), days: 9 }),
  "not yet valid": await issueTestCertificate({ names: [], issuer: clients, notBefore: daysAgo(-1) }),
  "for servers": await issueTestCertificate({ names: [], issuer: clients, usages: ["server"] }),
};

const shows = ({ chainPem, keyPem }: TestCertificate) => ({ cert: chainPem, key: keyPem });

/** What an instance was told of a client's certificate. */
const told = ({ headers }: HttpRequest): ReadonlyArray<HeaderLine> => headers.filter(([name]) => /mtls/i.test(name));

/** Connects and asks; "refused" when no answer comes, wherever the handshake failed. */
const ask = async (port: number, options: SecureClientOptions, headers: ReadonlyArray<HeaderLine> = []) => {
  try {
    using client = await SecureClient.connect(port, options);
    const answer = await exchange(client, "/", { headers });
    return `${answer.status} ${answer.body}`;
  } catch {
    return "refused";
  }
};

test.each(versions)("required, %s: only clients whose certificate verifies are served", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  const listener = await secureListener("HTTPS", { clientAuth: { ca, mode: "require" } });
  await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
  const port = elbow.port();
  const only = { minVersion: version, maxVersion: version };
  expect(await ask(port, only)).toBe("refused");
  await countsFaults(port, { clientCertificateMissing: 1 });
  for (const [name, certificate] of Object.entries(bad)) {
    expect([name, await ask(port, { ...only, ...shows(certificate) })]).toEqual([name, "refused"]);
  }
  const refused = Object.keys(bad).length;
  await countsFaults(port, { clientCertificateMissing: 1, clientCertificateRefused: refused });
  expect(instance.connections).toHaveLength(0);
  for (const certificate of [good, viaIntermediate]) {
    expect(await ask(port, { ...only, ...shows(certificate) })).toBe("200 served");
  }
  expect(instance.requests.map((request) => header(request, "X-Amzn-Mtls-Clientcert-Subject"))).toEqual([
    "CN=a good client",
    "CN=of a department",
  ]);
  await countsFaults(port, { clientCertificateMissing: 1, clientCertificateRefused: refused });
  await eventually(() => elbow.openConnections() === 0);
});

test.each(versions)("optional, %s: none passes, a good one is told of, a bad one is refused", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  const listener = await secureListener("HTTPS", { clientAuth: { ca, mode: "optional" } });
  await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
  const port = elbow.port();
  const only = { minVersion: version, maxVersion: version };
  expect(await ask(port, only)).toBe("200 served");
  expect(told(instance.requests[0]!)).toEqual([]);
  expect(await ask(port, { ...only, ...shows(good) })).toBe("200 served");
  expect(told(instance.requests[1]!)).toHaveLength(5);
  for (const [name, certificate] of Object.entries(bad)) {
    expect([name, await ask(port, { ...only, ...shows(certificate) })]).toEqual([name, "refused"]);
  }
  await countsFaults(port, { clientCertificateRefused: Object.keys(bad).length });
  expect(instance.requests).toHaveLength(2);
});

test.each(["require", "optional"] as const)(
  "SSL, %s: bytes flow after a good certificate, none after a bad",
  async (mode) => {
    using instance = FakeInstance.start(echo);
    const listener = await secureListener("SSL", { clientAuth: { ca, mode } });
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    for (const certificate of Object.values(bad)) {
      const heard = await SecureClient.connect(elbow.port(), shows(certificate)).then(
        async (client) => {
          using closing = client;
          await closing.send("secret").catch(() => {});
          await closing.receiveEnd();
          return closing.receivedBytes;
        },
        () => 0,
      );
      expect(heard).toBe(0);
    }
    await eventually(() => elbow.openConnections() === 0);
    expect(instance.connections).toHaveLength(0);
    using client = await SecureClient.connect(elbow.port(), shows(good));
    await client.send("hello");
    expect((await client.takeBytes(5)).toString()).toBe("hello");
  },
);

const printed = async (file: string, option: string): Promise<string> => {
  const command = [findProgram("openssl") as string, "x509", "-in", file, "-noout", "-nameopt", "RFC2253", option];
  const { code, stdout, stderr } = await runProgram(command);
  if (code !== 0) throw new Error(stderr);
  return stdout
    .toString()
    .trim()
    .replace(/^[^=]+=/, "");
};

describe.skipIf(findProgram("openssl") === undefined)(titleOf("openssl"), () => {
  test("prints what the instance is told", async () => {
    using folder = makeFolder();
    using instance = FakeInstance.start(answerText("served"));
    const listener = await secureListener("HTTPS", { clientAuth: { ca, mode: "require" } });
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    const certificates = [
      good,
      await issueTestCertificate({ commonName: 'Señor "X", Ltd. + Söhne; #1 <\\>', names: [], issuer: clients }),
      await issueTestCertificate({ commonName: "of RSA", names: [], issuer: clients, keyType: "RSA" }),
    ];
    for (const certificate of certificates) {
      expect(await ask(elbow.port(), shows(certificate))).toBe("200 served");
      const request = instance.requests.at(-1)!;
      const lines = Object.fromEntries(
        told(request).map(([name, value]) => [name.replace(/^.*-Clientcert-/, ""), value]),
      );
      const file = folder.write("client.pem", certificate.certPem);
      const [start, end] = await Promise.all(
        ["-startdate", "-enddate"].map(async (option) => new Date(await printed(file, option)).toISOString()),
      );
      expect(lines).toEqual({
        "Serial-Number": await printed(file, "-serial"),
        Issuer: await printed(file, "-issuer"),
        Subject: await printed(file, "-subject"),
        Validity: `NotBefore=${start!.replace(".000Z", "Z")};NotAfter=${end!.replace(".000Z", "Z")}`,
        Leaf: certificate.certPem.replaceAll("\n", "%0A").replaceAll(" ", "%20"),
      });
    }
  });
});

const spoofed: ReadonlyArray<HeaderLine> = [
  ["X-Amzn-Mtls-Clientcert-Subject", "CN=admin"],
  ["x-amzn-mtls-clientcert-serial-number", "1"],
  ["X_Amzn_Mtls_Clientcert_Subject", "CN=admin"],
  ["X-Amzn_Mtls-Clientcert_Leaf", "x"],
  ["X-AMZN-MTLS-CLIENTCERT", "x"],
];

test("what clients say of certificates themselves is dropped, on every listener of the load balancer", async () => {
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startElbow({
    listeners: [
      await secureListener("HTTPS", { clientAuth: { ca, mode: "require" } }),
      await secureListener("HTTPS", { clientAuth: { ca, mode: "optional" } }),
      await secureListener("HTTPS"),
      { protocol: "HTTP" },
    ],
    instances: [instance],
  });
  expect(await ask(elbow.port(0), shows(good), spoofed)).toBe("200 served");
  expect(await ask(elbow.port(1), shows(good), spoofed)).toBe("200 served");
  expect(await ask(elbow.port(1), {}, spoofed)).toBe("200 served");
  expect(await ask(elbow.port(2), {}, spoofed)).toBe("200 served");
  using plain = await RawClient.connect(elbow.port(3));
  expect((await exchange(plain, "/", { headers: spoofed })).status).toBe(200);
  const subjects = instance.requests.map((request) => [
    told(request).length,
    header(request, "X-Amzn-Mtls-Clientcert-Subject"),
  ]);
  expect(subjects).toEqual([
    [5, "CN=a good client"],
    [5, "CN=a good client"],
    [0, undefined],
    [0, undefined],
    [0, undefined],
  ]);
});

test("every request of a connection tells of the certificate, a WebSocket handshake too", async () => {
  using instance = FakeInstance.start(serveWebSocket(() => {}));
  const listener = await secureListener("HTTPS", { clientAuth: { ca, mode: "require" } });
  await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
  using client = await SecureClient.connect(elbow.port(), shows(good));
  await exchange(client, "/1", { headers: spoofed });
  await client.send(Buffer.concat([formatRequest("/2", { headers: spoofed }), formatRequest("/3")]));
  await client.takeUntil("plain /2");
  await client.takeUntil("plain /3");
  await shakeHands(client);
  const heard = Buffer.concat(instance.connections.flatMap(({ recorded }) => recorded)).toString("latin1");
  expect([...(heard.match(/mtls.clientcert.subject: .*$/gim) ?? [])]).toEqual(
    new Array<string>(4).fill("Mtls-Clientcert-Subject: CN=a good client"),
  );
});
