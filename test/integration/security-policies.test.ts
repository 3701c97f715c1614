// Security policies at a listener, suite by suite: a hand-written ClientHello with one version and one suite, and what
// elbow answers to it. What is expected stands in test/support/security-policy-matrix.ts, from what AWS documents.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { SecurityPolicy } from "../../src/model/security-policy.ts";
import { findSecurityPolicy } from "../../src/tls/security-policies.ts";
import { ask, type Expectation, idOf, refusal, rowsIn, startWith } from "../support/security-policy-listener.ts";
import {
  libraryRows,
  type MatrixPolicy,
  matrixCiphers,
  matrixPolicies,
  matrixStrangers,
  matrixSuites13,
} from "../support/security-policy-matrix.ts";
import { alerts, type ProbeAnswer, type ProbeTerms, type ProbeVersion, wireVersions } from "../support/tls-probe.ts";

setDefaultTimeout(30_000);

const versions = Object.keys(wireVersions) as ReadonlyArray<ProbeVersion>;
const oldVersions = versions.filter((version) => version !== "TLSv1.3");

/** What the listener offers: the library has no SSL. */
const offered = (policy: MatrixPolicy): ReadonlyArray<ProbeVersion> =>
  policy.versions.filter((version) => version !== "SSLv3");

/** A client that offers a version offers all older ones with it: the newest that the listener has too is used. */
const negotiated = (policy: MatrixPolicy, newest: ProbeVersion): ProbeVersion | undefined =>
  offered(policy).findLast((version) => version !== "TLSv1.3" && wireVersions[version] <= wireVersions[newest]);

/** Every version up to TLS 1.2 with every suite, one at a time. */
const expectOld = (policy: MatrixPolicy): ReadonlyArray<Expectation> =>
  oldVersions.flatMap((newest) => {
    const version = negotiated(policy, newest);
    const rows = version === undefined ? [] : rowsIn(policy, version);
    const suites = [
      ...matrixCiphers.flatMap(({ row, id, name }) =>
        id === undefined ? [] : [{ id, name, has: rows.includes(row) }],
      ),
      ...[...matrixStrangers, ...matrixSuites13].map(([id, name]) => ({ id, name, has: false })),
    ];
    return suites.map(({ id, name, has }): Expectation => {
      const what = `${newest} ${name}`;
      const terms = { version: newest, suites: [id] };
      if (version === undefined) return { what, terms, answer: refusal(alerts.protocolVersion) };
      return {
        what,
        terms,
        answer: has ? { kind: "serverHello", version, suite: id } : refusal(alerts.handshakeFailure),
      };
    });
  });

/** TLS 1.3 with its own suites, and with one of an older version's. */
const expectNew = (policy: MatrixPolicy): ReadonlyArray<Expectation> =>
  [...matrixSuites13, [idOf(2), "ECDHE-RSA-AES128-GCM-SHA256"] as const].map(([id, name], index): Expectation => {
    const what = `TLSv1.3 ${name}`;
    const terms: ProbeTerms = { version: "TLSv1.3", suites: [id] };
    if (!policy.versions.includes("TLSv1.3")) return { what, terms, answer: refusal(alerts.protocolVersion) };
    if (index > 2) return { what, terms, answer: refusal(alerts.handshakeFailure) };
    return { what, terms, answer: { kind: "serverHello", version: "TLSv1.3", suite: id } };
  });

/** Each version alone, as `supported_versions` can say it (RFC 8446 §4.2.1), with every suite of the library. */
const expectAlone = (policy: MatrixPolicy): ReadonlyArray<Expectation> =>
  oldVersions
    .filter((version) => version !== "SSLv3")
    .map((version): Expectation => {
      const terms: ProbeTerms = { version: [version], suites: libraryRows.map(idOf) };
      const row = rowsIn(policy, version)[0];
      const answer: ProbeAnswer =
        !policy.versions.includes(version) || row === undefined
          ? refusal(alerts.protocolVersion)
          : { kind: "serverHello", version, suite: idOf(row) };
      return { what: `${version} alone`, terms, answer };
    });

/** The worst that a client can offer: every suite of the policy backwards, then without the first one, and so on. */
const expectServerOrder = (policy: MatrixPolicy): ReadonlyArray<Expectation> =>
  oldVersions.flatMap((version) => {
    if (!offered(policy).includes(version)) return [];
    const rows = rowsIn(policy, version);
    return rows.map((row, index): Expectation => {
      const suites = rows.slice(index).reverse().map(idOf);
      const what = `${version} from row ${row} on, backwards`;
      return { what, terms: { version, suites }, answer: { kind: "serverHello", version, suite: idOf(row) } };
    });
  });

/** Each suite of the policy as the client's first, before the others in the policy's own order. */
const expectClientOrder = (policy: MatrixPolicy): ReadonlyArray<Expectation> =>
  oldVersions.flatMap((version) => {
    if (!offered(policy).includes(version)) return [];
    const rows = rowsIn(policy, version);
    return rows.map((row): Expectation => {
      const suites = [row, ...rows.filter((other) => other !== row)].map(idOf);
      const what = `${version} with row ${row} first`;
      return { what, terms: { version, suites }, answer: { kind: "serverHello", version, suite: idOf(row) } };
    });
  });

describe.each(Object.entries(matrixPolicies))("%s", (name, matrix) => {
  test("offers what it names and the library has, in the order of whom it says, and nothing else", async () => {
    await using elbow = await startWith(findSecurityPolicy(name) as SecurityPolicy);
    const order = matrix.hasServerOrder ? expectServerOrder(matrix) : expectClientOrder(matrix);
    const expectations = [...expectOld(matrix), ...expectNew(matrix), ...expectAlone(matrix), ...order];
    expect(expectations.length).toBeGreaterThan(350);
    expect(await ask(elbow.port(), expectations)).toEqual([]);
  });
});
