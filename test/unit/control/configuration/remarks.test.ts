// What is worth a word in a sound configuration: policies with holes, certificates that end or that nobody is shown.
import { describe, expect, test } from "bun:test";
import { Effect } from "effect";
import { findRemarks } from "../../../../src/control/configuration/remarks.ts";
import { issueTestCertificate, type TestCertificate, testAuthority } from "../../../support/certificates.ts";
import { decode, listening, tcp, two, web } from "./written.ts";
import { https, httpsWithoutCertificate, negotiation, reencrypting, ssl } from "./written-security.ts";

const nowMs = Date.now();
const dayMs = 86_400_000;

const remarksOn = (written: unknown, atMs = nowMs) => Effect.runPromise(findRemarks(decode(written), atMs));

/** With its root behind it, since an issuer that isn't there is a remark as well. */
const inline = ({ certPem, caPem, keyPem }: TestCertificate) => ({ cert: certPem + caPem, key: keyPem });

const withoutRoots = (remarks: ReadonlyArray<string>) => remarks.filter((text) => !text.includes("is not served"));

const serving = (certificates: ReadonlyArray<TestCertificate>, ...policies: ReadonlyArray<string>) =>
  listening({ ...httpsWithoutCertificate, certificates: certificates.map(inline), policies });

test("nothing is worth a word in clear, nor where certificate and policy are in order", async () => {
  expect(await remarksOn(web({}))).toEqual([]);
  expect(withoutRoots(await remarksOn(serving([await issueTestCertificate()])))).toEqual([]);
});

describe("a policy that the TLS library lacks a part of", () => {
  test("is told once for all its listeners, with what is left", async () => {
    const certificate = inline(await issueTestCertificate());
    const policies = ["ELBSecurityPolicy-2016-08"];
    const written = listening(
      { ...https, certificate, policies },
      { ...https, port: 1, certificate },
      { ...ssl, certificate, policies },
    );
    const [remark, ...others] = withoutRoots(await remarksOn(written));
    expect(others).toEqual([]);
    expect(remark).toMatch(/^web, HTTPS 8443; web, SSL 8444: ELBSecurityPolicy-2016-08 leaves out /);
    expect(remark).toContain("AES256-SHA256");
    expect(remark).toMatch(/On offer: TLSv1, TLSv1.1, TLSv1.2 with ECDHE-ECDSA-AES128-GCM-SHA256, /);
  });

  test("of the load balancer's own as well", async () => {
    const certificate = inline(await issueTestCertificate());
    const mine = negotiation({ "Protocol-TLSv1.2": true, "Protocol-SSLv3": true, "ECDHE-ECDSA-AES128-SHA": true });
    const written = web({ listeners: [{ ...https, certificate, policies: ["mine"] }], policies: { mine } });
    expect(withoutRoots(await remarksOn(written))).toEqual([
      expect.stringMatching(
        /^web, HTTPS 8443: mine leaves out SSLv3 .+ On offer: TLSv1.2 with ECDHE-ECDSA-AES128-SHA\.$/,
      ),
    ]);
  });
});

test("instances that are listed as if they had to prove something, and needn't, are told", async () => {
  const certificate = inline(await issueTestCertificate());
  const written = web({ listeners: [{ ...reencrypting, certificate }], backendPolicies: { 443: [] } });
  expect(withoutRoots(await remarksOn(written))).toEqual([
    "web, HTTPS 8443: nothing is authenticated on instance port 443: its list in `backendPolicies` is empty",
  ]);
});

test("a policy that no listener uses is told when nothing of it is on offer, and not when something is missing", async () => {
  const old = negotiation({ "Protocol-SSLv3": true, "RC4-SHA": true });
  const mine = negotiation({ "Protocol-TLSv1.2": true, "RC4-SHA": true, "AES128-SHA": true });
  expect(await remarksOn(web({ policies: { old, mine } }))).toEqual([
    "web: old leaves out SSLv3 (the TLS library has no SSL any more); RC4-SHA (the TLS library has no RC4). " +
      "Nothing is on offer. A listener that names it will be refused.",
  ]);
});

describe("a certificate", () => {
  test("is told when it ends within 30 days, and when it has ended", async () => {
    const written = serving([await issueTestCertificate({ days: 100 })]);
    expect(withoutRoots(await remarksOn(written, nowMs + 60 * dayMs))).toEqual([]);
    expect(withoutRoots(await remarksOn(written, nowMs + 80 * dayMs))).toEqual([
      expect.stringMatching(/^web, HTTPS 8443: the inline certificate: it ends on \d{4}-.+ in \d\d days$/),
    ]);
    expect(withoutRoots(await remarksOn(written, nowMs + 110 * dayMs))).toEqual([
      expect.stringMatching(/^web, HTTPS 8443: the inline certificate: it ended on \d{4}-.+ ago$/),
    ]);
  });

  test("with which no handshake can succeed under the policy", async () => {
    const written = (keyType: "RSA" | "ECDSA") =>
      issueTestCertificate({ keyType }).then((one) =>
        web({
          listeners: [{ ...https, certificate: inline(one), policies: ["rsa"] }],
          policies: { rsa: negotiation({ "Protocol-TLSv1.2": true, "AES128-SHA": true }) },
        }),
      );
    expect(withoutRoots(await remarksOn(await written("RSA")))).toEqual([]);
    expect(withoutRoots(await remarksOn(await written("ECDSA")))).toEqual([
      "web, HTTPS 8443: the inline certificate: no client can use it: rsa has no cipher suite for a key of the kind ECDSA",
    ]);
  });

  test("that can't be read is passed over: who loads the configuration has told it", async () => {
    expect(
      await remarksOn(listening({ ...https, certificate: { cert: "/nowhere.pem", key: "/nowhere.key" } })),
    ).toEqual([]);
  });
});

