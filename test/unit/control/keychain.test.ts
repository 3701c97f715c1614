// Certificates, keys and authorities as they were last read, look by look, without waiting for one.
import { expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import { type Keys, loadKeys, refreshKeys } from "../../../src/control/keychain.ts";
import type { CertificateSource } from "../../../src/model/certificate-source.ts";
import type { Configuration } from "../../../src/model/configuration.ts";
import type { ClientAuth } from "../../../src/model/security.ts";
import { observeNotices } from "../../../src/observe/notices.ts";
import { CertificateError } from "../../../src/tls/certificate-error.ts";
import { inlineSource, issueTestCertificate, testAuthority, writeCertificate } from "../../support/certificates.ts";
import { configurationOf } from "../../support/elbow.ts";
import { makeFolder } from "../../support/folder.ts";
import { secureListener } from "../../support/secure-listener.ts";
import { trustAuthority } from "../../support/tls-instance.ts";

const one = await issueTestCertificate({ names: ["one.test"] });
const two = await issueTestCertificate({ names: ["two.test"] });
const [old, young] = [await testAuthority("old"), await testAuthority("young")];

const configure = async (
  certificates: ReadonlyArray<CertificateSource>,
  clientAuth?: ClientAuth,
): Promise<Configuration> =>
  configurationOf([
    {
      listeners: [await secureListener("HTTPS", { certificates, ...(clientAuth === undefined ? {} : { clientAuth }) })],
      instances: [],
    },
  ]);

const look = (keys: Keys): Promise<Keys | undefined> => Effect.runPromise(refreshKeys(keys));

const recordNotices = (): { readonly all: Array<string> } & Disposable => {
  const all: Array<string> = [];
  return { all, [Symbol.dispose]: observeNotices((text) => all.push(text)) };
};

test("every source that a configuration names is read once, on either side", async () => {
  using folder = makeFolder();
  const source = writeCertificate(folder.path, "site", one);
  const ca = { file: "ca.pem", path: folder.write("ca.pem", old.certPem) };
  const configuration = configurationOf([
    {
      name: "a",
      listeners: [
        await secureListener("HTTPS", {
          certificates: [source, inlineSource(two)],
          clientAuth: { ca, mode: "require" },
        }),
        await secureListener("SSL", { certificates: [{ ...source }] }),
        { protocol: "HTTP", instanceProtocol: "HTTPS", instanceSecurity: trustAuthority(young.certPem) },
      ],
      instances: [],
    },
  ]);
  const keys = await Effect.runPromise(loadKeys(configuration));
  expect([keys.certificates.size, keys.authorities.size, keys.staleCount]).toEqual([2, 2, 0]);
  expect(keys.certificate({ ...source }).names).toEqual(["one.test"]);
  expect(keys.certificate(inlineSource(two)).names).toEqual(["two.test"]);
  expect(keys.authority({ ...ca }).label).toBe("ca.pem");
  expect(keys.authority({ text: young.certPem }).fingerprint).not.toBe(keys.authority(ca).fingerprint);
});

test("the first fault refuses them all, and names its file", async () => {
  using folder = makeFolder();
  const source = writeCertificate(folder.path, "site", one);
  folder.write("site.key", "nonsense");
  const loading = Effect.runPromise(Effect.flip(loadKeys(await configure([inlineSource(two), source]))));
  const error = await loading;
  expect(error).toBeInstanceOf(CertificateError);
  expect(error.label).toBe("site.key");
});

test("what changes is read when it has stayed as it is for one look", async () => {
  using folder = makeFolder();
  using notices = recordNotices();
  const source = writeCertificate(folder.path, "site", one);
  const keys = await Effect.runPromise(loadKeys(await configure([source, inlineSource(two)])));
  expect(await look(keys)).toBeUndefined();
  folder.write("site.key", two.keyPem);
  // While the files are being written, they don't belong together: nobody reads them.
  expect(await look(keys)).toBeUndefined();
  folder.write("site.pem", two.certPem);
  expect(await look(keys)).toBeUndefined();
  expect(notices.all).toEqual([]);
  const renewed = await look(keys);
  expect(renewed?.certificate(source).names).toEqual(["two.test"]);
  expect(renewed?.certificate(inlineSource(two))).toBe(keys.certificate(inlineSource(two)));
  // Whoever has the keys of before goes on with them.
  expect(keys.certificate(source).names).toEqual(["one.test"]);
  expect(notices.all).toHaveLength(1);
  expect(notices.all[0]).toStartWith("site.pem: renewed, for two.test, until 20");
  expect(await look(renewed as Keys)).toBeUndefined();
  expect(await look(renewed as Keys)).toBeUndefined();
  expect(notices.all).toHaveLength(1);
});

test("what can't be used is told of once, is stale until it can, and leaves the old one", async () => {
  using folder = makeFolder();
  using notices = recordNotices();
  const source = writeCertificate(folder.path, "site", one);
  const other = writeCertificate(folder.path, "other", one);
  const keys = await Effect.runPromise(loadKeys(await configure([source, other])));
  rmSync(join(folder.path, "site.pem"));
  for (let looks = 0; looks < 4; looks++) expect(await look(keys)).toBeUndefined();
  expect(keys.staleCount).toBe(1);
  expect(keys.certificate(source).names).toEqual(["one.test"]);
  expect(notices.all).toHaveLength(1);
  // Another fault is another word.
  folder.write("site.pem", "nonsense");
  for (let looks = 0; looks < 4; looks++) expect(await look(keys)).toBeUndefined();
  expect(notices.all).toHaveLength(2);
  // One that is renewed meanwhile isn't held back by it, and it stays stale.
  writeCertificate(folder.path, "other", two);
  await look(keys);
  const renewed = (await look(keys)) as Keys;
  expect(renewed.certificate(other).names).toEqual(["two.test"]);
  expect(renewed.staleCount).toBe(1);
  // The very certificate of before comes back: nothing to serve anew, and nothing stale.
  writeCertificate(folder.path, "site", one);
  await look(renewed);
  expect(await look(renewed)).toBeUndefined();
  expect(renewed.staleCount).toBe(0);
  writeCertificate(folder.path, "site", two);
  await look(renewed);
  expect(((await look(renewed)) as Keys).certificate(source).names).toEqual(["two.test"]);
});

test("files that were touched, or written with the same content, change nothing", async () => {
  using folder = makeFolder();
  using notices = recordNotices();
  const source = writeCertificate(folder.path, "site", one);
  const keys = await Effect.runPromise(loadKeys(await configure([source])));
  writeCertificate(folder.path, "site", one);
  for (let looks = 0; looks < 3; looks++) expect(await look(keys)).toBeUndefined();
  expect([keys.staleCount, notices.all.length]).toEqual([0, 0]);
});

test("a change between the reading and the first look isn't missed", async () => {
  using folder = makeFolder();
  const source = writeCertificate(folder.path, "site", one);
  const keys = await Effect.runPromise(loadKeys(await configure([source])));
  writeCertificate(folder.path, "site", two);
  await look(keys);
  expect((await look(keys))?.certificate(source).names).toEqual(["two.test"]);
});

test("authorities are read again like certificates", async () => {
  using folder = makeFolder();
  using notices = recordNotices();
  const ca = { file: "ca.pem", path: folder.write("ca.pem", old.certPem) };
  const keys = await Effect.runPromise(loadKeys(await configure([inlineSource(one)], { ca, mode: "require" })));
  folder.write("ca.pem", one.certPem);
  await look(keys);
  expect(await look(keys)).toBeUndefined();
  expect(keys.staleCount).toBe(1);
  expect(notices.all).toHaveLength(1);
  folder.write("ca.pem", old.certPem + young.certPem);
  await look(keys);
  const renewed = (await look(keys)) as Keys;
  expect(renewed.authority(ca).fingerprint).not.toBe(keys.authority(ca).fingerprint);
  expect(renewed.staleCount).toBe(0);
});
