// Which certificate a client is shown, by the name that it asks for and the keys that it can verify; and security policies
// whose versions have a hole.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { TlsProtocol } from "../../src/model/security-policy.ts";
import { inlineSource, issueTestCertificate, type TestCertificate } from "../support/certificates.ts";
import { type RunningElbow, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { exchange } from "../support/http-message.ts";
import { answerText } from "../support/scripts.ts";
import { SecureClient, type SecureClientOptions } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { faultsOf } from "../support/tls-counts.ts";
import { fallbackSuite, probeTls } from "../support/tls-probe.ts";

setDefaultTimeout(30_000);

const startWith = async (certificates: ReadonlyArray<TestCertificate>, instance: FakeInstance): Promise<RunningElbow> =>
  startElbow({
    listeners: [await secureListener("HTTPS", { certificates: certificates.map(inlineSource) })],
    instances: [instance],
  });

/** The fingerprint that a client sees, after it was served. */
const shown = async (elbow: RunningElbow, options: SecureClientOptions = {}): Promise<string> => {
  using client = await SecureClient.connect(elbow.port(), options);
  expect((await exchange(client, "/")).status).toBe(200);
  return client.serverFingerprint;
};

test("a certificate is chosen by the name asked for, exact before wildcard, the first for all others", async () => {
  const first = await issueTestCertificate({ names: ["first.test"] });
  const wild = await issueTestCertificate({ names: ["*.wild.test"] });
  const exact = await issueTestCertificate({ names: ["a.wild.test", "also.test"] });
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startWith([first, wild, exact], instance);
  const wanted: ReadonlyArray<readonly [string, TestCertificate]> = [
    ["first.test", first],
    ["also.test", exact],
    ["a.wild.test", exact],
    ["b.wild.test", wild],
    // A wildcard stands for one whole label (RFC 9525 §6.3).
    ["x.b.wild.test", first],
    ["wild.test", first],
    ["unknown.test", first],
    // Names are compared without regard to case, and a client may write the root's dot.
    ["ALSO.Test", exact],
    ["B.WILD.TEST", wild],
    ["also.test.", exact],
  ];
  for (const [serverName, certificate] of wanted) {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const seen = await shown(elbow, { serverName, maxVersion });
      expect([serverName, seen]).toEqual([serverName, certificate.fingerprint256]);
    }
  }
  expect(await shown(elbow)).toBe(first.fingerprint256);
});

test("a client that verifies trusts what it is shown", async () => {
  const certificates = [
    await issueTestCertificate({ names: ["one.test"] }),
    await issueTestCertificate({ names: ["*.two.test"] }),
  ];
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startWith(certificates, instance);
  const ca = certificates[0]!.caPem;
  expect(await shown(elbow, { serverName: "one.test", ca })).toBe(certificates[0]!.fingerprint256);
  expect(await shown(elbow, { serverName: "www.two.test", ca })).toBe(certificates[1]!.fingerprint256);
  await expect(SecureClient.connect(elbow.port(), { serverName: "three.test", ca })).rejects.toThrow();
});

