// A program: loads hundreds of versions of a policy module and of what it imports, and prints what each costs in memory.
import { readConfiguration, writeWeb } from "./configured-elbow.ts";
import { makeFolder } from "./folder.ts";

/** The memory of a process comes and goes in steps of megabytes: over many versions they don't matter. */
const [warmUps, versions] = [100, 300];

const state = globalThis as unknown as { moduleRuns: number };
state.moduleRuns = 0;

const policyModule = (n: number) => `import { definePolicy, Schema } from "elbow";
import { part } from "./part.ts";
globalThis.moduleRuns++;
export const n = part + ${n};
export default definePolicy({ type: "a", attributes: Schema.Struct({}), admit: () => undefined });
`;

using folder = makeFolder({
  "elbow.json": writeWeb({ policies: { a: { module: "a.ts" } } }, { policies: ["a"] }),
});

const load = async (n: number): Promise<void> => {
  folder.write("part.ts", `export const part = ${n};\n`);
  folder.write("a.ts", policyModule(n));
  await readConfiguration(`${folder.path}/elbow.json`);
};

for (let n = 0; n < warmUps; n++) await load(n);
Bun.gc(true);
const before = process.memoryUsage.rss();
for (let n = 0; n < versions; n++) await load(warmUps + n);
Bun.gc(true);
const bytesEach = (process.memoryUsage.rss() - before) / versions;
process.stdout.write(JSON.stringify({ runs: state.moduleRuns, bytesEach }));
