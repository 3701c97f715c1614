// What a listener is made of, by its key; and which terms a ClientHello gets.
import { expect, test } from "bun:test";
import { Effect } from "effect";
import type { NegotiationTerms, TlsProtocol } from "../../../src/model/security-policy.ts";
import { clock } from "../../../src/net/clock.ts";
import { type ClientHello, Version } from "../../../src/parse/tls/client-hello.ts";
import { type Certificate, loadAuthority, loadCertificate } from "../../../src/tls/certificate.ts";
import { CertificateError } from "../../../src/tls/certificate-error.ts";
import { effectivePolicy } from "../../../src/tls/effective-policy.ts";
import { keyOf, ServerContexts, type ServerContextsParts } from "../../../src/tls/server-contexts.ts";
import { sessionAgeMaxMs } from "../../../src/tls/session-age.ts";
import { inlineSource, issueTestCertificate, testAuthority } from "../../support/certificates.ts";

const load = async (terms: Parameters<typeof issueTestCertificate>[0]): Promise<Certificate> =>
  Effect.runPromise(loadCertificate(inlineSource(await issueTestCertificate(terms))));
const authorityOf = async (name: string) =>
  Effect.runPromise(loadAuthority({ text: (await testAuthority(name)).certPem }));

const [one, two, rsa] = [
  await load({ names: ["one.test"] }),
  await load({ names: ["two.test", "*.two.test"] }),
  await load({ names: ["one.test"], keyType: "RSA" }),
];
const [root, stranger] = [await authorityOf("root"), await authorityOf("stranger")];

const policyOf = (protocols: ReadonlyArray<TlsProtocol>, more: Partial<NegotiationTerms> = {}) =>
  effectivePolicy({
    protocols,
    hasServerOrder: true,
    ciphers: ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"],
    ...more,
  });

const base: ServerContextsParts = {
  certificates: [one],
  policy: policyOf(["TLSv1.2", "TLSv1.3"]),
  clientAuth: undefined,
  applicationProtocol: "http/1.1",
};

/** IANA numbers of two suites of `base`. */
const ecdheEcdsa = 0xc02b;
const ecdheRsa = 0xc013;

const helloOf = (hello: Partial<ClientHello> = {}): ClientHello => ({
  serverName: undefined,
  versions: Version.tls12 | Version.tls13,
  isFallback: false,
  suites: [ecdheEcdsa, ecdheRsa],
  ...hello,
});

test("every part counts in the key, and nothing else does", () => {
  const variants: ReadonlyArray<ServerContextsParts> = [
    base,
    { ...base, certificates: [two] },
    { ...base, certificates: [one, two] },
    { ...base, certificates: [two, one] },
    { ...base, policy: policyOf(["TLSv1.2"]) },
    { ...base, policy: policyOf(["TLSv1.2", "TLSv1.3"], { hasServerOrder: false }) },
    {
      ...base,
      policy: policyOf(["TLSv1.2", "TLSv1.3"], { ciphers: ["ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA"] }),
    },
    {
      ...base,
      policy: policyOf(["TLSv1.2", "TLSv1.3"], { ciphers: ["ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA"] }),
    },
    { ...base, clientAuth: { authority: root, mode: "require" } },
    { ...base, clientAuth: { authority: root, mode: "optional" } },
    { ...base, clientAuth: { authority: stranger, mode: "require" } },
    { ...base, applicationProtocol: undefined },
  ];
  expect(new Set(variants.map(keyOf)).size).toBe(variants.length);
  // Made anew, from another file, named otherwise: the same.
  const again = {
    ...base,
    certificates: [{ ...one, label: "elsewhere.pem" }],
    policy: policyOf(["TLSv1.3", "TLSv1.2"]),
  };
  expect(keyOf(again)).toBe(keyOf(base));
  expect(new ServerContexts(base).key).toBe(keyOf(base));
});

test("two of the same parts share nothing: a context holds the keys of its tickets", () => {
  const terms = [new ServerContexts(base), new ServerContexts(base)].map((contexts) => contexts.choose(helloOf()));
  expect(terms[0]?.secureContext).not.toBe(terms[1]?.secureContext);
});

test("terms are made once and say what is asked of the client", () => {
  const contexts = new ServerContexts(base);
  const terms = contexts.choose(helloOf());
  expect(contexts.choose(helloOf({ versions: Version.tls12 }))).toBe(terms);
  expect(contexts.clientAuth).toBeUndefined();
  expect(Buffer.from(terms.ALPNProtocols ?? []).toString("latin1")).toBe("\x08http/1.1");
  expect([terms.requestCert, terms.rejectUnauthorized]).toEqual([undefined, undefined]);
  const asking = (mode: "require" | "optional") => {
    const made = new ServerContexts({ ...base, clientAuth: { authority: root, mode }, applicationProtocol: undefined });
    const { requestCert, rejectUnauthorized, ALPNProtocols } = made.choose(helloOf());
    return [made.clientAuth, requestCert, rejectUnauthorized, ALPNProtocols];
  };
  expect(asking("require")).toEqual(["require", true, true, undefined]);
  expect(asking("optional")).toEqual(["optional", true, false, undefined]);
});

