// PROXY headers in a configuration: what is accepted and from whom, what instances are told, what is refused and in which
// words, and what is worth a remark.
import { describe, expect, test } from "bun:test";
import { Effect } from "effect";
import { findRemarks } from "../../../../src/control/configuration/remarks.ts";
import { parseAddressBlock } from "../../../../src/model/address-block.ts";
import { decode, listener, listening, refuse, web } from "./written.ts";
import { authentication, certificate, publicKeyPolicy, spkiText, ssl } from "./written-security.ts";

const tcp = { protocol: "TCP", port: 9000, instancePort: 90 };
const place = "loadBalancers.web.listeners[0]";
const header = (ProxyProtocol: unknown, ProxyProtocolVersion?: unknown) => ({
  type: "ProxyProtocolPolicyType",
  attributes: { ProxyProtocol, ...(ProxyProtocolVersion === undefined ? {} : { ProxyProtocolVersion }) },
});

describe("accepted", () => {
  const trusted = ["10.0.0.0/8", "127.0.0.1", "::1"];
  const accepting = { acceptProxyProtocol: true, trustedProxies: trusted };

  test.each([listener, tcp, ssl, { ...ssl, protocol: "HTTPS", instanceProtocol: "HTTP" }])(
    "by a $protocol listener",
    (one) => {
      const [decoded] = decode(listening({ ...one, ...accepting })).loadBalancers[0]!.listeners;
      expect(decoded?.trustedProxies).toEqual(trusted.map((text) => parseAddressBlock(text)!));
    },
  );

  test("from nobody when the switch is off, with or without senders beside it", () => {
    for (const off of [{}, { acceptProxyProtocol: false }, { ...accepting, acceptProxyProtocol: false }]) {
      expect(decode(listening({ ...tcp, ...off })).loadBalancers[0]!.listeners[0]).not.toHaveProperty("trustedProxies");
    }
  });

  const example = '(expected the addresses of the proxies in front, such as ["10.0.0.0/8", "127.0.0.1", "::1"])';
  const blockExample =
    'is not an address or a block of addresses (expected one such as "127.0.0.1", "10.0.0.0/8" or "fd00::/8", no bits set behind the prefix)';
  test.each<readonly [string, object, ReadonlyArray<string>]>([
    [
      "without senders",
      { acceptProxyProtocol: true },
      [`${place}.trustedProxies: is missing, and \`acceptProxyProtocol\` needs it ${example}`],
    ],
    ["from none", { acceptProxyProtocol: true, trustedProxies: [] }, [`${place}.trustedProxies: is empty ${example}`]],
    [
      "senders without the switch",
      { trustedProxies: trusted },
      [
        `${place}.trustedProxies: stands without \`acceptProxyProtocol\` (expected \`acceptProxyProtocol: true\` beside it, or neither)`,
      ],
    ],
    [
      "senders that are none",
      { acceptProxyProtocol: true, trustedProxies: ["10.0.0.1/8", "proxy.internal", 7, "::1"] },
      [
        `${place}.trustedProxies[0]: "10.0.0.1/8" ${blockExample}`,
        `${place}.trustedProxies[1]: "proxy.internal" ${blockExample}`,
        `${place}.trustedProxies[2]: 7 ${blockExample}`,
      ],
    ],
    [
      "no list and no switch",
      { acceptProxyProtocol: "yes", trustedProxies: "127.0.0.1" },
      [
        `${place}.acceptProxyProtocol: "yes" is not a switch (expected true or false)`,
        `${place}.trustedProxies: "127.0.0.1" is not a list of addresses (expected one such as ["10.0.0.0/8", "127.0.0.1", "::1"])`,
      ],
    ],
  ])("refused: %s", (_, members, lines) => expect(refuse(listening({ ...tcp, ...members }))).toEqual([...lines]));
});

