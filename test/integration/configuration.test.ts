// The promise: a configuration file of any kind, wherever it lies, is read whole and anew each time, and one that
// can't be read says where and why.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Effect, Result } from "effect";
import { loadConfiguration } from "../../src/control/configuration/load.ts";

setDefaultTimeout(30_000);

// Far from this repository and from any node_modules.
const folder = realpathSync(mkdtempSync(join(tmpdir(), "elbow-configuration-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const load = async (path: string): Promise<number | string | undefined> => {
  const result = await Effect.runPromise(Effect.result(loadConfiguration(path)));
  if (Result.isFailure(result)) return result.failure.message.replaceAll(`${folder}/`, "");
  return result.success.loadBalancers[0]?.listeners[0]?.port;
};

/** The text of a configuration whose first listener has this port. */
const written = (port: number | string) =>
  `{ "loadBalancers": { "web": { "listeners": [{ "protocol": "HTTP", "port": ${port}, "instancePort": 80 }], "instances": [] } } }`;

describe("each kind of file", () => {
  test.each([
    ["module.ts", `const port: number = 1001;\nexport default ${written("port")};`],
    ["module.mts", `export default ${written(1001)};`],
    ["module.js", `export default ${written(1001)};`],
    ["module.mjs", `export default ${written(1001)};`],
    ["common.js", `module.exports = ${written(1001)};`],
    ["define.ts", `import { defineConfig } from "elbow";\nexport default defineConfig(${written(1001)});`],
    ["function.ts", `import { defineConfig } from "elbow";\nexport default defineConfig(() => (${written(1001)}));`],
    ["async.ts", `export default async () => { await Bun.sleep(1); return ${written(1001)}; };`],
    ["promise.ts", `export default Promise.resolve(${written(1001)});`],
    [
      "types.ts",
      `import type { WrittenConfiguration } from "elbow";\nexport default ${written(1001)} satisfies WrittenConfiguration;`,
    ],
    [
      "schema.ts",
      `import { Schema } from "elbow";\nexport default ${written("Schema.decodeUnknownSync(Schema.Number)(1001)")};`,
    ],
    ["document.json", written(1001)],
    ["marked.json", `\uFEFF${written(1001)}`],
    ["flow.yaml", written(1001)],
    [
      "block.yml",
      '# Ours.\nloadBalancers:\n  web:\n    listeners:\n      - { protocol: tcp, port: 1001, instancePort: 80 }\n    instances: [127.0.0.1:3001, "::1"]\n',
    ],
    ["a name #1%20.ts", `export default ${written(1001)};`],
  ])("%s", async (name, text) => {
    expect(await load(write(name, text))).toBe(1001);
  });
});

describe("a file that can't be used", () => {
  beforeAll(() => mkdirSync(join(folder, "folder.json")));

  test.each([
    ["missing.ts", undefined, "missing.ts: no such file (expected a file that elbow may read)"],
    ["missing.yaml", undefined, "missing.yaml: no such file (expected a file that elbow may read)"],
    ["folder.json", undefined, "folder.json: is not a file (expected a file that elbow may read)"],
    ["elbow.toml", "", "elbow.toml: has the extension .toml (expected .ts, .mts, .js, .mjs, .json, .yaml or .yml)"],
    ["elbow", "", "elbow: has no extension (expected .ts, .mts, .js, .mjs, .json, .yaml or .yml)"],
    ["empty.json", " \n", "empty.json: is empty (expected an object with `loadBalancers`)"],
    ["empty.yaml", "", "empty.yaml: is empty (expected an object with `loadBalancers`)"],
    [
      "comma.json",
      '{\n  "loadBalancers": {},\n}',
      "comma.json:3:1: syntax error: a key in double quotes must stand here (expected valid JSON)",
    ],
    [
      "twice.json",
      '{\n  "a": 1,\n  "a": 2\n}',
      'twice.json:3:3: syntax error: the key "a" is written twice (expected valid JSON)',
    ],
    ["twice.yaml", "a: 1\na: 2\n", "twice.yaml:2:1: syntax error: Map keys must be unique (expected valid YAML)"],
    [
      "tab.yaml",
      "a:\n\tb: 1\n",
      "tab.yaml:2:1: syntax error: Tabs are not allowed as indentation (expected valid YAML)",
    ],
    [
      "alias.yaml",
      "a: *b\n",
      "alias.yaml: syntax error: Unresolved alias (the anchor must be set before the alias): b (expected valid YAML)",
    ],
    [
      "syntax.ts",
      "const a = 1;\nexport default { a: (, };\n",
      "syntax.ts:2:22: syntax error: Unexpected , (expected valid TypeScript)",
    ],
    [
      "throws.ts",
      "\n  throw new Error('no disk');",
      "throws.ts:2:13: failed while it was loaded: no disk (expected a module that loads)",
    ],
    [
      "rejects.js",
      "export default async () => { throw new Error('no luck') }",
      "rejects.js:1:40: failed while it was loaded: no luck (expected a module that loads)",
    ],
    [
      "nothing.ts",
      "export const a = 1;",
      "nothing.ts: has no default export (expected export default defineConfig({ … }))",
    ],
    [
      "unresolved.ts",
      "import a from './gone.ts'; export default a;",
      "unresolved.ts: failed while it was loaded: Cannot find module './gone.ts' imported from unresolved.ts (expected a module that loads)",
    ],
    [
      "list.ts",
      "export default [];",
      "the configuration: an empty list is not a configuration (expected an object with `loadBalancers`)",
    ],
    [
      "unsound.json",
      written(0),
      "loadBalancers.web.listeners[0].port: 0 is not a port (expected a whole number from 1 to 65535)",
    ],
  ] as const)("%s", async (name, text, line) => {
    expect(await load(text === undefined ? join(folder, name) : write(name, text))).toBe(line);
  });

  test("tells every syntax error of a YAML file, and every problem of a sound text", async () => {
    const syntax = await load(write("several.yaml", "a: 1\na: 2\nb: 1\nb: 2\n"));
    expect(String(syntax).split("\n")).toHaveLength(2);
    const problems = await load(write("several.json", '{ "loadBalancers": { "-": {} }, "managment": {} }'));
    expect(String(problems).split("\n")).toHaveLength(4);
  });

  test("carries the file and the problems one by one", async () => {
    const path = write("error.json", '{ "loadBalancers": {} }');
    const error = await Effect.runPromise(Effect.flip(loadConfiguration(path)));
    expect(error._tag).toBe("ConfigurationError");
    expect(error.file).toBe(path);
    expect(error.problems).toEqual([
      { path: "loadBalancers", problem: "is empty", expected: "at least one load balancer" },
    ]);
  });
});

/** A process of its own that loads the file each time it is asked. */
const startLoader = (command: ReadonlyArray<string>, path: string) => {
  const child = Bun.spawn([...command, path], {
    cwd: folder,
    // A look-up of `elbow` in a package registry would end at a closed port, and fail the test.
    env: { ...process.env, BUN_CONFIG_REGISTRY: "http://127.0.0.1:1/", npm_config_registry: "http://127.0.0.1:1/" },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  return {
    load: async (): Promise<number | string> => {
      child.stdin.write("\n");
      child.stdin.flush();
      let line = "";
      while (!line.endsWith("\n")) {
        const { value, done } = await output.read();
        if (done) throw new Error(`the loader ended after ${JSON.stringify(line)}`);
        line += value;
      }
      const { port, problems } = JSON.parse(line);
      return port ?? problems.replaceAll(`${folder}/`, "");
    },
    stop: async () => {
      child.stdin.end();
      await child.exited;
    },
  };
};

const printer = join(import.meta.dir, "configuration-printer.ts");

describe.each(["under bun", "in a compiled binary"])("%s, far from the repository", (kind) => {
  const place = kind === "under bun" ? "run" : "binary";
  let command: ReadonlyArray<string> = [process.execPath, printer];

  beforeAll(async () => {
    if (place === "run") return;
    const outfile = join(folder, "printer");
    const built = await Bun.build({
      entrypoints: [printer],
      compile: { outfile, autoloadBunfig: false, autoloadDotenv: false },
      minify: true,
      bytecode: true,
      format: "esm",
    });
    expect(built.success).toBe(true);
    command = [outfile];
  });

  test("a reload has what the file and everything that it imports say now, and recovers from every failure", async () => {
    mkdirSync(join(folder, place));
    const inPlace = (name: string, text: string) => write(join(place, name), text);
    const path = inPlace(
      "elbow.config.ts",
      `import { defineConfig } from "elbow";\nimport { port } from "./middle.ts";\nexport default defineConfig(${written("port")});`,
    );
    inPlace("middle.ts", 'export { port } from "./port.ts";');
    const loader = startLoader(command, path);
    try {
      expect(await loader.load()).toContain("Cannot find module './port.ts'");
      inPlace("port.ts", "export const port = 1001;");
      expect(await loader.load()).toBe(1001);
      inPlace("port.ts", "export const port: number = 1002;");
      expect(await loader.load()).toBe(1002);
      inPlace("port.ts", "export const port = = 1003;");
      expect(await loader.load()).toBe(`${place}/port.ts:1:21: syntax error: Unexpected = (expected valid TypeScript)`);
      inPlace("port.ts", "export const port = 1003;");
      expect(await loader.load()).toBe(1003);
      inPlace("port.ts", "throw new Error('boom');\nexport const port = 1004;");
      expect(await loader.load()).toBe(
        `${place}/port.ts:1:11: failed while it was loaded: boom (expected a module that loads)`,
      );
      inPlace("port.ts", "export const port = 1004;");
      expect(await loader.load()).toBe(1004);
      inPlace("port.ts", "export const prot = 1005;");
      expect(await loader.load()).toContain("export 'port' not found");
      inPlace("port.ts", "export const port = 1005;");
      expect(await loader.load()).toBe(1005);
      inPlace("middle.ts", 'import port from "./port.json";\nexport { port };');
      inPlace("port.json", "1006");
      expect(await loader.load()).toBe(1006);
      inPlace("port.json", "1007");
      expect(await loader.load()).toBe(1007);
      inPlace("elbow.config.ts", `export default ${written(1008)};`);
      expect(await loader.load()).toBe(1008);
    } finally {
      await loader.stop();
    }
  });

  test("a YAML file", async () => {
    const loader = startLoader(command, write(`${place}.yaml`, written(1001)));
    try {
      expect(await loader.load()).toBe(1001);
    } finally {
      await loader.stop();
    }
  });
});
