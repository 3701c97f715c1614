// Certificates and policies that change under load: every new connection is served by the old or the new ones, none is
// refused, reset or cut, and connections that were open before go on.
import { expect, setDefaultTimeout, test } from "bun:test";
import type { Configuration } from "../../src/model/configuration.ts";
import { issueTestCertificate, writeCertificate } from "../support/certificates.ts";
import { configurationOf, startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { answerText, echo } from "../support/scripts.ts";
import { SecureClient, type SecureClientOptions } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { faultsOf, handshakesOf } from "../support/tls-counts.ts";

setDefaultTimeout(30_000);

const rounds = 20;
const roundMs = 150;
/** Between two new connections: 200 a second. */
const gapMs = 5;

const text = "served as it should be";

test("20 changes of certificate and policy under 200 connections a second: none refused or cut", async () => {
  using folder = makeFolder();
  const certificates = await Promise.all(
    ["one", "two", "three"].map((tag) => issueTestCertificate({ names: ["localhost"], tag })),
  );
  const policies = [
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
    "ELBSecurityPolicy-2016-08",
    "ELBSecurityPolicy-TLS13-1-2-2021-06",
    "ELBSecurityPolicy-TLS-1-2-2017-01",
  ];
  const ports = { web: freePort(), mail: freePort() };
  using web = FakeInstance.start(answerText(text));
  using mail = FakeInstance.start(echo);
  /** What is said in round `index`; the certificate lies in the same files all the time. */
  const change = async (index: number): Promise<Configuration> => {
    const source = writeCertificate(folder.path, "site", certificates[index % certificates.length]!);
    const security = { certificates: [source], policy: policies[index % policies.length]! };
    return configurationOf([
      { name: "web", listeners: [await secureListener("HTTPS", { port: ports.web, ...security })], instances: [web] },
      { name: "mail", listeners: [await secureListener("SSL", { port: ports.mail, ...security })], instances: [mail] },
    ]);
  };
  await using elbow = await startElbow(await change(0));
  const seen = new Set<string>();
  const versionsSeen = new Set<string>();
  let served = 0;
  let resumed = 0;
  const failures: Array<string> = [];
  let session: Uint8Array | undefined;

  const say = async (client: SecureClient, isWeb: boolean) => {
    if (isWeb) {
      const { status, body } = await exchange(client, "/");
      if (status !== 200 || body.toString() !== text) throw new Error(`${status} ${body}`);
    } else {
      await client.send(text);
      const heard = (await client.takeBytes(text.length)).toString();
      if (heard !== text) throw new Error(heard);
    }
  };

  const visit = async (index: number) => {
    const isWeb = index % 4 !== 3;
    const options: SecureClientOptions = {
      ...(index % 3 === 0 ? { maxVersion: "TLSv1.2" } : {}),
      ...(index % 2 === 0 && session !== undefined && isWeb ? { session } : {}),
    };
    try {
      using client = await SecureClient.connect(isWeb ? ports.web : ports.mail, options);
      seen.add(client.serverFingerprint);
      versionsSeen.add(client.version);
      if (client.isResumed) resumed++;
      await say(client, isWeb);
      if (isWeb && client.session !== undefined) session = client.session;
      served++;
      await client.close();
    } catch (error) {
      failures.push(`${index}: ${error}`);
    }
  };

  const old = await Promise.all(
    Array.from({ length: 6 }, async (_, index) => ({
      isWeb: index % 2 === 0,
      client: await SecureClient.connect(index % 2 === 0 ? ports.web : ports.mail, {
        maxVersion: index < 3 ? "TLSv1.2" : "TLSv1.3",
      }),
    })),
  );
  const visits: Array<Promise<void>> = [];
  let isOver = false;
  const load = (async () => {
    const startedMs = performance.now();
    // At the pace of the clock, so that a slow visit isn't waited for by the next; a thousand at most.
    for (let index = 0; !isOver && index < 1000; index++) {
      visits.push(visit(index));
      const dueMs = startedMs + (index + 1) * gapMs;
      await Bun.sleep(Math.max(0, dueMs - performance.now()));
    }
  })();
  for (let round = 1; round <= rounds; round++) {
    await elbow.apply(await change(round));
    // From now on it is the new one alone.
    const client = await SecureClient.connect(ports.web, { minVersion: "TLSv1.2" });
    expect(client.serverFingerprint).toBe(certificates[round % certificates.length]!.fingerprint256);
    await client.close();
    await Promise.all(old.map(({ client: kept, isWeb }) => say(kept, isWeb)));
    await Bun.sleep(roundMs);
  }
  isOver = true;
  await load;
  await Promise.all(visits);
  expect(failures).toEqual([]);
  expect(served).toBe(visits.length);
  expect(served).toBeGreaterThan(rounds * 5);
  expect(seen.size).toBe(certificates.length);
  expect([...versionsSeen].sort()).toEqual(["TLSv1.2", "TLSv1.3"]);
  expect(resumed).toBeGreaterThan(0);
  // Nothing that was open before has noticed.
  for (const { client, isWeb } of old) {
    await say(client, isWeb);
    expect(client.ending).toBe("open");
    await client.close();
  }
  expect([faultsOf(ports.web), faultsOf(ports.mail)]).toEqual([{}, {}]);
  const counted = handshakesOf(ports.web).begun + handshakesOf(ports.mail).begun;
  expect(counted).toBe(served + old.length + rounds);
  await eventually(() => elbow.openConnections() === 0 && elbow.outstanding() === 0);
});
