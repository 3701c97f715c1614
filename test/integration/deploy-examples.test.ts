// The files of examples/deploy against elbow itself: what they name is there, what they say of versions is so, and the
// configuration that they bring is sound. What needs a Docker daemon isn't tried here.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import packageJson from "../../package.json";
import { ElbowCommand } from "../support/elbow-command.ts";

setDefaultTimeout(30_000);

const root = resolve(import.meta.dir, "../..");
const read = (path: string): string => readFileSync(resolve(root, "examples/deploy", path), "utf8");
const dockerfile = read("Dockerfile").replaceAll(/\\\n/g, " ");

test("the image is built by the Bun that elbow is pinned to", () => {
  expect(/^FROM oven\/bun:([\d.]+)-slim AS build$/m.exec(dockerfile)?.[1]).toBe(packageJson.devDependencies.bun);
});

test("what the image is built from is there, and let through to the build", () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = ""]) => names.split(" "));
  expect(copied).toEqual(expect.arrayContaining(["package.json", "bun.lock", "src", "policies", "certs"]));
  const isLetThrough = new Set(
    read("Dockerfile.dockerignore")
      .match(/^!.+$/gm)
      ?.map((line) => line.slice(1)),
  );
  expect(copied.filter((name) => !existsSync(resolve(root, name)) || !isLetThrough.has(name))).toEqual([]);
  // What the source imports from outside of these folders would be missing.
  const outside = [...new Bun.Glob("{src,policies,certs}/**/*.ts").scanSync(root)].filter((file) =>
    /from "(?:\.\.\/)+(?:test|bench|examples|docs)\//.test(readFileSync(resolve(root, file), "utf8")),
  );
  expect(outside).toEqual([]);
});

test.each(["compose/elbow.config.ts"])("%s is sound", async (file) => {
  const check = await ElbowCommand.run(["check", "--config", resolve(root, "examples/deploy", file)]);
  expect([check.exitCode, check.stderr]).toEqual([0, ""]);
});

test("every command of the unit and the image is one of elbow's, with flags that it has", async () => {
  const [, health = "[]", start = "[]"] = /CMD (\[.*\])[\s\S]*^CMD (\[.*\])$/m.exec(dockerfile) ?? [];
  const commands = [
    ...[...read("elbow.service").matchAll(/^Exec\w+=\S+elbow (.+)$/gm)].map(([, words = ""]) => words.split(" ")),
    (JSON.parse(health) as ReadonlyArray<string>).slice(1),
    JSON.parse(start) as ReadonlyArray<string>,
  ];
  expect(commands.map(([name]) => name)).toEqual(["run", "reload", "status", "run"]);
  for (const [name = "", ...args] of commands) {
    const { stdout } = await ElbowCommand.run([name, "--help"]);
    for (const flag of args.filter((arg) => arg.startsWith("--"))) expect(stdout).toContain(flag);
  }
});

test("compose.yaml names what is there", () => {
  const { services } = Bun.YAML.parse(read("compose.yaml")) as {
    readonly services: { readonly elbow: { readonly volumes: ReadonlyArray<string>; readonly build: object } };
  };
  expect(services.elbow.build).toEqual({ context: "../..", dockerfile: "examples/deploy/Dockerfile" });
  const mounted = services.elbow.volumes.map((volume) => volume.split(":")[0] ?? "").filter((from) => /^\./.test(from));
  expect(mounted.filter((from) => !existsSync(resolve(root, "examples/deploy", from)))).toEqual([]);
  expect(mounted.length).toBeGreaterThan(0);
});
