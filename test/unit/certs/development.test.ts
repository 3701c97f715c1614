// Development certificates in files: what is written, what is used again, what is never written over.
import { expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Effect } from "effect";
import {
  ensureDevelopmentCertificate,
  fileNameOf,
  IssueError,
  issueDevelopmentCertificate,
} from "../../../certs/development.ts";
import { makeAuthority } from "../../../certs/issuer.ts";
import { loadAuthority, loadCertificate, remarksAt } from "../../../src/tls/certificate.ts";
import { issueTestCertificate } from "../../support/certificates.ts";
import { makeFolder } from "../../support/folder.ts";

setDefaultTimeout(30_000);

const names = ["localhost", "*.a.test"];
const ips = ["127.0.0.1"];
const dayMs = 86_400_000;
const read = (file: string): string => readFileSync(file, "utf8");
const modeOf = (path: string): number => statSync(path).mode & 0o777;
const leafOf = (file: string): X509Certificate => new X509Certificate(read(file));

test("new files are the owner's alone, kept out of git, and load without a remark", async () => {
  using folder = makeFolder();
  const directory = join(folder.path, "deep", "certs");
  const issue = await issueDevelopmentCertificate({ directory, names, ips });
  expect([modeOf(directory), ...readdirSync(directory).map((name) => modeOf(join(directory, name)))]).toEqual([
    0o700, 0o600, 0o600, 0o600, 0o600, 0o600,
  ]);
  expect(readdirSync(directory).sort()).toEqual([
    ".gitignore",
    "authority.key",
    "authority.pem",
    "localhost.key",
    "localhost.pem",
  ]);
  expect(read(join(directory, ".gitignore"))).toBe("*\n");
  expect([issue.isNewAuthority, issue.isNewKey]).toEqual([true, true]);
  const from = (path: string) => ({ file: path, path });
  const source = { cert: from(issue.certFile), key: from(issue.keyFile) };
  const certificate = await Effect.runPromise(loadCertificate(source));
  expect(certificate.names).toEqual([...names, ...ips]);
  expect(remarksAt(certificate, Date.now())).toEqual([]);
  const authority = await Effect.runPromise(loadAuthority(from(issue.caFile)));
  expect(remarksAt(authority, Date.now())).toEqual([]);
});

test("a folder that is there keeps its mode, and gets no .gitignore", async () => {
  using folder = makeFolder();
  chmodSync(folder.path, 0o755);
  await issueDevelopmentCertificate({ directory: folder.path, names, ips: [] });
  expect(modeOf(folder.path)).toBe(0o755);
  expect(readdirSync(folder.path)).not.toContain(".gitignore");
});

test("the authority and the key are used again, the certificate is new", async () => {
  using folder = makeFolder();
  const first = await issueDevelopmentCertificate({ directory: folder.path, names, ips });
  const before = [first.keyFile, first.caFile, first.caKeyFile].map(read);
  const leaf = leafOf(first.certFile);
  const second = await issueDevelopmentCertificate({ directory: folder.path, names: ["localhost"], ips: [], days: 7 });
  expect([second.isNewAuthority, second.isNewKey]).toEqual([false, false]);
  expect([second.keyFile, second.caFile, second.caKeyFile].map(read)).toEqual(before);
  expect(leafOf(second.certFile).serialNumber).not.toBe(leaf.serialNumber);
  expect(leafOf(second.certFile).verify(leafOf(second.caFile).publicKey)).toBe(true);
});

test("RSA stands beside ECDSA, and the authority may stand elsewhere", async () => {
  using folder = makeFolder();
  const terms = { directory: join(folder.path, "site"), authorityDirectory: join(folder.path, "ca"), names, ips };
  const ecdsa = await issueDevelopmentCertificate(terms);
  const rsa = await issueDevelopmentCertificate({ ...terms, keyType: "RSA" });
  expect(readdirSync(terms.directory).sort()).toEqual([
    ".gitignore",
    "localhost-rsa.key",
    "localhost-rsa.pem",
    "localhost.key",
    "localhost.pem",
  ]);
  expect([rsa.isNewAuthority, rsa.caFile]).toEqual([false, ecdsa.caFile]);
  for (const { certFile } of [ecdsa, rsa]) expect(leafOf(certFile).verify(leafOf(ecdsa.caFile).publicKey)).toBe(true);
});

