// The exact words for everything that can be wrong with policies of TLS and with the ports they stand on.
import { describe, expect, test } from "bun:test";
import { refuse, web } from "./written.ts";
import {
  authentication,
  keys,
  negotiation,
  publicKeyPolicy,
  reencrypting,
  refusePolicies,
  spki,
  spkiText,
} from "./written-security.ts";

const clear = { protocol: "HTTP", port: 8080, instancePort: 80 };

const types =
  "(expected SSLNegotiationPolicyType, PublicKeyPolicyType, BackendServerAuthenticationPolicyType, ProxyProtocolPolicyType, LBCookieStickinessPolicyType or AppCookieStickinessPolicyType)";
const command = "(expected the base64 text that `openssl x509 -in FILE -pubkey -noout` prints)";
const aKey = "(expected the name of a PublicKeyPolicyType policy of this load balancer)";

describe("a policy, refused in these words", () => {
  test.each<readonly [string, unknown, ReadonlyArray<string>]>([
    [
      "a PROXY header that is nearly one",
      { type: "ProxyProtocolPolicyType", attributes: { ProxyProtocol: "yes", ProxyProtocolVersion: 3 } },
      [
        'p.attributes.ProxyProtocol: "yes" is not a switch (expected true or false)',
        "p.attributes.ProxyProtocolVersion: 3 is not a version of the PROXY protocol (expected 1 or 2)",
      ],
    ],
    [
      "a PROXY header without its switch",
      { type: "ProxyProtocolPolicyType", attributes: { ProxyProtocolVersion: 2 } },
      ["p.attributes.ProxyProtocol: is missing (expected a switch: true or false)"],
    ],
    [
      "an unknown type",
      { type: "PublicKeyPolicy", attributes: {} },
      [`p.type: "PublicKeyPolicy" is not a policy type; did you mean "PublicKeyPolicyType"? ${types}`],
    ],
    ["no members", {}, ['p.type: is missing (expected a policy type: one such as "SSLNegotiationPolicyType")']],
    [
      "no attributes where one is needed",
      { type: "AppCookieStickinessPolicyType" },
      [
        'p.attributes.CookieName: is missing (expected the name of a cookie: the one that the application sets, such as "JSESSIONID"; not AWSELB or AWSELBCORS)',
      ],
    ],
    [
      "attributes that are none",
      { type: "LBCookieStickinessPolicyType", attributes: 60 },
      [
        'p.attributes: 60 is not a set of policy attributes (expected those of its type, such as { "Protocol-TLSv1.2": true } or { CookieName: "JSESSIONID" })',
      ],
    ],
    [
      "an attribute of no kind",
      negotiation({ "Protocol-TLSv1.2": { on: true } as never }),
      [
        `p.attributes["Protocol-TLSv1.2"]: an object is not a policy attribute's value (expected true, false, a number, a text or a list of texts)`,
      ],
    ],
    [
      "an unknown attribute and a value that is no switch",
      negotiation({ "Protocol-TLSv1.4": true, "AES128-SHA": "yes" }),
      [
        'p.attributes["Protocol-TLSv1.4"]: unknown attribute `Protocol-TLSv1.4`; did you mean `Protocol-TLSv1.1`? (expected a protocol, an order or a cipher suite by the name that AWS gives it)',
        'p.attributes.AES128-SHA: "yes" is not a switch (expected true or false)',
      ],
    ],
    [
      "no protocol",
      negotiation({ "AES128-SHA": true, "Protocol-TLSv1.2": false }),
      ['p.attributes: no protocol is switched on (expected one such as "Protocol-TLSv1.2": true)'],
    ],
    [
      "no suite",
      negotiation({ "Protocol-TLSv1.2": true, "Protocol-TLSv1.3": true }),
      [
        'p.attributes: no cipher suite is switched on, and only TLS 1.3 does without (expected one such as "ECDHE-RSA-AES128-GCM-SHA256": true)',
      ],
    ],
    [
      "a reference to nothing",
      negotiation({ "Reference-Security-Policy": "ELBSecurityPolicy-2016-8" }),
      [
        'p.attributes.Reference-Security-Policy: "ELBSecurityPolicy-2016-8" is no predefined policy; did you mean `ELBSecurityPolicy-2016-08`? (expected one that `elbow policy list` prints)',
      ],
    ],
    [
      "a key under another name",
      { type: "PublicKeyPolicyType", attributes: { publicKey: spkiText } },
      [
        "p.attributes.publicKey: unknown key `publicKey`; did you mean `PublicKey`? (expected one of `PublicKey`)",
        "p.attributes.PublicKey: is missing (expected a public key: the base64 text that `openssl x509 -in FILE -pubkey -noout` prints)",
      ],
    ],
    [
      "a certificate for a key",
      publicKeyPolicy("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
      [`p.attributes.PublicKey: is a certificate, not a public key ${command}`],
    ],
    [
      "no key in the list",
      authentication([]),
      ["p.attributes.PublicKeyPolicyName: is empty (expected at least one PublicKeyPolicyType policy)"],
    ],
    [
      "keys that aren't there",
      authentication(["p", "q"]),
      [
        `p.attributes.PublicKeyPolicyName[0]: "p" is not a policy ${aKey}`,
        `p.attributes.PublicKeyPolicyName[1]: "q" is not a policy ${aKey}`,
      ],
    ],
    [
      "a key that isn't there, by itself",
      authentication("q"),
      [`p.attributes.PublicKeyPolicyName: "q" is not a policy ${aKey}`],
    ],
  ])("%s", (_, policy, lines) => {
    expect(refusePolicies({ p: policy })).toEqual([...lines]);
  });

  test("a policy that names the wrong kind, a broken one and a misspelt one", () => {
    const policies = {
      auth: authentication(["tls", "broken", "key2"]),
      tls: negotiation({ "Protocol-TLSv1.3": true }),
      key1: publicKeyPolicy(spkiText),
      broken: publicKeyPolicy(""),
    };
    expect(refusePolicies(policies)).toEqual([
      `auth.attributes.PublicKeyPolicyName[0]: "tls" is no public key ${aKey}`,
      `auth.attributes.PublicKeyPolicyName[2]: "key2" is not a policy; did you mean "key1"? ${aKey}`,
      `broken.attributes.PublicKey: is empty ${command}`,
    ]);
  });

  test.each([
    ["my_policy", '"my_policy" is not a policy name (expected letters, digits and hyphens)'],
    [
      "ELBSecurityPolicy-mine",
      '"ELBSecurityPolicy-mine" begins with ELBSecurityPolicy-, as only predefined policies do (expected another name; a predefined policy needs no entry here)',
    ],
    [
      "ELBSample-mine",
      '"ELBSample-mine" begins with ELBSample-, as only predefined policies do (expected another name; a predefined policy needs no entry here)',
    ],
  ])("the name %s", (name, words) => {
    const copy = { name, protocols: ["TLSv1.3"], hasServerOrder: true, ciphers: [] };
    for (const policy of [publicKeyPolicy(spkiText), copy]) {
      expect(refusePolicies({ [name]: policy })).toEqual([`${name}: ${words}`]);
    }
  });
});

describe("a public key, refused in these words", () => {
  const rest = Buffer.concat([Buffer.from(spki), Buffer.from([0])]).toString("base64");
  const privateDer = keys.privateKey.export({ type: "pkcs8", format: "der" }).toString("base64");
  const privatePem = keys.privateKey.export({ type: "sec1", format: "pem" }).toString();
  test.each([
    ["nothing", " \n", "is empty"],
    ["no base64", "MIIB…", "is not base64"],
    ["no key at all", "aGVsbG8=", "is something else, not a public key"],
    ["a private key", privatePem, "is a private key, not a public key"],
    ["a private key without its PEM lines", privateDer, "is a private key, not a public key"],
    ["a bare RSA key", "-----BEGIN RSA PUBLIC KEY-----\nMIIB\n", "is a bare RSA key (PKCS#1), not a public key"],
    ["a request", "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n", "is a certificate request, not a public key"],
    ["a key and one byte more", rest, "is a public key with something more behind it or in it"],
  ])("%s", (_, text, problem) => {
    expect(refusePolicies({ p: publicKeyPolicy(text) })).toEqual([`p.attributes.PublicKey: ${problem} ${command}`]);
  });

  test("two keys in one", () => {
    const one = `-----BEGIN PUBLIC KEY-----\n${spkiText}\n-----END PUBLIC KEY-----\n`;
    expect(refusePolicies({ p: publicKeyPolicy(one + one) })).toEqual([
      "p.attributes.PublicKey: has several PEM blocks (expected one public key; one policy for each)",
    ]);
  });
});

describe("back-end policies, refused in these words", () => {
  const policies = {
    key1: publicKeyPolicy(spkiText),
    auth: authentication("key1"),
    tls: negotiation({ "Protocol-TLSv1.3": true }),
  };
  const anAuthentication = "the name of a BackendServerAuthenticationPolicyType policy of this load balancer";
  const aBackendPolicy =
    "the name of a BackendServerAuthenticationPolicyType or ProxyProtocolPolicyType policy of this load balancer";
  const second = { ...clear, port: 1 };
  test.each<readonly [string, object, ReadonlyArray<string>]>([
    [
      "a port that is none",
      { "443a": [], 0: [], 70000: [] },
      [
        '0: "0" is not a port (expected a whole number from 1 to 65535)',
        '70000: "70000" is not a port (expected a whole number from 1 to 65535)',
        '443a: "443a" is not a port (expected a whole number from 1 to 65535)',
      ],
    ],
    [
      "a port that gets no TLS",
      { 80: ["auth"] },
      [
        "80: instance port 80 gets HTTP in clear from loadBalancers.web.listeners[1] (expected an instance port that gets HTTPS or SSL: 443)",
      ],
    ],
    [
      "a port that nobody has",
      { 444: ["auth"] },
      ["444: no listener has the instance port 444 (expected an instance port that gets HTTPS or SSL: 443)"],
    ],
    [
      "policies of other kinds",
      { 443: ["key1", "tls", "ELBSecurityPolicy-2016-08", "auht"] },
      [
        `443[0]: "key1" is a public key (expected ${anAuthentication} that names it)`,
        `443[1]: "tls" negotiates TLS with clients, and instances aren't asked (expected ${aBackendPolicy})`,
        `443[2]: "ELBSecurityPolicy-2016-08" negotiates TLS with clients, and instances aren't asked (expected ${aBackendPolicy})`,
        `443[3]: "auht" is not a policy; did you mean "auth"? (expected ${aBackendPolicy})`,
      ],
    ],
    [
      "two authorities",
      { 443: [{ ca: "a.pem" }, { ca: "b.pem" }] },
      ["443[1]: is a second authority (expected one at most; its file may hold several)"],
    ],
    [
      "an authority of the wrong shape",
      { 443: [{ ca: "a.pem", serverName: "not a name" }, { serverName: "a" }, 1] },
      [
        '443[0].serverName: "not a name" is not a server name (expected a host name or address such as "app.internal")',
        '443[1].ca: is missing (expected a PEM file: a path such as "certs/site.pem", or PEM text, which contains -----BEGIN)',
        '443[2]: 1 is not a back-end policy (expected the name of a policy, or one such as { ca: "certs/ca.pem", serverName: "app.internal" })',
      ],
    ],
    [
      "a mistyped variable",
      { 443: undefined },
      ['443: is missing (expected a list of back-end policies: one such as ["auth"])'],
    ],
    ["no list", { 443: "auth" }, ['443: "auth" is not a list of back-end policies (expected one such as ["auth"])']],
  ])("%s", (_, backendPolicies, lines) => {
    const refused = refuse(web({ listeners: [reencrypting, second], policies, backendPolicies }));
    expect(refused.map((line) => line.replace("loadBalancers.web.backendPolicies.", ""))).toEqual([...lines]);
  });

  test("a mistyped variable for all of them", () => {
    expect(refuse(web({ listeners: [reencrypting], policies, backendPolicies: undefined }))).toEqual([
      "loadBalancers.web.backendPolicies: is undefined (expected a value, or no `backendPolicies` at all)",
    ]);
  });

  test("where no back end speaks TLS at all", () => {
    expect(refuse(web({ policies, backendPolicies: { 443: ["auth"] } }))).toEqual([
      "loadBalancers.web.backendPolicies.443: no listener has the instance port 443 (expected the instance port of a listener whose `instanceProtocol` is HTTPS or SSL)",
    ]);
  });

  test("a listener with a broken member may be the one that they are for", () => {
    const listeners = [{ ...reencrypting, instancePort: "443" }];
    expect(refuse(web({ listeners, policies, backendPolicies: { 443: ["auth"] } }))).toHaveLength(1);
  });
});
