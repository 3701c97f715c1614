// The compiled binary from an empty folder with an empty environment, as it is on a machine that has nothing else of elbow:
// from `init` to a policy that is edited while it runs, and every command that an operator has.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Binary, buildTestBinary } from "../support/binary.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { eventually } from "../support/eventually.ts";
import { ExampleInstance } from "../support/example-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { leastStartMs } from "../support/start-up.ts";

setDefaultTimeout(30_000);

let binary: Binary;

beforeAll(() => {
  binary = buildTestBinary();
}, 60_000);

afterAll(() => binary[Symbol.dispose]());

/** Runs a command in a folder, to its end. */
const run = (cwd: string, ...args: ReadonlyArray<string>) => ElbowCommand.run(args, { program: binary.program, cwd });

const serveIn = (cwd: string, ...args: ReadonlyArray<string>) =>
  ElbowCommand.serving(args, { program: binary.program, cwd });

test("init, check, run, status, drain, undrain, reload: from nothing to a load balancer that is looked after", async () => {
  await using instance = await ExampleInstance.start("i-web1");
  await using other = await ExampleInstance.start("i-web2");
  using folder = makeFolder();
  const [http, management] = [freePort(), freePort()];

  const init = await run(folder.path, "init");
  expect([init.exitCode, init.stderr]).toEqual([0, ""]);
  const file = join(folder.path, "elbow.config.ts");
  expect(existsSync(join(folder.path, "elbow.d.ts"))).toBe(true);
  const ports = { 8080: http, 9090: management, 3001: instance.port, 3002: other.port };
  const written = Object.entries(ports).reduce(
    (text, [from, to]) => text.replaceAll(new RegExp(`\\b${from}\\b`, "g"), String(to)),
    readFileSync(file, "utf8"),
  );
  await Bun.write(file, written);
  const check = await run(folder.path, "check");
  expect([check.exitCode, check.stderr]).toEqual([0, ""]);

  await using elbow = await serveIn(folder.path, "run");
  expect(elbow.ports).toEqual([http, management]);
  const askedFor = async (): Promise<string> =>
    (await (await fetch(`http://127.0.0.1:${http}/`, { headers: { connection: "close" } })).text()).slice(0, 6);
  await eventually(async () => new Set([await askedFor(), await askedFor()]).size === 2, { what: "both instances" });

  const status = await run(folder.path, "status", "--json");
  expect(status.exitCode).toBe(0);
  expect(JSON.parse(status.stdout).loadBalancers[0]).toMatchObject({
    name: "web",
    instances: [{ id: "i-web1" }, { id: "i-web2" }],
  });
  expect((await run(folder.path, "drain", "i-web1")).exitCode).toBe(0);
  expect([await askedFor(), await askedFor(), await askedFor()]).toEqual(["i-web2", "i-web2", "i-web2"]);
  expect((await run(folder.path, "undrain", "i-web1")).exitCode).toBe(0);
  await eventually(async () => (await askedFor()) === "i-web1", { what: "the other one again" });

  const reload = await run(folder.path, "reload");
  expect([reload.exitCode, reload.stderr]).toEqual([0, ""]);
  await Bun.write(file, written.replace("shutdownGrace: 30", "shutdownGrace: -1"));
  const refused = await run(folder.path, "reload");
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("shutdownGrace");
  expect((await askedFor()).startsWith("i-web")).toBe(true);

  elbow.process.kill("SIGTERM");
  expect(await elbow.exitCode()).toBe(0);
  expect((await run(folder.path, "status", "--once", "--management", `http://127.0.0.1:${management}`)).exitCode).toBe(
    69,
  );
});

