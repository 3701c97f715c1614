// `elbow status` asks a running elbow: once in a pipe, and on a terminal again and again, in place.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { ElbowCommand } from "../support/elbow-command.ts";
import { ElbowProcess } from "../support/elbow-process.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { freePort } from "../support/port.ts";
import { answerText } from "../support/scripts.ts";
import { TerminalCommand } from "../support/terminal-command.ts";

setDefaultTimeout(30_000);

const port = freePort();
const deadPort = freePort();
let instance: FakeInstance;
let elbow: ElbowProcess;

beforeAll(async () => {
  instance = FakeInstance.start(answerText("ok"));
  elbow = await ElbowProcess.start({
    instances: { "i-well": `127.0.0.1:${instance.port}`, "i-dead": `127.0.0.1:${deadPort}` },
    loadBalancers: {
      web: {
        address: "127.0.0.1",
        listeners: [{ protocol: "HTTP", port, instancePort: 80 }],
        instances: ["i-well", "i-dead"],
        healthCheck: { target: "TCP:80", interval: 5, timeout: 2, unhealthyThreshold: 2, healthyThreshold: 2 },
      },
    },
  });
  await eventually(async () => (await look()).includes("outOfService"), { what: "a dead instance", timeoutMs: 20_000 });
});

afterAll(async () => {
  await elbow[Symbol.asyncDispose]();
  instance[Symbol.dispose]();
});

const place = () => ["--management", `http://127.0.0.1:${elbow.managementPort}`];
const look = async (): Promise<string> =>
  (await fetch(`http://127.0.0.1:${elbow.managementPort}/api/v1/status`)).text();

const send = async (requests: number): Promise<void> => {
  for (let index = 0; index < requests; index++) await (await fetch(`http://127.0.0.1:${port}/`)).text();
};

test("--json is the API's answer", async () => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["status", "--json", ...place()]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  const { version, source, loadBalancers } = JSON.parse(stdout);
  const answer = JSON.parse(await look());
  expect([version, source, loadBalancers[0].listeners]).toEqual([
    ...[answer.version, answer.source, answer.loadBalancers[0].listeners],
  ]);
});

test("in a pipe: one table, with rates, latency, and why an instance is down", async () => {
  await using command = ElbowCommand.start(["status", ...place()]);
  // Whatever was sent between the two looks is a rate; so send until it has ended.
  while (command.process.exitCode === null) await send(1);
  expect([await command.exitCode(), command.stderr]).toEqual([0, ""]);
  const line = (text: string) => command.stdout.split("\n").find((one) => one.includes(text)) ?? "";
  expect(line("elbow ")).toMatch(/^elbow \S+ {2}serving for \d.* {2}configuration \S+elbow\.json$/);
  expect(line(`:${port}`)).toMatch(
    /HTTP 127\.0\.0\.1:\d+ +HTTP 80 +[\d,]+ +[\d,.]*[1-9][\d,.]* +[\d.]+ ms +[\d.]+ m?s +0$/,
  );
  expect(line("i-well")).toMatch(/in service/);
  expect(line("i-dead")).toMatch(/out of service +\d+ s.* +0 +0 +.*\(\d+ checks failed in a row\)$/);
  expect(command.stdout).not.toContain("\x1b");
});

test("on a terminal: drawn again in place, as wide as the terminal, until Ctrl-C, which leaves it clean", async () => {
  const columns = 60;
  await using command = TerminalCommand.start(["status", ...place()], { cwd: "/", columns });
  await command.shows(/i-dead/);
  await eventually(() => command.written.split("\x1b[J").length > 3, { what: "a third frame", timeoutMs: 10_000 });
  const tables = command.screen.filter((line) => line.includes("INSTANCE"));
  expect(tables).toHaveLength(1);
  for (const line of command.screen) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(columns);
  expect(command.written).toContain("\x1b[31mout of service\x1b[0m");
  command.interrupt();
  expect(await command.exitCode()).toBe(0);
  expect(command.written).toStartWith("\x1b[?25l");
  expect(command.written).toEndWith("\x1b[?25h");
});

test("a low terminal shows what fits, and says so; NO_COLOR is honoured", async () => {
  const options = { cwd: "/", rows: 5, env: { NO_COLOR: "1" } };
  await using command = TerminalCommand.start(["status", ...place()], options);
  await command.shows(/… \d+ more lines; elbow status --once shows all/);
  expect(command.screen.filter((line) => line !== "")).toHaveLength(3);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colour is what must not be there.
  expect(command.written).not.toMatch(/\x1b\[\d*m/);
  command.interrupt();
  expect(await command.exitCode()).toBe(0);
});

test("--once on a terminal prints once and ends", async () => {
  await using command = TerminalCommand.start(["status", "--once", ...place()], { cwd: "/" });
  expect(await command.exitCode()).toBe(0);
  await command.shows(/i-dead/).catch(() => {});
  expect(command.screen.join("\n")).toContain("i-dead");
  expect(command.written).not.toContain("\x1b[J");
});

test("an elbow that goes away while it is watched is waited for", async () => {
  await using other = await ElbowProcess.start({
    loadBalancers: {
      mine: {
        address: "127.0.0.1",
        listeners: [{ protocol: "TCP", port: freePort(), instancePort: 80 }],
        instances: [],
      },
    },
  });
  const args = ["status", "--management", `http://127.0.0.1:${other.managementPort}`];
  await using command = TerminalCommand.start(args, { cwd: "/" });
  await command.shows(/mine/);
  other.signal("SIGKILL");
  await command.shows(/elbow: http:\/\/127\.0\.0\.1:\d+: nothing listens there; is elbow running\?[\s\S]*mine/);
  command.interrupt();
  expect(await command.exitCode()).toBe(0);
});
