// How commands find the running elbow that they ask, what they show it, and what they say when nobody fit to answer is
// there. A scripted server stands in for elbow; status-command.test.ts and drain-command.test.ts ask a real one.
import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { answer, serveManagement } from "../support/scripted-management.ts";

setDefaultTimeout(30_000);

const status = (folder: Folder, args: ReadonlyArray<string> = [], env: Readonly<Record<string, string>> = {}) =>
  ElbowCommand.run(["status", "--json", ...args], { cwd: folder.path, env });

const token = "T".repeat(40);

test("flag, environment, named configuration, ./elbow.config.ts: the first that says where elbow is", async () => {
  using byFlag = serveManagement();
  using byEnvironment = serveManagement();
  using byFile = serveManagement();
  using byDefault = serveManagement();
  using folder = makeFolder({ "named.json": { management: { port: byFile.port } } });
  folder.write("elbow.config.ts", `export default { management: { port: ${byDefault.port} }, loadBalancers: 7 };`);
  const flag = ["--management", `http://127.0.0.1:${byFlag.port}`];
  const named = ["--config", "named.json"];
  const env = { ELBOW_MANAGEMENT: `http://localhost:${byEnvironment.port}/` };
  for (const [args, environment, server] of [
    [[...flag, ...named], env, byFlag],
    [named, env, byEnvironment],
    [named, {}, byFile],
    [[], {}, byDefault],
  ] as const) {
    const { exitCode, stdout, stderr } = await status(folder, args, environment);
    expect([exitCode, stderr, JSON.parse(stdout)]).toEqual([0, "", answer]);
    expect(server.asked.splice(0)).toEqual(["GET /api/v1/status no token"]);
  }
});

test("the token: by flag, environment or configuration, and never in clear over a network", async () => {
  using server = serveManagement();
  using folder = makeFolder({ "flag.token": `${token}\n`, "own.token": `${"O".repeat(40)}\n` });
  const configured = folder.write("elbow.json", { management: { port: server.port, tokenFile: "own.token" } });
  const inline = folder.write("inline.json", { management: { port: server.port, token: "I".repeat(40) } });
  for (const [args, env, shown] of [
    [["--config", configured, "--token-file", "flag.token"], { ELBOW_TOKEN: "E".repeat(40) }, token],
    [["--config", configured], { ELBOW_TOKEN: "E".repeat(40) }, "E".repeat(40)],
    [["--config", configured], {}, "O".repeat(40)],
    [["--config", inline], {}, "I".repeat(40)],
  ] as const) {
    expect((await status(folder, args, env)).exitCode).toBe(0);
    expect(server.asked.splice(0)).toEqual([`GET /api/v1/status Bearer ${shown}`]);
  }
  const clear = await status(folder, ["--management", "http://192.0.2.1:9090", "--token-file", "flag.token"]);
  expect([clear.exitCode, clear.stdout]).toEqual([2, ""]);
  expect(clear.stderr).toBe(
    "elbow: http://192.0.2.1:9090: the token would be sent in clear (expected https://… or unix:/path)\n",
  );
});

test("a Unix socket, by flag and by configuration", async () => {
  using folder = makeFolder();
  const path = join(folder.path, "elbow.sock");
  using server = serveManagement({ unix: path });
  folder.write("elbow.json", { management: { port: 1, socket: "elbow.sock" } });
  for (const args of [
    ["--management", `unix:${path}`],
    ["--management", "unix:elbow.sock"],
    ["-c", "elbow.json"],
  ]) {
    expect((await status(folder, args)).exitCode).toBe(0);
  }
  expect(server.asked).toHaveLength(3);
  rmSync(path, { force: true });
});

