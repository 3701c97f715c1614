// What the command line says of itself: help with examples for every command, completions, and JSON where a script reads.
import { expect, setDefaultTimeout, test } from "bun:test";
import { elbow } from "../../src/main/command-line.ts";
import { issueTestCertificate } from "../support/certificates.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { makeFolder } from "../support/folder.ts";
import { findProgram, runProgram, titleOf } from "../support/program.ts";

setDefaultTimeout(30_000);

/** Every command with its path, the groups too. */
const findCommands = (command: typeof elbow, path: ReadonlyArray<string>): ReadonlyArray<ReadonlyArray<string>> => [
  path,
  ...command.subcommands.flatMap(({ commands }) =>
    commands.flatMap((one) => findCommands(one as unknown as typeof elbow, [...path, one.name])),
  ),
];

const commands = findCommands(elbow, []);

test("the commands are found", () => {
  const names = commands.map((path) => path.join(" "));
  expect(names).toContain("cert issue");
  expect(names.length).toBeGreaterThan(12);
});

test.each(commands.map((path) => [path.join(" "), path] as const))(
  "help of `elbow %s` has examples",
  async (_, path) => {
    const { exitCode, stdout, stderr } = await ElbowCommand.run([...path, "--help"]);
    expect([exitCode, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^DESCRIPTION\n {2}[A-Z][^\n]+\.\n/);
    expect(stdout).toMatch(/\nEXAMPLES\n[\s\S]*^ {2}elbow\b/m);
  },
);

test("`elbow help drain` is `elbow drain --help`, and `elbow help` is `elbow --help`", async () => {
  for (const path of [["drain"], ["cert", "issue"], []]) {
    expect(await ElbowCommand.run(["help", ...path])).toEqual(await ElbowCommand.run([...path, "--help"]));
  }
  // Asking for help does nothing, whatever stands behind.
  expect((await ElbowCommand.run(["help", "drain", "i-a"])).stdout).toContain("elbow drain [flags] <instance>");
});

test.each([
  [["statsu"], /did you mean status\?/],
  [["help", "drian"], /did you mean drain\?/],
  [["drain", "i-a", "--wiat"], /--wiat.*did you mean --wait\?/],
  [["status", "--jsn"], /--jsn.*did you mean --json\?/],
  [["drain"], /Missing required argument: instance/],
  [["drain", "i-a", "--timeout", "0"], /--timeout.*1 to 86400/],
  [["run", "--log-format", "xml"], /--log-format.*(auto|human|json)/],
])("%p: the nearest name or what is missing, exit code 2", async (args, words) => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(args);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr.split("\n")[0]).toMatch(words);
});

// `-n` alone would pass for a script that completes nothing, so bash is asked for completions.
test.skipIf(findProgram("bash") === undefined)(`completions in ${titleOf("bash")}`, async () => {
  using folder = makeFolder();
  const { exitCode, stdout } = await ElbowCommand.run(["--completions", "bash"]);
  expect(exitCode).toBe(0);
  const script = folder.write("elbow.bash", stdout);
  const complete = async (...words: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=\${#COMP_LINE}
      _elbow elbow "\${@: -1}" "\${@: -2:1}"; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { code, stdout: found, stderr } = await runProgram(["bash", "-c", program, "bash", script, ...words]);
    expect([code, stderr]).toEqual([0, ""]);
    return found.toString().trim().split("\n");
  };
  expect(await complete("elbow", "")).toEqual(expect.arrayContaining(["run", "status", "drain", "undrain", "policy"]));
  expect(await complete("elbow", "dr")).toEqual(["drain"]);
  expect(await complete("elbow", "drain", "--load")).toEqual(["--load-balancer"]);
  expect(await complete("elbow", "run", "--log-level", "")).toEqual(["debug", "info", "warn", "error"]);
  // What names a file or a folder is completed with what there is.
  const typed = folder.write("sites/a.pem", "").slice(0, -3);
  for (const words of [
    ["run", "--config"],
    ["serve", "--key"],
    ["status", "--token-file"],
    ["cert", "show"],
    ["policy", "check"],
  ]) {
    expect(await complete("elbow", ...words, typed)).toEqual([`${typed}pem`]);
  }
  expect(await complete("elbow", "cert", "issue", "--out", `${folder.path}/`)).toEqual([`${folder.path}/sites`]);
});

test.skipIf(findProgram("fish") === undefined)(`completions in ${titleOf("fish")}`, async () => {
  using folder = makeFolder({ "sites/a.pem": "" });
  const { stdout } = await ElbowCommand.run(["--completions", "fish"]);
  const script = folder.write("elbow.fish", stdout);
  const complete = async (line: string): Promise<ReadonlyArray<string>> => {
    const program = "set -x HOME $argv[1]; source $argv[2]; complete -C $argv[3]";
    const command = ["fish", "--no-config", "-c", program, folder.path, script, line];
    const { code, stdout: found, stderr } = await runProgram(command);
    expect([code, stderr]).toEqual([0, ""]);
    return found
      .toString()
      .trim()
      .split("\n")
      .map((one) => one.split("\t")[0] as string);
  };
  expect(await complete("elbow dr")).toEqual(["drain"]);
  expect(await complete("elbow drain --load")).toEqual(["--load-balancer"]);
  expect(await complete("elbow run --log-level d")).toEqual(["debug"]);
  for (const words of ["run --config", "cert show", "policy check"]) {
    expect(await complete(`elbow ${words} ${folder.path}/sites/`)).toEqual([`${folder.path}/sites/a.pem`]);
  }
});

// zsh completes only what is typed on a terminal, so its script is asked what it would complete.
test.skipIf(findProgram("zsh") === undefined)(`completions in ${titleOf("zsh")}`, async () => {
  using folder = makeFolder();
  const { stdout } = await ElbowCommand.run(["--completions", "zsh"]);
  const script = folder.write("_elbow", stdout);
  const program = `compdef() { print -r -- "$@" }; _arguments() { print -rl -- "$@" }; source $1; _elbow_cert_show; _elbow_run`;
  const { code, stdout: found, stderr } = await runProgram(["zsh", "-f", "-c", program, "zsh", script]);
  expect([code, stderr]).toEqual([0, ""]);
  const lines = found.toString().trim().split("\n");
  expect(lines[0]).toBe("_elbow elbow");
  expect(lines.find((line) => line.startsWith("*:"))).toMatch(/:_files$/);
  expect(lines.find((line) => line.includes("--config["))).toMatch(/:_files$/);
  expect(lines.find((line) => line.includes("--log-level["))).toMatch(/:\(debug info warn error\)$/);
});

test.each(["zsh", "fish", "powershell"])("completions for %s name every command", async (shell) => {
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["--completions", shell]);
  expect([exitCode, stderr]).toEqual([0, ""]);
  for (const path of commands) for (const word of path) expect(stdout).toContain(word);
});

