// TLS in a sound configuration: what listeners, policies and back-end policies decode to.
import { describe, expect, test } from "bun:test";
import { defineConfig } from "../../../../src/policy/index.ts";
import { decode, listening, web } from "./written.ts";
import {
  authentication,
  certificate,
  https,
  httpsWithoutCertificate,
  negotiation,
  publicKeyPolicy,
  reencrypting,
  spki,
  spkiText,
  ssl,
} from "./written-security.ts";

const listenersOf = (written: unknown, directory?: string) =>
  decode(written, directory === undefined ? {} : { directory }).loadBalancers[0]!.listeners;

const firstOf = (members: object) => listenersOf(web(members))[0]!;

describe("a listener's certificates", () => {
  test("are files relative to the configuration's folder, absolute paths, or PEM text", () => {
    const pem = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
    const written = listening({
      ...https,
      certificate: { cert: "../site.pem", key: pem, chain: "/etc/chain.pem", passphrase: "" },
    });
    expect(listenersOf(written, "/srv/elbow")[0]?.security?.certificates).toEqual([
      {
        cert: { file: "../site.pem", path: "/srv/site.pem" },
        key: { text: pem },
        chain: { file: "/etc/chain.pem", path: "/etc/chain.pem" },
        passphrase: "",
      },
    ]);
  });

  test("are relative to the working directory where no folder is given", () => {
    const [listener] = listenersOf(listening(https));
    expect(listener?.security?.certificates).toEqual([
      {
        cert: { file: "certs/site.pem", path: `${process.cwd()}/certs/site.pem` },
        key: { file: "certs/site.key", path: `${process.cwd()}/certs/site.key` },
      },
    ]);
  });

  test("may be several, in the order written", () => {
    const certificates = ["a", "b"].map((name) => ({ cert: `/${name}.pem`, key: `/${name}.key` }));
    const { security } = firstOf({ listeners: [{ ...httpsWithoutCertificate, certificates }] });
    expect(security?.certificates.map(({ cert }) => cert)).toEqual([
      { file: "/a.pem", path: "/a.pem" },
      { file: "/b.pem", path: "/b.pem" },
    ]);
  });
});

test("every legal pair of protocols is taken, HTTPS and SSL with security and the others without", () => {
  const pairs = [
    ["HTTP", "HTTP"],
    ["HTTP", "HTTPS"],
    ["HTTPS", "HTTP"],
    ["HTTPS", "HTTPS"],
    ["TCP", "TCP"],
    ["TCP", "SSL"],
    ["SSL", "TCP"],
    ["SSL", "SSL"],
  ] as const;
  const listeners = pairs.map(([protocol, instanceProtocol], index) => ({
    protocol,
    port: 8000 + index,
    instanceProtocol,
    instancePort: /S/.test(instanceProtocol) ? 443 : 80,
    ...(/S/.test(protocol) ? { certificate } : {}),
  }));
  expect(
    listenersOf(listening(...listeners)).map((one) => [one.protocol, one.instanceProtocol, "security" in one]),
  ).toEqual(pairs.map(([protocol, instanceProtocol]) => [protocol, instanceProtocol, /S/.test(protocol)]));
});