describe("sent", () => {
  const sending = (policy: unknown, ...listeners: ReadonlyArray<object>) =>
    web({ listeners, policies: { proxy: policy }, backendPolicies: { 90: ["proxy"] } });

  test.each<readonly [string, unknown, 1 | 2 | undefined]>([
    ["AWS's switch", header(true), 1],
    ["as AWS's tools send it", header("true"), 1],
    ["version 1", header(true, 1), 1],
    ["version 2", header(true, 2), 2],
    ["version 2 as a text", header("true", "2"), 2],
    ["switched off", header(false, 2), undefined],
    ["switched off by a text", header("false"), undefined],
  ])("%s", (_, policy, version) => {
    const [first, second] = decode(sending(policy, tcp, { ...tcp, port: 9001, instancePort: 91 })).loadBalancers[0]!
      .listeners;
    expect(first?.instancePreamble).toEqual(version === undefined ? undefined : { version });
    expect(second).not.toHaveProperty("instancePreamble");
  });

  test("beside what instances must prove, and without a word on that where it stands alone", async () => {
    const encrypted = { ...ssl, instanceProtocol: "SSL", instancePort: 443, certificate };
    const policies = { proxy: header(true), key1: publicKeyPolicy(spkiText), auth: authentication(["key1"]) };
    const both = decode(web({ listeners: [encrypted], policies, backendPolicies: { 443: ["auth", "proxy"] } }));
    const [one] = both.loadBalancers[0]!.listeners;
    expect([one?.instancePreamble, one?.instanceSecurity?.keys?.length]).toEqual([{ version: 1 }, 1]);
    const alone = decode(web({ listeners: [encrypted], policies, backendPolicies: { 443: ["proxy"] } }));
    const [other] = alone.loadBalancers[0]!.listeners;
    expect(other?.instancePreamble).toEqual({ version: 1 });
    expect(other).not.toHaveProperty("instanceSecurity");
  });

  test("nothing, by an empty list, AWS's way to switch it off, in clear too and without a word", async () => {
    const written = web({ listeners: [tcp, listener], backendPolicies: { 80: [], 90: [] } });
    for (const one of decode(written).loadBalancers[0]!.listeners) {
      expect(one).not.toHaveProperty("instancePreamble");
      expect(one).not.toHaveProperty("instanceSecurity");
    }
    expect(await Effect.runPromise(findRemarks(decode(written), Date.now()))).toEqual([]);
  });

  const known =
    "(expected the name of a BackendServerAuthenticationPolicyType or ProxyProtocolPolicyType policy of this load balancer";
  test.each<readonly [string, object, ReadonlyArray<string>]>([
    [
      "names that are good for nothing here, without a word on TLS",
      { 90: ["nope", "sticky"] },
      [
        `90[0]: "nope" is not a policy ${known})`,
        `90[1]: "sticky" keeps clients with their instances, and instances aren't asked ${known}; a stickiness policy stands in a listener's \`policies\`)`,
      ],
    ],
    [
      "a port that nobody has",
      { 91: ["proxy"] },
      ["91: no listener has the instance port 91 (expected an instance port: 90)"],
    ],
    [
      "proof asked of a port in clear beside it",
      { 90: ["proxy", "auth"] },
      [
        "90: instance port 90 gets TCP in clear from loadBalancers.web.listeners[0] (expected the instance port of a listener whose `instanceProtocol` is HTTPS or SSL)",
      ],
    ],
    [
      "two",
      { 90: ["proxy", "other", "proxy"] },
      [
        '90[1]: "other" sends a header, and so does "proxy" (expected one ProxyProtocolPolicyType policy at most)',
        '90[2]: is "proxy" again (expected one ProxyProtocolPolicyType policy at most)',
      ],
    ],
  ])("refused: %s", (_, backendPolicies, lines) => {
    const policies = {
      proxy: header(true),
      other: header(false),
      key1: publicKeyPolicy(spkiText),
      auth: authentication(["key1"]),
      sticky: { type: "LBCookieStickinessPolicyType" },
    };
    expect(refuse(web({ listeners: [tcp], policies, backendPolicies }))).toEqual(
      lines.map((line) => `loadBalancers.web.backendPolicies.${line}`),
    );
  });

  test("refused: one that is broken, once and where it stands", () => {
    expect(refuse(sending(header("perhaps"), tcp))).toEqual([
      'loadBalancers.web.policies.proxy.attributes.ProxyProtocol: "perhaps" is not a switch (expected true or false)',
    ]);
  });

  test("refused: on a listener", () => {
    expect(refuse(web({ listeners: [{ ...ssl, policies: ["proxy"] }], policies: { proxy: header(true) } }))).toEqual([
      `${place}.policies[0]: "proxy" sends instances a header, and a listener faces clients (expected the policy in \`backendPolicies\`, under the instance port)`,
    ]);
  });
});

describe("worth a remark", () => {
  const remarksOn = (written: unknown) => Effect.runPromise(findRemarks(decode(written), Date.now()));
  const policies = { proxy: header(true) };

  test("an HTTP listener that shares the port, or has it alone", async () => {
    const shared = {
      listeners: [tcp, { ...listener, instancePort: 90 }],
      policies,
      backendPolicies: { 90: ["proxy"] },
    };
    const words =
      "web, HTTP 8080: instance port 90 gets no PROXY header from here: requests of many clients share a connection, and X-Forwarded-For says whose each is";
    expect(await remarksOn(web(shared))).toEqual([words]);
    expect(await remarksOn(web({ ...shared, listeners: shared.listeners.slice(1) }))).toEqual([words]);
    expect(await remarksOn(web({ ...shared, listeners: [tcp] }))).toEqual([]);
    expect(await remarksOn(web({ ...shared, policies: { proxy: header(false) } }))).toEqual([]);
  });

  test.each(["0.0.0.0/0", "::/0"])("everybody is trusted: %s", async (block) => {
    const trusting = { ...tcp, acceptProxyProtocol: true, trustedProxies: ["127.0.0.1", block] };
    expect(await remarksOn(listening(trusting))).toEqual([
      "web, TCP 9000: `trustedProxies` has every address: any client can say that it is any other",
    ]);
  });
});
