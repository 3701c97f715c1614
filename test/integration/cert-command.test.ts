// `elbow cert` as a person uses it: a certificate is issued, serves curl, and is shown; and what is said of mistakes.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { makeFolder } from "../support/folder.ts";

setDefaultTimeout(30_000);

const cert = (cwd: string, ...args: ReadonlyArray<string>) => ElbowCommand.run(["cert", ...args], { cwd });

test("issue: the files, where they are, how to trust them; a second one has the same authority", async () => {
  using folder = makeFolder();
  const first = await cert(folder.path, "issue", "--name", "localhost", "--name", "*.App.test", "--ip", "127.0.0.1");
  expect([first.exitCode, first.stderr]).toEqual([0, ""]);
  const lines = first.stdout.split("\n");
  expect(lines.slice(0, 3)).toEqual([
    expect.stringMatching(
      /^certs\/localhost\.pem {2}ECDSA certificate for localhost, \*\.app\.test, 127\.0\.0\.1; until \d{4}-\d\d-\d\d$/,
    ),
    "certs/localhost.key  its private key",
    "certs/authority.pem  the authority that signed it, made just now",
  ]);
  expect(lines).toContain('  certificate: { cert: "certs/localhost.pem", key: "certs/localhost.key" }');
  expect(lines).toContain("  curl            curl --cacert certs/authority.pem https://localhost:8443/");
  expect(lines).toContain("Or don't check, for one call: curl -k https://localhost:8443/");
  for (const name of ["localhost.pem", "localhost.key", "authority.pem", "authority.key"]) {
    expect(statSync(join(folder.path, "certs", name)).mode & 0o777).toBe(0o600);
  }
  const flags = ["--key-type", "rsa", "--days", "398", "--client", "--out", "elsewhere", "--authority", "certs"];
  const second = await cert(folder.path, "issue", "--ip", "::1", ...flags);
  expect([second.exitCode, second.stderr]).toEqual([0, ""]);
  expect(second.stdout).toMatch(/^elsewhere\/__1-rsa\.pem {2}RSA certificate for ::1; until /);
  expect(second.stdout).toContain("certs/authority.pem    the authority that signed it, used again\n");
  expect(second.stdout).toContain("curl -k https://[::1]:8443/");
  const top = await cert(folder.path, "issue", "--name", "*.test");
  expect(top.stdout).toContain("Browsers and curl don't accept *.test: a wildcard needs two labels behind it");
});

const curl = Bun.which("curl");

test.skipIf(curl === null)("curl accepts what was issued, with the authority that was written", async () => {
  using folder = makeFolder();
  await cert(folder.path, "issue", "--name", "localhost", "--ip", "127.0.0.1");
  const read = (name: string): string => readFileSync(join(folder.path, "certs", name), "utf8");
  const { context } = createSecureContext({ cert: read("localhost.pem"), key: read("localhost.key") });
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    tls: { secureContext: context } as unknown as Bun.TLSOptions,
    socket: {
      data(socket) {
        socket.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
      },
      handshake() {},
      error() {},
    },
  });
  try {
    for (const host of ["localhost", "127.0.0.1"]) {
      const url = `https://${host}:${listener.port}/`;
      const child = Bun.spawn([curl!, "-sS", "-4", "--noproxy", "*", "--cacert", "certs/authority.pem", url], {
        cwd: folder.path,
        stderr: "pipe",
      });
      expect([await child.exited, await child.stdout.text(), await child.stderr.text()]).toEqual([0, "hello", ""]);
    }
  } finally {
    listener.stop(true);
  }
});

test.each([
  [["issue"], /^elbow: name what the certificate is for, with --name or --ip\n/],
  [["issue", "--name", "a b"], /--name.*"a b".*a DNS name/],
  [["issue", "--name", "a.*.test"], /--name.*a DNS name/],
  [["issue", "--name", "127.0.0.1"], /--name.*a DNS name/],
  [["issue", "--ip", "localhost"], /--ip.*an address/],
  [["issue", "--name", "a.test", "--days", "399"], /--days.*1 to 398/],
  [["issue", "--name", "a.test", "--key-type", "dsa"], /--key-type/],
  [["show"], /file/],
])("%p: the mistake, exit code 2, and nothing written", async (args, mistake) => {
  using folder = makeFolder();
  const { exitCode, stdout, stderr } = await cert(folder.path, ...args);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(mistake);
  expect([...new Bun.Glob("**").scanSync({ cwd: folder.path, onlyFiles: false })]).toEqual([]);
});

