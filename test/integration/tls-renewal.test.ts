// Files of certificates, keys and authorities that change while elbow runs: what is renewed serves new connections soon and
// without anybody asking; what can't be used doesn't, and is told of.
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CertificateSource } from "../../src/model/certificate-source.ts";
import { observeNotices } from "../../src/observe/notices.ts";
import {
  issueTestCertificate,
  type TestCertificate,
  testAuthority,
  writeCertificate,
} from "../support/certificates.ts";
import { startElbow } from "../support/elbow.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { exchange } from "../support/http-message.ts";
import { answerText } from "../support/scripts.ts";
import { SecureClient, type SecureClientOptions } from "../support/secure-client.ts";
import { secureListener } from "../support/secure-listener.ts";
import { hasMetric, metricOf } from "../support/tls-counts.ts";

setDefaultTimeout(30_000);

/** The promise is 30 seconds; a look every two of them keeps far below. */
const soonMs = 12_000;

const before = await issueTestCertificate({ names: ["localhost"], tag: "before" });
const after = await issueTestCertificate({ names: ["localhost"], tag: "after" });

const shown = async (port: number, options: SecureClientOptions = {}): Promise<string> => {
  using client = await SecureClient.connect(port, options);
  expect((await exchange(client, "/")).status).toBe(200);
  return client.serverFingerprint;
};

const shows = (port: number, certificate: TestCertificate, what: string): Promise<true> =>
  eventually(async () => (await shown(port)) === certificate.fingerprint256, { what, timeoutMs: soonMs });

/** The notices since it was made. */
const recordNotices = (): { readonly all: Array<string> } & Disposable => {
  const all: Array<string> = [];
  return { all, [Symbol.dispose]: observeNotices((text) => all.push(text)) };
};

const sourceIn = (folder: string, cert: string, key: string): CertificateSource => ({
  cert: { file: cert, path: join(folder, cert) },
  key: { file: key, path: join(folder, key) },
});

/** Where a pair of files is put, and how it is renewed. */
interface Way {
  readonly name: string;
  readonly put: (folder: string) => CertificateSource;
  readonly renew: (folder: string) => void | Promise<void>;
}

const writeBoth = (folder: string, { chainPem, keyPem }: TestCertificate) => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "tls.crt"), chainPem);
  writeFileSync(join(folder, "tls.key"), keyPem);
};

const replace = (folder: string, name: string, content: string) => {
  writeFileSync(join(folder, `${name}.new`), content);
  renameSync(join(folder, `${name}.new`), join(folder, name));
};

const relink = (target: string, link: string) => {
  symlinkSync(target, `${link}.new`);
  renameSync(`${link}.new`, link);
};

const ways: ReadonlyArray<Way> = [
  {
    name: "written in place",
    put: (folder) => writeCertificate(folder, "site", before),
    renew: (folder) => void writeCertificate(folder, "site", after),
  },
  {
    name: "replaced by renaming",
    put: (folder) => writeCertificate(folder, "site", before),
    renew: (folder) => {
      replace(folder, "site.pem", after.chainPem);
      replace(folder, "site.key", after.keyPem);
    },
  },
  {
    name: "key and certificate a second apart",
    put: (folder) => writeCertificate(folder, "site", before),
    renew: async (folder) => {
      writeFileSync(join(folder, "site.key"), after.keyPem);
      await Bun.sleep(1000);
      writeFileSync(join(folder, "site.pem"), after.chainPem);
    },
  },
  {
    name: "links to archived files, as certbot makes them",
    put: (folder) => {
      writeBoth(join(folder, "archive/1"), before);
      mkdirSync(join(folder, "live"));
      for (const file of ["tls.crt", "tls.key"]) symlinkSync(`../archive/1/${file}`, join(folder, "live", file));
      return sourceIn(folder, "live/tls.crt", "live/tls.key");
    },
    renew: (folder) => {
      writeBoth(join(folder, "archive/2"), after);
      for (const file of ["tls.crt", "tls.key"]) relink(`../archive/2/${file}`, join(folder, "live", file));
    },
  },
  {
    name: "a linked folder, as Kubernetes makes it",
    put: (folder) => {
      writeBoth(join(folder, "..2026_01"), before);
      symlinkSync("..2026_01", join(folder, "..data"));
      for (const file of ["tls.crt", "tls.key"]) symlinkSync(`..data/${file}`, join(folder, file));
      return sourceIn(folder, "tls.crt", "tls.key");
    },
    renew: (folder) => {
      writeBoth(join(folder, "..2026_02"), after);
      relink("..2026_02", join(folder, "..data"));
      rmSync(join(folder, "..2026_01"), { recursive: true });
    },
  },
];