test("check --json: the problems with their places, and what is worth a word", async () => {
  using folder = makeFolder({
    "bad.json": { loadBalancers: { web: { listeners: [{ protocol: "HTTP", port: 0 }], instances: [] } } },
  });
  const file = `${folder.path}/bad.json`;
  const { exitCode, stdout, stderr } = await ElbowCommand.run(["check", "--json", "--config", file]);
  expect([exitCode, stderr]).toEqual([1, `elbow: ${file} has 2 problems\n`]);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ file, isSound: false, notes: [] });
  expect(report.problems.map(({ path }: { path: string }) => path)).toEqual([
    "loadBalancers.web.listeners[0].port",
    "loadBalancers.web.listeners[0].instancePort",
  ]);
  for (const problem of report.problems) expect(Object.keys(problem).sort()).toEqual(["expected", "path", "problem"]);
});

test("what stands in a file can't move the cursor of whoever checks or runs it", async () => {
  using folder = makeFolder({ "odd.json": { loadBalancers: { "we\u001b[2Jb\nelbow: all is well": 1 } } });
  for (const command of ["check", "run"]) {
    const { exitCode, stdout, stderr } = await ElbowCommand.run([command, "--config", `${folder.path}/odd.json`]);
    expect(exitCode).toBe(1);
    expect(stdout + stderr).toContain("we");
    expect(stdout + stderr).not.toContain("\x1b");
    expect(stdout + stderr).not.toMatch(/^elbow: all is well/m);
  }
});

test("cert show --json: one entry for each certificate and key, times in ISO 8601, and no private key", async () => {
  const { certPem, keyPem } = await issueTestCertificate({ names: ["one.test"] });
  using folder = makeFolder({ "site.pem": certPem, "site.key": keyPem, "none.pem": "nothing" });
  const show = (...files: ReadonlyArray<string>) =>
    ElbowCommand.run(["cert", "show", "--json", ...files], { cwd: folder.path });
  const { exitCode, stdout } = await show("site.pem", "site.key");
  expect(exitCode).toBe(0);
  const [certificate, ...rest] = JSON.parse(stdout);
  const key = rest.at(-1);
  expect(certificate).toMatchObject({ file: "site.pem", kind: "certificate", names: ["one.test"], isValidNow: true });
  expect(new Date(certificate.notAfter).toISOString()).toBe(certificate.notAfter);
  expect(key).toMatchObject({ file: "site.key", kind: "private key", spkiPin: certificate.spkiPin });
  expect(stdout).not.toContain(keyPem.split("\n")[1] as string);
  const missing = await show("site.pem", "none.pem");
  expect([missing.exitCode, JSON.parse(missing.stdout)[0].file]).toEqual([1, "site.pem"]);
});
