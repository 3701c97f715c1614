// How commands find the running elbow that they ask, what they show it, and what they say when nobody fit to answer is
// there. A scripted server stands in for elbow; status-command.test.ts and drain-command.test.ts ask a real one.
import { expect, setDefaultTimeout, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { issueTestCertificate, testAuthority } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";

setDefaultTimeout(30_000);

const answer = {
  ...{ version: "0.1.0", startedAt: new Date(0).toISOString(), readiness: "serving", source: "a test" },
  ...{ lastReload: null, loadBalancers: [] },
};

interface Scripted extends Disposable {
  readonly port: number;
  /** What was asked: method, path, and the token that was shown. */
  readonly asked: Array<string>;
}

const serveManagement = (
  options: { readonly tls?: Bun.TLSOptions; readonly unix?: string; readonly fetch?: () => Response } = {},
): Scripted => {
  const asked: Array<string> = [];
  const fetch = (request: Request) => {
    const { pathname } = new URL(request.url);
    asked.push(`${request.method} ${pathname} ${request.headers.get("authorization") ?? "no token"}`);
    return options.fetch?.() ?? Response.json(answer);
  };
  const server =
    options.unix === undefined
      ? Bun.serve({ hostname: "127.0.0.1", port: 0, fetch, ...(options.tls === undefined ? {} : { tls: options.tls }) })
      : Bun.serve({ unix: options.unix, fetch });
  return { port: server.port ?? 0, asked, [Symbol.dispose]: () => void server.stop(true) };
};

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

const change = (override?: "drained") => ({
  instances: [
    {
      ...{ id: "i-web1", address: "127.0.0.1", port: 80, phase: "inService", state: "InService" },
      ...{ reasonCode: "N/A", description: "N/A", openConnections: 0, outstanding: 0 },
      ...(override === undefined ? {} : { override }),
    },
  ],
});
const everywhere = (override?: "drained") => ({ loadBalancers: [{ name: "web", ...change(override) }] });

test.each<readonly [string, ReadonlyArray<string>, object, number]>([
  ["JSON of something else", ["drain", "i-web1"], { hello: 1 }, 69],
  ["no load balancer", ["drain", "i-web1"], { loadBalancers: [] }, 69],
  ["another instance", ["drain", "i-web2"], everywhere("drained"), 69],
  ["an instance that isn't drained", ["drain", "i-web1"], everywhere(), 69],
  ["one that is", ["drain", "i-web1"], everywhere("drained"), 0],
  ["one of one load balancer", ["drain", "i-web1", "--load-balancer", "web"], change("drained"), 0],
  ["one of one load balancer that isn't", ["drain", "i-web1", "--load-balancer", "web"], change(), 69],
  ["one that still is", ["undrain", "i-web1"], everywhere("drained"), 69],
  ["one that isn't any more", ["undrain", "i-web1"], everywhere(), 0],
])("%s, answered to %p: exit code %d", async (_name, args, body, code) => {
  using server = serveManagement({ fetch: () => Response.json(body) });
  using folder = makeFolder();
  const place = `http://127.0.0.1:${server.port}`;
  const { exitCode, stdout, stderr } = await ElbowCommand.run([...args, "--json", "--management", place], {
    cwd: folder.path,
  });
  expect(exitCode).toBe(code);
  if (code === 0) return expect([stderr, JSON.parse(stdout)]).toEqual(["", body]);
  const words = `its answer doesn't show that ${args[1]} was ${args[0]}ed; elbow status tells`;
  expect([stdout, stderr]).toEqual(["", `elbow: ${place}: ${words}\n`]);
});

test("status --json, too, is the status of an elbow or a failure", async () => {
  using server = serveManagement({ fetch: () => Response.json({ hello: 1 }) });
  using folder = makeFolder();
  const { exitCode, stdout, stderr } = await status(folder, ["--management", `http://127.0.0.1:${server.port}`]);
  expect([exitCode, stdout]).toEqual([69, ""]);
  expect(stderr).toMatch(/its status isn't one that elbow \S+ understands/);
});

test("an answer without an end is left", async () => {
  const block = new Uint8Array(1_048_576);
  let blocks = 0;
  const pull = (controller: ReadableStreamDefaultController): void => {
    // An end all the same, so that a client that reads everything fails this test and nothing else.
    if (++blocks > 200) controller.close();
    else controller.enqueue(block);
  };
  using server = serveManagement({ fetch: () => new Response(new ReadableStream({ pull })) });
  using folder = makeFolder();
  const { exitCode, stderr } = await status(folder, ["--management", `http://127.0.0.1:${server.port}`]);
  expect([exitCode, stderr]).toEqual([69, expect.stringMatching(/its answer is longer than any of elbow \S+\n$/)]);
  expect(blocks).toBeLessThan(200);
});

test("what breaks lines in a refusal breaks none on the terminal", async () => {
  const fetch = () => Response.json({ detail: "one\ntwo", problems: ["three\r\nfour"] }, { status: 422 });
  using server = serveManagement({ fetch });
  using folder = makeFolder();
  const { exitCode, stderr } = await ElbowCommand.run(["reload", "--management", `http://127.0.0.1:${server.port}`], {
    cwd: folder.path,
  });
  expect([exitCode, stderr]).toEqual([1, "elbow: reload refused, everything stays as it was\nthree four\n"]);
});

const problem = (code: number, detail: string) => () =>
  Response.json({ type: "about:blank", title: "", status: code, detail }, { status: code });

test.each([
  ["a page", () => new Response("<html>"), 69, /something answers there, with status 200, that is no elbow/],
  ["other JSON", () => Response.json({ hello: 1 }), 69, /its status isn't one that elbow \S+ understands/],
  ["an empty 404", () => new Response("", { status: 404 }), 69, /with status 404, that is no elbow/],
  ["a redirect", () => Response.redirect("http://192.0.2.1/"), 69, /with status 302, that is no elbow/],
  ["401", problem(401, "no"), 1, /it wants a token \(ELBOW_TOKEN or --token-file has the one to show\)/],
  ["403", problem(403, "The Host header is odd."), 1, /The Host header is odd\./],
])("%s is one line and its exit code", async (_name, fetch, code, words) => {
  using server = serveManagement({ fetch });
  using folder = makeFolder();
  const { exitCode, stdout, stderr } = await ElbowCommand.run(
    ["status", "--management", `http://127.0.0.1:${server.port}`],
    { cwd: folder.path },
  );
  expect([exitCode, stdout]).toEqual([code, ""]);
  expect(stderr).toMatch(/^elbow: http:\/\/127\.0\.0\.1:\d+: [^\n]+\n$/);
  expect(stderr).toMatch(words);
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
