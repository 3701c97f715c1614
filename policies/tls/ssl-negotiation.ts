/**
 * SSLNegotiationPolicyType: a security policy written as attributes, one switch for each protocol and each cipher suite.
 * Loaded with the configuration that has such a policy; gives the terms that its listeners negotiate with clients.
 * Owns the attributes' names and their order, which is the server's (AWS, "SSL negotiation configurations for Classic
 * Load Balancers"). Never knows which suites the TLS library has.
 */
import { definePolicy, type NegotiationTerms, Schema, type TlsProtocol } from "elbow";

/** Switches of protocols; the last is not AWS's, whose Classic Load Balancer has no TLS 1.3. */
const protocols = {
  "Protocol-SSLv2": "SSLv2",
  "Protocol-SSLv3": "SSLv3",
  "Protocol-TLSv1": "TLSv1",
  "Protocol-TLSv1.1": "TLSv1.1",
  "Protocol-TLSv1.2": "TLSv1.2",
  "Protocol-TLSv1.3": "TLSv1.3",
} as const satisfies Record<string, TlsProtocol>;

/**
 * Switches of cipher suites, in AWS's order. Suites that are switched on stand in this order, however they are written:
 * attributes are a set, and the same policy made through AWS's tools must come out the same.
 */
const ciphers = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES128-SHA256",
  "ECDHE-RSA-AES128-SHA256",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
  "DHE-RSA-AES128-SHA",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-AES256-SHA384",
  "ECDHE-RSA-AES256-SHA384",
  "ECDHE-RSA-AES256-SHA",
  "ECDHE-ECDSA-AES256-SHA",
  "AES128-GCM-SHA256",
  "AES128-SHA256",
  "AES128-SHA",
  "AES256-GCM-SHA384",
  "AES256-SHA256",
  "AES256-SHA",
  "DHE-DSS-AES128-SHA",
  "CAMELLIA128-SHA",
  "EDH-RSA-DES-CBC3-SHA",
  "DES-CBC3-SHA",
  "ECDHE-RSA-RC4-SHA",
  "RC4-SHA",
  "ECDHE-ECDSA-RC4-SHA",
  "DHE-DSS-AES256-GCM-SHA384",
  "DHE-RSA-AES256-GCM-SHA384",
  "DHE-RSA-AES256-SHA256",
  "DHE-DSS-AES256-SHA256",
  "DHE-RSA-AES256-SHA",
  "DHE-DSS-AES256-SHA",
  "DHE-RSA-CAMELLIA256-SHA",
  "DHE-DSS-CAMELLIA256-SHA",
  "CAMELLIA256-SHA",
  "EDH-DSS-DES-CBC3-SHA",
  "DHE-DSS-AES128-GCM-SHA256",
  "DHE-RSA-AES128-GCM-SHA256",
  "DHE-RSA-AES128-SHA256",
  "DHE-DSS-AES128-SHA256",
  "DHE-RSA-CAMELLIA128-SHA",
  "DHE-DSS-CAMELLIA128-SHA",
  "ADH-AES128-GCM-SHA256",
  "ADH-AES128-SHA",
  "ADH-AES128-SHA256",
  "ADH-AES256-GCM-SHA384",
  "ADH-AES256-SHA",
  "ADH-AES256-SHA256",
  "ADH-CAMELLIA128-SHA",
  "ADH-CAMELLIA256-SHA",
  "ADH-DES-CBC3-SHA",
  "ADH-DES-CBC-SHA",
  "ADH-RC4-MD5",
  "ADH-SEED-SHA",
  "DES-CBC-SHA",
  "DHE-DSS-SEED-SHA",
  "DHE-RSA-SEED-SHA",
  "EDH-DSS-DES-CBC-SHA",
  "EDH-RSA-DES-CBC-SHA",
  "IDEA-CBC-SHA",
  "RC4-MD5",
  "SEED-SHA",
  "DES-CBC3-MD5",
  "DES-CBC-MD5",
  "RC2-CBC-MD5",
  "PSK-AES256-CBC-SHA",
  "PSK-3DES-EDE-CBC-SHA",
  "KRB5-DES-CBC3-SHA",
  "KRB5-DES-CBC3-MD5",
  "PSK-AES128-CBC-SHA",
  "PSK-RC4-SHA",
  "KRB5-RC4-SHA",
  "KRB5-RC4-MD5",
  "KRB5-DES-CBC-SHA",
  "KRB5-DES-CBC-MD5",
  "EXP-EDH-RSA-DES-CBC-SHA",
  "EXP-EDH-DSS-DES-CBC-SHA",
  "EXP-ADH-DES-CBC-SHA",
  "EXP-DES-CBC-SHA",
  "EXP-RC2-CBC-MD5",
  "EXP-KRB5-RC2-CBC-SHA",
  "EXP-KRB5-DES-CBC-SHA",
  "EXP-KRB5-RC2-CBC-MD5",
  "EXP-KRB5-DES-CBC-MD5",
  "EXP-ADH-RC4-MD5",
  "EXP-RC4-MD5",
  "EXP-KRB5-RC4-SHA",
  "EXP-KRB5-RC4-MD5",
] as const;

type ProtocolSwitch = keyof typeof protocols;
type CipherSwitch = (typeof ciphers)[number];
type SwitchName = ProtocolSwitch | CipherSwitch | "Server-Defined-Cipher-Order";

const protocolSwitches = Object.keys(protocols) as Array<ProtocolSwitch>;
const switchNames: ReadonlyArray<SwitchName> = [...protocolSwitches, "Server-Defined-Cipher-Order", ...ciphers];

/** AWS's tools send texts. */
const Switch = Schema.Union([Schema.Boolean, Schema.Literals(["true", "false"]).transform([true, false])]).annotate({
  title: "a switch",
  expected: "true or false",
});

const switches = Object.fromEntries(switchNames.map((name) => [name, Schema.optionalKey(Switch)])) as {
  readonly [Name in SwitchName]: Schema.optionalKey<typeof Switch>;
};

const attributes = Schema.Struct({
  ...switches,
  "Reference-Security-Policy": Schema.optionalKey(
    Schema.String.annotate({
      title: "the name of a predefined policy",
      expected: "one that `elbow policy list` prints",
    }),
  ),
});

/** The names of all attributes, in their order. */
export const attributeNames: ReadonlyArray<string> = Object.keys(attributes.fields);

const nothing: NegotiationTerms = { protocols: [], hasServerOrder: false, ciphers: [] };

export default definePolicy({
  type: "SSLNegotiationPolicyType",
  attributes,
  negotiate(attributes, { findSecurityPolicy }): NegotiationTerms {
    const reference = attributes["Reference-Security-Policy"];
    // Everything that is switched beside it only repeats it: a configuration that contradicts itself was refused.
    if (reference !== undefined) return findSecurityPolicy(reference) ?? nothing;
    return {
      protocols: protocolSwitches.filter((name) => attributes[name] === true).map((name) => protocols[name]),
      hasServerOrder: attributes["Server-Defined-Cipher-Order"] === true,
      ciphers: ciphers.filter((name) => attributes[name] === true),
    };
  },
});