test("a renewed certificate serves new connections by itself, however its files were renewed", async () => {
  using folder = makeFolder();
  using notices = recordNotices();
  using instance = FakeInstance.start(answerText("served"));
  const folders = ways.map((_, index) => join(folder.path, String(index)));
  for (const path of folders) mkdirSync(path);
  const sources = ways.map((way, index) => way.put(folders[index]!));
  await using elbow = await startElbow({
    listeners: await Promise.all(sources.map((source) => secureListener("HTTPS", { certificates: [source] }))),
    instances: [instance],
  });
  const ports = ways.map((_, index) => elbow.port(index));
  for (const port of ports) expect(await shown(port)).toBe(before.fingerprint256);
  const open = await Promise.all(ports.map((port) => SecureClient.connect(port)));
  const startedMs = performance.now();
  await Promise.all(ways.map((way, index) => way.renew(folders[index]!)));
  await Promise.all(ways.map(({ name }, index) => shows(ports[index]!, after, name)));
  expect(performance.now() - startedMs).toBeLessThan(soonMs);
  // Connections of before go on, with what they were shown.
  for (const client of open) {
    expect((await exchange(client, "/")).status).toBe(200);
    client.dispose();
  }
  expect(metricOf("elbow_certificates_stale")).toBe(0);
  const renewed = notices.all.filter((text) => text.includes("renewed"));
  expect(renewed).toHaveLength(ways.length);
  // One that was looked at between its two files may have been told of as well, and nothing else.
  expect(notices.all.filter((text) => !text.includes("renewed") && !text.includes("site.")).length).toBe(0);
});

test("files that can't be used leave the old certificate where it is, and are told of until they are mended", async () => {
  using folder = makeFolder();
  using notices = recordNotices();
  using instance = FakeInstance.start(answerText("served"));
  const names = ["damaged", "mismatched", "gone", "ended", "untouched"];
  const sources = names.map((name) => writeCertificate(folder.path, name, before));
  await using elbow = await startElbow({
    listeners: await Promise.all(sources.map((source) => secureListener("HTTPS", { certificates: [source] }))),
    instances: [instance],
  });
  const ports = names.map((_, index) => elbow.port(index));
  expect(hasMetric("elbow_certificates_stale")).toBe(true);
  expect(metricOf("elbow_certificates_stale")).toBe(0);
  const sessions = await Promise.all(
    ports.map(async (port) => {
      using client = await SecureClient.connect(port);
      await exchange(client, "/");
      return await client.takeSession();
    }),
  );
  writeFileSync(join(folder.path, "damaged.pem"), before.chainPem.slice(0, 200));
  writeFileSync(join(folder.path, "mismatched.key"), after.keyPem);
  rmSync(join(folder.path, "gone.pem"));
  const ended = await issueTestCertificate({ names: ["localhost"], notBefore: new Date("2020-01-01"), days: 30 });
  // One that has ended doesn't take the place of one that hasn't.
  writeCertificate(folder.path, "ended", ended);
  await eventually(() => metricOf("elbow_certificates_stale") === 4, { what: "four stale ones", timeoutMs: soonMs });
  expect(notices.all.map((text) => text.split(":")[0]).sort()).toEqual([
    "damaged.pem",
    "ended.pem",
    "gone.pem",
    "mismatched.key",
  ]);
  for (const notice of notices.all) {
    expect(notice).toContain("is served on");
    // Never a word of what is in a key.
    expect(notice).not.toContain(after.keyPem.split("\n")[1]!);
  }
  for (const [index, port] of ports.entries()) {
    using client = await SecureClient.connect(port, { session: sessions[index]! });
    expect([names[index], client.isResumed, (await exchange(client, "/")).status]).toEqual([names[index], true, 200]);
    expect(await shown(port)).toBe(before.fingerprint256);
  }
  for (const name of names.slice(0, 4)) writeCertificate(folder.path, name, after);
  await Promise.all(ports.slice(0, 4).map((port, index) => shows(port, after, `${names[index]} mended`)));
  expect(metricOf("elbow_certificates_stale")).toBe(0);
  // Each trouble was told of once, however often it was looked at, and so was its end.
  expect(notices.all).toHaveLength(8);
  expect(notices.all.slice(4).every((text) => text.includes(": renewed"))).toBe(true);
  expect(await shown(ports[4]!)).toBe(before.fingerprint256);
});

test("a renewed authority verifies new clients, and sessions of before with the old one end", async () => {
  using folder = makeFolder();
  using instance = FakeInstance.start(answerText("served"));
  const [old, young] = [await testAuthority("old clients"), await testAuthority("young clients")];
  const [oldClient, youngClient] = await Promise.all(
    [old, young].map(async (issuer) => {
      const { chainPem, keyPem } = await issueTestCertificate({ names: [], issuer });
      return { cert: chainPem, key: keyPem };
    }),
  );
  const ca = { file: "ca.pem", path: folder.write("ca.pem", old.certPem) };
  const listener = await secureListener("HTTPS", { clientAuth: { ca, mode: "require" } });
  await using elbow = await startElbow({ listeners: [listener], instances: [instance] });
  const port = elbow.port();
  const ask = async (options: SecureClientOptions): Promise<string> => {
    try {
      await shown(port, options);
      return "served";
    } catch {
      return "refused";
    }
  };
  expect([await ask(oldClient!), await ask(youngClient!)]).toEqual(["served", "refused"]);
  using open = await SecureClient.connect(port, oldClient!);
  await exchange(open, "/");
  const session = await open.takeSession();
  folder.write("ca.pem", young.certPem);
  await eventually(async () => (await ask(youngClient!)) === "served", {
    what: "the young authority",
    timeoutMs: soonMs,
  });
  expect(await ask(oldClient!)).toBe("refused");
  expect(await ask({ session })).toBe("refused");
  // What was let in by the old one's word ends, between requests.
  expect(await open.receiveEnd()).toBe("eof");
});
