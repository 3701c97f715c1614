// The bench's command line: `bun run bench`. It starts the back end and the proxies, runs the chosen rows and prints the
// tables (bench/README.md says how to read them). It owns the order of a run and the end of every child, also on Ctrl-C
// or a failure; the measuring itself lies in traffic.ts, parser-row.ts, idle.ts and feature-row.ts.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { type InstancePorts, runFeature } from "./feature-row.ts";
import { type FeatureWorkload, featureRounds } from "./features.ts";
import { runIdle } from "./idle.ts";
import { type Place, ProxyMissing, type ProxyName, proxyNames } from "./launches.ts";
import { describeMachine } from "./machine.ts";
import { readFileLimit } from "./measure.ts";
import { runParser } from "./parser-row.ts";
import { type Child, endChild, endEveryChild, hasEnded, killEveryChild, readLogTail, startChild } from "./processes.ts";
import { findProgram } from "./programs.ts";
import { type RunningProxy, startProxy } from "./proxies.ts";
import { formatReport, hasFigures, type Result, replaceTable } from "./report.ts";
import { type Pace, runTraffic } from "./traffic.ts";
import { type Workload, workloads } from "./workloads.ts";

const usage = `bun run bench [options]

  --list            the names of the rows
  --only NAME       one row (may be given several times)
  --quick           a selection that takes about four minutes
  --rounds N        turns of every proxy per row (default 5, quick 3; memory rows at most 3, the parser's has its own,
                    15 where elbow is held against itself)
  --seconds N       length of a turn in whole seconds (default 1)
  --binary [FILE]   elbow as the compiled program, default dist/elbow, instead of src/main.ts
  --proxy-core N    core of the proxies (default 0)
  --load-core N     core of load and back end (default 1)
  --write           puts the tables into bench/README.md
`;

const say = (line: string) => process.stderr.write(`${line}\n`);

/** A reason to stop that is the user's to mend: printed as one line, without a stack. */
class Refusal extends Error {}

function readCount(text: string | undefined, name: string, otherwise: number, least: number): number {
  if (text === undefined) return otherwise;
  const count = Number(text);
  if (!Number.isInteger(count) || count < least || count > 100) {
    throw new Refusal(`--${name} takes a whole number from ${least} to 100, not "${text}"`);
  }
  return count;
}

function readOptions(words: ReadonlyArray<string>) {
  // `--binary` alone means the usual place; parseArgs knows no optional values.
  const args = words.flatMap((word, at) =>
    word === "--binary" && (words[at + 1] ?? "--").startsWith("--") ? [word, "dist/elbow"] : [word],
  );
  try {
    return parseArgs({
      args,
      options: {
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
        quick: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        only: { type: "string", multiple: true },
        rounds: { type: "string" },
        seconds: { type: "string" },
        binary: { type: "string" },
        "proxy-core": { type: "string" },
        "load-core": { type: "string" },
      },
    }).values;
  } catch (error) {
    throw new Refusal(`${(error as Error).message}\n\n${usage}`);
  }
}

type Options = ReturnType<typeof readOptions>;

function chooseWorkloads(options: Options): ReadonlyArray<Workload> {
  const only = options.only;
  if (only === undefined) return workloads.filter((workload) => !options.quick || workload.isQuick);
  return only.map((name) => {
    const workload = workloads.find((each) => each.name === name);
    if (workload === undefined) throw new Refusal(`no row is called "${name}"; see --list`);
    return workload;
  });
}

function checkMachine(proxyCore: number, loadCore: number): void {
  if (process.platform !== "linux") throw new Refusal("the bench reads /proc and pins cores: it runs on Linux only");
  if (findProgram("wrk") === undefined) throw new Refusal("wrk is not installed: `apt-get install nginx haproxy wrk`");
  if (findProgram("taskset") === undefined) throw new Refusal("taskset is missing: `apt-get install util-linux`");
  if (Math.max(proxyCore, loadCore) >= cpus().length) {
    throw new Refusal(`the bench wants core ${proxyCore} for the proxy and core ${loadCore} for the load`);
  }
  if (proxyCore === loadCore) throw new Refusal("proxy and load must not share a core");
  if (readFileLimit() < 10_000) throw new Refusal("the bench opens 6000 files a process: raise `ulimit -Hn` to 10000");
}