test("a policy in TypeScript with a module of its own beside it is loaded from the disk, and again when either changes", async () => {
  await using instance = await ExampleInstance.start("i-web1");
  const [http, management] = [freePort(), freePort()];
  using folder = makeFolder({
    "policies/words.ts": `export enum Tone { Kind = "hello" }\nexport const word = (): string => Tone.Kind;`,
    "policies/greeting.ts": `
      import { definePolicy, Schema } from "elbow";
      import { word } from "./words.ts";
      export default definePolicy({
        type: "greeting",
        attributes: Schema.Struct({ to: Schema.String }),
        responseHead: ({ to }) => ({ set: { "X-Greeting": word() + ", " + to } }),
      });`,
    "elbow.config.ts": `
      import { defineConfig } from "elbow";
      export default defineConfig({
        management: { port: ${management} },
        loadBalancers: { web: {
          address: "127.0.0.1",
          listeners: [{ protocol: "HTTP", port: ${http}, instancePort: ${instance.port}, policies: ["greeting"] }],
          instances: ["127.0.0.1"],
          policies: { greeting: { module: "./policies/greeting.ts", attributes: { to: "world" } } } } },
      });`,
  });
  await using elbow = await serveIn(folder.path);
  const greeting = async () => (await fetch(`http://127.0.0.1:${http}/`)).headers.get("x-greeting");
  expect(await greeting()).toBe("hello, world");
  // No signal: the module beside the policy is watched as the policy is.
  folder.write("policies/words.ts", `export const word = (): string => "good evening";`);
  await eventually(async () => (await greeting()) === "good evening, world", { timeoutMs: 10_000 });
  folder.write("policies/words.ts", `export const word = (): string => ;`);
  await elbow.says(/policies\/words\.ts:1:\d+/);
  expect(await greeting()).toBe("good evening, world");
});

test("a module may import packages that are installed beside it, and gets nothing that isn't", async () => {
  using folder = makeFolder({
    "node_modules/words/package.json": { name: "words", type: "module", exports: { "./kind": "./lib/kind.js" } },
    "node_modules/words/lib/kind.js": `export const name = "web";`,
  });
  const describe = (specifier: string): string => `
    import { defineConfig } from "elbow";
    import { name } from "${specifier}";
    export default defineConfig({ loadBalancers: { [name]: {
      listeners: [{ protocol: "HTTP", port: 8080, instancePort: 80 }], instances: [] } } });`;
  folder.write("elbow.config.ts", describe("words/kind"));
  const found = await run(folder.path, "check");
  expect([found.exitCode, found.stderr]).toEqual([0, ""]);
  folder.write("elbow.config.ts", describe("left-pad"));
  const missing = await run(folder.path, "check");
  expect(missing.exitCode).toBe(1);
  expect(`${missing.stdout}${missing.stderr}`).toContain("left-pad");
  expect(existsSync(join(folder.path, "node_modules/left-pad"))).toBe(false);
});

test("a certificate for development is issued and shown", async () => {
  using folder = makeFolder();
  const issue = await run(folder.path, "cert", "issue", "--name", "localhost", "--out", "certs");
  expect([issue.exitCode, issue.stderr]).toEqual([0, ""]);
  const pem = [...new Bun.Glob("certs/*.pem").scanSync(folder.path)].find((name) => !name.includes("authority"));
  const show = await run(folder.path, "cert", "show", pem ?? "no certificate was made");
  expect([show.exitCode, show.stdout]).toEqual([0, expect.stringContaining("localhost")]);
});

test("it accepts connections soon after its start, with a configuration and a policy of its user's", async () => {
  using folder = makeFolder({
    "policies/greeting.ts": `
      import { definePolicy, Schema } from "elbow";
      export default definePolicy({
        type: "greeting",
        attributes: Schema.Struct({}),
        responseHead: () => ({ set: { "X-Greeting": "hello" } }),
      });`,
  });
  const port = freePort();
  folder.write(
    "elbow.config.ts",
    `import { defineConfig } from "elbow";
     export default defineConfig({
       management: { port: ${freePort()} },
       loadBalancers: { web: {
         address: "127.0.0.1",
         listeners: [{ protocol: "HTTP", port: ${port}, instancePort: ${freePort()}, policies: ["greeting"] }],
         instances: ["127.0.0.1"],
         policies: { greeting: { module: "./policies/greeting.ts" } } } },
     });`,
  );
  // Measured in docs/deploy.md.
  expect(await leastStartMs([], port, { program: binary.program, cwd: folder.path })).toBeLessThan(100);
});