test("TLS: only with an authority that is trusted", async () => {
  const { certPem: cert, keyPem: key } = await issueTestCertificate({ ips: ["127.0.0.1"] });
  using server = serveManagement({ tls: { cert, key } });
  using folder = makeFolder({ "ca.pem": (await testAuthority()).certPem });
  const place = ["--management", `https://127.0.0.1:${server.port}`];
  const refused = await status(folder, place);
  expect([refused.exitCode, refused.stdout]).toEqual([69, ""]);
  expect(refused.stderr).toMatch(
    /^elbow: https:\/\/127\.0\.0\.1:\d+: its certificate isn't trusted \(\w+\); --ca <file> .*\n$/,
  );
  expect(server.asked).toEqual([]);
  expect((await status(folder, [...place, "--ca", "ca.pem"])).exitCode).toBe(0);
  // What is no certificate is no authority, and nobody is trusted by it.
  folder.write("ca.key", key);
  folder.write("odd.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  folder.write("other.pem", (await testAuthority("other")).certPem);
  server.asked.splice(0);
  for (const ca of ["ca.key", "odd.pem"]) {
    const { exitCode, stderr } = await status(folder, [...place, "--ca", ca]);
    expect(exitCode).toBe(1);
    expect(stderr).toBe(`elbow: --ca: ${ca} has no certificate that can be read (expected certificates in PEM)\n`);
  }
  expect((await status(folder, [...place, "--ca", "other.pem"])).exitCode).toBe(69);
  expect(server.asked).toEqual([]);
});

test("no proxy is asked, whatever the environment says", async () => {
  using server = serveManagement();
  using proxy = serveManagement();
  using folder = makeFolder();
  const url = `http://127.0.0.1:${proxy.port}`;
  const env = { HTTP_PROXY: url, http_proxy: url, ALL_PROXY: url, NO_PROXY: "", no_proxy: "" };
  expect((await status(folder, ["--management", `http://127.0.0.1:${server.port}`], env)).exitCode).toBe(0);
  expect([server.asked.length, proxy.asked.length]).toEqual([1, 0]);
});

test("./elbow.config.ts that can't be read: the default is asked, and that is said; a named file must say it", async () => {
  using folder = makeFolder({ "elbow.config.ts": "export default { a: b c" });
  const { exitCode, stdout, stderr } = await status(folder);
  const [first = "", ...others] = stderr.split("\n");
  expect(first).toBe(
    "elbow: ./elbow.config.ts can't say where elbow is (elbow check says why); asking http://127.0.0.1:9090",
  );
  // Whether something is there isn't this test's affair.
  if (exitCode !== 0) expect([exitCode, stdout, others.join("\n")]).toEqual([69, "", expect.stringMatching(/9090: /)]);
  const named = await status(folder, ["--config", "./elbow.config.ts"]);
  expect([named.exitCode, named.stdout]).toEqual([1, ""]);
  expect(named.stderr).toContain("can't say where elbow is; name it with --management <url>\n./elbow.config.ts:1:");
  using server = serveManagement();
  const other = await status(folder, ["--management", `http://127.0.0.1:${server.port}`]);
  expect([other.exitCode, other.stderr]).toEqual([0, ""]);
});

test("TLS: a certificate for another name is told apart from one that isn't trusted", async () => {
  const { certPem: cert, keyPem: key } = await issueTestCertificate({ names: ["lb.test"], ips: [] });
  using server = serveManagement({ tls: { cert, key } });
  using folder = makeFolder({ "ca.pem": (await testAuthority()).certPem });
  const place = `https://127.0.0.1:${server.port}`;
  const { exitCode, stderr } = await status(folder, ["--management", place, "--ca", "ca.pem"]);
  expect([exitCode, stderr]).toEqual([
    69,
    `elbow: ${place}: its certificate is for another name (ERR_TLS_CERT_ALTNAME_INVALID); ask for it by a name that the certificate has\n`,
  ]);
});

test.each([
  [["--management", "htp://x"], /--management is "htp:\/\/x"/],
  [["--management", "http://user:word@127.0.0.1"], /has a user or a password in it/],
  [["--management", "http://127.0.0.1:1/api"], /has something behind its port/],
  [["--config", "free.json"], /free\.json doesn't say on which port/],
])("%p can't be used: exit code 2", async (args, words) => {
  using folder = makeFolder({ "free.json": { management: { port: 0 } } });
  const { exitCode, stdout, stderr } = await status(folder, args);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain("word@");
});

test.each([
  [
    ["--config", "none.json"],
    1,
    /none\.json can't say where elbow is; name it with --management <url>\n.*no such file/,
  ],
  [["--token-file", "none"], 1, /--token-file: none: no such file \(ENOENT\)/],
  [["--token-file", "short"], 2, /--token-file short: that is no token \(expected one line of at least 32/],
  [["--ca", "."], 1, /--ca: \.: it is a folder \(EISDIR\)/],
  [["--management", "unix:none.sock"], 69, /none\.sock: there is no such socket; is elbow running\?/],
])("%p: exit code %d", async (args, code, words) => {
  using folder = makeFolder({ short: "secret-but-short" });
  const { exitCode, stdout, stderr } = await status(folder, args);
  expect([exitCode, stdout]).toEqual([code, ""]);
  expect(stderr).toMatch(words);
  expect(stderr).not.toContain("secret-but-short");
});

test("nothing listens there: exit code 69, for every command that asks", async () => {
  using folder = makeFolder();
  const place = ["--management", `http://127.0.0.1:${freePort()}`];
  for (const command of [["status"], ["reload"], ["drain", "i-web1"], ["undrain", "i-web1"]]) {
    const { exitCode, stdout, stderr } = await ElbowCommand.run([...command, ...place], { cwd: folder.path });
    expect([exitCode, stdout, stderr]).toEqual([
      69,
      "",
      `elbow: ${place[1]}: nothing listens there; is elbow running?\n`,
    ]);
  }
});
