// The compiled binary: built, started far from the checkout, and held to the promises of `npm start`: quick, alone, and
// deaf to what lies in its working directory.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import packageJson from "../../package.json";
import { type Binary, buildTestBinary } from "../support/binary.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { greet } from "../support/scripts.ts";
import { leastStartMs } from "../support/start-up.ts";

setDefaultTimeout(30_000);

const home = makeFolder();
let binary: Binary;
let program: ReadonlyArray<string> = [];
const flags = ["--http-port", "--tcp-port", "--https-port", "--ssl-port", "--management-port"];
const anyPorts = flags.flatMap((flag) => [flag, "0"]);

beforeAll(() => {
  binary = buildTestBinary();
  program = [binary.path];
}, 60_000);

afterAll(() => {
  binary[Symbol.dispose]();
  home[Symbol.dispose]();
});

const hear = async (port: number): Promise<string> => {
  using client = await RawClient.connect(port);
  await client.halfClose();
  return (await client.takeToEnd()).toString();
};

test("--version, --help and exit codes are those of the source", async () => {
  using elsewhere = makeFolder();
  const cwd = elsewhere.path;
  const versionRun = await ElbowCommand.run(["--version"], { program, cwd });
  expect([versionRun.exitCode, versionRun.stdout]).toEqual([0, `elbow v${packageJson.version}\n`]);
  expect((await ElbowCommand.run(["--help"], { program, cwd })).stdout).toContain("check");
  expect((await ElbowCommand.run(["nonsense"], { program, cwd })).exitCode).toBe(2);
});

test.each([
  // Making one takes CPU time on both cores at once; on the wall it is under 100 ms all the same.
  ["160 ms of CPU time, with a certificate of this start alone", 160, {}],
  ["100 ms of CPU time, with a certificate that is made at the first, and kept", 100, { HOME: home.path }],
])("demo mode accepts connections within %s", async (_, withinMs, env) => {
  const port = freePort();
  const args = flags.flatMap((flag) => [flag, flag === "--http-port" ? String(port) : "0"]);
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  // Measured in docs/deploy.md.
  const least = leastStartMs(args, port, { program: ["/usr/bin/env", "-i", ...words, ...program], cwd: home.path });
  expect(await least).toBeLessThan(withinMs);
});

test("demo mode answers from both instances, over every listener", async () => {
  await using elbow = await ElbowCommand.serving([], { program: [...program, ...anyPorts], cwd: home.path });
  for (const [index, port] of elbow.ports.slice(0, 4).entries()) {
    const url = `${index < 2 ? "http" : "https"}://127.0.0.1:${port}/`;
    const texts: Array<string> = [];
    for (let round = 0; round < 2; round++) {
      const response = await fetch(url, { headers: { connection: "close" }, tls: { rejectUnauthorized: false } });
      texts.push((await response.text()).slice(0, "Hello from i-demoN".length));
    }
    expect(texts.sort()).toEqual(["Hello from i-demo1", "Hello from i-demo2"]);
  }
  elbow.process.kill("SIGTERM");
  expect(await elbow.exitCode()).toBe(0);
});

test("a taken port names the flag as the binary takes it", async () => {
  using taken = FakeInstance.start(greet(""));
  const args = flags.flatMap((flag) => [flag, flag === "--http-port" ? String(taken.port) : "0"]);
  const { exitCode, stderr } = await ElbowCommand.run(args, { program, cwd: home.path });
  expect(exitCode).toBe(1);
  expect(stderr).toEndWith("change it with --http-port, as in: elbow --http-port 18080\n");
});

