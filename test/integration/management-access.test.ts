// Who gets in to the management server of a running process: TLS, token, Unix socket; and how these change at a reload.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, lstatSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { issueTestCertificate, type TestCertificate, testAuthority } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder } from "../support/folder.ts";
import { header, readResponse } from "../support/http-message.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";

setDefaultTimeout(30_000);

const token = "0123456789abcdef0123456789abcdef";
const other = "fedcba9876543210fedcba9876543210";

/** A folder with a configuration whose management settings a test may write again. */
const makePlace = (port = freePort()) => {
  const folder = makeFolder();
  const listener = freePort();
  const write = (management: object, listenerPort = listener) =>
    folder.write("elbow.json", {
      management: { port, ...management },
      loadBalancers: {
        web: {
          listeners: [{ protocol: "TCP", port: listenerPort, instancePort: 1 }],
          instances: [],
          address: "127.0.0.1",
        },
      },
    });
  const writeCertificate = (certificate: TestCertificate) => {
    folder.write("site.pem", certificate.chainPem);
    folder.write("site.key", certificate.keyPem);
  };
  const file = join(folder.path, "elbow.json");
  const start = () => ElbowCommand.serving(["run", "--config", file]);
  /** Reloads, and waits until what it brings is there: how often it says so depends on who else has seen the change. */
  const reload = (elbow: Awaited<ReturnType<typeof start>>, isThere: () => boolean | Promise<boolean>) => {
    elbow.process.kill("SIGHUP");
    return eventually(isThere, { timeoutMs: 15_000 });
  };
  return {
    folder,
    port,
    listener,
    write,
    writeCertificate,
    file,
    start,
    reload,
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  };
};

const tls = { cert: "site.pem", key: "site.key" };

const show = (text: string) => ({ authorization: `Bearer ${text}` });

test("on every address: only encrypted, only with the token, by any address or its certificate's names", async () => {
  using place = makePlace();
  const certificate = await issueTestCertificate({ names: ["localhost", "lb.example"], ips: ["127.0.0.1"] });
  place.writeCertificate(certificate);
  place.write({ address: "0.0.0.0", tls, token });
  await using _elbow = await place.start();
  const ask = (headers: Record<string, string>, scheme = "https") =>
    fetch(`${scheme}://127.0.0.1:${place.port}/healthz`, { headers, tls: { ca: certificate.caPem } });
  expect((await ask({})).status).toBe(401);
  expect((await ask(show(token))).status).toBe(200);
  expect((await ask({ ...show(token), host: "10.9.8.7" })).status).toBe(200);
  expect((await ask({ ...show(token), host: "lb.example" })).status).toBe(200);
  expect((await ask({ ...show(token), host: "evil.example" })).status).toBe(403);
  await expect(ask(show(token), "http")).rejects.toThrow();
  const old = Promise.withResolvers<string>();
  const socket = connect({
    host: "127.0.0.1",
    port: place.port,
    ca: certificate.caPem,
    maxVersion: "TLSv1.1",
    minVersion: "TLSv1",
  });
  socket.on("secureConnect", () => old.resolve(`connected with ${socket.getProtocol()}`));
  socket.on("error", ({ message }) => old.resolve(message));
  expect(await old.promise).toContain("PROTOCOL_VERSION");
  socket.destroy();
});

