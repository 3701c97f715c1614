// Which modules a reload imports again: those that have changed and whoever imports them, and no others.
import { expect, setDefaultTimeout, test } from "bun:test";
import { symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { findProblems, loadFile, readConfiguration, writeWeb } from "../support/configured-elbow.ts";
import { makeFolder } from "../support/folder.ts";
import { runProgram } from "../support/program.ts";

setDefaultTimeout(30_000);

/** What the modules of these tests have run, in order. */
const runs: Array<string> = [];
Object.assign(globalThis, { moduleRuns: runs });
const takeRuns = (): ReadonlyArray<string> => runs.splice(0).sort();

const policyModule = (name: string, head = "") => `import { definePolicy, Schema } from "elbow";
${head}
globalThis.moduleRuns.push("${name}");
export default definePolicy({ type: "${name}", attributes: Schema.Struct({}), admit: () => undefined });
`;

const twoPolicies = writeWeb({ policies: { a: { module: "a.ts" }, b: { module: "b.ts" } } }, { policies: ["a", "b"] });

/** The objects that the policies of the only listener are. */
const policiesOf = async (file: string): Promise<ReadonlyArray<object>> =>
  ((await readConfiguration(file)).loadBalancers[0]?.listeners[0]?.policies ?? []).map(({ policy }) => policy);

test("only what has changed is imported again, and whoever imports it", async () => {
  using folder = makeFolder({
    "a.ts": policyModule("a", 'import "./shared.ts"; import "./own.ts";'),
    "b.ts": policyModule("b", 'import "./shared.ts";'),
    "own.ts": 'import limits from "./limits.json";\nglobalThis.moduleRuns.push("own " + limits.max);\nexport {};\n',
    "limits.json": { max: 1 },
    "shared.ts": 'globalThis.moduleRuns.push("shared");\nexport {};\n',
    "elbow.json": twoPolicies,
  });
  const file = `${folder.path}/elbow.json`;
  const [a, b] = await policiesOf(file);
  expect(takeRuns()).toEqual(["a", "b", "own 1", "shared"]);

  expect(await policiesOf(file)).toEqual([a, b] as Array<object>);
  folder.write("a.ts", policyModule("a", 'import "./shared.ts"; import "./own.ts";'));
  expect((await policiesOf(file))[0]).toBe(a as object);
  expect(takeRuns()).toEqual([]);

  folder.write("limits.json", { max: 2 });
  const changed = await policiesOf(file);
  expect(takeRuns()).toEqual(["a", "own 2"]);
  expect(changed[0]).not.toBe(a as object);
  expect(changed[1]).toBe(b as object);

  folder.write("shared.ts", 'globalThis.moduleRuns.push("shared 2");\nexport {};\n');
  await policiesOf(file);
  expect(takeRuns()).toEqual(["a", "b", "shared 2"]);
});

test("a failed import leaves the last good one, which is there again when the file is put back", async () => {
  using folder = makeFolder({ "a.ts": policyModule("a"), "b.ts": policyModule("b"), "elbow.json": twoPolicies });
  const file = `${folder.path}/elbow.json`;
  const before = await policiesOf(file);
  takeRuns();
  folder.write("a.ts", `${policyModule("a")}\nthrow new Error("not now");\n`);
  expect(await findProblems(file)).toHaveLength(1);
  folder.write("a.ts", policyModule("a"));
  const after = await policiesOf(file);
  expect([after[0] === before[0], after[1] === before[1]]).toEqual([true, true]);
  expect(takeRuns()).toEqual(["a"]);
});

test("a configuration that is a module runs at each load; what it imports, when it has changed", async () => {
  using folder = makeFolder({
    "part.ts": 'globalThis.moduleRuns.push("part");\nexport const port = 0;\n',
    "elbow.config.ts": `import { defineConfig } from "elbow";
import { port } from "./part.ts";
globalThis.moduleRuns.push("configuration");
export default defineConfig(() => ({
  loadBalancers: { web: { address: "127.0.0.1", listeners: [{ protocol: "HTTP", port, instancePort: 80 }], instances: [] } },
}));
`,
  });
  const file = `${folder.path}/elbow.config.ts`;
  await readConfiguration(file);
  expect(takeRuns()).toEqual(["configuration", "part"]);
  await readConfiguration(file);
  expect(takeRuns()).toEqual(["configuration"]);
  folder.write("part.ts", 'globalThis.moduleRuns.push("part 2");\nexport const port = 0;\n');
  await readConfiguration(file);
  expect(takeRuns()).toEqual(["configuration", "part 2"]);
});

test("a link that is switched to another file is a change", async () => {
  using folder = makeFolder({
    "one.ts": policyModule("one"),
    "two.ts": policyModule("two"),
    "b.ts": policyModule("b"),
  });
  const file = folder.write("elbow.json", twoPolicies);
  symlinkSync(`${folder.path}/one.ts`, `${folder.path}/a.ts`);
  await policiesOf(file);
  expect(takeRuns()).toEqual(["b", "one"]);
  unlinkSync(`${folder.path}/a.ts`);
  symlinkSync(`${folder.path}/two.ts`, `${folder.path}/a.ts`);
  await policiesOf(file);
  expect(takeRuns()).toEqual(["two"]);
});

test("all that was read is known, and what was missed", async () => {
  using folder = makeFolder({
    "a.ts": policyModule("a", 'import "./deep/part.ts"; import "./gone";'),
    "deep/part.ts": "export {};\n",
    "elbow.json": twoPolicies,
  });
  const files = new Map<string, string | undefined>();
  await loadFile(`${folder.path}/elbow.json`, files);
  const known = [...files].map(([path, hash]) => `${path.slice(folder.path.length + 1)} ${hash !== undefined}`);
  expect(known.sort()).toEqual(["a.ts true", "b.ts false", "deep/part.ts true", "elbow.json true", "gone.ts false"]);
});

/** Bun keeps some 12 KB of each version here. */
const mostBytesEach = 100_000;

test("hundreds of versions of a module cost little memory each", async () => {
  // In a process of its own: in this one the memory of other tests comes and goes.
  const script = join(import.meta.dir, "../support/version-memory.ts");
  const { code, stdout, stderr } = await runProgram([process.execPath, script]);
  expect([code, stderr]).toEqual([0, ""]);
  const { runs, bytesEach } = JSON.parse(stdout.toString()) as { readonly runs: number; readonly bytesEach: number };
  expect(runs).toBe(400);
  expect(bytesEach).toBeLessThan(mostBytesEach);
});
