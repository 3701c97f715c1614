/**
 * TLS as it stands in a configuration: certificates, client certificates, policies and what instances must prove.
 * Parts of a written listener and of a written load balancer; owns the shapes and their words.
 * Never says what a policy's attributes mean (its type does), and never opens a file.
 */
import { Schema } from "effect";
import { type Description, described } from "./described.ts";
import { parseHost } from "./host.ts";
import { isKeyText } from "./key-text.ts";
import { tlsProtocols } from "./security-policy.ts";

/** Whether a text is PEM itself (RFC 7468 §2), and not the path of a file. */
export const isPemText = (text: string): boolean => text.includes("-----BEGIN");

/** Long enough for paths, and too short for most keys: one pasted without its first line isn't told as a missing file. */
const maxPathLength = 1024;

/** A path is repeated in messages, so what may be a key is none. */
const isPath = (text: string): boolean =>
  text.trim() !== "" && text.length <= maxPathLength && !/[\0\r\n]/.test(text) && !isKeyText(text);

const pemDescription = {
  title: "a PEM file",
  expected: 'a path such as "certs/site.pem", or PEM text, which contains -----BEGIN',
  isSecret: true,
};

/** The path of a PEM file, or PEM text. */
export const WrittenPem = Schema.String.annotate(pemDescription).check(
  Schema.makeFilter((text) => isPemText(text) || isPath(text), pemDescription),
);

const certificateDescription: Description = {
  title: "a certificate",
  expected: 'one such as { cert: "certs/site.pem", key: "certs/site.key" }',
};

/** A certificate with its private key; `cert` may have the intermediates behind it, or `chain` has them. */
export const WrittenCertificate = Schema.Struct({
  cert: WrittenPem,
  key: WrittenPem,
  chain: Schema.optional(WrittenPem),
  passphrase: Schema.optional(
    Schema.String.annotate({ title: "a passphrase", expected: "the text that decrypts `key`", isSecret: true }),
  ),
}).annotate({ ...certificateDescription });

/** Several certificates for one listener. */
export const WrittenCertificates = Schema.Array(WrittenCertificate).annotate({
  title: "a list of certificates",
  expected: 'one such as [{ cert: "certs/site.pem", key: "certs/site.key" }]',
});

/** The certificates that a listener asks of its clients. */
export const WrittenClientAuth = Schema.Struct({
  ca: WrittenPem,
  mode: described(Schema.Literals(["require", "optional"]), {
    title: "a mode of client authentication",
    expected: '"require" or "optional"',
  }),
}).annotate({
  title: "a client authentication",
  expected: 'one such as { ca: "certs/clients.pem", mode: "require" }',
});

const policyNameDescription: Description = { title: "the name of a policy", expected: "a text" };

/** The policies of a listener, by name. */
export const WrittenPolicyNames = Schema.Array(described(Schema.String, policyNameDescription)).annotate({
  title: "a list of policies",
  expected: 'one such as ["ELBSecurityPolicy-TLS13-1-2-Res-2021-06"]',
});

const attributesDescription: Description = {
  title: "a set of policy attributes",
  expected: 'those of its type, such as { "Protocol-TLSv1.2": true } or { CookieName: "JSESSIONID" }',
};

/** The attributes of a policy, as the Elastic Load Balancing API names them; what is legal depends on the type. */
const WrittenPolicyAttributes = Schema.Record(
  Schema.String,
  Schema.Union([Schema.Boolean, Schema.Number, Schema.String, Schema.Array(Schema.String)]).annotate({
    title: "a policy attribute's value",
    expected: "true, false, a number, a text or a list of texts",
  }),
).annotate({ ...attributesDescription });

/** A policy as the Elastic Load Balancing API has them (`CreateLoadBalancerPolicy`): a type, and attributes where it needs some. */
export const WrittenTypedPolicy = Schema.Struct({
  type: described(Schema.String, {
    title: "a policy type",
    expected: 'one such as "SSLNegotiationPolicyType"',
  }),
  attributes: Schema.optional(WrittenPolicyAttributes),
});

/** A policy as a module of the user's: the file, and what its `attributes` Schema says. */
export const WrittenModulePolicy = Schema.Struct({
  module: described(
    Schema.String,
    { title: "the path of a policy module", expected: 'a path such as "./policies/geo.ts"' },
    isPath,
  ),
  attributes: Schema.optional(
    Schema.Record(
      Schema.String,
      Schema.Json.annotate({ title: "a policy attribute's value", expected: "what JSON has a notation for" }),
    ).annotate({ title: "a set of policy attributes", expected: "an object with those that the module names" }),
  ),
});

/**
 * A security policy itself, as the modules in policies/tls/ export them, so that a copy of one can stand in a
 * configuration. It has the name of its key: `name` and `aliases` may stay from the original, and mean nothing.
 */
export const WrittenSecurityPolicy = Schema.Struct({
  name: Schema.optional(described(Schema.String, policyNameDescription)),
  aliases: Schema.optional(
    Schema.Array(described(Schema.String, policyNameDescription)).annotate({
      title: "a list of names",
      expected: "one of texts",
    }),
  ),
  protocols: Schema.Array(
    Schema.Literals(tlsProtocols).annotate({
      title: "a protocol",
      expected: tlsProtocols.map((name) => JSON.stringify(name)).join(", "),
      known: tlsProtocols,
    }),
  ).annotate({ title: "a list of protocols", expected: 'one such as ["TLSv1.2", "TLSv1.3"]' }),
  hasServerOrder: Schema.Boolean.annotate({
    title: "a choice of whose order decides",
    expected: "true for the listener's, false for the client's",
  }),
  ciphers: Schema.Array(described(Schema.String, { title: "the name of a cipher suite", expected: "a text" })).annotate(
    { title: "a list of cipher suites", expected: 'one such as ["ECDHE-RSA-AES128-GCM-SHA256"]' },
  ),
});

/** A policy of a load balancer, under its name. */
export const WrittenPolicy = Schema.Union([WrittenTypedPolicy, WrittenModulePolicy, WrittenSecurityPolicy]).annotate({
  title: "a policy",
  expected: 'one such as { type: "PublicKeyPolicyType", attributes: { PublicKey: "MIIB…" } }',
});

/** The policies of a load balancer, by name. */
export const WrittenPolicies = Schema.Record(Schema.String, WrittenPolicy).annotate({
  title: "a set of policies",
  expected: "an object with a policy under each name",
});

/** An authority that must have signed an instance's certificate, and the name that the certificate must be for. */
export const WrittenInstanceAuthority = Schema.Struct({
  ca: WrittenPem,
  serverName: Schema.optional(
    described(
      Schema.String,
      { title: "a server name", expected: 'a host name or address such as "app.internal"' },
      (text) => parseHost(text) !== undefined,
    ),
  ),
});

/** What instances must prove: a policy by name, or an authority. */
export const WrittenBackendPolicy = Schema.Union([
  described(Schema.String, policyNameDescription),
  WrittenInstanceAuthority,
]).annotate({
  title: "a back-end policy",
  expected: 'the name of a policy, or one such as { ca: "certs/ca.pem", serverName: "app.internal" }',
});

/** Back-end policies by instance port. */
export const WrittenBackendPolicies = Schema.Record(
  Schema.String,
  Schema.Array(WrittenBackendPolicy).annotate({
    title: "a list of back-end policies",
    expected: 'one such as ["auth"]',
  }),
).annotate({ title: "a set of back-end policies", expected: 'one such as { 443: ["auth"] }' });