test("issue: a file of somebody else's, or a folder that can't be written, is one line and exit code 1", async () => {
  using folder = makeFolder({
    "certs/localhost.pem": (await issueTestCertificate()).certPem,
    "certs/localhost.key": "",
  });
  const { exitCode, stdout, stderr } = await cert(folder.path, "issue", "--name", "localhost");
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/^elbow: \S+\/certs\/localhost\.pem is there and isn't this authority's work: [^\n]+\n$/);
  const blocked = await cert(folder.path, "issue", "--name", "localhost", "--out", "certs/localhost.pem");
  expect([blocked.exitCode, blocked.stdout]).toEqual([1, ""]);
  const expected = (flag: string) => `(expected a folder, or a path where this user can make one; ${flag} names it)\n`;
  expect(blocked.stderr).toBe(
    `elbow: nothing was issued: certs/localhost.pem: it is a file (EEXIST) ${expected("--out")}`,
  );
  const below = await cert(folder.path, "issue", "--name", "localhost", "--out", "certs/localhost.pem/more");
  expect([below.exitCode, below.stderr]).toEqual([
    1,
    `elbow: nothing was issued: certs/localhost.pem/more: a part of the path is a file (ENOTDIR) ${expected("--out")}`,
  ]);
  const other = await cert(folder.path, "issue", "--name", "a.test", "--authority", "certs/localhost.key");
  expect([other.exitCode, other.stderr]).toEqual([
    1,
    `elbow: nothing was issued: certs/localhost.key: it is a file (EEXIST) ${expected("--authority")}`,
  ]);
  const long = await cert(folder.path, "issue", "--name", "a.test", "--out", "x".repeat(300));
  expect(long.stderr).toEndWith(`: a name in the path is too long (ENAMETOOLONG) ${expected("--out")}`);
});

test("issue: a folder in the way of a file is told by its name", async () => {
  using folder = makeFolder({ "certs/authority.key/in-the-way": "" });
  const { exitCode, stderr } = await cert(folder.path, "issue", "--name", "localhost");
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^elbow: \S+\/certs\/authority\.key is a folder: move it away, or issue elsewhere\n$/);
});

const openssl = Bun.which("openssl");

test("show: every certificate of a file, and the key", async () => {
  const notBefore = new Date(Date.now() - 10.5 * 86_400_000);
  const issued = await issueTestCertificate({ names: ["a.test", "*.b.test"], ips: ["::1"], keyType: "RSA", notBefore });
  const ended = await issueTestCertificate({ notBefore, days: 7, tag: "ended" });
  using folder = makeFolder({
    "site.pem": issued.certPem + (await testAuthority()).certPem,
    "site.key": issued.keyPem,
    "ended.pem": ended.certPem,
  });
  const { exitCode, stdout, stderr } = await cert(folder.path, "show", "site.pem", "site.key", "ended.pem");
  expect([exitCode, stderr]).toEqual([0, ""]);
  const [leaf = "", authority = "", key = "", last = ""] = stdout.split("\n\n");
  const fieldsOf = (text: string) =>
    Object.fromEntries(text.split("\n").map((line) => [line.slice(2, 14).trim(), line.slice(15)]));
  expect(leaf).toStartWith("site.pem (1 of 2)\n");
  expect(fieldsOf(leaf)).toMatchObject({
    certificate: "of a server or client",
    subject: "CN=a.test",
    names: "a.test, *.b.test, ::1",
    issuer: "CN=elbow test root",
    valid: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d to \d{4}-\d\d-\d\d \d\d:\d\d UTC, 354 days left$/),
    key: "RSA 2048",
    signature: "ecdsa-with-SHA256",
    serial: issued.certificate.serialNumber.toLowerCase(),
    "SHA-256": issued.fingerprint256,
    "SPKI pin": issued.pin,
    PublicKey: issued.publicKey,
  });
  expect(authority).toStartWith("site.pem (2 of 2)\n");
  expect(fieldsOf(authority)).toMatchObject({ certificate: "of an authority", issuer: "CN=elbow test root (itself)" });
  expect(key).toStartWith("site.key\n");
  expect(fieldsOf(key)).toMatchObject({
    "private key": "RSA 2048",
    "SPKI pin": issued.pin,
    PublicKey: issued.publicKey,
  });
  expect(fieldsOf(last).valid).toEndWith("ended 3 days ago");
  // The key's own numbers stay in its file.
  const secrets = issued.keyPem.split("\n").slice(1, -2);
  expect(secrets.filter((secret) => stdout.includes(secret))).toEqual([]);
  if (openssl !== null) {
    const pin = "x509 -pubkey -noout -in site.pem | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary";
    const child = Bun.spawnSync(["sh", "-c", `openssl ${pin} | openssl base64`], { cwd: folder.path });
    expect(child.stdout.toString().trim()).toBe(issued.pin);
  }
});

test("show: what can't be shown is told after the rest, exit code 1", async () => {
  const issued = await issueTestCertificate();
  using folder = makeFolder({
    "good.pem": issued.certPem,
    "empty.pem": "",
    "request.pem": issued.certPem.replaceAll("CERTIFICATE", "CERTIFICATE REQUEST"),
    "damaged.pem": issued.certPem + issued.certPem.replace("MII", "!!!"),
  });
  const files = ["empty.pem", "good.pem", "nowhere.pem", "request.pem", "damaged.pem"];
  const { exitCode, stdout, stderr } = await cert(folder.path, "show", ...files);
  expect(exitCode).toBe(1);
  expect(stdout).toStartWith("good.pem\n");
  expect(stderr.split("\n")).toEqual([
    expect.stringMatching(/^elbow: empty\.pem: is empty \(expected certificates or a key in PEM/),
    expect.stringMatching(/^elbow: nowhere\.pem: no such file/),
    expect.stringMatching(/^elbow: request\.pem: holds a CERTIFICATE REQUEST only/),
    expect.stringMatching(/^elbow: damaged\.pem \(2 of 2\): the CERTIFICATE is damaged/),
    "",
  ]);
});
