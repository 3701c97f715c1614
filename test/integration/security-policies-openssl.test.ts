// Security policies as OpenSSL's own client meets them: whole handshakes, one version and one suite at a time. The probe of
// security-policies.test.ts asks about everything; here another implementation says that what is on offer really works.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { SecurityPolicy } from "../../src/model/security-policy.ts";
import { findSecurityPolicy } from "../../src/tls/security-policies.ts";
import { startElbow } from "../support/elbow.ts";
import { within } from "../support/eventually.ts";
import { configure } from "../support/security-policy-listener.ts";
import { libraryRows, matrixCiphers, matrixPolicies, tls12Rows } from "../support/security-policy-matrix.ts";

setDefaultTimeout(30_000);

const openssl = Bun.which("openssl");

const flags = { TLSv1: "-tls1", "TLSv1.1": "-tls1_1", "TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3" } as const;

type Version = keyof typeof flags;

/** What `openssl s_client` says of a whole handshake: "TLSv1.2 AES128-SHA", or "refused". */
const connect = async (port: number, version: Version, suite: string): Promise<string> => {
  const ciphers = version === "TLSv1.3" ? ["-ciphersuites", suite] : ["-cipher", `${suite}:@SECLEVEL=0`];
  const client = Bun.spawn(
    [openssl as string, "s_client", "-connect", `127.0.0.1:${port}`, flags[version], ...ciphers],
    {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
      // What an administrator allows this machine is not the question.
      env: { ...process.env, OPENSSL_CONF: "/dev/null" },
    },
  );
  try {
    const text = await within(new Response(client.stdout).text(), 10_000, () => `no end of ${version} ${suite}`);
    const [, protocol, cipher] = /^New, (\S+), Cipher is (\S+)$/m.exec(text) ?? [];
    // The line on top names the version that the suite came with; the session has the one in use.
    const session = version === "TLSv1.3" ? protocol : /^ +Protocol *: (\S+)$/m.exec(text)?.[1];
    return cipher === undefined || cipher === "(NONE)" || cipher === "0000" ? "refused" : `${session} ${cipher}`;
  } finally {
    client.kill();
  }
};

const nameOf = (row: number): string => matrixCiphers[row - 1]?.name as string;

describe
  .skipIf(openssl === null)
  .each([
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-2011-08",
    "ELBSecurityPolicy-TLS-1-2-2017-01",
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
  ])("%s", (name) => {
  test("openssl s_client connects with what is on offer, and with nothing else", async () => {
    const policy = findSecurityPolicy(name) as SecurityPolicy;
    await using elbow = await startElbow(await configure(policy));
    const { versions, rows } = matrixPolicies[name] as (typeof matrixPolicies)[string];
    for (const version of ["TLSv1", "TLSv1.1", "TLSv1.2"] as const) {
      const all = libraryRows.filter((row) => version === "TLSv1.2" || !tls12Rows.includes(row));
      // Distribution's OpenSSL has no triple DES.
      const asked = [all[0], all.at(-2), all.at(-5)].filter((row) => row !== undefined);
      for (const row of asked) {
        const isOffered = versions.includes(version) && rows.includes(row);
        const wanted = isOffered ? `${version} ${nameOf(row)}` : "refused";
        expect([version, nameOf(row), await connect(elbow.port(), version, nameOf(row))]).toEqual([
          version,
          nameOf(row),
          wanted,
        ]);
      }
    }
    const suite = "TLS_AES_128_GCM_SHA256";
    const wanted = versions.includes("TLSv1.3") ? `TLSv1.3 ${suite}` : "refused";
    expect(await connect(elbow.port(), "TLSv1.3", suite)).toBe(wanted);
  });
});

test.skipIf(openssl === null)("a session that began with the RSA certificate of two is resumed", async () => {
  const policy = {
    name: "custom",
    protocols: ["TLSv1.2" as const],
    hasServerOrder: true,
    ciphers: ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"],
  };
  await using elbow = await startElbow(await configure(policy));
  const client = Bun.spawn([openssl as string, "s_client", "-connect", `127.0.0.1:${elbow.port()}`, "-reconnect"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  try {
    const text = await within(new Response(client.stdout).text(), 10_000, () => "no end");
    const made = [...text.matchAll(/^(New|Reused), \S+, Cipher is (\S+)$/gm)].map(
      ([, how, suite]) => `${how} ${suite}`,
    );
    // s_client connects once and then five times more.
    expect(made).toEqual([
      "New ECDHE-RSA-AES128-GCM-SHA256",
      ...new Array<string>(5).fill("Reused ECDHE-RSA-AES128-GCM-SHA256"),
    ]);
  } finally {
    client.kill();
  }
});
