// Security policies of a user's own at a listener: whose order decides, certificates of one kind, sets of versions with a
// hole, suites that no attribute names, and a policy that changes.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { SecurityPolicy, TlsProtocol } from "../../src/model/security-policy.ts";
import { findSecurityPolicy } from "../../src/tls/security-policies.ts";
import { RawClient } from "../support/raw-client.ts";
import {
  ask,
  configure,
  type Expectation,
  idOf,
  refusal,
  rowsIn,
  startWith,
} from "../support/security-policy-listener.ts";
import { ecdsaRows, libraryRows, matrixCiphers, matrixSuites13 } from "../support/security-policy-matrix.ts";
import {
  alerts,
  fallbackSuite,
  type ProbeAnswer,
  type ProbeTerms,
  type ProbeVersion,
  probeTls,
} from "../support/tls-probe.ts";

setDefaultTimeout(30_000);

const nameOf = (row: number): string => matrixCiphers[row - 1]?.name as string;

/** A policy of a user's own. */
const custom = (protocols: ReadonlyArray<TlsProtocol>, rows: ReadonlyArray<number>, hasServerOrder = true) => ({
  name: "custom",
  protocols,
  hasServerOrder,
  ciphers: rows.map(nameOf),
});

const hello = (version: ProbeVersion, row: number): ProbeAnswer => ({ kind: "serverHello", version, suite: idOf(row) });

const every = ["TLSv1", "TLSv1.1", "TLSv1.2"] as const;

test("without the server's order, the client's decides, whatever certificates there are", async () => {
  const rows = rowsIn({ versions: every, hasServerOrder: false, rows: libraryRows }, "TLSv1.2");
  const orders = [rows, [...rows].reverse(), [16, 5, 2], [2, 5, 16], [5, 2, 16]];
  for (const keyTypes of [
    ["RSA", "ECDSA"],
    ["ECDSA", "RSA"],
  ] as const) {
    await using elbow = await startWith(custom(every, libraryRows, false), keyTypes);
    for (const order of orders) {
      const answer = await probeTls(elbow.port(), { version: "TLSv1.2", suites: order.map(idOf) });
      expect(answer).toEqual(hello("TLSv1.2", order[0] as number));
    }
    // Suites of TLS 1.2 mean nothing to an older client, wherever it puts them.
    const old = await probeTls(elbow.port(), { version: "TLSv1.1", suites: [1, 2, 14, 6, 5].map(idOf) });
    expect(old).toEqual(hello("TLSv1.1", 6));
  }
});

test("in TLS 1.3 the client's order decides, though the policy has the server's", async () => {
  await using elbow = await startWith(findSecurityPolicy("ELBSecurityPolicy-TLS13-1-2-2021-06") as SecurityPolicy);
  const [aes128, aes256, chacha] = matrixSuites13.map(([id]) => id) as [number, number, number];
  for (const suites of [
    [aes128, aes256, chacha],
    [chacha, aes256, aes128],
    [aes256, chacha, idOf(1)],
  ]) {
    const answer = await probeTls(elbow.port(), { version: ["TLSv1.3", "TLSv1.2"], suites });
    expect(answer).toEqual({ kind: "serverHello", version: "TLSv1.3", suite: suites[0] as number });
  }
});

test.each([
  ["RSA", libraryRows.filter((row) => !ecdsaRows.includes(row))],
  ["ECDSA", ecdsaRows],
] as const)("with an %s certificate alone, its suites and no other", async (keyType, rows) => {
  await using elbow = await startWith(custom(every, libraryRows), [keyType]);
  const expectations = libraryRows.map((row): Expectation => {
    const answer = rows.includes(row) ? hello("TLSv1.2", row) : refusal(alerts.handshakeFailure);
    return { what: nameOf(row), terms: { version: "TLSv1.2", suites: [idOf(row)] }, answer };
  });
  expect(await ask(elbow.port(), expectations)).toEqual([]);
});

