// The exact words for everything that can be wrong with TLS in a configuration, files aside.
import { describe, expect, test } from "bun:test";
import { listening, refuse, web } from "./written.ts";
import {
  authentication,
  certificate,
  listenerPlace as first,
  https,
  keys,
  negotiation,
  publicKeyPolicy,
  reencrypting,
  spkiText,
  ssl,
} from "./written-security.ts";

const example = '(expected one such as { cert: "certs/site.pem", key: "certs/site.key" })';
const pem = '(expected a path such as "certs/site.pem", or PEM text, which contains -----BEGIN)';
const names = "(expected a name from the load balancer's `policies`, or one that `elbow policy list` prints)";
const clear = { protocol: "HTTP", port: 8080, instancePort: 80 };

describe("a listener, refused in these words", () => {
  test.each<readonly [string, object, ReadonlyArray<string>]>([
    [
      "HTTPS without a certificate",
      { ...https, certificate: undefined },
      [`${first}.certificate: is missing, and HTTPS needs one to show its clients ${example}`],
    ],
    [
      "SSL without a certificate",
      { ...ssl, certificate: undefined },
      [`${first}.certificate: is missing, and SSL needs one to show its clients ${example}`],
    ],
    [
      "an empty list of certificates",
      { ...https, certificate: undefined, certificates: [] },
      [`${first}.certificates: is empty (expected at least one certificate)`],
    ],
    [
      "one certificate and several",
      { ...https, certificates: [certificate] },
      [
        `${first}.certificates: stands beside \`certificate\` (expected one of the two; \`certificates\` is a list, and its first entry is the default)`,
      ],
    ],
    [
      "TLS on HTTP",
      { ...clear, certificate, certificates: [], clientAuth: 1, policies: ["ELBSecurityPolicy-2016-08"] },
      [
        `${first}.certificate: is for HTTPS and SSL, and this listener speaks HTTP in clear (expected \`protocol: "HTTPS"\`, or no \`certificate\`)`,
        `${first}.certificates: is for HTTPS and SSL, and this listener speaks HTTP in clear (expected \`protocol: "HTTPS"\`, or no \`certificates\`)`,
        `${first}.clientAuth: 1 is not a client authentication (expected one such as { ca: "certs/clients.pem", mode: "require" })`,
        `${first}.clientAuth: is for HTTPS and SSL, and this listener speaks HTTP in clear (expected \`protocol: "HTTPS"\`, or no \`clientAuth\`)`,
        `${first}.policies[0]: "ELBSecurityPolicy-2016-08" negotiates TLS, and this listener speaks HTTP in clear (expected \`protocol: "HTTPS"\`, or no such policy)`,
      ],
    ],
    [
      "TLS on TCP",
      { ...clear, protocol: "TCP", certificate },
      [
        `${first}.certificate: is for HTTPS and SSL, and this listener speaks TCP in clear (expected \`protocol: "SSL"\`, or no \`certificate\`)`,
      ],
    ],
    [
      "a certificate without its key",
      { ...https, certificate: { cert: "site.pem" } },
      [
        `${first}.certificate.key: is missing (expected a PEM file: a path such as "certs/site.pem", or PEM text, which contains -----BEGIN)`,
      ],
    ],
    [
      "members of the wrong kind, none of which is repeated",
      {
        ...https,
        certificate: { cert: "", key: `MII${"A".repeat(2000)}`, chain: "a\nb", passphrase: 1234, keys: 1 },
      },
      [
        `${first}.certificate.cert: the value is not a PEM file ${pem}`,
        `${first}.certificate.key: the value is not a PEM file ${pem}`,
        `${first}.certificate.chain: the value is not a PEM file ${pem}`,
        `${first}.certificate.passphrase: the value is not a passphrase (expected the text that decrypts \`key\`)`,
        `${first}.certificate.keys: unknown key \`keys\`; did you mean \`key\`? (expected one of \`cert\`, \`key\`, \`chain\`, \`passphrase\`)`,
      ],
    ],
    [
      "a private key in the wrong place",
      { ...https, certificate: "-----BEGIN PRIVATE KEY-----\nMIIB" },
      [`${first}.certificate: PEM text is not a certificate ${example}`],
    ],
    [
      "an unknown mode of client authentication",
      { ...https, clientAuth: { ca: "ca.pem", mode: "maybe" } },
      [`${first}.clientAuth.mode: "maybe" is not a mode of client authentication (expected "require" or "optional")`],
    ],
    [
      "an unknown policy, and one nearly known",
      { ...https, policies: ["none", "ELBSecurityPolicy-2016-8"] },
      [
        `${first}.policies[0]: "none" is not a policy ${names}`,
        `${first}.policies[1]: "ELBSecurityPolicy-2016-8" is not a policy; did you mean "ELBSecurityPolicy-2016-08"? ${names}`,
      ],
    ],
    [
      "two policies that negotiate",
      { ...https, policies: ["ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-2016-08"] },
      [
        `${first}.policies[1]: "ELBSecurityPolicy-2016-08" negotiates TLS, and so does ${first}.policies[0] (expected one such policy at most)`,
      ],
    ],
    [
      "variables that were mistyped",
      { ...https, certificates: undefined, policies: undefined, clientAuth: undefined },
      ["certificates", "policies", "clientAuth"].map(
        (key) => `${first}.${key}: is undefined (expected a value, or no \`${key}\` at all)`,
      ),
    ],
    [
      "a mistyped variable beside certificates",
      { ...https, certificate: undefined, certificates: [certificate] },
      [`${first}.certificate: is undefined (expected a value, or no \`certificate\` at all)`],
    ],
    [
      "mistyped variables in a client authentication",
      { ...https, clientAuth: { ca: undefined, mode: undefined } },
      [
        `${first}.clientAuth.ca: is missing (expected a PEM file: a path such as "certs/site.pem", or PEM text, which contains -----BEGIN)`,
        `${first}.clientAuth.mode: is missing (expected a mode of client authentication: "require" or "optional")`,
      ],
    ],
    [
      "a policy that is no list",
      { ...https, policies: "ELBSecurityPolicy-2016-08" },
      [
        `${first}.policies: "ELBSecurityPolicy-2016-08" is not a list of policies (expected one such as ["ELBSecurityPolicy-TLS13-1-2-Res-2021-06"])`,
      ],
    ],
  ])("%s", (_, listener, lines) => {
    expect(refuse(listening(listener))).toEqual([...lines]);
  });

  test("a key without its first and last line, which is no path, wherever it stands", () => {
    const sec1 = keys.privateKey.export({ type: "sec1", format: "pem" }).toString();
    const lines = sec1.split("\n").slice(1, -2);
    for (const text of [lines.join(""), lines.join(" "), `${lines.join("\n")}\n`, sec1.slice(2)]) {
      const written = {
        ...https,
        certificate: { cert: text, key: text, chain: text, passphrase: text },
        clientAuth: { ca: text, mode: text },
        policies: [text],
        [text]: text,
      };
      const policies = {
        tls: negotiation({ "Reference-Security-Policy": text, [text]: true }),
        pem: negotiation({ "Reference-Security-Policy": sec1 }),
      };
      const backendPolicies = { [text]: [text, { ca: text, serverName: text }] };
      const listeners = [written, { ...reencrypting, port: 1, certificate: text }];
      const refused = refuse(web({ listeners, policies, backendPolicies })).join("\n");
      for (const key of ["cert", "key", "chain"]) {
        expect(refused).toContain(`${first}.certificate.${key}: the value is not a PEM file ${pem}`);
      }
      expect(refused).toContain(
        "tls.attributes.Reference-Security-Policy: what looks like a key is no predefined policy",
      );
      expect(refused).toContain(
        "pem.attributes.Reference-Security-Policy: what looks like a key is no predefined policy",
      );
      // Its private part is in the first line.
      for (const piece of lines[0]!.match(/.{16}/g)!) expect(refused).not.toContain(piece);
    }
  });

  test("policies that aren't for listeners, and one of which nothing is left", () => {
    const policies = {
      key1: publicKeyPolicy(spkiText),
      auth: authentication(["key1"]),
      cookie: { type: "LBCookieStickinessPolicyType", attributes: {} },
      old: negotiation({ "Protocol-SSLv3": true, "DHE-RSA-AES128-SHA": true }),
    };
    const refused = refuse(
      web({ listeners: [{ ...https, policies: ["key1", "auth", "cookie", "old", "odl"] }], policies }),
    );
    expect(refused).toEqual([
      `${first}.policies[0]: "key1" is a public key, which no listener has a use for (expected a BackendServerAuthenticationPolicyType policy in \`backendPolicies\` that names it)`,
      `${first}.policies[1]: "auth" authenticates instances, and a listener faces clients (expected the policy in \`backendPolicies\`, under the instance port)`,
      expect.stringMatching(
        /policies\[3\]: nothing of "old" is on offer: SSLv3 \(.+\); DHE-RSA-AES128-SHA \(.+\) \(expected a policy of which something is left; .+\)$/,
      ),
      `${first}.policies[4]: "odl" is not a policy; did you mean "old"? ${names}`,
    ]);
  });
});