test("a new token holds at once, and so does none; from clear to TLS and to another certificate on the same port", async () => {
  using place = makePlace();
  place.write({ token });
  await using elbow = await place.start();
  const ask = async (headers: Record<string, string>, ca?: string) =>
    (
      await fetch(`${ca === undefined ? "http" : "https"}://localhost:${place.port}/healthz`, {
        headers,
        keepalive: false,
        ...(ca === undefined ? {} : { tls: { ca } }),
      })
    ).status;
  expect([await ask(show(token)), await ask(show(other))]).toEqual([200, 401]);
  using kept = await RawClient.connect(place.port);
  const askKept = async (path: string): Promise<number> => {
    await kept.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    return (await readResponse(kept)).status;
  };
  expect(await askKept("/healthz")).toBe(200);
  using stream = await RawClient.connect(place.port);
  await stream.send(`GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  await stream.takeUntil("retry: 3000\n\n");
  chmodSync(place.folder.write("token", other), 0o600);
  place.write({ tokenFile: "token" });
  await place.reload(elbow, async () => (await ask(show(other))) === 200);
  expect(await ask(show(token))).toBe(401);
  expect(await askKept("/healthz")).toBe(401);
  await stream.takeUntil("\r\n0\r\n\r\n");
  place.write({});
  await place.reload(elbow, async () => (await ask({})) === 200);

  const first = await issueTestCertificate({ issuer: await testAuthority("first") });
  place.writeCertificate(first);
  place.write({ tls });
  const isShown = (ca: string) =>
    ask({}, ca).then(
      (status) => status === 200,
      () => false,
    );
  await place.reload(elbow, () => isShown(first.caPem));
  await expect(ask({})).rejects.toThrow();

  // Renewed on disk, nobody reloads.
  const second = await issueTestCertificate({ issuer: await testAuthority("second") });
  place.writeCertificate(second);
  await eventually(() => isShown(second.caPem), { timeoutMs: 15_000 });
  await expect(ask({}, first.caPem)).rejects.toThrow();
});

test("a certificate that can't be used refuses the reload; nothing moves", async () => {
  using place = makePlace();
  place.write({ token });
  await using elbow = await place.start();
  const certificate = await issueTestCertificate();
  place.writeCertificate(certificate);
  place.folder.write("site.key", "none");
  place.write({ tls, token: other, port: freePort(), socket: "m.sock" });
  elbow.process.kill("SIGHUP");
  await elbow.says(/management\.tls: site\.key: /);
  expect((await fetch(`http://localhost:${place.port}/healthz`, { headers: show(token) })).status).toBe(200);
  expect(existsSync(join(place.folder.path, "m.sock"))).toBe(false);
});

test("a Unix socket is its owner's alone, needs no token, moves at a reload and goes with the process", async () => {
  using place = makePlace();
  const [first, second] = ["m.sock", "n.sock"].map((name) => join(place.folder.path, name)) as [string, string];
  place.write({ token, socket: "m.sock" });
  const elbow = await place.start();
  expect((lstatSync(first).mode & 0o777).toString(8)).toBe("600");
  const ask = async (unix: string, init: RequestInit = {}) => fetch("http://localhost/healthz", { unix, ...init });
  expect((await ask(first)).status).toBe(200);
  expect((await ask(first, { headers: { origin: "http://evil.example" } })).status).toBe(403);
  expect((await ask(first, { headers: { host: "evil.example" } })).status).toBe(403);
  place.write({ token, socket: "n.sock" });
  await place.reload(elbow, () => existsSync(second) && !existsSync(first));
  expect((await ask(second)).status).toBe(200);
  expect(existsSync(first)).toBe(false);
  elbow.process.kill("SIGTERM");
  expect(await elbow.exitCode()).toBe(0);
  expect(existsSync(second)).toBe(false);
});

test("what a killed process left is replaced; a living one's socket, and what is no socket, stays", async () => {
  using place = makePlace();
  const path = join(place.folder.path, "m.sock");
  place.write({ socket: "m.sock" });
  {
    await using killed = await place.start();
    killed.process.kill("SIGKILL");
    await killed.exitCode();
    expect(existsSync(path)).toBe(true);
  }
  await using _elbow = await place.start();
  expect((await fetch("http://localhost/healthz", { unix: path })).status).toBe(200);

  place.folder.write("file", "precious");
  for (const [socket, words] of [
    ["m.sock", /m\.sock: another process listens there \(EADDRINUSE\); change it with management\.socket in /],
    ["file", /file: there is something else, and it stays \(EEXIST\); change it with management\.socket in /],
    ["none/m.sock", /none\/m\.sock: there is no such folder \(ENOENT\)/],
  ] as const) {
    using again = makePlace();
    again.write({ socket: join(place.folder.path, socket) });
    const { exitCode, stderr } = await ElbowCommand.run(["run", "--config", again.file]);
    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(words)]);
  }
  expect(readFileSync(join(place.folder.path, "file"), "utf8")).toBe("precious");
  expect((await fetch("http://localhost/healthz", { unix: path })).status).toBe(200);
});