describe("a set of versions with a hole", () => {
  const rows = [2, 6, 16];
  const suites = [...rows.map(idOf), 0x1301];
  const refused = refusal(alerts.protocolVersion);
  const new13: ProbeAnswer = { kind: "serverHello", version: "TLSv1.3", suite: 0x1301 };

  test.each<[ReadonlyArray<TlsProtocol>, ReadonlyArray<[ProbeTerms["version"], ProbeAnswer]>]>([
    [
      ["TLSv1", "TLSv1.2"],
      [
        ["TLSv1", hello("TLSv1", 6)],
        // A client up to TLS 1.1 takes TLS 1.0 too; one that wants TLS 1.1 alone gets nothing.
        ["TLSv1.1", hello("TLSv1", 6)],
        [["TLSv1.1"], refused],
        ["TLSv1.2", hello("TLSv1.2", 2)],
        [["TLSv1.2", "TLSv1.1"], hello("TLSv1.2", 2)],
        [["TLSv1.1", "TLSv1"], hello("TLSv1", 6)],
        ["TLSv1.3", refused],
        [["TLSv1.3", "TLSv1.2"], hello("TLSv1.2", 2)],
        ["SSLv3", refused],
      ],
    ],
    [
      ["TLSv1.1", "TLSv1.3"],
      [
        ["TLSv1", refused],
        ["TLSv1.1", hello("TLSv1.1", 6)],
        ["TLSv1.2", hello("TLSv1.1", 6)],
        [["TLSv1.2"], refused],
        ["TLSv1.3", new13],
        [["TLSv1.3", "TLSv1.1"], new13],
        [["TLSv1.2", "TLSv1.1"], hello("TLSv1.1", 6)],
      ],
    ],
    [
      ["TLSv1", "TLSv1.3"],
      [
        [["TLSv1.2", "TLSv1.1"], refused],
        ["TLSv1.2", hello("TLSv1", 6)],
        ["TLSv1.3", new13],
      ],
    ],
    [
      ["TLSv1", "TLSv1.2", "TLSv1.3"],
      [
        [["TLSv1.1"], refused],
        ["TLSv1.1", hello("TLSv1", 6)],
        ["TLSv1.2", hello("TLSv1.2", 2)],
        [["TLSv1.3", "TLSv1.2"], new13],
      ],
    ],
  ])("%j", async (protocols, questions) => {
    await using elbow = await startWith(custom(protocols, rows));
    for (const [version, answer] of questions) {
      expect([version, await probeTls(elbow.port(), { version, suites })]).toEqual([version, answer]);
    }
  });
});

test("a client that fell back is refused where the policy has something newer, and served where it hasn't", async () => {
  const suites = [idOf(16), fallbackSuite];
  await using whole = await startWith(custom(every, [16]));
  expect(await probeTls(whole.port(), { version: "TLSv1", suites })).toEqual(refusal(alerts.inappropriateFallback));
  expect(await probeTls(whole.port(), { version: "TLSv1.2", suites })).toEqual(hello("TLSv1.2", 16));
  // Across a hole the library sees the newer side of it alone, and finds the version wrong before it looks further.
  await using holed = await startWith(custom(["TLSv1", "TLSv1.2"], [16]));
  expect(await probeTls(holed.port(), { version: "TLSv1", suites })).toEqual(refusal(alerts.protocolVersion));
  expect(await probeTls(holed.port(), { version: "TLSv1.2", suites })).toEqual(hello("TLSv1.2", 16));
});

test("a policy of a module may name suites that no attribute names", async () => {
  await using elbow = await startWith({
    name: "custom",
    protocols: ["TLSv1.2"],
    hasServerOrder: true,
    ciphers: ["ECDHE-RSA-CHACHA20-POLY1305", "nonsense", "ECDHE-ECDSA-CHACHA20-POLY1305"],
  });
  for (const suite of [0xcca8, 0xcca9]) {
    const answer = await probeTls(elbow.port(), { version: "TLSv1.2", suites: [suite] });
    expect(answer).toEqual({ kind: "serverHello", version: "TLSv1.2", suite });
  }
  expect(await probeTls(elbow.port(), { version: "TLSv1.2", suites: libraryRows.map(idOf) })).toEqual(
    refusal(alerts.handshakeFailure),
  );
});

test("a changed policy holds for the next connection", async () => {
  await using elbow = await startWith(custom(every, [16]));
  const ask16 = () => probeTls(elbow.port(), { version: "TLSv1.1", suites: [idOf(16)] });
  expect(await ask16()).toEqual(hello("TLSv1.1", 16));
  const port = elbow.port();
  await elbow.apply(await configure(custom(["TLSv1.2"], [16])));
  expect(elbow.port()).toBe(port);
  expect(await ask16()).toEqual(refusal(alerts.protocolVersion));
  await elbow.apply(await configure(custom(every, [19])));
  expect(await ask16()).toEqual(refusal(alerts.handshakeFailure));
  await elbow.apply(await configure(custom(every, [16])));
  expect(await ask16()).toEqual(hello("TLSv1.1", 16));
});

test("the greeting of SSL 2.0 is closed without an answer", async () => {
  await using elbow = await startWith(findSecurityPolicy("ELBSample-ELBDefaultCipherPolicy") as SecurityPolicy);
  using client = await RawClient.connect(elbow.port());
  // "CLIENT-HELLO", version 2, one suite of three bytes (DES-CBC3-MD5), no session, a challenge of 16 bytes.
  await client.send(new Uint8Array([0x80, 28, 1, 0, 2, 0, 3, 0, 0, 0, 16, 7, 0, 0xc0, ...new Uint8Array(16)]));
  expect(await client.receiveEnd()).toBe("eof");
  expect(client.receivedBytes).toBe(0);
});
