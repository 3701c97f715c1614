// `elbow drain`, `elbow undrain` and `elbow reload` against an elbow that runs: what they print, their exit codes, and
// that traffic follows.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { ElbowCommand } from "../support/elbow-command.ts";
import { ElbowProcess, type WrittenFile } from "../support/elbow-process.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { echo, greet } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const [port, otherPort] = [freePort(), freePort()];
let a: FakeInstance;
let b: FakeInstance;
let elbow: ElbowProcess;

const written = (): WrittenFile => {
  const balance = (listenPort: number, instances: ReadonlyArray<string>) => ({
    address: "127.0.0.1",
    listeners: [{ protocol: "TCP", port: listenPort, instancePort: 80 }],
    instances,
  });
  return {
    // What is reloaded here is reloaded by command.
    watch: false,
    instances: { "i-a": `127.0.0.1:${a.port}`, "i-b": `127.0.0.1:${b.port}` },
    loadBalancers: {
      web: balance(port, ["i-a", "i-b"]),
      other: balance(otherPort, ["i-a"]),
      bare: balance(freePort(), [`127.0.0.1:${b.port}`]),
    },
  };
};

beforeAll(async () => {
  a = FakeInstance.start(async (connection) => {
    await connection.send("a");
    await echo(connection);
  });
  b = FakeInstance.start(greet("b"));
  elbow = await ElbowProcess.start(written());
});

afterAll(async () => {
  await elbow[Symbol.asyncDispose]();
  for (const instance of [a, b]) instance[Symbol.dispose]();
});

const run = (...args: ReadonlyArray<string>) =>
  ElbowCommand.run([...args, "--management", `http://127.0.0.1:${elbow.managementPort}`]);

/** Who answers a connection; one that is closed without a byte is nobody's. */
const hear = async (listenPort: number): Promise<string> => {
  using client = await RawClient.connect(listenPort);
  await client.halfClose();
  return (await client.takeToEnd()).toString();
};

const hearAll = async (listenPort: number): Promise<ReadonlyArray<string>> => {
  const heard = [];
  for (let index = 0; index < 4; index++) heard.push(await hear(listenPort));
  return [...new Set(heard)].sort();
};

test("a drained instance gets nothing new, in one load balancer or in all, until it is undrained", async () => {
  expect(await hearAll(port)).toEqual(["a", "b"]);
  const one = await run("drain", "i-a", "--load-balancer", "web");
  expect(one).toEqual({ exitCode: 0, stdout: "i-a gets nothing new\n", stderr: "" });
  expect([await hearAll(port), await hearAll(otherPort)]).toEqual([["b"], ["a"]]);

  const all = await run("drain", "i-a", "--json");
  expect([all.exitCode, all.stderr]).toEqual([0, ""]);
  const { loadBalancers } = JSON.parse(all.stdout);
  expect(loadBalancers.map(({ name }: { name: string }) => name)).toEqual(["web", "other"]);
  expect([await hearAll(port), await hearAll(otherPort)]).toEqual([["b"], [""]]);

  const back = await run("undrain", "i-a");
  expect(back).toEqual({ exitCode: 0, stdout: "i-a is sent to again\n", stderr: "" });
  expect([await hearAll(port), await hearAll(otherPort)]).toEqual([["a", "b"], ["a"]]);
});

test("--wait ends when nothing is in progress, and gives up after --timeout", async () => {
  using client = await RawClient.connect(otherPort);
  expect((await client.takeBytes(1)).toString()).toBe("a");
  const late = await run("drain", "i-a", "--wait", "--timeout", "1");
  expect([late.exitCode, late.stdout]).toEqual([1, "i-a gets nothing new\n"]);
  expect(late.stderr).toBe("elbow: i-a still has 1 in progress after 1 s; it stays drained\n");

  const waiting = run("drain", "i-a", "--wait");
  await client.send("still here");
  expect((await client.takeBytes(10)).toString()).toBe("still here");
  await client.halfClose();
  expect(await waiting).toEqual({
    exitCode: 0,
    stdout: "i-a gets nothing new, and has nothing in progress\n",
    stderr: "",
  });
  expect((await run("undrain", "i-a")).exitCode).toBe(0);
});

