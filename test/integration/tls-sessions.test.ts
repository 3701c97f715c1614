// Resumed sessions (RFC 8446 §2.2, RFC 5077): clients of HTTPS and SSL listeners resume what they began, across reloads
// that leave the listener alone, and never what was begun under other terms.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Configuration } from "../../src/model/configuration.ts";
import { inlineSource, issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { freePort } from "../support/port.ts";
import { answerText, echo } from "../support/scripts.ts";
import { SecureClient, type SecureClientOptions } from "../support/secure-client.ts";
import { secureListener, type WrittenSecurity } from "../support/secure-listener.ts";
import { handshakesOf } from "../support/tls-counts.ts";

setDefaultTimeout(30_000);

const versions = ["TLSv1.2", "TLSv1.3"] as const;

/** Says something, so that whoever connected is known to be served; the answers of both scripts begin with it. */
const begin = async (port: number, options: SecureClientOptions): Promise<SecureClient> => {
  const client = await SecureClient.connect(port, options);
  await client.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
  await client.takeUntil("\r\n\r\n");
  return client;
};

const sessionOf = async (port: number, options: SecureClientOptions): Promise<Uint8Array> => {
  using client = await begin(port, options);
  return client.takeSession();
};

const isResumed = async (port: number, options: SecureClientOptions): Promise<boolean> => {
  using client = await begin(port, options);
  return client.isResumed;
};

test.each(versions)("%s: HTTPS and SSL listeners resume sessions, and count them", async (version) => {
  using web = FakeInstance.start(answerText("served"));
  using mail = FakeInstance.start(echo);
  const only = { minVersion: version, maxVersion: version };
  for (const [protocol, instance] of [["HTTPS", web] as const, ["SSL", mail] as const]) {
    await using elbow = await startElbow({ listeners: [await secureListener(protocol)], instances: [instance] });
    const port = elbow.port();
    let session = await sessionOf(port, only);
    // Each resumed connection gets a session for the next one.
    for (let round = 0; round < 3; round++) {
      using client = await begin(port, { ...only, session });
      expect(client.isResumed).toBe(true);
      if (version === "TLSv1.3") session = await client.takeSession();
    }
    expect(await isResumed(port, only)).toBe(false);
    expect(handshakesOf(port)).toEqual({ begun: 5, resumed: 3 });
  }
});

test.each(versions)("%s: a session that nobody knows is a full handshake", async (version) => {
  using instance = FakeInstance.start(answerText("served"));
  const only = { minVersion: version, maxVersion: version };
  const written = { listeners: [await secureListener("HTTPS")], instances: [instance] };
  const session = await (async () => {
    await using elbow = await startElbow(written);
    return await sessionOf(elbow.port(), only);
  })();
  // As after a restart: the keys of the tickets are gone.
  await using elbow = await startElbow(written);
  expect(await isResumed(elbow.port(), { ...only, session })).toBe(false);
  expect(handshakesOf(elbow.port())).toEqual({ begun: 1, resumed: 0 });
});

const ca = { text: (await testAuthority()).certPem };
const one = inlineSource(await issueTestCertificate({ names: ["localhost"], tag: "one" }));
const two = inlineSource(await issueTestCertificate({ names: ["localhost"], tag: "two" }));
const other = inlineSource(await issueTestCertificate({ names: ["other.test"] }));

const changes: ReadonlyArray<readonly [string, WrittenSecurity]> = [
  ["another certificate", { certificates: [two] }],
  ["one more certificate", { certificates: [one, other] }],
  ["another policy", { certificates: [one], policy: "ELBSecurityPolicy-TLS13-1-2-2021-06" }],
  ["certificates asked of clients", { certificates: [one], clientAuth: { ca, mode: "optional" } }],
];

test.each(versions)(
  "%s: sessions survive a reload that leaves the listener alone, and no change of it",
  async (version) => {
    using a = FakeInstance.start(answerText("served"));
    using b = FakeInstance.start(answerText("served"));
    const port = freePort();
    const extra = freePort();
    const only = { minVersion: version, maxVersion: version };
    const written = async (
      security: WrittenSecurity,
      more: "more" | "as it was" = "as it was",
    ): Promise<Configuration> =>
      configurationOf([
        {
          listeners: [
            ...(more === "more" ? [{ protocol: "HTTP", port: extra } as const] : []),
            await secureListener("HTTPS", { port, ...security }),
          ],
          instances: more === "more" ? [a, b] : [a],
          attributes: more === "more" ? { idleTimeout: 50 } : {},
        },
      ]);
    const before = { certificates: [one] };
    await using elbow = await startElbow(await written(before));
    const session = await sessionOf(port, only);
    // Other instances, attributes and listeners; the same objects made anew.
    await elbow.apply(await written(before, "more"));
    expect(await isResumed(port, { ...only, session })).toBe(true);
    await elbow.apply(await written({ certificates: [{ ...one }] }));
    expect(await isResumed(port, { ...only, session })).toBe(true);
    for (const [what, security] of changes) {
      const begun = await sessionOf(port, only);
      expect([what, await isResumed(port, { ...only, session: begun })]).toEqual([what, true]);
      await elbow.apply(await written(security));
      expect([what, await isResumed(port, { ...only, session: begun })]).toEqual([what, false]);
      await elbow.apply(await written(before));
      // What is as it was before the change is none the less another: its sessions ended with it.
      expect([what, await isResumed(port, { ...only, session: begun })]).toEqual([what, false]);
    }
  },
);
