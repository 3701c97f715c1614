// The command line as a person uses it: help, mistakes, `check`, `serve`, and what signals do to a running command.
import { expect, setDefaultTimeout, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import packageJson from "../../package.json";
import { issueTestCertificate } from "../support/certificates.ts";
import { ElbowCommand, fromSource } from "../support/elbow-command.ts";
import { eventually, within } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { RawClient } from "../support/raw-client.ts";
import { answerText, echo, greet } from "../support/scripts.ts";

setDefaultTimeout(30_000);

test("--version is one line of data", async () => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["--version"]);
  expect([exitCode, stdout, stderr]).toEqual([0, `elbow v${packageJson.version}\n`, ""]);
});

test("--help names every command and every flag of run", async () => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["--help"]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  for (const word of ["run", "check", "serve", "--config", "--http-port", "--tcp-port", "--management-port"]) {
    expect(stdout).toContain(word);
  }
});

test.each([
  [["nonsense"], /Unknown subcommand "nonsense"/],
  [["run", "--confg", "x"], /--confg.*did you mean --config\?/],
  [["run", "--http-port", "70000"], /--http-port.*1 to 65535/],
  [["run", "--http-port", "eighty"], /--http-port/],
  [["run", "stray"], /stray/],
  [["serve"], /--from/],
  [["serve", "--from", "http://127.0.0.1:1"], /--to/],
  [["check", "--config", "a.ts", "--http-port", "1"], /--http-port/],
])("%p: the mistake in one line on standard error, exit code 2", async (args, mistake) => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(args);
  expect([exitCode, stdout]).toEqual([2, ""]);
  const [first = "", second, ...rest] = stderr.split("\n");
  expect(first).toMatch(/^elbow: /);
  expect(first).toMatch(mistake);
  expect(second).toMatch(/^Run 'elbow.* --help' for what is possible\.$/);
  expect(rest).toEqual([""]);
});

test("a demo port together with a configuration file is refused", async () => {
  const { exitCode, stderr } = await ElbowCommand.run(["run", "--config", "a.ts", "--tcp-port", "1"]);
  expect(exitCode).toBe(2);
  expect(stderr).toBe("elbow: --tcp-port is for demo mode; with a configuration, set the port in a.ts\n");
});

const bad = { loadBalancers: { web: { listeners: [{ protocol: "HTTP", port: 0 }], instances: ["i-unknown"] } } };

const problemsOf = async (file: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["check", "--config", file]);
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(new RegExp(`^elbow: .* has ${stdout.trimEnd().split("\n").length} problems?\n$`));
  return stdout;
};

test("check prints every problem at once as data; run refuses in the same words and starts nothing", async () => {
  using folder = makeFolder({ "bad.json": bad });
  const problems = await problemsOf(`${folder.path}/bad.json`);
  expect(problems).toContain("loadBalancers.web.listeners[0].port");
  expect(problems).toContain("loadBalancers.web.instances[0]");
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["run", "--config", `${folder.path}/bad.json`]);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toEndWith(`:\n${problems}`);
});

test("check of a sound file is exit code 0 and binds nothing", async () => {
  using taken = FakeInstance.start(echo);
  using folder = makeFolder();
  const file = folder.write("elbow.json", {
    loadBalancers: {
      web: {
        address: "127.0.0.1",
        listeners: [{ protocol: "TCP", port: taken.port, instancePort: 80 }],
        instances: [],
      },
    },
  });
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["check", "-c", file]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  expect(stdout).toBe(`${file} is sound: 1 load balancer, 1 listener, 0 instances\n`);
});