interface Backend {
  readonly child: Child;
  readonly port: number;
  readonly securePort: number;
}

/** Starts a back end's program, and reads the two ports that it prints. */
async function startPorts(name: string, words: ReadonlyArray<string>, core: number, directory: string) {
  const command = [process.execPath, join(import.meta.dir, `${name}.ts`), ...words];
  const child = startChild({ name, command, core, directory });
  for (let attempt = 0; attempt < 100 && !hasEnded(child); attempt++) {
    const ports = /^(\d+) (\d+)\n/.exec(readFileSync(child.logFile, "utf8"));
    if (ports !== null) return { child, ports: [Number(ports[1]), Number(ports[2])] as const };
    await Bun.sleep(50);
  }
  throw new Error(`the back end did not start: ${readLogTail(child)}`);
}

async function startBackendProcess(core: number, directory: string, certificates: Certificates): Promise<Backend> {
  const { cert, key } = certificates.ecdsa;
  const { child, ports } = await startPorts("backend", [cert, key], core, directory);
  return { child, port: ports[0], securePort: ports[1] };
}

async function runFeatures(chosen: ReadonlyArray<FeatureWorkload>, place: Place, pace: Pace): Promise<Result[]> {
  if (chosen.length === 0) return [];
  const count = Math.max(...chosen.map((workload) => workload.instances));
  const crowd = await startPorts("crowd", [String(count)], pace.loadCore, place.directory);
  const ports: InstancePorts = { plain: crowd.ports[0], introduced: crowd.ports[1] };
  const results: Result[] = [];
  for (const workload of chosen) {
    say(`${workload.name}: ${workload.title}`);
    results.push(await runFeature(workload, ports, place, pace));
  }
  await endChild(crowd.child);
  return results;
}

async function startProxies(place: Place): Promise<{
  running: RunningProxy[];
  missing: Map<ProxyName, string>;
}> {
  const running: RunningProxy[] = [];
  const missing = new Map<ProxyName, string>();
  for (const name of proxyNames) {
    try {
      running.push(await startProxy(name, place));
    } catch (error) {
      if (!(error instanceof ProxyMissing)) throw error;
      missing.set(name, error.message);
      say(`\n*** ${name} takes no part: ${error.message}\n`);
    }
  }
  return { running, missing };
}

async function runWorkloads(
  chosen: ReadonlyArray<Workload>,
  place: Place,
  pace: Pace,
  featurePace: Pace,
): Promise<Result[]> {
  const features = chosen.filter((workload) => workload.kind === "feature");
  // Rows that the rivals have no part in need none of them.
  if (features.length === chosen.length) return runFeatures(features, place, featurePace);
  const { running, missing } = await startProxies(place);
  const results: Result[] = [];
  for (const workload of chosen) {
    if (workload.kind !== "traffic") continue;
    say(`${workload.name}: ${workload.title}`);
    const result = await runTraffic(workload, running, pace);
    results.push({ ...result, missing: new Map([...missing, ...result.missing]) });
  }
  await Promise.all(running.map((proxy) => endChild(proxy.child)));
  for (const workload of chosen) {
    if (workload.kind !== "parser") continue;
    say(`${workload.name}: ${workload.title}`);
    results.push(await runParser(workload, place));
  }
  const names = running.map((proxy) => proxy.name);
  for (const workload of chosen) {
    if (workload.kind !== "idle") continue;
    say(`${workload.name}: ${workload.title}`);
    const result = await runIdle(workload, names, place, { ...pace, rounds: Math.min(pace.rounds, 3) });
    results.push({ ...result, missing: new Map([...missing, ...result.missing]) });
  }
  return [...results, ...(await runFeatures(features, place, featurePace))];
}