describe("a listener's security policy", () => {
  const policyOf = (policies: unknown, own: object = {}) =>
    firstOf({ listeners: [{ ...ssl, policies }], policies: own }).security?.policy;

  test("is the newest strict one where none is named", () => {
    const name = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06";
    expect(policyOf([])?.name).toBe(name);
    expect(firstOf({ listeners: [ssl] }).security?.policy.name).toBe(name);
  });

  test("is a predefined one by its name or alias", () => {
    expect(policyOf(["ELBSecurityPolicy-2016-08"])).toMatchObject({
      name: "ELBSecurityPolicy-2016-08",
      protocols: ["TLSv1", "TLSv1.1", "TLSv1.2"],
      hasServerOrder: true,
    });
    expect(policyOf(["ELBSample-OpenSSLDefaultNegotiationPolicy"])?.name).toBe("ELBSample-OpenSSLDefaultCipherPolicy");
  });

  test("is one of the load balancer's own, with AWS's attributes as booleans or texts", () => {
    const mine = negotiation({
      "AES128-SHA": "true",
      "Protocol-TLSv1.2": true,
      "Protocol-TLSv1": "true",
      "Protocol-TLSv1.1": "false",
      "Server-Defined-Cipher-Order": false,
      "ECDHE-RSA-AES128-GCM-SHA256": true,
    });
    expect(policyOf(["mine"], { mine })).toEqual({
      name: "mine",
      protocols: ["TLSv1", "TLSv1.2"],
      hasServerOrder: false,
      ciphers: ["ECDHE-RSA-AES128-GCM-SHA256", "AES128-SHA"],
    });
  });

  test("is one that is written out, under the name of its key, with suites that no attribute names", () => {
    const mine = {
      name: "ELBSecurityPolicy-2016-08",
      aliases: ["other"],
      protocols: ["TLSv1.3", "TLSv1"] as const,
      hasServerOrder: true,
      ciphers: ["ECDHE-RSA-CHACHA20-POLY1305", "AES128-SHA"],
    };
    const { name: _, aliases: __, ...terms } = mine;
    expect(policyOf(["mine"], { mine })).toEqual({ name: "mine", ...terms });
    expect(policyOf(["mine"], { mine: terms })).toEqual({ name: "mine", ...terms });
    const newest = { protocols: ["TLSv1.3"] as const, hasServerOrder: false, ciphers: [] };
    expect(policyOf(["newest"], { newest })).toEqual({ name: "newest", ...newest });
  });

  test("may refer to a predefined one, and keeps its own name", () => {
    const mine = negotiation({ "Reference-Security-Policy": "ELBSecurityPolicy-TLS-1-2-2017-01" });
    expect(policyOf(["mine"], { mine })).toMatchObject({ name: "mine", protocols: ["TLSv1.2"] });
  });

  test("may be TLS 1.3 alone, without a suite", () => {
    expect(policyOf(["new"], { new: negotiation({ "Protocol-TLSv1.3": true }) })?.protocols).toEqual(["TLSv1.3"]);
  });

  test("named like a member of every object is found", () => {
    const own = JSON.parse(
      '{"constructor": {"type": "SSLNegotiationPolicyType", "attributes": {"Protocol-TLSv1.3": true}}}',
    );
    expect(policyOf(["constructor"], own)?.name).toBe("constructor");
  });
});

test("a listener's client authentication has its authority and its mode", () => {
  const clientAuth = { ca: "/clients.pem", mode: "optional" } as const;
  expect(firstOf({ listeners: [{ ...https, clientAuth }] }).security?.clientAuth).toEqual({
    ca: { file: "/clients.pem", path: "/clients.pem" },
    mode: "optional",
  });
});