test("several at once end with one authority, and a key that fits its certificate", async () => {
  using folder = makeFolder();
  const issue = () => issueDevelopmentCertificate({ directory: folder.path, names, ips });
  const issues = await Promise.all([issue(), issue(), issue(), issue()]);
  expect(issues.filter(({ isNewAuthority }) => isNewAuthority)).toHaveLength(1);
  expect(issues.filter(({ isNewKey }) => isNewKey)).toHaveLength(1);
  const { certFile, keyFile } = issues[0]!;
  const from = (path: string) => ({ file: path, path });
  await Effect.runPromise(loadCertificate({ cert: from(certFile), key: from(keyFile) }));
  expect(readdirSync(folder.path)).toHaveLength(4);
});

const refusal = async (directory: string, keyType?: "RSA" | "ECDSA"): Promise<string> => {
  const before = readdirSync(directory).map((name) => read(join(directory, name)));
  const error = await issueDevelopmentCertificate({ directory, names, ips, keyType }).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(IssueError);
  expect(readdirSync(directory).map((name) => read(join(directory, name)))).toEqual(before);
  return (error as IssueError).message.replaceAll(`${directory}/`, "");
};

test("what somebody else put there is never written over", async () => {
  const stranger = await issueTestCertificate();
  const authority = await makeAuthority();
  const own = { "authority.pem": authority.certPem, "authority.key": authority.keyPem };
  const refuse = async (files: Record<string, string>, keyType?: "RSA" | "ECDSA") => {
    using folder = makeFolder(files);
    return await refusal(folder.path, keyType);
  };
  expect(await refuse({ ...own, "localhost.pem": stranger.certPem })).toMatch(
    /^localhost\.pem is there and isn't this auth/,
  );
  expect(await refuse({ ...own, "localhost.pem": "garbage" })).toMatch(/^localhost\.pem is there and isn't this auth/);
  expect(await refuse({ ...own, "localhost.key": "garbage" })).toMatch(
    /^localhost\.key is there and isn't an unencrypted ECDSA key/,
  );
  expect(await refuse({ ...own, "localhost-rsa.key": stranger.keyPem }, "RSA")).toMatch(
    /^localhost-rsa\.key is .* RSA key/,
  );
  expect(await refuse({ ...own, "authority.key": stranger.keyPem })).toMatch(/^authority\.key isn't the private key/);
  expect(await refuse({ ...own, "authority.pem": stranger.certPem, "authority.key": stranger.keyPem })).toMatch(
    /^authority\.key isn't/,
  );
  expect(await refuse({ "authority.pem": authority.certPem })).toMatch(
    /^authority\.pem is there without its key, authority\.key/,
  );
});

const ensureRefusal = async (directory: string): Promise<string> => {
  const error = await ensureDevelopmentCertificate(directory, names, ips).catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(IssueError);
  return (error as IssueError).message.replaceAll(`${directory}/`, "");
};

test("nothing is used that others may write, neither the folder nor a file, though it was good before", async () => {
  using folder = makeFolder();
  const files = await issueDevelopmentCertificate({ directory: folder.path, names, ips });
  for (const mode of [0o770, 0o707]) {
    chmodSync(folder.path, mode);
    const words = `${folder.path} can't be used: other users may write into it (chmod go-w would end that)`;
    expect(await refusal(folder.path)).toBe(`${words}: move it away, or issue elsewhere`);
    expect(await ensureRefusal(folder.path)).toBe(`${words}: move it away, or issue elsewhere`);
  }
  chmodSync(folder.path, 0o700);
  for (const file of [files.caKeyFile, files.caFile, files.keyFile, files.certFile]) {
    chmodSync(file, 0o620);
    const name = file.slice(folder.path.length + 1);
    expect(await refusal(folder.path)).toStartWith(`${name} can't be used: other users may write into it`);
    if (file !== files.caKeyFile) expect(await ensureRefusal(folder.path)).toStartWith(`${name} can't be used: `);
    chmodSync(file, 0o600);
  }
  expect((await ensureDevelopmentCertificate(folder.path, names, ips)).certFile).toBe(files.certFile);
});

// Only root can give a file away.
test.skipIf(process.getuid?.() !== 0)("nothing is used that belongs to another user", async () => {
  using folder = makeFolder();
  const { caKeyFile, caFile, keyFile } = await issueDevelopmentCertificate({ directory: folder.path, names, ips });
  for (const file of [folder.path, caKeyFile, caFile, keyFile]) {
    chownSync(file, 65_534, 65_534);
    expect(await refusal(folder.path)).toContain("can't be used: it belongs to another user (65534): move it away");
    if (file !== caKeyFile) expect(await ensureRefusal(folder.path)).toContain("belongs to another user");
    chownSync(file, 0, 0);
  }
});

test("a key that others may read is used, and told", async () => {
  using folder = makeFolder();
  const terms = { directory: folder.path, names, ips };
  const { keyFile, caKeyFile, remarks } = await issueDevelopmentCertificate(terms);
  expect(remarks).toEqual([]);
  chmodSync(keyFile, 0o604);
  chmodSync(caKeyFile, 0o640);
  expect((await issueDevelopmentCertificate(terms)).remarks).toEqual(
    [keyFile, caKeyFile].map(
      (file) => `other users may read ${file} (chmod 600 would end that): a key that others know proves nothing`,
    ),
  );
});

test("a pipe or a folder in a file's place is refused, and nobody waits for it", async () => {
  using folder = makeFolder();
  const keyFile = join(folder.path, "authority.key");
  expect(Bun.spawnSync(["mkfifo", "-m", "600", keyFile]).exitCode).toBe(0);
  const issue = () => issueDevelopmentCertificate({ directory: folder.path, names, ips });
  await expect(issue()).rejects.toThrow(`${keyFile} is no file: move it away, or issue elsewhere`);
  rmSync(keyFile);
  mkdirSync(keyFile);
  await expect(issue()).rejects.toThrow(`${keyFile} is a folder: move it away, or issue elsewhere`);
});

test("an authority of one's own signs too, and one that ends soon doesn't", async () => {
  const rsa = await makeAuthority({ commonName: "ours", keyType: "RSA", days: 100 });
  using folder = makeFolder({ "authority.pem": rsa.certPem, "authority.key": rsa.keyPem });
  const { certFile, isNewAuthority } = await issueDevelopmentCertificate({ directory: folder.path, names, ips });
  expect([isNewAuthority, leafOf(certFile).issuer]).toEqual([false, "CN=ours"]);
  // No leaf outlives its authority.
  expect(leafOf(certFile).validToDate.getTime()).toBeLessThanOrEqual(rsa.certificate.notAfter.getTime());
  const late = issueDevelopmentCertificate({ directory: folder.path, names, ips }, Date.now() + 71 * dayMs);
  await expect(late).rejects.toThrow(/authority\.pem ends on \d{4}-\d\d-\d\d: move .*authority\.key away/);
});

test("a certificate is ensured: kept while it is good, renewed when it isn't", async () => {
  using folder = makeFolder();
  const begin = Date.now();
  const ensure = async (afterMs = 0, wanted: ReadonlyArray<string> = names, addresses = [...ips, "::1"]) => {
    const files = await ensureDevelopmentCertificate(folder.path, wanted, addresses, begin + afterMs);
    return leafOf(files.certFile).serialNumber;
  };
  const first = await ensure();
  expect(await ensure(334 * dayMs)).toBe(first);
  const renewed = await ensure(336 * dayMs);
  expect(renewed).not.toBe(first);
  // Seen from before it begins, it isn't good either.
  const again = await ensure();
  expect(again).not.toBe(renewed);
  const fewer = await ensure(0, ["localhost"]);
  expect(fewer).not.toBe(again);
  expect(await ensure(0, ["localhost"])).toBe(fewer);
  expect(await ensure(0, ["localhost"], ips)).not.toBe(fewer);
  rmSync(join(folder.path, "authority.pem"));
  rmSync(join(folder.path, "authority.key"));
  const files = await ensureDevelopmentCertificate(folder.path, ["localhost"], ips, begin);
  expect(leafOf(files.certFile).verify(leafOf(files.caFile).publicKey)).toBe(true);
});

test("file names", () => {
  const nameOf = (name: string) => fileNameOf({ names: [name], ips: [] });
  expect(fileNameOf({ names: [], ips: ["::1"], keyType: "RSA" })).toBe("__1-rsa");
  expect(nameOf("*.Example.test")).toBe("wildcard.example.test");
  expect(nameOf("authority")).toBe("authority-leaf");
  expect(nameOf("../../etc/passwd")).toBe("__.._etc_passwd");
});