function keepResults(report: string, results: ReadonlyArray<Result>): void {
  const directory = join(import.meta.dir, "results");
  mkdirSync(directory, { recursive: true });
  const stamp = new Date().toISOString().replace(/[:.]/g, "-");
  const plain = JSON.stringify(results, (_, value) => (value instanceof Map ? Object.fromEntries(value) : value), 2);
  writeFileSync(join(directory, `${stamp}.md`), report);
  writeFileSync(join(directory, `${stamp}.json`), `${plain}\n`);
}

function writeReadme(report: string, results: ReadonlyArray<Result>): void {
  if (!results.every(hasFigures)) {
    throw new Refusal("bench/README.md is left as it was: elbow has no figures in some row");
  }
  const file = join(import.meta.dir, "README.md");
  writeFileSync(file, replaceTable(readFileSync(file, "utf8"), report));
  // The formatter looks at Markdown too, and `bun run check` would stop at unaligned columns.
  const biome = join(import.meta.dir, "..", "node_modules", ".bin", "biome");
  if (existsSync(biome)) Bun.spawnSync([biome, "format", "--write", file], { cwd: join(import.meta.dir, "..") });
  say("bench/README.md has the new tables");
}

/** Returns the exit code. */
async function run(directory: string): Promise<number> {
  const options = readOptions(Bun.argv.slice(2));
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (options.list) {
    for (const { name, title } of workloads) process.stdout.write(`${name.padEnd(17)} ${title}\n`);
    return 0;
  }
  const chosen = chooseWorkloads(options);
  if (options.write && options.only !== undefined) {
    throw new Refusal("--write replaces every row of the table: leave out --only");
  }
  const proxyCore = readCount(options["proxy-core"], "proxy-core", 0, 0);
  const loadCore = readCount(options["load-core"], "load-core", 1, 0);
  checkMachine(proxyCore, loadCore);
  const binary = options.binary;
  if (binary !== undefined && !existsSync(binary))
    throw new Refusal(`${binary} is missing: \`bun run build\` makes it`);
  // The bench itself stays off the proxies' core.
  Bun.spawnSync(["taskset", "-cp", String(loadCore), String(process.pid)]);
  const certificates = await makeCertificates(directory);
  const backend = await startBackendProcess(loadCore, directory, certificates);
  const place: Place = {
    core: proxyCore,
    backendPort: backend.port,
    secureBackendPort: backend.securePort,
    certificates,
    directory,
    ...(binary === undefined ? {} : { elbowBinary: binary }),
  };
  const pace: Pace = {
    rounds: readCount(options.rounds, "rounds", options.quick ? 3 : 5, 1),
    seconds: readCount(options.seconds, "seconds", 1, 1),
    warmUpSeconds: 2,
    loadCore,
    backendPort: backend.port,
    directory,
  };
  const versions = describeMachine(binary ?? "src/main.ts");
  for (const version of versions) say(version);
  const featurePace = options.rounds === undefined ? { ...pace, rounds: featureRounds } : pace;
  const results = await runWorkloads(chosen, place, pace, featurePace);
  if (isLeaving) return 1; // Interrupted: what stands in the results is no measurement.
  const report = formatReport(versions, results);
  process.stdout.write(`\n${report}`);
  keepResults(report, results);
  if (options.write) writeReadme(report, results);
  // A rival may be missing; without elbow the bench has not done its work.
  return results.every(hasFigures) ? 0 : 1;
}

const directory = mkdtempSync(join(tmpdir(), "elbow-bench-"));
let isLeaving = false;

async function leave(code: number): Promise<void> {
  // A second signal doesn't wait; what fails because the children end must not change the exit code.
  if (isLeaving) return;
  isLeaving = true;
  await endEveryChild();
  process.exit(code);
}

process.on("exit", () => {
  killEveryChild();
  rmSync(directory, { recursive: true, force: true });
});
for (const [signal, code] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const) {
  process.on(signal, () => {
    if (isLeaving) process.exit(code);
    void leave(code);
  });
}

try {
  await leave(await run(directory));
} catch (error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (!isLeaving) say(error instanceof Refusal ? error.message : `the bench failed: ${text}`);
  await leave(1);
}