test("RSA and ECDSA side by side: each client gets the key that it can verify", async () => {
  const names = ["both.test"];
  const rsa = await issueTestCertificate({ names, keyType: "RSA" });
  const ecdsa = await issueTestCertificate({ names, keyType: "ECDSA" });
  const other = await issueTestCertificate({ names: ["other.test"] });
  using instance = FakeInstance.start(answerText("served"));
  for (const certificates of [
    [rsa, ecdsa],
    [ecdsa, rsa],
    [other, ecdsa, rsa],
    [ecdsa, other, rsa],
  ]) {
    await using elbow = await startWith(certificates, instance);
    const old = { serverName: "both.test", maxVersion: "TLSv1.2" } as const;
    expect(await shown(elbow, { ...old, ciphers: "ECDHE-RSA-AES128-GCM-SHA256" })).toBe(rsa.fingerprint256);
    expect(await shown(elbow, { ...old, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" })).toBe(ecdsa.fingerprint256);
    expect(await shown(elbow, { ...old, minVersion: "TLSv1.2" })).toBe(ecdsa.fingerprint256);
    expect(await shown(elbow, { serverName: "both.test", minVersion: "TLSv1.3", sigalgs: "rsa_pss_rsae_sha256" })).toBe(
      rsa.fingerprint256,
    );
  }
});

test("a session of one certificate's name isn't resumed under another's", async () => {
  const [one, two] = [
    await issueTestCertificate({ names: ["one.test"] }),
    await issueTestCertificate({ names: ["two.test"] }),
  ];
  using instance = FakeInstance.start(answerText("served"));
  await using elbow = await startWith([one, two], instance);
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    using first = await SecureClient.connect(elbow.port(), { serverName: "one.test", maxVersion });
    await exchange(first, "/");
    const session = await first.takeSession();
    using second = await SecureClient.connect(elbow.port(), { serverName: "two.test", maxVersion, session });
    expect([second.isResumed, second.serverFingerprint]).toEqual([false, two.fingerprint256]);
    expect((await exchange(second, "/")).status).toBe(200);
  }
});

const holed = (...protocols: ReadonlyArray<TlsProtocol>) => ({
  name: "holed",
  protocols,
  hasServerOrder: true,
  ciphers: ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA"],
});

const versions = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] as const;

test.each([
  [["TLSv1", "TLSv1.2"]],
  [["TLSv1", "TLSv1.1", "TLSv1.3"]],
  [["TLSv1", "TLSv1.3"]],
  [["TLSv1.1", "TLSv1.3"]],
  [["TLSv1.1", "TLSv1.2"]],
  [["TLSv1.3"]],
  [["TLSv1"]],
] as ReadonlyArray<[ReadonlyArray<(typeof versions)[number]>]>)(
  "a policy of %p offers these and nothing else",
  async (protocols) => {
    using instance = FakeInstance.start(answerText("served"));
    const policy = holed(...protocols);
    await using elbow = await startElbow({
      listeners: [await secureListener("HTTPS", { policy })],
      instances: [instance],
    });
    const port = elbow.port();
    let refused = 0;
    for (const minVersion of versions) {
      for (const maxVersion of versions.slice(versions.indexOf(minVersion))) {
        const offered = versions.slice(versions.indexOf(minVersion), versions.indexOf(maxVersion) + 1);
        // TLS 1.2 and older say what they have at most: from there a server may go down, and no client can leave a gap.
        const best = offered.findLast((version) => protocols.includes(version));
        const title = `${minVersion} to ${maxVersion}`;
        const connected = await SecureClient.connect(port, { minVersion, maxVersion }).then(
          async (client) => {
            using closing = client;
            expect((await exchange(closing, "/")).status).toBe(200);
            return closing.version;
          },
          () => "refused",
        );
        expect([title, connected]).toEqual([title, best ?? "refused"]);
        if (best === undefined) refused++;
      }
    }
    // Some were refused by elbow, some refused what it offered.
    await eventually(() => {
      const { noSharedProtocol = 0, handshakeFailed = 0 } = faultsOf(port);
      return noSharedProtocol + handshakeFailed === refused;
    });
  },
);

test("TLS_FALLBACK_SCSV: a client that needn't have fallen back is refused", async () => {
  using instance = FakeInstance.start(answerText("served"));
  const suites = [0xc009, 0xc02b];
  const cases = [
    [["TLSv1", "TLSv1.1", "TLSv1.2"], "TLSv1.1", "refused"],
    [["TLSv1", "TLSv1.1"], "TLSv1", "refused"],
    [["TLSv1", "TLSv1.1"], "TLSv1.1", "served"],
    [["TLSv1.2", "TLSv1.3"], "TLSv1.2", "refused"],
    [["TLSv1.2"], "TLSv1.2", "served"],
    // With a hole, too.
    [["TLSv1", "TLSv1.2"], "TLSv1", "refused"],
    [["TLSv1", "TLSv1.2"], "TLSv1.2", "served"],
    [["TLSv1", "TLSv1.3"], "TLSv1", "refused"],
  ] as const;
  for (const [protocols, version, end] of cases) {
    const policy = holed(...protocols);
    const listener = await secureListener("HTTPS", { policy });
    await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
    const title = `${protocols.join(" and ")}, a client of ${version}`;
    const answer = await probeTls(elbow.port(), { version, suites: [...suites, fallbackSuite] });
    expect([title, answer.kind]).toEqual([title, end === "served" ? "serverHello" : "alert"]);
    // RFC 7507 §3; where there is a hole, the library knows only that it doesn't speak that version.
    if (answer.kind === "alert") expect([86, 70]).toContain(answer.description);
    // Without the word that it has fallen back, the same client is served.
    const again = await probeTls(elbow.port(), { version, suites });
    expect(again).toMatchObject({ kind: "serverHello", version });
    if (end === "refused") await eventually(() => faultsOf(elbow.port()).noSharedProtocol === 1);
  }
});