test("where a certificate is asked for, contexts are made anew after an hour, and with them the keys of tickets", () => {
  const before = clock.nowMs;
  try {
    const asking = new ServerContexts({ ...base, clientAuth: { authority: root, mode: "optional" } });
    const open = new ServerContexts(base);
    const [first, openTerms] = [asking.choose(helloOf()), open.choose(helloOf())];
    clock.nowMs = before + sessionAgeMaxMs - 1;
    expect(asking.choose(helloOf())).toBe(first);
    clock.nowMs = before + sessionAgeMaxMs;
    const second = asking.choose(helloOf());
    expect(second.secureContext).not.toBe(first.secureContext);
    expect({ ...second, secureContext: undefined }).toEqual({ ...first, secureContext: undefined });
    clock.nowMs += sessionAgeMaxMs - 1;
    expect(asking.choose(helloOf())).toBe(second);
    // Elsewhere nobody has proved anything that could end.
    expect(open.choose(helloOf())).toBe(openTerms);
  } finally {
    clock.nowMs = before;
  }
});

test("the name chooses the group, and one without a match gets the first", () => {
  const contexts = new ServerContexts({ ...base, certificates: [one, two, rsa] });
  const of = (serverName: string | undefined) => contexts.choose(helloOf({ serverName })).secureContext;
  const first = of("one.test");
  const second = of("two.test");
  expect(first).not.toBe(second);
  expect(of("www.two.test")).toBe(second);
  for (const name of [undefined, "www.one.test", "three.test"]) expect(of(name)).toBe(first);
});

test("a hole makes terms for either side of it, and a client gets the newest that it can have", () => {
  const contexts = new ServerContexts({ ...base, policy: policyOf(["TLSv1", "TLSv1.2"]) });
  const of = (versions: number, isFallback = false) => contexts.choose(helloOf({ versions, isFallback })).secureContext;
  const newer = of(Version.tls12);
  const older = of(Version.tls10);
  expect(newer).not.toBe(older);
  expect(of(Version.tls10 | Version.tls11)).toBe(older);
  expect(of(Version.tls10 | Version.tls11 | Version.tls12 | Version.tls13)).toBe(newer);
  // With nothing in common the library says so; so does it to who has fallen back and needn't have.
  expect(of(Version.tls11)).toBe(newer);
  expect(of(Version.ssl3)).toBe(newer);
  expect(of(0)).toBe(newer);
  expect(of(Version.tls10, true)).toBe(newer);
});

test("before TLS 1.3, the order of suites decides between the keys of one name", () => {
  const certificates = [one, rsa];
  const [rsaFirst, ecdsaFirst] = [
    ["ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES128-GCM-SHA256"],
    ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA"],
  ].map((ciphers) => {
    const policy = policyOf(["TLSv1.2", "TLSv1.3"], { ciphers });
    const contexts = new ServerContexts({ ...base, certificates, policy });
    return (hello: Partial<ClientHello>) => contexts.choose(helloOf(hello)).secureContext;
  });
  const both = ecdsaFirst!({ versions: Version.tls12 });
  expect(ecdsaFirst!({ versions: Version.tls12, suites: [ecdheRsa, ecdheEcdsa] })).toBe(both);
  const rsaAlone = rsaFirst!({ versions: Version.tls12 });
  expect(rsaFirst!({ versions: Version.tls12 | Version.tls13 })).not.toBe(rsaAlone);
  expect(rsaFirst!({ versions: Version.tls12, suites: [ecdheEcdsa] })).not.toBe(rsaAlone);
});

test("neighbouring versions share their terms", () => {
  const contexts = new ServerContexts({ ...base, policy: policyOf(["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]) });
  const made = [2, 4, 8, 16].map((versions) => contexts.choose(helloOf({ versions })));
  expect(new Set(made).size).toBe(1);
});

test("a key that isn't the certificate's is refused with the names of the files", () => {
  const broken = { ...base, certificates: [{ ...one, keyPem: two.keyPem, label: "site.pem" }] };
  let thrown: unknown;
  try {
    new ServerContexts(broken);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(CertificateError);
  expect(thrown).toMatchObject({ label: "site.pem" });
  expect((thrown as CertificateError).message).not.toContain("PRIVATE KEY");
});