describe("a certificate beside others", () => {
  const hidden =
    "web, HTTPS 8443: the inline certificate: no client is ever shown it: the certificates before it have every name of it that can be asked for";
  const issue = (names: ReadonlyArray<string>, tag = "", keyType: "RSA" | "ECDSA" = "ECDSA") =>
    issueTestCertificate({ names, tag, keyType });

  test.each<readonly [string, ReadonlyArray<Promise<TestCertificate>>]>([
    ["with other names", [issue(["a.site.test"]), issue(["b.site.test"])]],
    ["with the same names and another kind of key", [issue(["a.site.test"]), issue(["a.site.test"], "", "RSA")]],
    ["with one name more", [issue(["a.site.test"]), issue(["a.site.test", "b.site.test"])]],
    ["with the exact name of another's wildcard", [issue(["*.site.test"]), issue(["a.site.test"])]],
    ["with a wildcard over another's exact name", [issue(["a.site.test"]), issue(["*.site.test"])]],
  ])("is shown to somebody: %s", async (_, certificates) => {
    expect(withoutRoots(await remarksOn(serving(await Promise.all(certificates))))).toEqual([]);
  });

  test.each<readonly [string, ReadonlyArray<Promise<TestCertificate>>]>([
    ["with the same names", [issue(["a.site.test"]), issue(["a.site.test"], "twin")]],
    [
      "with names that two others have",
      [issue(["a.site.test"]), issue(["*.site.test"]), issue(["a.site.test", "*.site.test"])],
    ],
    ["with nothing but an address", [issue(["a.site.test"]), issueTestCertificate({ ips: ["127.0.0.1"] })]],
  ])("is shown to nobody: %s", async (_, certificates) => {
    expect(withoutRoots(await remarksOn(serving(await Promise.all(certificates))))).toEqual([hidden]);
  });
});

test("authorities of clients and of instances are told when they end", async () => {
  const { certPem: ca } = await testAuthority();
  const certificate = inline(await issueTestCertificate());
  const written = web({
    listeners: [{ ...reencrypting, certificate, clientAuth: { ca, mode: "optional" } }],
    backendPolicies: { 443: [{ ca }] },
  });
  const ended = (await remarksOn(written, nowMs + 100 * 365 * dayMs)).filter((text) =>
    text.includes("elbow test root"),
  );
  expect(withoutRoots(await remarksOn(written))).toEqual([]);
  expect(ended.some((text) => text.includes("it ended on"))).toBe(true);
});

test("zones that keep nobody apart, or everybody out, are told", async () => {
  const attributes = { crossZone: false };
  const instances = { "i-a": { address: "10.0.0.5", zone: "a" }, "i-any": "10.0.0.6" };
  const inZone = (zone: string | undefined, ids: ReadonlyArray<string>, own: object = attributes) =>
    remarksOn({ ...(zone === undefined ? {} : { zone }), instances, ...web({ attributes: own, instances: ids }) });
  expect(await inZone("a", ["i-a"])).toEqual([]);
  expect(await inZone("b", ["i-a", "i-any"])).toEqual([]);
  expect(await inZone("b", ["i-a"], {})).toEqual([]);
  expect(await inZone(undefined, ["i-a"])).toEqual([
    "web: `crossZone` is false, but this node has no `zone`: instances of every zone get traffic from here",
  ]);
  expect(await inZone("b", ["i-a"])).toEqual([
    'web: `crossZone` is false, and no instance is in this node\'s zone, "b": none gets traffic from here',
  ]);
});

describe("a balancing key", () => {
  const remark = (balancing: string) =>
    `\`balancingKey\` says nothing to \`balancing: "${balancing}"\`, which has no keys`;

  test.each(["by-protocol", "round-robin", "least-outstanding", "power-of-two-choices", "random"])(
    "says nothing to %s",
    async (balancing) => {
      for (const balancingKey of [{ header: "X-User" }, { cookie: "session" }]) {
        expect(await remarksOn(web({ attributes: { balancing, balancingKey } }))).toEqual([
          `web: ${remark(balancing)}`,
        ]);
      }
      expect(await remarksOn(web({ attributes: { balancing, balancingKey: "client-address" } }))).toEqual([]);
    },
  );

  test("has its use with consistent-hash", async () => {
    const attributes = { balancing: "consistent-hash", balancingKey: { header: "X-User" } };
    expect(await remarksOn(web({ attributes }))).toEqual([]);
  });

  test("several load balancers are told together", async () => {
    const attributes = { balancingKey: { header: "X-User" } };
    const written = two({ ...tcp(1), attributes }, { ...tcp(2), attributes });
    expect(await remarksOn(written)).toEqual([`one; two: ${remark("by-protocol")}`]);
  });
});