test("a TypeScript configuration that imports elbow, far from any node_modules, and its reload", async () => {
  using a = FakeInstance.start(greet("a"));
  using b = FakeInstance.start(greet("b"));
  const [port, management] = [freePort(), freePort()];
  using folder = makeFolder();
  const write = (instance: FakeInstance) =>
    folder.write("ports.ts", `export const instancePort: number = ${instance.port};`);
  write(a);
  const file = folder.write(
    "elbow.config.ts",
    `import { defineConfig } from "elbow";
     import { instancePort } from "./ports.ts";
     export default defineConfig({
       management: { port: ${management} },
       loadBalancers: { web: {
         address: "127.0.0.1", listeners: [{ protocol: "TCP", port: ${port}, instancePort }], instances: ["127.0.0.1"] } },
     });`,
  );
  await using elbow = await ElbowCommand.serving(["--config", file], { program, cwd: home.path });
  expect(await hear(port)).toBe("a");
  write(b);
  elbow.process.kill("SIGHUP");
  await elbow.says(/reloaded/, "stdout");
  expect(await hear(port)).toBe("b");
});

test("a module of policies/tls/, copied and changed, is a policy far from any node_modules", async () => {
  using folder = makeFolder();
  const name = "elb-security-policy-tls13-1-2-2021-06.ts";
  const module = readFileSync(resolve(import.meta.dir, "../../policies/tls", name), "utf8");
  folder.write("strict.ts", module.replace(/"ECDHE-(?:ECDSA|RSA)-AES\d+-SHA\d+",\s*/g, ""));
  const { certPem: cert, keyPem: key } = await issueTestCertificate();
  const file = folder.write(
    "elbow.config.ts",
    `import { defineConfig } from "elbow";
     import strict from "./strict.ts";
     export default defineConfig({
       loadBalancers: { web: {
         listeners: [{
           protocol: "HTTPS", port: 8443, instanceProtocol: "HTTP", instancePort: 80,
           certificate: ${JSON.stringify({ cert, key })}, policies: ["strict"] }],
         instances: [],
         policies: { strict } } },
     });`,
  );
  const check = await ElbowCommand.run(["check", "--config", file], { program, cwd: home.path });
  expect([check.exitCode, check.stderr]).toEqual([0, ""]);
  const show = await ElbowCommand.run(["policy", "show", "strict", "-c", file], { program, cwd: home.path });
  expect([show.exitCode, show.stderr]).toEqual([0, ""]);
  expect(show.stdout.split("\n").map((line) => line.slice(12).split(" ")[0])).toEqual([
    "strict",
    "TLSv1.2",
    "the",
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "",
  ]);
});

test("no bunfig.toml, .env, tsconfig.json, package.json or package of the working directory changes what elbow is", async () => {
  using instance = FakeInstance.start(greet("safe"));
  const [port, management] = [freePort(), freePort()];
  using folder = makeFolder({
    "bunfig.toml": 'preload = ["./evil.ts"]\n[run]\npreload = ["./evil.ts"]\n',
    "evil.ts": 'process.stderr.write("EVIL PRELOAD RAN\\n"); process.exit(66);',
    ".env": "ELBOW_TEST_PORT=1\nBUN_OPTIONS=--preload=./evil.ts\n",
    "tsconfig.json": { compilerOptions: { paths: { elbow: ["./evil.ts"] } } },
    "package.json": { name: "elbow", exports: "./evil.ts", imports: { "#elbow": "./evil.ts", elbow: "./evil.ts" } },
    "node_modules/elbow/package.json": { name: "elbow", main: "../../evil.ts" },
    "node_modules/effect/package.json": { name: "effect", exports: { ".": "./evil.js", "./*": "./evil.js" } },
    "node_modules/effect/evil.js": 'process.stderr.write("EVIL PACKAGE RAN\\n"); process.exit(66);',
    "elbow.config.ts": `
      import { defineConfig } from "elbow";
      export default defineConfig({
        management: { port: ${management} },
        loadBalancers: { web: {
          address: "127.0.0.1",
          listeners: [{ protocol: "TCP", port: Number(process.env.ELBOW_TEST_PORT ?? ${port}), instancePort: ${instance.port} }],
          instances: ["127.0.0.1"] } },
      });`,
  });
  // The copy makes sure that nothing is found beside the binary by luck.
  copyFileSync(binary.path, join(folder.path, "elbow"));
  await using elbow = await ElbowCommand.serving([], { program: [join(folder.path, "elbow")], cwd: folder.path });
  expect(elbow.all).not.toContain("EVIL");
  expect(elbow.ports).toEqual([port, management]);
  expect(await hear(port)).toBe("safe");
});
