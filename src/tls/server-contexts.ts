// What a listener answers TLS clients with: contexts of the TLS library, one of which is chosen for each ClientHello.
//
// Made from certificates, a security policy and what is asked of clients; immutable, so new certificates make a new one
// and connections keep what they began with. Never shared between listeners: a context holds the keys of its session
// tickets, and what one listener let in must not walk into another (RFC 8446 §4.6.1).
import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { TlsProtocol } from "../model/security-policy.ts";
import { clock } from "../net/clock.ts";
import type { ServerTerms } from "../net/secure-accept.ts";
import { type ClientHello, Version } from "../parse/tls/client-hello.ts";
import type { Authority, Certificate } from "./certificate.ts";
import { CertificateError } from "./certificate-error.ts";
import type { EffectivePolicy } from "./effective-policy.ts";
import { groupByNames, matchServerName } from "./server-names.ts";
import { sessionAgeMaxMs } from "./session-age.ts";
import { SuiteOrder } from "./suite-order.ts";

/** What a listener's TLS is made of. */
export interface ServerContextsParts {
  /** At least one; the first is the default. */
  readonly certificates: ReadonlyArray<Certificate>;
  readonly policy: EffectivePolicy;
  readonly clientAuth: { readonly authority: Authority; readonly mode: "require" | "optional" } | undefined;
  /** An application protocol to agree on (RFC 7301), such as `http/1.1`; none is spoken of without it. */
  readonly applicationProtocol: string | undefined;
}

/** Terms for one certificate group: one for each run of neighbouring versions. */
interface Choice {
  readonly versions: number;
  readonly terms: ServerTerms;
  /** With the RSA certificate alone, where there is another beside it and a version before TLS 1.3. */
  readonly rsaTerms: ServerTerms | undefined;
}

/** Certificates that a client is shown one of, by the same names. */
interface Group {
  readonly names: ReadonlyArray<string>;
  readonly choices: ReadonlyArray<Choice>;
}

const bits: Readonly<Partial<Record<TlsProtocol, number>>> = {
  TLSv1: Version.tls10,
  "TLSv1.1": Version.tls11,
  "TLSv1.2": Version.tls12,
  "TLSv1.3": Version.tls13,
};

type LibraryVersion = NonNullable<SecureContextOptions["minVersion"]>;

export class ServerContexts {
  /** The same parts have the same text. */
  readonly key: string;
  /** What clients must show. */
  readonly clientAuth: "require" | "optional" | undefined;
  /** The same text where the same is asked of clients, by the same authorities. */
  readonly clientAuthKey: string;
  /** A client that offers TLS 1.3 gets it. */
  readonly hasTls13: boolean;
  private readonly suiteOrder: SuiteOrder;
  private groups: ReadonlyArray<Group>;
  /** When `groups` were made, on the coarse clock. */
  private madeAtMs = clock.nowMs;

  /** *Fails with*: throws {@link CertificateError} when the library refuses a certificate or key. */
  constructor(readonly parts: ServerContextsParts) {
    this.key = keyOf(parts);
    this.clientAuth = parts.clientAuth?.mode;
    this.clientAuthKey = clientAuthKeyOf(parts);
    this.hasTls13 = parts.policy.protocols.includes("TLSv1.3");
    this.suiteOrder = new SuiteOrder(parts.policy);
    this.groups = makeGroups(parts);
  }

  /** The terms for a client: the certificate for its server name, in the newest version that both sides have. */
  choose(hello: ClientHello): ServerTerms {
    // Who was verified long ago must be verified again: with the contexts, the keys of all their tickets are gone.
    if (this.clientAuth !== undefined && clock.nowMs - this.madeAtMs >= sessionAgeMaxMs) {
      this.groups = makeGroups(this.parts);
      this.madeAtMs = clock.nowMs;
    }
    const group = this.groups.length === 1 ? this.groups[0] : matchServerName(this.groups, hello.serverName);
    const choices = (group ?? this.groups[0])?.choices ?? [];
    // Newest first. Where nothing is shared, or the client says that it has fallen back from something newer than it
    // offers now (RFC 7507), the newest terms have the library refuse it with an alert.
    if (choices.length > 1 && !hello.isFallback) {
      for (const choice of choices) if ((choice.versions & hello.versions) !== 0) return this.termsOf(choice, hello);
    }
    return this.termsOf(choices[0] as Choice, hello);
  }

  private termsOf({ versions, terms, rsaTerms }: Choice, hello: ClientHello): ServerTerms {
    const shared = versions & hello.versions;
    if (rsaTerms === undefined || shared >= Version.tls13) return terms;
    return this.suiteOrder.prefersRsa(hello.suites, shared >= Version.tls12) ? rsaTerms : terms;
  }
}

