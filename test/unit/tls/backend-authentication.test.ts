// The verdict on an instance's certificate, what is kept of its sessions, and how often its trouble is told.
import { describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import type { InstanceSecurity } from "../../../src/model/security.ts";
import { clock } from "../../../src/net/clock.ts";
import { observeNotices } from "../../../src/observe/notices.ts";
import { BackendAuthentication, silenceMs } from "../../../src/tls/backend-authentication.ts";
import { makeBackendSecurity } from "../../../src/tls/backend-security.ts";
import { sessionAgeMaxMs } from "../../../src/tls/session-age.ts";
import { issueTestCertificate, type TestCertificate, testAuthority } from "../../support/certificates.ts";
import { trustAuthority, trustKeysOf } from "../../support/tls-instance.ts";

const one = await issueTestCertificate({ tag: "one" });
const two = await issueTestCertificate({ tag: "two" });
const ca = (await testAuthority()).certPem;

const make = (security: InstanceSecurity, host = "127.0.0.1") =>
  new BackendAuthentication(
    makeBackendSecurity(security, security.authority && { pem: ca, fingerprint: "ca" }),
    host,
    "i-1 at 192.0.2.1:443",
  );

const peer = ({ certPem }: TestCertificate, chainProblem?: string) => ({
  certificate: new X509Certificate(certPem),
  chainProblem,
});

/** What is said while `body` runs. */
const hear = (body: () => void): ReadonlyArray<string> => {
  const said: Array<string> = [];
  const stop = observeNotices((text) => void said.push(text));
  body();
  stop();
  return said;
};

test("without a policy nobody is judged", () => {
  expect(make({}).judge).toBeUndefined();
});

test.each([
  ["192.0.2.1", ""],
  ["2001:db8::1", ""],
  ["app.internal", "app.internal"],
  ["app.internal.", "app.internal"],
])("the server name sent to %s is %p", (host, serverName) => {
  expect(make({}, host).terms).toMatchObject({ serverName, rejectUnauthorized: false });
});

test("a key among the trusted ones passes, whoever vouches for it; another doesn't", () => {
  const authentication = make(trustKeysOf(one));
  const said = hear(() => {
    expect(authentication.judge!(peer(one, "CERT_HAS_EXPIRED"))).toBe(true);
    expect(authentication.judge!(peer(two))).toBe(false);
    expect(authentication.judge!(peer(one))).toBe(true);
    expect(authentication.judge!({ certificate: undefined, chainProblem: undefined })).toBe(false);
    // An empty list trusts nobody.
    expect(make({ keys: [] }).judge!(peer(one))).toBe(false);
  });
  expect(said[0]).toBe(
    `TLS to instance i-1 at 192.0.2.1:443 failed: its public key, sha256/${two.pin}, is not that of key1`,
  );
});

test("an authority's word counts at each handshake, and the name with it", () => {
  const authentication = make(trustAuthority(ca));
  hear(() => {
    expect(authentication.judge!(peer(one))).toBe(true);
    expect(authentication.judge!(peer(one, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"))).toBe(false);
    expect(authentication.judge!(peer(one))).toBe(true);
    expect(make(trustAuthority(ca), "127.0.0.2").judge!(peer(one))).toBe(false);
  });
});

test.each<readonly [names: ReadonlyArray<string>, name: string, isFor: boolean]>([
  [["app.test"], "app.test", true],
  [["app.test"], "APP.test", true],
  [["app.test"], "app.test.", true],
  [["app.test"], "xapp.test", false],
  [["*.app.test"], "one.app.test", true],
  [["*.app.test"], "app.test", false],
  [["*.app.test"], "two.one.app.test", false],
  [["o*.app.test"], "one.app.test", false],
])("a certificate for %p and an instance called %p", async (names, name, isFor) => {
  const certificate = await issueTestCertificate({ names });
  hear(() => expect(make(trustAuthority(ca, name)).judge!(peer(certificate))).toBe(isFor));
});

test("a common name is no name", async () => {
  const certificate = await issueTestCertificate({ names: [], ips: ["192.0.2.1"], commonName: "app.test" });
  hear(() => expect(make(trustAuthority(ca, "app.test")).judge!(peer(certificate))).toBe(false));
});

test("a certificate that has ended is no proof, though a resumed session says that it was", async () => {
  const certificate = await issueTestCertificate({ notBefore: new Date(Date.now() - 40 * 86_400_000), days: 10 });
  const said = hear(() => expect(make(trustAuthority(ca)).judge!(peer(certificate))).toBe(false));
  expect(said).toEqual(["TLS to instance i-1 at 192.0.2.1:443 failed: its certificate has expired"]);
});

test("a session lives until its instance fails to prove itself, or TLS breaks", () => {
  const authentication = make(trustKeysOf(one));
  const session = new Uint8Array([1, 2, 3]);
  hear(() => {
    authentication.keepSession(session, clock.nowMs);
    authentication.judge!(peer(one));
    expect(authentication.session).toBe(session);
    authentication.judge!(peer(two));
    expect(authentication.session).toBeUndefined();
    authentication.keepSession(session, clock.nowMs);
    authentication.noteBrokenHandshake("WRONG_VERSION_NUMBER");
    expect(authentication.session).toBeUndefined();
  });
});

describe("under an authority", () => {
  const [old, resumed, fresh] = [new Uint8Array([1]), new Uint8Array([2]), new Uint8Array([3])];

  test("a session is resumed for an hour from the proof on, not from the ticket", () => {
    const before = clock.nowMs;
    try {
      const authentication = make(trustAuthority(ca));
      clock.nowMs = before + 30 * 60_000;
      authentication.keepSession(old, before);
      clock.nowMs = before + sessionAgeMaxMs - 1;
      expect(authentication.session).toBe(old);
      clock.nowMs = before + sessionAgeMaxMs;
      expect(authentication.session).toBeUndefined();
      authentication.keepSession(fresh, clock.nowMs);
      expect(authentication.session).toBe(fresh);
    } finally {
      clock.nowMs = before;
    }
  });

  test("what comes of resuming a session doesn't take its place: it stands for the same proof", () => {
    const authentication = make(trustAuthority(ca));
    authentication.keepSession(old, clock.nowMs);
    authentication.keepSession(resumed, undefined);
    expect(authentication.session).toBe(old);
  });
});

test("where a key alone counts, the last session is resumed at any age", () => {
  const before = clock.nowMs;
  try {
    const authentication = make(trustKeysOf(one));
    authentication.keepSession(new Uint8Array([1]), before);
    const last = new Uint8Array([2]);
    authentication.keepSession(last, undefined);
    clock.nowMs = before + 10 * sessionAgeMaxMs;
    expect(authentication.session).toBe(last);
  } finally {
    clock.nowMs = before;
  }
});

test("the same trouble is told once in a minute, and of different ones no more than eight", () => {
  const before = clock.nowMs;
  try {
    clock.nowMs = before + silenceMs;
    const authentication = make(trustKeysOf(one));
    const fail = (code: string) => authentication.noteBrokenHandshake(code);
    expect(hear(() => ["A", "A", "B", "A"].forEach(fail)).map((text) => text.at(-1))).toEqual(["A", "B"]);
    expect(
      hear(() => Array.from("ABCDEFGHIJKLM").forEach(fail))
        .map((text) => text.at(-1))
        .join(""),
    ).toBe("CDEFGH");
    clock.nowMs += silenceMs;
    expect(hear(() => ["A", "Z", "A"].forEach(fail)).map((text) => text.at(-1))).toEqual(["A", "Z"]);
  } finally {
    clock.nowMs = before;
  }
});

test("the same demands have the same key, different ones never", () => {
  const authority = { pem: ca, fingerprint: "f1" };
  const keyOf = (security: InstanceSecurity, loaded?: typeof authority) => makeBackendSecurity(security, loaded).key;
  expect(keyOf(trustKeysOf(one))).toBe(keyOf(trustKeysOf(one)));
  expect(keyOf(trustAuthority(ca), authority)).toBe(keyOf(trustAuthority(ca), authority));
  const different = [
    keyOf({}),
    keyOf({ keys: [] }),
    keyOf(trustKeysOf(one)),
    keyOf(trustKeysOf(two)),
    keyOf(trustKeysOf(one, two)),
    keyOf(trustAuthority(ca), authority),
    keyOf(trustAuthority(ca), { ...authority, fingerprint: "f2" }),
    keyOf(trustAuthority(ca, "app.test"), authority),
    keyOf({ ...trustAuthority(ca), ...trustKeysOf(one) }, authority),
  ];
  expect(new Set(different).size).toBe(different.length);
});

test("an authority that wasn't loaded is no licence to trust everybody", () => {
  expect(() => makeBackendSecurity(trustAuthority(ca))).toThrow("not loaded");
});