test("--json after --wait is what is true then", async () => {
  using client = await RawClient.connect(otherPort);
  expect((await client.takeBytes(1)).toString()).toBe("a");
  const ofOne = ["--load-balancer", "other", "--json"];
  const late = await run("drain", "i-a", "--wait", "--timeout", "1", ...ofOne);
  expect([late.exitCode, JSON.parse(late.stdout).instances]).toEqual([
    1,
    [expect.objectContaining({ outstanding: 1 })],
  ]);
  const waiting = run("drain", "i-a", "--wait", "--json");
  await client.halfClose();
  const { exitCode, stdout, stderr } = await waiting;
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout).loadBalancers).toEqual([
    { name: "web", instances: [expect.objectContaining({ id: "i-a", override: "drained", outstanding: 0 })] },
    { name: "other", instances: [expect.objectContaining({ id: "i-a", override: "drained", outstanding: 0 })] },
  ]);
  expect((await run("undrain", "i-a")).exitCode).toBe(0);
});

test("--timeout without --wait is a mistake, and nothing is drained", async () => {
  const { exitCode, stdout, stderr } = await run("drain", "i-a", "--timeout", "1");
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toBe("elbow: --timeout says how long --wait waits, and there is no --wait\n");
  expect(await hearAll(port)).toEqual(["a", "b"]);
});

test("an instance without an id is named as it is written", async () => {
  const id = `127.0.0.1:${b.port}`;
  expect(await run("drain", id)).toEqual({ exitCode: 0, stdout: `${id} gets nothing new\n`, stderr: "" });
  const { stdout } = await run("undrain", id, "--load-balancer", "bare", "--json");
  expect(JSON.parse(stdout).instances).toEqual([expect.objectContaining({ id, phase: "inService" })]);
});

test.each<readonly [ReadonlyArray<string>, RegExp | string]>([
  [
    ["drain", "i-a", "--load-balancer", ".."],
    'elbow: there is no load balancer ".." (expected one of web, other, bare)\n',
  ],
  [["drain", "i-c"], 'elbow: there is no instance "i-c"; did you mean i-a?\n'],
  [
    ["undrain", "nothing-like-it"],
    /^elbow: there is no instance "nothing-like-it" \(expected one of i-a, i-b, 127\.0\.0\.1:\d+\)\n$/,
  ],
  [
    ["drain", "i-b", "--load-balancer", "other"],
    'elbow: there is no instance "i-b" in load balancer other; did you mean i-a?\n',
  ],
  [["drain", "i-a", "--load-balancer", "wbe"], 'elbow: there is no load balancer "wbe"; did you mean web?\n'],
])("%p: exit code 1 and the nearest name", async (args, words) => {
  const { exitCode, stdout, stderr } = await run(...args);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(words);
});

test("reload: 0 where it is in use, 1 with every problem where it is refused, in text and JSON", async () => {
  elbow.write(written());
  const applied = await run("reload");
  expect([applied.exitCode, applied.stderr]).toEqual([0, ""]);
  expect(applied.stdout).toMatch(/^reloaded in \d+ ms\n$/);
  expect(JSON.parse((await run("reload", "--json")).stdout)).toMatchObject({
    cause: "API",
    isApplied: true,
    problems: [],
  });

  elbow.write({ shutdownGrace: -1, loadBalancers: { web: 7 } });
  const refused = await run("reload");
  expect([refused.exitCode, refused.stdout]).toEqual([1, ""]);
  const [first, ...problems] = refused.stderr.trimEnd().split("\n");
  expect(first).toBe("elbow: reload refused, everything stays as it was");
  expect(problems).toEqual([
    expect.stringMatching(/^shutdownGrace: -1 is not/),
    expect.stringMatching(/^loadBalancers\.web: 7 is not/),
  ]);
  const json = await run("reload", "--json");
  expect([json.exitCode, JSON.parse(json.stdout)]).toEqual([1, expect.objectContaining({ status: 422, problems })]);
  expect(await hearAll(port)).toEqual(["a", "b"]);
  elbow.write(written());
});

test("where there is nothing to reload, that is said, with exit code 1", async () => {
  const managementPort = freePort();
  await using served = await ElbowCommand.serving([
    ...["serve", "--from", `tcp://127.0.0.1:${freePort()}`, "--to", `127.0.0.1:${b.port}`],
    ...["--management-port", String(managementPort)],
  ]);
  expect(served.process.exitCode).toBeNull();
  const { exitCode, stderr } = await ElbowCommand.run(["reload", "--management", `http://127.0.0.1:${managementPort}`]);
  expect([exitCode, stderr]).toEqual([
    1,
    "elbow: There is nothing to reload: elbow runs without a configuration file.\n",
  ]);
});
