// The log of a process that serves: its form on a terminal and elsewhere, its level, its line at the start, and that it
// has no line for a request.
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import packageJson from "../../package.json";
import { ElbowCommand } from "../support/elbow-command.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { type Folder, makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { answerText } from "../support/scripts.ts";
import { TerminalCommand } from "../support/terminal-command.ts";

setDefaultTimeout(30_000);

interface Written {
  readonly folder: Folder;
  readonly file: string;
  readonly port: number;
  readonly management: number;
}

const writeConfiguration = (attributes: object = {}, instancePort = 80): Written => {
  const [port, management] = [freePort(), freePort()];
  const web = {
    address: "127.0.0.1",
    listeners: [{ protocol: "HTTP", port, instancePort }],
    instances: ["127.0.0.1"],
    attributes: { minIdleConnections: 0, ...attributes },
  };
  const folder = makeFolder();
  const loadBalancers = { web };
  const file = folder.write("elbow.json", {
    management: { port: management },
    maxConnections: 100,
    watch: false,
    loadBalancers,
  });
  return { folder, file, port, management };
};

const linesOf = (text: string): ReadonlyArray<Record<string, unknown>> =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

test("elsewhere than on a terminal: JSON lines, one at the start, none for a request", async () => {
  using instance = FakeInstance.start(answerText("ok"));
  const { folder, file, port, management } = writeConfiguration({}, instance.port);
  using _ = folder;
  await using elbow = await ElbowCommand.serving(["run", "-c", file], { env: { ELBOW_LOG_FORMAT: "" } });
  await elbow.says(/"serving /);
  for (let index = 0; index < 3; index++) await (await fetch(`http://127.0.0.1:${port}/`)).text();
  const [start, ...rest] = linesOf(elbow.stderr);
  expect(rest).toEqual([]);
  expect(Object.keys(start ?? {}).slice(0, 3)).toEqual(["time", "level", "message"]);
  expect(start).toMatchObject({
    level: "info",
    message: `serving configuration ${file}`,
    version: packageJson.version,
    pid: elbow.process.pid,
    listeners: `HTTP 127.0.0.1:${port}`,
    management: `127.0.0.1:${management}`,
    maxConnections: 100,
  });

  writeFileSync(file, '{ "loadBalancers": { "we\\u001b[2Jb": 1, "web": 1 } }');
  elbow.process.kill("SIGHUP");
  await elbow.says(/reload refused/);
  expect(elbow.stderr).not.toContain("\x1b");
  const refused = linesOf(elbow.stderr)[1];
  expect(refused).toMatchObject({
    level: "error",
    message: "reload refused, everything stays as it was",
    cause: "SIGHUP",
  });
  expect(refused?.problems).toHaveLength(3);
  elbow.process.kill("SIGTERM");
  expect(await elbow.exitCode()).toBe(0);
  expect(linesOf(elbow.stderr)[2]).toMatchObject({ level: "info", message: expect.stringMatching(/^SIGTERM: /) });
});

test("on a terminal: lines for people, in colour; NO_COLOR is honoured", async () => {
  const { folder, file } = writeConfiguration();
  using _ = folder;
  for (const [env, prefix] of [
    [{ ELBOW_LOG_FORMAT: "" }, "\x1b[36melbow:\x1b[0m serving"],
    [{ ELBOW_LOG_FORMAT: "", NO_COLOR: "1" }, "elbow: serving"],
  ] as const) {
    await using command = TerminalCommand.start(["run", "-c", file], { cwd: "/", columns: 400, env });
    await command.shows(/elbow: serving configuration \S+ version=\S+ pid=\d+ listeners="HTTP 127\.0\.0\.1:\d+" /);
    expect(command.written).toContain(`\n${prefix}`);
    command.interrupt();
    expect(await command.exitCode()).toBe(0);
  }
});

test("the level and the format: a flag goes before its variable", async () => {
  const { folder, file } = writeConfiguration();
  using _ = folder;
  const env = { ELBOW_LOG_LEVEL: "error", ELBOW_LOG_FORMAT: "json" };
  const run = async (...flags: ReadonlyArray<string>): Promise<string> => {
    await using elbow = await ElbowCommand.serving(["run", "-c", file, ...flags], { env });
    elbow.process.kill("SIGTERM");
    expect(await elbow.exitCode()).toBe(0);
    return elbow.stderr;
  };
  expect(await run()).toBe("");
  expect(await run("--log-level", "info", "--log-format", "human")).toMatch(
    /^elbow: serving .*\nelbow: SIGTERM: .*\n$/,
  );
  expect(await run("--log-level=warn")).toBe("");
});

test.each([
  ["ELBOW_LOG_LEVEL", "loud", "debug, info, warn, error"],
  ["ELBOW_LOG_FORMAT", "xml", "auto, human, json"],
])("a value of %s that there isn't is refused before anything is served", async (name, value, choices) => {
  const { folder, file } = writeConfiguration();
  using _ = folder;
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["run", "-c", file], { env: { [name]: value } });
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toBe(`elbow: ${name}: there is no "${value}" (expected one of ${choices})\n`);
});

test("where an access log goes to standard output, there is no table in it", async () => {
  using instance = FakeInstance.start(answerText("ok"));
  const { folder, file, port } = writeConfiguration(
    { accessLog: { enabled: true, stdout: true, format: "json" } },
    instance.port,
  );
  using _ = folder;
  await using elbow = ElbowCommand.start(["run", "-c", file]);
  await elbow.says(/serving configuration/);
  await (await fetch(`http://127.0.0.1:${port}/`)).text();
  await elbow.says(/\n$/, "stdout");
  expect(linesOf(elbow.stdout)).toHaveLength(1);
});
