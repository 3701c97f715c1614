// Demo mode, as `npm start` gives it to a newcomer: two instances behind one load balancer, a table of what listens
// where, and one clear line when a port can't be had.
import { expect, setDefaultTimeout, test } from "bun:test";
import { accessSync, chownSync, constants, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { ElbowCommand, fromSource } from "../support/elbow-command.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { silence } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const flags = ["--http-port", "--tcp-port", "--https-port", "--ssl-port", "--management-port"] as const;
const anyPorts = flags.flatMap((flag) => [flag, "0"]);

const startDemo = async (env: Readonly<Record<string, string>> = {}) => {
  const folder = makeFolder();
  // Warnings alone: what a demo must not have.
  const quiet = { ELBOW_LOG_LEVEL: "warn", ...env };
  const elbow = await ElbowCommand.serving(["run", ...anyPorts], { cwd: folder.path, env: quiet });
  const [http = 0, tcp = 0, https = 0, ssl = 0, management = 0] = elbow.ports;
  return {
    elbow,
    ...{ http, tcp, https, ssl, management },
    async [Symbol.asyncDispose]() {
      await elbow[Symbol.asyncDispose]();
      folder[Symbol.dispose]();
    },
  };
};

const named = (text: string): string => /^Hello from (i-demo[12])\./.exec(text)?.[1] ?? `nobody: ${text}`;

/** One request on a connection of its own; returns the body. */
const curl = async (port: number, path = "/", init: RequestInit = {}): Promise<string> => {
  const headers = { connection: "close", ...init.headers };
  return (await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers })).text();
};

/** The same over TLS; the certificate must be one for `127.0.0.1` by this authority, if one is named. */
const secureCurl = async (port: number, authorityFile?: string): Promise<string> => {
  const tls = authorityFile === undefined ? { rejectUnauthorized: false } : { ca: readFileSync(authorityFile, "utf8") };
  return (await fetch(`https://127.0.0.1:${port}/`, { headers: { connection: "close" }, tls })).text();
};

/** SHA-256 of the certificate that a listener shows. */
const shownCertificate = (port: number): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    });
    socket.once("error", reject);
  });

test("it prints what listens where, and the printed command works", async () => {
  await using demo = await startDemo();
  expect(demo.elbow.stderr).toBe("");
  expect(demo.elbow.stdout).toContain("demo mode");
  expect(demo.elbow.stdout).toContain(`127.0.0.1:${demo.http} `);
  expect(demo.elbow.stdout).toContain(`127.0.0.1:${demo.tcp} `);
  expect(demo.elbow.stdout).toMatch(new RegExp(`127\\.0\\.0\\.1:${demo.https} +HTTPS +demo +HTTP to i-demo1 `));
  expect(demo.elbow.stdout).toMatch(new RegExp(`127\\.0\\.0\\.1:${demo.ssl} +SSL +demo +TCP to i-demo1 `));
  const url = /^Try: curl (http:\S+)$/m.exec(demo.elbow.stdout)?.[1];
  expect(url).toBe(`http://127.0.0.1:${demo.http}/`);
  expect(named(await (await fetch(url ?? "")).text())).toMatch(/^i-demo/);
  expect(demo.elbow.ports).toHaveLength(5);
});

test("HTTPS is tried without trust, and with trust in the authority that the table names", async () => {
  await using demo = await startDemo();
  expect(demo.elbow.stdout).toContain(`\n     curl -k https://127.0.0.1:${demo.https}/\n`);
  const authorityFile = new RegExp(`^ {5}curl --cacert (\\S+) https://127\\.0\\.0\\.1:${demo.https}/$`, "m").exec(
    demo.elbow.stdout,
  )?.[1];
  const text = await secureCurl(demo.https, authorityFile);
  expect(named(text)).toMatch(/^i-demo/);
  expect(text).toMatch(/\n {2}X-Forwarded-Proto: https\n/i);
  expect(text).toMatch(new RegExp(`\n {2}X-Forwarded-Port: ${demo.https}\n`, "i"));
  expect(named(await secureCurl(demo.ssl, authorityFile))).toMatch(/^i-demo/);
});

test("the certificate is made at the first start, for its owner alone, and kept", async () => {
  using state = makeFolder();
  const STATE_DIRECTORY = join(state.path, "elbow");
  let shown = "";
  {
    await using first = await startDemo({ STATE_DIRECTORY });
    expect(first.elbow.stderr).toBe("");
    shown = await shownCertificate(first.https);
    expect(await shownCertificate(first.ssl)).toBe(shown);
  }
  expect((statSync(STATE_DIRECTORY).mode & 0o777).toString(8)).toBe("700");
  await using second = await startDemo({ STATE_DIRECTORY });
  expect(await shownCertificate(second.https)).toBe(shown);
});

test("without a place to keep it demo mode starts with a certificate of its own, and says so", async () => {
  using folder = makeFolder({ file: "" });
  const STATE_DIRECTORY = join(folder.path, "file");
  await using demo = await startDemo({ STATE_DIRECTORY });
  expect(demo.elbow.stderr).toBe(
    "elbow: demo mode's certificate is new at each start: " +
      `the state directory ${STATE_DIRECTORY}: it is a file (EEXIST); name another with STATE_DIRECTORY\n`,
  );
  expect(demo.elbow.stdout).toContain(`curl -k https://127.0.0.1:${demo.https}/\n`);
  expect(demo.elbow.stdout).not.toContain("--cacert");
  expect(named(await secureCurl(demo.https))).toMatch(/^i-demo/);
  await using other = await startDemo({ STATE_DIRECTORY });
  expect(await shownCertificate(other.https)).not.toBe(await shownCertificate(demo.https));
});

