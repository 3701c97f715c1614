// The exact words for what can be wrong with a security policy that a configuration writes out, as a module of policies/tls/.
import { expect, test } from "bun:test";
import { refuse, web } from "./written.ts";
import { https, refusePolicies } from "./written-security.ts";

const versions = '(expected "SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")';
const suites = "(expected OpenSSL's name of one, such as ECDHE-RSA-AES128-GCM-SHA256)";

test.each<readonly [string, unknown, ReadonlyArray<string>]>([
  [
    "with unknown names, all of them at once",
    {
      protocols: ["TLSv1_2", "TLSv1.0", "nonsense", 1],
      hasServerOrder: "yes",
      ciphers: ["AES-128-SHA", "nonsense", "TLS_AES_128_GCM_SHA256", "AES128-SHA"],
    },
    [
      `p.protocols[0]: "TLSv1_2" is not a protocol; did you mean "TLSv1.2"? ${versions}`,
      `p.protocols[1]: "TLSv1.0" is not a protocol; did you mean "TLSv1"? ${versions}`,
      `p.protocols[2]: "nonsense" is not a protocol ${versions}`,
      `p.protocols[3]: 1 is not a protocol ${versions}`,
      "p.hasServerOrder: \"yes\" is not a choice of whose order decides (expected true for the listener's, false for the client's)",
      `p.ciphers[0]: "AES-128-SHA" is not a cipher suite; did you mean "AES128-SHA"? ${suites}`,
      `p.ciphers[1]: "nonsense" is not a cipher suite ${suites}`,
      'p.ciphers[2]: "TLS_AES_128_GCM_SHA256" is a suite of TLS 1.3, and those aren\'t named one by one (expected "TLSv1.3" among the `protocols`, which brings all of them)',
    ],
  ],
  [
    "without some of its members, and with one too many",
    { protocols: ["TLSv1.2"], cipher: [] },
    [
      "p.cipher: unknown key `cipher`; did you mean `ciphers`? (expected one of `name`, `aliases`, `protocols`, `hasServerOrder`, `ciphers`)",
      "p.hasServerOrder: is missing (expected a choice of whose order decides: true for the listener's, false for the client's)",
      'p.ciphers: is missing (expected a list of cipher suites: one such as ["ECDHE-RSA-AES128-GCM-SHA256"])',
    ],
  ],
  [
    "of nothing",
    { protocols: [], hasServerOrder: true, ciphers: [] },
    ['p.protocols: is empty (expected one such as ["TLSv1.2"])'],
  ],
  [
    "without suites for its protocol",
    { protocols: ["TLSv1.2", "TLSv1.3"], hasServerOrder: true, ciphers: [] },
    ['p.ciphers: is empty, and only TLS 1.3 does without (expected one such as ["ECDHE-RSA-AES128-GCM-SHA256"])'],
  ],
  [
    "and a type in one",
    { type: "SSLNegotiationPolicyType", attributes: { "Protocol-TLSv1.3": true }, protocols: ["TLSv1.3"] },
    ["p.protocols: unknown key `protocols` (expected one of `type`, `attributes`)"],
  ],
  [
    "no policy at all",
    "ELBSecurityPolicy-2016-08",
    [
      'p: "ELBSecurityPolicy-2016-08" is not a policy (expected one such as { type: "PublicKeyPolicyType", attributes: { PublicKey: "MIIB…" } })',
    ],
  ],
])("%s", (_, policy, lines) => {
  expect(refusePolicies({ p: policy })).toEqual([...lines]);
});

test("a written-out security policy of which nothing is left is refused where a listener names it", () => {
  const policies = { old: { protocols: ["SSLv3", "TLSv1"], hasServerOrder: true, ciphers: ["RC4-SHA"] } };
  const refused = refuse(web({ listeners: [{ ...https, policies: ["old"] }], policies }));
  expect(refused).toEqual([
    expect.stringMatching(
      /^loadBalancers\.web\.listeners\[0\]\.policies\[0\]: nothing of "old" is on offer: SSLv3 .+; TLSv1 .+; RC4-SHA /,
    ),
  ]);
  expect(refuse(web({ policies }))).toEqual([]);
});