test("check without a file: ./elbow.config.ts where it exists, else a clear word", async () => {
  using folder = makeFolder();
  const none = await ElbowCommand.run(["check"], { cwd: folder.path });
  expect([none.exitCode, none.stdout]).toEqual([2, ""]);
  expect(none.stderr).toBe("elbow: there is no ./elbow.config.ts here; name a file with --config <file>\n");
  folder.write(
    "elbow.config.ts",
    `import { defineConfig } from "elbow";
     export default defineConfig({ loadBalancers: { web: { listeners: [{ protocol: "TCP", port: 5, instancePort: 6 }], instances: [] } } });`,
  );
  const found = await ElbowCommand.run(["check"], { cwd: folder.path });
  expect([found.exitCode, found.stderr]).toEqual([0, ""]);
  expect(found.stdout).toContain("1 listener");
});

const hear = async (port: number): Promise<string> => {
  using client = await RawClient.connect(port);
  await client.halfClose();
  return (await client.takeToEnd()).toString();
};

test("run without flags takes ./elbow.config.ts where it exists", async () => {
  using instance = FakeInstance.start(greet("found"));
  const [port, managementPort] = [freePort(), freePort()];
  using folder = makeFolder({
    "elbow.config.ts": `export default {
      management: { port: ${managementPort} },
      loadBalancers: { web: { address: "127.0.0.1",
        listeners: [{ protocol: "TCP", port: ${port}, instancePort: ${instance.port} }], instances: ["127.0.0.1"] } } };`,
  });
  await using elbow = await ElbowCommand.serving([], { cwd: folder.path });
  expect(elbow.stdout).toContain("configuration ./elbow.config.ts");
  expect(elbow.ports).toEqual([port, managementPort]);
  expect(await hear(port)).toBe("found");
});

test("serve balances from --from to every --to, and has nothing to reload", async () => {
  using a = FakeInstance.start(greet("a"));
  using b = FakeInstance.start(greet("b"));
  const port = freePort();
  await using elbow = await ElbowCommand.serving([
    ...["serve", "--from", `tcp://127.0.0.1:${port}`],
    ...["--to", `127.0.0.1:${a.port}`, "--to", `127.0.0.1:${b.port}`, "--management-port", String(freePort())],
  ]);
  expect([await hear(port), await hear(port)].sort()).toEqual(["a", "b"]);
  elbow.process.kill("SIGHUP");
  await elbow.says(/nothing to reload/);
  elbow.process.kill("SIGTERM");
  expect(await elbow.exitCode()).toBe(0);
});

test("serve tells problems in terms of its flags", async () => {
  const args = ["serve", "--from", "https://127.0.0.1:8443", "--to", "127.0.0.1:1", "--cert", "/nowhere.pem"];
  const { exitCode, stdout, stderr } = await ElbowCommand.run(args);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toContain("--key: is missing, and https://127.0.0.1:8443 needs it");
  const whole = await ElbowCommand.run([...args, "--key", "/nowhere.key"]);
  expect([whole.exitCode, whole.stdout]).toEqual([1, ""]);
  expect(whole.stderr).toContain("--cert: /nowhere.pem: no such file");
  const odd = await ElbowCommand.run(["serve", "--from", "ftp://x", "--to", "127.0.0.1:1"]);
  expect([odd.exitCode, odd.stdout]).toEqual([2, ""]);
});

test("serve with a certificate speaks TLS in front and in clear behind", async () => {
  const certificate = await issueTestCertificate();
  using folder = makeFolder({ "site.pem": certificate.chainPem, "site.key": certificate.keyPem });
  using instance = FakeInstance.start(answerText("hi"));
  const port = freePort();
  await using elbow = await ElbowCommand.serving([
    ...["serve", "--from", `https://127.0.0.1:${port}`, "--to", `127.0.0.1:${instance.port}`],
    ...["--cert", `${folder.path}/site.pem`, "--key", `${folder.path}/site.key`],
    ...["--management-port", String(freePort())],
  ]);
  const answer = await fetch(`https://127.0.0.1:${port}/`, { tls: { ca: certificate.caPem } });
  expect(await answer.text()).toBe("hi");
  elbow.process.kill("SIGTERM");
  expect(await elbow.exitCode()).toBe(0);
});

