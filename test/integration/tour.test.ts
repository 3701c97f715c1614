// The README's tour of a policy that is edited while elbow runs, walked by its own commands: a shell runs the lines as they
// stand there, but for ports, the folder, and the words for bun and elbow, which are this checkout's.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { codeBlocksOf } from "../support/documents.ts";
import { ElbowCommand, fromSource } from "../support/elbow-command.ts";
import { eventually } from "../support/eventually.ts";
import { ExampleInstance } from "../support/example-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";

setDefaultTimeout(30_000);

const root = resolve(import.meta.dir, "../..");
const page = readFileSync(resolve(root, "README.md"), "utf8");
const section = /\n### A policy, edited while it runs\n([\s\S]*?)\n##+ /.exec(page)?.[1] ?? "";

test("the tour can be walked as the README writes it", async () => {
  using folder = makeFolder();
  const tour = join(folder.path, "my-tour");
  const [http, management] = [freePort(), freePort()];
  await using instance = await ExampleInstance.start("i-web1");
  const ports = { 3001: instance.port, 8080: http, 9090: management };
  const written = (text: string): string =>
    Object.entries(ports)
      .reduce((line, [from, to]) => line.replaceAll(from, String(to)), text)
      .replaceAll(/\bmy-tour\b/g, tour)
      .replaceAll("npm run elbow --", fromSource.join(" "));
  const commands = codeBlocksOf(section).flatMap(({ code }) => code.trimEnd().split("\n"));
  const find = (pattern: RegExp): string => {
    const command = commands.find((line) => pattern.test(line));
    if (command === undefined) throw new Error(`the README has no command like ${pattern}`);
    return written(command.replace(/ +#.*$/, ""));
  };
  const shell = (command: string): string => {
    const ran = Bun.spawnSync(["sh", "-c", command], { cwd: root, env: { ...process.env, ELBOW_LOG_FORMAT: "human" } });
    return `${ran.stdout}${ran.stderr}`;
  };
  const ask = find(/^curl .*8080/);
  const greeting = (): string | undefined => /^x-greeting: ([^\r\n]*)/im.exec(shell(ask))?.[1];

  // The instance of this test stands in for the README's, on another port.
  expect(find(/examples\/instance\.ts/)).toContain(` ${instance.port} &`);
  shell(find(/^cp -r/));
  const file = join(tour, "elbow.config.ts");
  await Bun.write(file, written(await Bun.file(file).text()));

  const [program = "", ...args] = find(/elbow -- run/).split(" ");
  await using elbow = await ElbowCommand.serving(args, { program: [program] });
  expect(greeting()).toBe("hello, world");

  // Each edit is seen without a signal.
  shell(find(/^sed .*greeting/));
  await eventually(() => greeting() === "good evening, world", { timeoutMs: 10_000 });

  shell(find(/^echo .*greeting/));
  await elbow.says(/reload refused[\s\S]*greeting\.ts:\d+/);
  expect(greeting()).toBe("good evening, world");
  expect(shell(find(/elbow -- status/))).toMatch(/refused[\s\S]*greeting\.ts/);
});

test("the README shows the policy that the tour begins with", () => {
  const policy = readFileSync(resolve(root, "examples/tour/policies/greeting.ts"), "utf8");
  const shown = codeBlocksOf(section).find(({ code }) => code.includes("definePolicy"));
  expect(shown?.code.trimEnd()).toBe(policy.slice(policy.indexOf("import")).trimEnd());
});
