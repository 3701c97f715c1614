// Chains: which certificates are served in which order, and what is said when a file has them in another.
import { expect, setDefaultTimeout, test } from "bun:test";
import { Effect } from "effect";
import { makeAuthority } from "../../../certs/issuer.ts";
import { type Certificate, loadCertificate } from "../../../src/tls/certificate.ts";
import { inlineSource, issueTestCertificate, testAuthority } from "../../support/certificates.ts";

setDefaultTimeout(30_000);

const root = await testAuthority();
const oldRoot = await testAuthority("old root");
const upper = await makeAuthority({ commonName: "upper", issuer: root, pathLength: 1 });
/** The same authority, signed by another root as well. */
const twin = await makeAuthority({ commonName: "upper", issuer: oldRoot, pathLength: 1, keys: upper.keys });
const lower = await makeAuthority({ commonName: "lower", issuer: upper });
const leaf = await issueTestCertificate({ issuer: lower });
const best = leaf.certPem + lower.certPem + upper.certPem;

const load = (cert: string, chain?: string): Promise<Certificate> =>
  Effect.runPromise(
    loadCertificate({
      cert: { text: cert },
      key: { text: leaf.keyPem },
      ...(chain === undefined ? {} : { chain: { text: chain } }),
    }),
  );

const mended = [expect.stringMatching(/^the certificates are served in another order/)];
const left = (subject: string) => [`“CN=${subject}” is not served: the chain does without it`];

test.each([
  { what: "in order", cert: best, remarks: [] },
  { what: "with the root at the end, which is left out", cert: best + root.certPem, remarks: [] },
  { what: "a certificate twice", cert: leaf.certPem + best, remarks: [] },
  { what: "intermediates the wrong way round", cert: leaf.certPem + upper.certPem + lower.certPem, remarks: mended },
  { what: "from the root down", cert: root.certPem + upper.certPem + lower.certPem + leaf.certPem, remarks: mended },
  { what: "the leaf last", cert: lower.certPem + upper.certPem + leaf.certPem, remarks: mended },
  { what: "a cross-signed twin after the one in use", cert: best + twin.certPem, remarks: left("upper") },
  {
    what: "a cross-signed twin with its root",
    cert: best + twin.certPem + oldRoot.certPem,
    remarks: [...left("upper"), ...left("elbow test old root")],
  },
])("$what", async ({ cert, remarks }) => {
  const certificate = await load(cert);
  expect(certificate.certPem).toBe(best);
  expect(certificate.remarks).toEqual(remarks);
});

test("intermediates of their own file come behind those of the certificate's", async () => {
  for (const [cert, chain] of [
    [leaf.certPem, lower.certPem + upper.certPem],
    [leaf.certPem + lower.certPem, upper.certPem + root.certPem],
    [best, lower.certPem + upper.certPem],
  ] as const) {
    const certificate = await load(cert, chain);
    expect([certificate.certPem, certificate.remarks]).toEqual([best, []]);
  }
  const wrong = await load(leaf.certPem, upper.certPem + lower.certPem);
  expect([wrong.certPem, wrong.remarks]).toEqual([best, mended]);
});

test("an issuer that isn't there is remarked when the leaf stands alone", async () => {
  const alone = await load(leaf.certPem);
  expect(alone.remarks).toEqual([
    "the certificate of its issuer “CN=lower” is not in the file: clients that don't have it refuse the chain (fine if it is a root that they trust)",
  ]);
  expect((await load(leaf.certPem + lower.certPem)).remarks).toEqual([]);
  // A root that signs directly: with it in the file, the chain is known to be whole.
  const direct = await issueTestCertificate();
  const source = { cert: { text: direct.certPem + root.certPem }, key: { text: direct.keyPem } };
  const certificate = await Effect.runPromise(loadCertificate(source));
  expect([certificate.certPem, certificate.remarks]).toEqual([direct.certPem, []]);
});

test("a self-signed certificate is its own chain", async () => {
  const issued = await issueTestCertificate({ issuer: "self" });
  const certificate = await Effect.runPromise(loadCertificate(inlineSource(issued)));
  expect(certificate.certPem).toBe(issued.certPem);
  expect(certificate.remarks).toEqual(["it is self-signed: only clients that trust this very certificate accept it"]);
});

test("a certificate with the issuer's name but another key didn't issue it", async () => {
  const impostor = await makeAuthority({ commonName: "lower", issuer: upper });
  const error = await Effect.runPromise(
    Effect.flip(loadCertificate({ cert: { text: leaf.certPem + impostor.certPem }, key: { text: leaf.keyPem } })),
  );
  expect(error.message).toMatch(/^the inline certificate: “CN=lower” has no part in the chain of “CN=localhost”/);
});
