// `elbow init`: what it writes is sound, with everything switched on too, is served as it stands, and replaces no file.
import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { WrittenConfiguration } from "../../src/model/configuration.ts";
import { WrittenLoadBalancer } from "../../src/model/load-balancer.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { answerText } from "../support/scripts.ts";
import { readSource } from "../support/type-check.ts";

setDefaultTimeout(30_000);

const init = (folder: Folder, ...args: ReadonlyArray<string>) =>
  ElbowCommand.run(["init", ...args], { cwd: folder.path });

const readConfiguration = (folder: Folder): string => readFileSync(join(folder.path, "elbow.config.ts"), "utf8");

test("it writes a configuration and its types, and check finds nothing", async () => {
  using folder = makeFolder();
  expect(await init(folder)).toEqual({
    exitCode: 0,
    stdout: "wrote elbow.config.ts, elbow.d.ts and tsconfig.json; next: elbow check, then elbow run\n",
    stderr: "",
  });
  expect(readdirSync(folder.path).sort()).toEqual(["elbow.config.ts", "elbow.d.ts", "tsconfig.json"]);
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["check"], { cwd: folder.path });
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toBe("./elbow.config.ts is sound: 1 load balancer, 1 listener, 2 instances\n");
});

test("a tsconfig.json that is there stays; the one that is written is that of docs/policies.md, and types are found by it", async () => {
  using folder = makeFolder({ "tsconfig.json": "{}" });
  expect((await init(folder)).stdout).toStartWith("wrote elbow.config.ts and elbow.d.ts; next");
  expect(readFileSync(join(folder.path, "tsconfig.json"), "utf8")).toBe("{}");

  using other = makeFolder();
  await init(other);
  const settings = readFileSync(join(other.path, "tsconfig.json"), "utf8");
  expect(readSource("docs/policies.md")).toContain(`\`\`\`json\n${settings}\`\`\``);
  const tsc = [process.execPath, resolve(import.meta.dir, "../../node_modules/typescript/bin/tsc"), "-p", "."];
  expect(Bun.spawnSync(tsc, { cwd: other.path }).stdout.toString()).toBe("");
  other.write("elbow.config.ts", `${readConfiguration(other)}export const wrong: number = "";\n`);
  expect(Bun.spawnSync(tsc, { cwd: other.path }).stdout.toString()).toContain("elbow.config.ts");
});

test("it balances as it stands, over the instances that it names", async () => {
  using a = FakeInstance.start(answerText("a"));
  using b = FakeInstance.start(answerText("b"));
  const [port, management] = [freePort(), freePort()];
  using folder = makeFolder();
  await init(folder);
  // Only the ports are others, since the written ones may be taken here.
  const ports = { 8080: port, 9090: management, 3001: a.port, 3002: b.port };
  const moved = readConfiguration(folder).replaceAll(/\b(?:8080|9090|3001|3002)\b/g, (text) =>
    String(ports[text as never]),
  );
  folder.write("elbow.config.ts", moved);
  await using elbow = await ElbowCommand.serving(["run"], { cwd: folder.path });
  expect(elbow.ports).toEqual([port, management]);
  const heard = new Set<string>();
  for (let index = 0; index < 4; index++) heard.add(await (await fetch(`http://127.0.0.1:${port}/`)).text());
  expect([...heard].sort()).toEqual(["a", "b"]);
});

test("with everything switched on it is sound, too, and every section is in it", async () => {
  using folder = makeFolder();
  await init(folder);
  const switchedOn = readConfiguration(folder).replaceAll(/^( *)\/\/(?=\S)/gm, "$1");
  folder.write("elbow.config.ts", switchedOn);
  const { certPem, keyPem } = await issueTestCertificate();
  folder.write("certs/site.pem", certPem);
  folder.write("certs/site.key", keyPem);
  chmodSync(folder.write("management.token", `${"T".repeat(40)}\n`), 0o600);
  mkdirSync(join(folder.path, "policies"));
  const example = resolve(import.meta.dir, "../../examples/policies/security-headers.ts");
  copyFileSync(example, join(folder.path, "policies/security-headers.ts"));
  const { exitCode, stdout } = await ElbowCommand.run(["check", "--json"], { cwd: folder.path });
  expect([JSON.parse(stdout).problems, exitCode]).toEqual([[], 0]);

  const keys = (schema: { readonly fields: object }, indent: string) =>
    Object.keys(schema.fields).filter((key) => !new RegExp(`^${indent}${key}: `, "m").test(switchedOn));
  expect(keys(WrittenConfiguration, "  ")).toEqual([]);
  expect(keys(WrittenLoadBalancer, "      ")).toEqual([]);
});

test.each([["elbow.config.ts"], ["elbow.d.ts"]])(
  "a %s that is there stays as it is, and nothing is written",
  async (name) => {
    using folder = makeFolder({ [name]: "mine" });
    expect(await init(folder)).toEqual({
      exitCode: 1,
      stdout: "",
      stderr: `elbow: ${name} is there already; nothing was written\n`,
    });
    expect(readdirSync(folder.path)).toEqual([name]);
    expect(readFileSync(join(folder.path, name), "utf8")).toBe("mine");
  },
);

test("--stdout prints the configuration and writes nothing; --json names what was written", async () => {
  using folder = makeFolder();
  const printed = await init(folder, "--stdout");
  expect([printed.exitCode, printed.stderr, readdirSync(folder.path)]).toEqual([0, "", []]);
  const asJson = await init(folder, "--stdout", "--json");
  expect([JSON.parse(asJson.stdout), readdirSync(folder.path)]).toEqual([{ written: [], text: printed.stdout }, []]);
  const written = await init(folder, "--json");
  expect(JSON.parse(written.stdout)).toEqual({
    written: ["elbow.config.ts", "elbow.d.ts", "tsconfig.json"],
    next: ["elbow check", "elbow run"],
  });
  expect(readConfiguration(folder)).toBe(printed.stdout);
});