describe("what instances must prove", () => {
  const policies = {
    // Named before the keys that it names.
    auth: authentication(["key1", "key2"]),
    key1: publicKeyPolicy(spkiText),
    key2: publicKeyPolicy(`-----BEGIN PUBLIC KEY-----\n${spkiText}\n-----END PUBLIC KEY-----\n`),
    other: authentication("key2"),
  };
  const proofOf = (backendPolicies: object) =>
    firstOf({ listeners: [reencrypting], policies, backendPolicies }).instanceSecurity;
  const [first, second] = ["key1", "key2"].map((policy) => ({ policy, spki }));

  test("is one of the keys of the policies on the instance port", () => {
    expect(proofOf({ 443: ["auth"] })).toEqual({ keys: [first!, second!] });
    expect(proofOf({ 443: ["other"] })).toEqual({ keys: [second!] });
    expect(proofOf({ 443: ["other", "auth"] })).toEqual({ keys: [second!, first!, second!] });
  });

  // Both forms written by OpenSSL (`openssl ec -pubout -conv_form`).
  test.each([
    [
      "P-256",
      "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADoL7JLx1Iq066CVupC73xANLnQjdFIKcNVqqEDp0tb4A=",
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEoL7JLx1Iq066CVupC73xANLnQjdFIKcNVqqEDp0tb4CDvr9fm5fPoFN8IMTDGomdnlblGDoVA7lTpIgK6JV+7w==",
    ],
    [
      "P-384",
      "MEYwEAYHKoZIzj0CAQYFK4EEACIDMgADDlQey77Da8Zb4/DgFTUHomFoOm87bYGpjo6PN0QhewwIYi9SEdu6wzuQe1k2gFnp",
      "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEDlQey77Da8Zb4/DgFTUHomFoOm87bYGpjo6PN0QhewwIYi9SEdu6wzuQe1k2gFnppbw1kZmKQHgKEJHIDfDuN+P2Mxd2dF78/5La/RzYBXa4Og6jV0eLb0CZxL24vU59",
    ],
    [
      "P-521",
      "MFgwEAYHKoZIzj0CAQYFK4EEACMDRAACABDeTidkKWlq1MNCpSlOHCL0V31fzTWIVUt3dpASvEjQEYS0ZZ9vZfNh/oTj5YoCqviLivNOLJaWxgpDHaF0RqE6",
      "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAEN5OJ2QpaWrUw0KlKU4cIvRXfV/NNYhVS3d2kBK8SNARhLRln29l82H+hOPligKq+IuK804slpbGCkMdoXRGoToBASLNNzf5klygSHywIUJGKd6b/iStEFOlKbwf9Ggq/u3glriQ9kBi/SeDVL/VDDdvfTU+1YjutI2ANnksUHaVDSw=",
    ],
  ])("%s: a key with its point compressed is the same key", (_, compressed, whole) => {
    const own = { key1: publicKeyPolicy(compressed), auth: authentication("key1") };
    const written = { listeners: [reencrypting], policies: own, backendPolicies: { 443: ["auth"] } };
    const keys = firstOf(written).instanceSecurity?.keys?.map((key) => Buffer.from(key.spki).toString("base64"));
    expect(keys).toEqual([whole]);
  });

  test("may be a certificate of a private authority, with a name or for the instance's own", () => {
    expect(proofOf({ 443: [{ ca: "/ca.pem" }] })).toEqual({ authority: { ca: { file: "/ca.pem", path: "/ca.pem" } } });
    expect(proofOf({ 443: ["other", { ca: "/ca.pem", serverName: "App.Internal" }] })).toEqual({
      keys: [second!],
      authority: { ca: { file: "/ca.pem", path: "/ca.pem" }, serverName: "app.internal" },
    });
  });

  test("is nothing where nothing is written, and on other ports", () => {
    expect(firstOf({ listeners: [reencrypting], policies })).not.toHaveProperty("instanceSecurity");
    expect(proofOf({ 443: [] })).toEqual({});
    const listeners = listenersOf(
      web({
        policies,
        backendPolicies: { 443: ["auth"] },
        listeners: [
          reencrypting,
          { ...ssl, instanceProtocol: "SSL", instancePort: 443 },
          { ...https, port: 1, instanceProtocol: "HTTPS", instancePort: 444 },
          { ...https, port: 2 },
        ],
      }),
    );
    expect(listeners.map((one) => one.instanceSecurity?.keys?.length)).toEqual([2, 2, undefined, undefined]);
  });
});

test("policies that nobody uses are no mistake", () => {
  expect(
    firstOf({ policies: { spare: publicKeyPolicy(spkiText), "Old-1": negotiation({ "Protocol-TLSv1.3": true }) } }),
  ).toEqual({
    protocol: "HTTP",
    port: 8080,
    instanceProtocol: "HTTP",
    instancePort: 80,
  });
});

test("defineConfig takes the whole shape, instance ports as numbers too", () => {
  const written = defineConfig({
    loadBalancers: {
      web: {
        listeners: [
          {
            protocol: "https",
            port: 443,
            instancePort: 443,
            certificates: [certificate],
            policies: ["mine"],
            clientAuth: { ca: "/clients.pem", mode: "require" },
          },
        ],
        instances: [],
        policies: {
          mine: negotiation({ "Protocol-TLSv1.3": true }),
          key1: { type: "PublicKeyPolicyType", attributes: { PublicKey: spkiText } },
          auth: { type: "BackendServerAuthenticationPolicyType", attributes: { PublicKeyPolicyName: ["key1"] } },
        },
        backendPolicies: { 443: ["auth", { ca: "/ca.pem" }] },
      },
    },
  });
  expect(Object.keys(listenersOf(written)[0]!)).toContain("instanceSecurity");
});