test("a huge body is refused without being read, with a problem document", async () => {
  using place = makePlace();
  place.write({});
  await using _elbow = await place.start();
  for (const framing of ["Content-Length: 1000000000", "Transfer-Encoding: chunked"]) {
    using client = await RawClient.connect(place.port);
    await client.send(
      `POST /api/v1/load-balancers/web/instances HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${framing}\r\n\r\n`,
    );
    if (framing.startsWith("T")) {
      const part = `4000\r\n${" ".repeat(0x4000)}\r\n`;
      for (let count = 0; count < 5; count++) await client.send(part);
    }
    const response = await readResponse(client);
    expect([response.status, header(response, "content-type")]).toEqual([413, "application/problem+json"]);
  }
});

test("a socket whose file was removed by hand is there again after a reload", async () => {
  using place = makePlace();
  const path = join(place.folder.path, "m.sock");
  place.write({ socket: "m.sock" });
  await using elbow = await place.start();
  await elbow.says(/m\.sock/, "stdout");
  await elbow.says(/managementSocket=/);
  expect(elbow.stdout).toContain(path);
  expect(elbow.stderr).toContain(`managementSocket=${path}`);
  rmSync(path);
  await place.reload(elbow, () => existsSync(path));
  expect((await fetch("http://localhost/healthz", { unix: path })).status).toBe(200);
  expect((lstatSync(path).mode & 0o777).toString(8)).toBe("600");
});

test("an address that overlaps with the present one on the same port can be had and given back; a taken one changes nothing", async () => {
  using place = makePlace();
  const certificate = await issueTestCertificate({ names: ["localhost"], ips: ["127.0.0.1", "127.0.0.2"] });
  place.writeCertificate(certificate);
  place.write({ token });
  await using elbow = await place.start();
  const ask = (host: string, scheme: string) =>
    fetch(`${scheme}://${host}:${place.port}/healthz`, {
      headers: show(token),
      keepalive: false,
      tls: { ca: certificate.caPem },
    }).then(
      ({ status }) => status,
      () => 0,
    );
  expect([await ask("127.0.0.1", "http"), await ask("127.0.0.2", "http")]).toEqual([200, 0]);
  {
    using _stranger = Bun.listen({ hostname: "127.0.0.2", port: place.port, socket: { data() {} } });
    place.write({ address: "0.0.0.0", tls, token });
    elbow.process.kill("SIGHUP");
    await elbow.says(/cannot listen on 0\.0\.0\.0:\d+: the port is taken \(EADDRINUSE\)/);
    expect(await ask("127.0.0.1", "http")).toBe(200);
  }
  await place.reload(elbow, async () => (await ask("127.0.0.2", "https")) === 200);
  expect(await ask("127.0.0.1", "https")).toBe(200);
  place.write({ token });
  await place.reload(elbow, async () => (await ask("127.0.0.1", "http")) === 200);
  expect([await ask("127.0.0.2", "https"), await ask("127.0.0.2", "http")]).toEqual([0, 0]);
});

test("a port that a listener gives up in the same reload is refused, and whose it is is said", async () => {
  using place = makePlace();
  place.write({});
  await using elbow = await place.start();
  place.write({ port: place.listener }, place.port);
  elbow.process.kill("SIGHUP");
  await elbow.says(
    /cannot listen on 127\.0\.0\.1:\d+: a listener of web of this elbow has it until the reload is over/,
  );
  expect((await fetch(`http://127.0.0.1:${place.port}/healthz`)).status).toBe(200);
});