test.each(["http", "tcp", "https", "ssl"] as const)(
  "over %s the answers alternate between both instances",
  async (listener) => {
    await using demo = await startDemo();
    const names: Array<string> = [];
    const ask = listener === "http" || listener === "tcp" ? curl : secureCurl;
    for (let round = 0; round < 4; round++) names.push(named(await ask(demo[listener])));
    expect(names.slice(0, 2).sort()).toEqual(["i-demo1", "i-demo2"]);
    expect(names.slice(2)).toEqual(names.slice(0, 2));
  },
);

test("an instance echoes the request line, the headers and the size of the body", async () => {
  await using demo = await startDemo();
  const body = "x".repeat(1_000);
  const text = await curl(demo.http, "/path?query=1", { method: "POST", body, headers: { "X-Case": "Kept" } });
  expect(text).toContain("\n  POST /path?query=1 HTTP/1.1\n");
  expect(text).toMatch(/\n {2}x-case: Kept\n/i);
  expect(text).toMatch(/\n {2}X-Forwarded-For: 127\.0\.0\.1\n/i);
  expect(text).toContain("and a body of 1000 bytes.");
});

test("SIGHUP has nothing to reload and ends nothing", async () => {
  await using demo = await startDemo();
  demo.elbow.process.kill("SIGHUP");
  await demo.elbow.says(/nothing to reload/);
  expect(named(await curl(demo.http))).toMatch(/^i-demo/);
});

test.each(["SIGTERM", "SIGINT"] as const)("%s ends it with code 0 and nothing left listening", async (signal) => {
  await using demo = await startDemo();
  const instances = [...demo.elbow.stdout.matchAll(/i-demo[12] 127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
  expect(new Set(instances).size).toBe(2);
  demo.elbow.process.kill(signal);
  expect(await demo.elbow.exitCode()).toBe(0);
  for (const port of [demo.http, demo.tcp, demo.https, demo.ssl, demo.management, ...instances]) {
    await expect(RawClient.connect(port)).rejects.toThrow();
  }
});

test.each(flags)("%s is taken: one line that names port and flag, code 1, nothing left running", async (flag) => {
  using taken = FakeInstance.start(silence);
  using folder = makeFolder();
  const free = Object.fromEntries(flags.map((name) => [name, freePort()]));
  const ports = { ...free, [flag]: taken.port };
  const args = Object.entries(ports).flatMap(([name, port]) => [name, String(port)]);
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["run", ...args], { cwd: folder.path });
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(
    `elbow: cannot listen on 127.0.0.1:${taken.port}: the port is taken (EADDRINUSE); ` +
      `change it with ${flag}, as in: npm start -- ${flag} 18080\n`,
  );
  for (const [name, port] of Object.entries(free)) {
    if (name !== flag) await expect(RawClient.connect(port)).rejects.toThrow();
  }
});

const firstFreePort = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
const isRoot = process.getuid?.() === 0;

// As root nothing is forbidden, so the test drops to the user `nobody`, who must be able to read this checkout.
const runUnprivileged = isRoot ? ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] : [];
const canRun = (() => {
  if (firstFreePort <= 80) return false;
  if (!isRoot) return true;
  const probe = [...runUnprivileged, ...fromSource, "--version"];
  try {
    accessSync("/usr/bin/setpriv", constants.X_OK);
    return Bun.spawnSync(probe, { cwd: "/", stdout: "ignore", stderr: "ignore" }).exitCode === 0;
  } catch {
    return false;
  }
})();

test.skipIf(!canRun).each(["--http-port", "--management-port"])(
  "a port that may not be bound (%s): one line, code 1",
  async (flag) => {
    const program = [...runUnprivileged, ...fromSource];
    const args = flags.flatMap((name) => [name, name === flag ? "80" : "0"]);
    using state = makeFolder();
    if (isRoot) chownSync(state.path, 65_534, 65_534);
    const env = { STATE_DIRECTORY: state.path };
    const { exitCode, stdout, stderr } = await ElbowCommand.run(["run", ...args], { program, cwd: "/", env });
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      new RegExp(
        `^elbow: cannot listen on 127\\.0\\.0\\.1:80: this user may not bind the port \\(EACCES\\); .*${flag}.*\n$`,
      ),
    );
  },
);

test("its own instances count in the budget of descriptors: who is let in is served, and the process stays well", async () => {
  const folder = makeFolder();
  await using elbow = await ElbowCommand.serving(["run", ...anyPorts], {
    cwd: folder.path,
    program: ["sh", "-c", 'ulimit -n 256; exec "$@"', "sh", ...fromSource],
  });
  const [, tcp = 0] = elbow.ports;
  const management = elbow.ports.at(-1);
  const clients = await Promise.all(Array.from({ length: 120 }, () => RawClient.connect(tcp)));
  const answered = await Promise.all(
    clients.map(async (client) => {
      await client.send("GET / HTTP/1.1\r\nHost: demo\r\n\r\n").catch(() => {});
      return client.takeUntil("Hello from").then(
        () => true,
        () => false,
      );
    }),
  );
  const served = answered.filter(Boolean).length;
  expect(served).toBeGreaterThan(20);
  // Served or turned away at the door; nobody is left hanging.
  expect(clients.filter(({ ending }) => ending === "open").length).toBe(served);
  expect((await fetch(`http://127.0.0.1:${management}/healthz`)).ok).toBe(true);
  for (const client of clients) client.dispose();
  folder[Symbol.dispose]();
});
