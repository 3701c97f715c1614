// Modules that are reached in other ways than by a plain path, and those whose import never ends.
import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, renameSync, symlinkSync } from "node:fs";
import { Effect } from "effect";
import { loadConfiguration } from "../../src/control/configuration/load.ts";
import type { ReadFiles } from "../../src/control/configuration/read-files.ts";
import { FileLooker } from "../../src/main/file-watch.ts";
import { findProblems, loadFile, readConfiguration, writeWeb } from "../support/configured-elbow.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { eventually } from "../support/eventually.ts";
import { makeFolder } from "../support/folder.ts";

setDefaultTimeout(30_000);

/** A policy whose type is what it has imported as `word`. */
const policyModule = (head: string) => `import { definePolicy, Schema } from "elbow";
${head}
export default definePolicy({ type: String(word), attributes: Schema.Struct({}), admit: () => undefined });
`;

const wordIs = (word: string) => `export const word = "${word}";\n`;

const web = (...modules: ReadonlyArray<string>) =>
  writeWeb(
    { policies: Object.fromEntries(modules.map((module, index) => [`p${index}`, { module }])) },
    { policies: modules.map((_, index) => `p${index}`) },
  );

/** The types of the policies of the only listener. */
const wordsOf = async (file: string): Promise<ReadonlyArray<string>> =>
  ((await readConfiguration(file)).loadBalancers[0]?.listeners[0]?.policies ?? []).map(
    ({ policy }) => (policy as { type: string }).type,
  );

test.each([
  ["a name of the package's own", 'import { word } from "#word";'],
  ["a package of the same workspace", 'import { word } from "words";'],
  ["a path that is made up", 'const name = "word"; const { word } = await import("./words/" + name + ".ts");'],
])("a change of a file is one for each module that imports it by %s", async (_, head) => {
  using folder = makeFolder({
    "package.json": { imports: { "#word": "./words/word.ts" } },
    "words/package.json": { name: "words", main: "word.ts" },
    "words/word.ts": wordIs("one"),
    "a.ts": policyModule(head),
    "b.ts": policyModule(`${head} // b`),
    "elbow.json": web("a.ts", "b.ts"),
  });
  mkdirSync(`${folder.path}/node_modules`);
  symlinkSync("../words", `${folder.path}/node_modules/words`);
  const file = `${folder.path}/elbow.json`;
  const files: ReadFiles = new Map();
  await loadFile(file, files);
  expect(files.get(`${folder.path}/words/word.ts`)).toBeString();
  expect(await wordsOf(file)).toEqual(["one", "one"]);
  folder.write("words/word.ts", wordIs("two"));
  expect(await wordsOf(file)).toEqual(["two", "two"]);
});

test("another release behind a link is a change, though the module itself is the same", async () => {
  const module = policyModule('import { word } from "./word.ts";');
  using folder = makeFolder({
    "releases/1/a.ts": module,
    "releases/1/word.ts": wordIs("one"),
    "releases/2/a.ts": module,
    "releases/2/word.ts": wordIs("two"),
    "elbow.json": web("current/a.ts"),
  });
  symlinkSync("releases/1", `${folder.path}/current`);
  const file = `${folder.path}/elbow.json`;
  const looker = new FileLooker();
  const looks = async () => {
    const files: ReadFiles = new Map();
    await loadFile(file, files);
    return async () => [await looker.look(files), await looker.look(files)];
  };
  const before = await looks();
  expect(await before()).toEqual([false, false]);
  symlinkSync("releases/2", `${folder.path}/next`);
  renameSync(`${folder.path}/next`, `${folder.path}/current`);
  expect(await before()).toEqual([false, true]);
  expect(await wordsOf(file)).toEqual(["two"]);
  expect(await (await looks())()).toEqual([false, false]);
});

const hang = "await new Promise(() => {});\n";

test.each(["./word.ts", "./word"])("a module that never got ready is new when its text is: %s", async (path) => {
  const module = policyModule(`import { word } from "${path}";`);
  using folder = makeFolder({ "a.ts": module, "word.ts": wordIs("one"), "elbow.json": web("a.ts") });
  const file = `${folder.path}/elbow.json`;
  const marks = Object.assign(globalThis, { hangs: 0 });
  /** Loads until the module hangs, and gives up as after the limit. */
  const giveUp = async () => {
    const { hangs } = marks;
    const controller = new AbortController();
    const loading = Effect.runPromiseExit(loadConfiguration(file, { allowEphemeralPorts: true }), controller);
    await eventually(() => marks.hangs > hangs);
    controller.abort();
    await loading;
  };
  const hanging = (text: string) => `globalThis.hangs++;\n${hang}${text}`;
  expect(await wordsOf(file)).toEqual(["one"]);
  for (const word of ["two", "three"]) {
    folder.write("word.ts", hanging(wordIs(word)));
    await giveUp();
    folder.write("word.ts", wordIs(word));
    expect(await wordsOf(file)).toEqual([word]);
  }
  folder.write("a.ts", hanging(module));
  await giveUp();
  folder.write("a.ts", "export default 3;\n");
  expect(await findProblems(file)).toHaveLength(1);
  folder.write("a.ts", `${module}// mended\n`);
  expect(await wordsOf(file)).toEqual(["three"]);
  folder.write("word.ts", wordIs("four"));
  expect(await wordsOf(file)).toEqual(["four"]);
});

test("a package that isn't installed is told and never downloaded, wherever elbow was started", async () => {
  const asked: Array<string> = [];
  using registry = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      asked.push(url);
      return new Response("{}", { status: 404 });
    },
  });
  const url = `http://127.0.0.1:${registry.port}/`;
  using folder = makeFolder({
    "a.ts": policyModule('import { word } from "surely-not-installed";'),
    "elbow.json": web("a.ts"),
  });
  const { exitCode, stdout } = await ElbowCommand.run(["check", "--config", "elbow.json"], {
    cwd: folder.path,
    env: { BUN_CONFIG_REGISTRY: url, npm_config_registry: url, BUN_INSTALL_CACHE_DIR: `${folder.path}/cache` },
  });
  expect([exitCode, asked]).toEqual([1, []]);
  expect(stdout).toContain("a.ts: failed while it was loaded: Cannot find package 'surely-not-installed'");
});