const makeGroups = (parts: ServerContextsParts): ReadonlyArray<Group> => {
  const runs = runsOf(parts.policy.protocols);
  return groupByNames(parts.certificates).map((certificates) => ({
    names: certificates[0]?.names ?? [],
    choices: runs.map((run) => ({
      versions: run.reduce((sum, protocol) => sum | (bits[protocol] ?? 0), 0),
      terms: makeTerms(certificates, run, parts),
      rsaTerms: makeRsaTerms(certificates, run, parts),
    })),
  }));
};

/** The same for the same parts, whoever made them. */
export const keyOf = ({ certificates, policy, clientAuth, applicationProtocol }: ServerContextsParts): string =>
  JSON.stringify([
    certificates.map(({ fingerprint }) => fingerprint),
    policy.protocols,
    policy.ciphers,
    policy.hasServerOrder,
    clientAuthKeyOf({ clientAuth }),
    applicationProtocol,
  ]);

const clientAuthKeyOf = ({ clientAuth }: Pick<ServerContextsParts, "clientAuth">): string =>
  clientAuth === undefined ? "" : `${clientAuth.mode} ${clientAuth.authority.fingerprint}`;

/**
 * Neighbouring versions together, newest run first.
 *
 * *Details*: the library has a least and a greatest version, and no holes. A policy with one (TLS 1.0 and 1.2 without
 * 1.1) gets terms for either side of it.
 */
const runsOf = (protocols: ReadonlyArray<TlsProtocol>): ReadonlyArray<ReadonlyArray<TlsProtocol>> => {
  const runs: Array<Array<TlsProtocol>> = [];
  for (const protocol of ["TLSv1.3", "TLSv1.2", "TLSv1.1", "TLSv1"] as const) {
    if (!protocols.includes(protocol)) continue;
    const last = runs.at(-1);
    if (last !== undefined && bits[last.at(-1) as TlsProtocol] === 2 * (bits[protocol] as number)) last.push(protocol);
    else runs.push([protocol]);
  }
  return runs;
};

/** Of no use in TLS 1.3 alone, where suites have nothing to do with certificates. */
const makeRsaTerms = (
  certificates: ReadonlyArray<Certificate>,
  run: ReadonlyArray<TlsProtocol>,
  parts: ServerContextsParts,
): ServerTerms | undefined => {
  const rsa = certificates.filter(({ keyType }) => keyType === "RSA");
  const isMixed = rsa.length > 0 && rsa.length < certificates.length;
  return isMixed && run.some((protocol) => protocol !== "TLSv1.3") ? makeTerms(rsa, run, parts) : undefined;
};

const makeTerms = (
  certificates: ReadonlyArray<Certificate>,
  run: ReadonlyArray<TlsProtocol>,
  { policy, clientAuth, applicationProtocol }: ServerContextsParts,
): ServerTerms => {
  const hasOldVersions = run.some((protocol) => protocol !== "TLSv1.3");
  const options: SecureContextOptions = {
    cert: certificates.map(({ certPem }) => certPem),
    key: certificates.map(({ keyPem }) => keyPem),
    minVersion: run.at(-1) as LibraryVersion,
    maxVersion: run[0] as LibraryVersion,
    // Only names that the library has: it drops others without a word.
    ...(hasOldVersions ? { ciphers: policy.ciphers.join(":") } : {}),
    honorCipherOrder: policy.hasServerOrder,
    // Without authorities of ours, the library would look for a certificate's issuer among the system's, on disk and at
    // every handshake, to send it along. Nobody is verified with these.
    ca: clientAuth?.authority.pem ?? certificates.map(({ certPem }) => certPem),
  };
  let secureContext: unknown;
  try {
    secureContext = (createSecureContext(options) as unknown as { readonly context: unknown }).context;
  } catch (cause) {
    throw new CertificateError({
      label: certificates.map(({ label }) => label).join(", "),
      problem: `can't be served: ${cause instanceof Error ? cause.message : String(cause)}`,
      expected: "a certificate and key that the TLS library takes",
    });
  }
  return {
    secureContext,
    ...(applicationProtocol === undefined ? {} : { ALPNProtocols: wireFormat(applicationProtocol) }),
    ...(clientAuth === undefined ? {} : { requestCert: true, rejectUnauthorized: clientAuth.mode === "require" }),
  };
};

/** RFC 7301 §3.1: a length, then the name. */
const wireFormat = (protocol: string): Uint8Array => Buffer.from(`${String.fromCharCode(protocol.length)}${protocol}`);