test("serve on a taken port: one line that names the port and --from", async () => {
  using taken = FakeInstance.start(echo);
  const { exitCode, stdout, stderr } = await ElbowCommand.run([
    ...["serve", "--from", `http://127.0.0.1:${taken.port}`, "--to", "127.0.0.1:1"],
    ...["--management-port", String(freePort())],
  ]);
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toBe(
    `elbow: cannot listen on 127.0.0.1:${taken.port}: the port is taken (EADDRINUSE); change it with --from\n`,
  );
});

test("signals that a package manager passes on count once", async () => {
  using instance = FakeInstance.start(echo);
  const port = freePort();
  const args = [
    ...["serve", "--from", `tcp://127.0.0.1:${port}`, "--to", `127.0.0.1:${instance.port}`],
    ...["--management-port", String(freePort())],
  ];
  const start = (env: Readonly<Record<string, string>>) => ElbowCommand.serving(args, { env });
  const interruptTwice = (elbow: ElbowCommand) => {
    // Two different signals, since the system joins equal ones that wait together.
    elbow.process.kill("SIGINT");
    elbow.process.kill("SIGTERM");
  };
  {
    await using elbow = await start({ npm_lifecycle_script: "exec bun run src/main.ts run" });
    using client = await RawClient.connect(port);
    await instance.connection();
    interruptTwice(elbow);
    await elbow.says(/no new connections/);
    await client.halfClose();
    expect(await elbow.exitCode()).toBe(0);
  }
  {
    await using elbow = await start({});
    using _client = await RawClient.connect(port);
    // Without it nothing would be in the way of an orderly end.
    await instance.connection(1);
    interruptTwice(elbow);
    expect(await elbow.exitCode()).toBeGreaterThan(128);
  }
});

test("a reader of its output that goes away doesn't end it", async () => {
  using instance = FakeInstance.start(greet("still here"));
  const [port, management] = [freePort(), freePort()];
  using folder = makeFolder();
  const file = folder.write("elbow.json", {
    management: { port: management },
    loadBalancers: {
      web: {
        address: "127.0.0.1",
        listeners: [{ protocol: "TCP", port, instancePort: instance.port }],
        instances: ["127.0.0.1"],
      },
    },
  });
  const [program = "", ...args] = [...fromSource, "run", "--config", file];
  // Not ElbowCommand: only a Node stream closes its end of the pipe.
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  try {
    await once(child.stdout, "data");
    child.stdout.destroy();
    child.stderr.destroy();
    const reloads = async () => {
      child.kill("SIGHUP");
      const metrics = await (await fetch(`http://127.0.0.1:${management}/metrics`)).text();
      return /last_reload_successful (\d)/.exec(metrics)?.[1];
    };
    await eventually(async () => (await reloads()) === "1", { what: "a reload that is told to nobody" });
    folder.write("elbow.json", "{");
    await eventually(async () => (await reloads()) === "0", { what: "a refusal that is told to nobody" });
    expect(await hear(port)).toBe("still here");
    child.kill("SIGTERM");
    const [code] = await once(child, "exit");
    expect(code).toBe(0);
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  }
});

test("a closed terminal window ends it, a SIGHUP in an open one does not", async () => {
  using folder = makeFolder();
  let shown = "";
  const decoder = new TextDecoder();
  const flags = ["--http-port", "--tcp-port", "--https-port", "--ssl-port", "--management-port"];
  const demo = ["run", ...flags.flatMap((flag) => [flag, "0"])];
  const child = Bun.spawn([...fromSource, ...demo], {
    cwd: folder.path,
    terminal: {
      data: (_, bytes) => {
        shown += decoder.decode(bytes, { stream: true });
      },
    },
  });
  try {
    await eventually(() => shown.includes("Try: "), { what: "the table on the terminal" });
    child.kill("SIGHUP");
    await eventually(() => shown.includes("nothing to reload"), { what: "a word on the terminal" });
    expect(child.exitCode).toBe(null);
    child.terminal?.close();
    expect(await within(child.exited, 5_000, () => "no end")).toBe(0);
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
  }
});
