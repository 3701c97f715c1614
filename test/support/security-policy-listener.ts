// Listeners with a security policy, and many questions to one at once: what the tests of policies have in common.
import type { Configuration } from "../../src/model/configuration.ts";
import type { SecurityPolicy } from "../../src/model/security-policy.ts";
import { inlineSource, issueTestCertificate } from "./certificates.ts";
import { configurationOf, type RunningElbow, startElbow } from "./elbow.ts";
import { libraryRows, type MatrixPolicy, matrixCiphers, tls12Rows } from "./security-policy-matrix.ts";
import { type ProbeAnswer, type ProbeTerms, type ProbeVersion, probeTls } from "./tls-probe.ts";

/** Kinds of certificates, in their order. */
export type KeyTypes = ReadonlyArray<"RSA" | "ECDSA">;

/** An HTTPS listener with this policy, and a certificate of each of these kinds. */
export const configure = async (
  policy: SecurityPolicy,
  keyTypes: KeyTypes = ["RSA", "ECDSA"],
): Promise<Configuration> => {
  const certificates = await Promise.all(keyTypes.map((keyType) => issueTestCertificate({ keyType })));
  const security = { certificates: certificates.map(inlineSource), policy };
  return configurationOf([{ protocol: "HTTPS", listeners: [{ instanceProtocol: "HTTP", security }], instances: [] }]);
};

/** elbow with one such listener. */
export const startWith = async (policy: SecurityPolicy, keyTypes?: KeyTypes): Promise<RunningElbow> =>
  startElbow(await configure(policy, keyTypes));

/** What a listener must answer: a version and a suite, or an alert. */
export interface Expectation {
  readonly what: string;
  readonly terms: ProbeTerms;
  readonly answer: ProbeAnswer;
}

/** A fatal alert (RFC 8446 §6). */
export const refusal = (description: number): ProbeAnswer => ({ kind: "alert", level: 2, description });

/** The rows that a policy offers in a version, in its order. */
export const rowsIn = ({ rows }: MatrixPolicy, version: ProbeVersion): ReadonlyArray<number> =>
  rows.filter((row) => libraryRows.includes(row) && (version === "TLSv1.2" || !tls12Rows.includes(row)));

/** The number of a row's suite. */
export const idOf = (row: number): number => matrixCiphers[row - 1]?.id as number;

const abreast = 48;

/** Asks everything, many at a time; what wasn't answered as expected is given back. */
export const ask = async (port: number, expectations: ReadonlyArray<Expectation>): Promise<ReadonlyArray<unknown>> => {
  const surprises: Array<unknown> = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (;;) {
      const one = expectations[next++];
      if (one === undefined) return;
      const answer = await probeTls(port, one.terms);
      if (!Bun.deepEquals(answer, one.answer)) surprises.push({ what: one.what, expected: one.answer, got: answer });
    }
  };
  await Promise.all(Array.from({ length: abreast }, worker));
  return surprises;
};
