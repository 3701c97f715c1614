// A serving process whose files change: reloads by themselves, what refuses them, and errors of users' that nobody caught.
import { expect, setDefaultTimeout, test } from "bun:test";
import { resolve } from "node:path";
import { ElbowCommand } from "../support/elbow-command.ts";
import { eventually } from "../support/eventually.ts";
import { FakeInstance } from "../support/fake-instance.ts";
import { makeFolder } from "../support/folder.ts";
import { freePort } from "../support/port.ts";
import { answerText } from "../support/scripts.ts";

setDefaultTimeout(30_000);

const hello = `import { answer, definePolicy, Schema } from "elbow";
import { word } from "./word.ts";
export default definePolicy({ type: "Hello", attributes: Schema.Struct({}), admit: () => answer(200, word) });
`;

const wordIs = (word: string, more = "") => `export const word = "${word}";\n${more}\n`;

/** A folder with a configuration, and a policy that answers with a word; `run` starts elbow on it. */
const makePlace = (more: object = {}) => {
  const instance = FakeInstance.start(answerText("instance"));
  const [port, managementPort] = [freePort(), freePort()];
  const configuration = (policies: ReadonlyArray<string>) => ({
    management: { port: managementPort },
    ...more,
    loadBalancers: {
      web: {
        address: "127.0.0.1",
        listeners: [{ protocol: "HTTP", port, instancePort: 80, policies }],
        instances: [`127.0.0.1:${instance.port}`],
        policies: { hello: { module: "./policies/hello.ts" } },
      },
    },
  });
  const folder = makeFolder({
    "elbow.json": configuration(["hello"]),
    "policies/hello.ts": hello,
    "policies/word.ts": wordIs("one"),
  });
  return {
    folder,
    configuration,
    run: () => ElbowCommand.serving(["run", "--config", "elbow.json"], { cwd: folder.path }),
    answer: async () => (await fetch(`http://127.0.0.1:${port}/`)).text(),
    ask: (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${managementPort}${path}`, init),
    metrics: async () => (await fetch(`http://127.0.0.1:${managementPort}/metrics`)).text(),
    [Symbol.dispose]() {
      instance.stop();
      folder[Symbol.dispose]();
    },
  };
};

test("a change of the configuration, of a policy, or of what that imports is a reload", async () => {
  using place = makePlace();
  await using elbow = await place.run();
  expect(await place.answer()).toBe("one");
  place.folder.write("policies/word.ts", wordIs("two"));
  await eventually(async () => (await place.answer()) === "two");
  place.folder.write("policies/hello.ts", hello.replace("200, word", '200, "the word"'));
  await eventually(async () => (await place.answer()) === "the word");
  place.folder.write("elbow.json", place.configuration([]));
  await eventually(async () => (await place.answer()) === "instance");
  expect(await place.metrics()).toContain('\nelbow_reloads_total{result="applied"} 3\n');
  expect(elbow.stderr).not.toContain("refused");
});

test("a bad file changes nothing and is told; mended, it is taken", async () => {
  using place = makePlace();
  await using elbow = await place.run();
  place.folder.write("policies/word.ts", "export const word = ;\n");
  const problem = `loadBalancers.web.policies.hello.module: ${place.folder.path}/policies/word.ts:1:21: syntax error: Unexpected ; (expected valid TypeScript)`;
  await elbow.says(/reload refused, everything stays as it was/);
  expect(elbow.stderr).toContain(problem);
  expect(await place.answer()).toBe("one");

  const asked = await place.ask("/api/v1/reload", { method: "POST" });
  expect([asked.status, ((await asked.json()) as { problems: unknown }).problems]).toEqual([422, [problem]]);
  const status = (await (await place.ask("/api/v1/status")).json()) as { lastReload: object };
  expect(status.lastReload).toMatchObject({ cause: "API", isApplied: false, problems: [problem] });

  place.folder.write("policies/word.ts", wordIs("mended"));
  await eventually(async () => (await place.answer()) === "mended");
  const metrics = await place.metrics();
  expect(metrics).toContain('\nelbow_reloads_total{result="applied"} 1\n');
  expect(metrics).toContain('\nelbow_reloads_total{result="refused"} 2\n');
});

test("where nothing is watched, the API and SIGHUP reload", async () => {
  using place = makePlace({ watch: false });
  await using elbow = await place.run();
  place.folder.write("policies/word.ts", wordIs("two"));
  const asked = await place.ask("/api/v1/reload", { method: "POST" });
  expect([asked.status, await asked.json()]).toMatchObject([200, { cause: "API", isApplied: true, problems: [] }]);
  expect(await place.answer()).toBe("two");
  place.folder.write("policies/word.ts", wordIs("three"));
  elbow.process.kill("SIGHUP");
  await eventually(async () => (await place.answer()) === "three");
  // Nobody else reloaded meanwhile.
  expect(await place.metrics()).toContain('\nelbow_reloads_total{result="applied"} 2\n');
});

test("what a user's module throws outside of any hook is told and counted, and takes nothing down", async () => {
  using place = makePlace();
  place.folder.write(
    "policies/word.ts",
    wordIs(
      "still here",
      `setTimeout(() => { throw new Error("late"); }, 1);
Promise.reject(new Error("unheard"));
Promise.reject("no error");
queueMicrotask(() => { throw new TypeError("soon"); });`,
    ),
  );
  await using elbow = await place.run();
  const file = `${place.folder.path}/policies/word.ts`;
  await eventually(async () => {
    const metrics = await place.metrics();
    const counts = [...metrics.matchAll(/^elbow_policy_errors_total\{.*phase="unhandled"\} (\d+)$/gm)];
    return counts.reduce((sum, [, count]) => sum + Number(count), 0) === 4;
  });
  for (const words of [/late.*word\.ts:2:/, /unheard.*word\.ts:3:/, /no error/, /soon.*word\.ts:5:/]) {
    await elbow.says(words);
  }
  expect(elbow.stderr).toContain(file);
  expect(await place.answer()).toBe("still here");
  elbow.process.kill("SIGTERM");
  expect(await elbow.exitCode()).toBe(0);
});

test("so it is where only the engine's own code, or none, is in the stack", async () => {
  using place = makePlace();
  place.folder.write(
    "policies/hello.ts",
    `import { EventEmitter } from "node:events";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
${hello.replace("() => answer", "() => fail() ?? answer")}
const fail = () => {
  promisify(gunzip)(Buffer.from("no"));
  setTimeout(() => new EventEmitter().emit("error", "no error"), 1);
  const odd = new Error("odd");
  odd.stack = Object.create(null);
  Promise.reject(odd);
};
`,
  );
  await using elbow = await place.run();
  expect(await place.answer()).toBe("one");
  const counted = 'elbow_policy_errors_total{load_balancer="web",policy="hello",phase="unhandled"} 3\n';
  await eventually(async () => (await place.metrics()).includes(counted));
  expect(await place.answer()).toBe("one");
  // The one module there is.
  await elbow.says(/policy hello, unhandled: .*\(.*policies\/hello\.ts/);
});

test.each(['setTimeout(() => { throw new Error("ours"); }, 1)', 'Promise.reject(new Error("ours"))'])(
  "an error of elbow's own that nobody caught ends it: %s",
  async (code) => {
    const script = `import { Effect } from "effect";
import { handleUnhandled } from "./src/main/unhandled.ts";
Effect.runFork(Effect.scoped(Effect.andThen(handleUnhandled(() => false), Effect.never)));
${code};
setTimeout(() => process.exit(7), 5_000);`;
    const ended = await ElbowCommand.run([], {
      program: [process.execPath, "-e", script],
      cwd: resolve(import.meta.dir, "../.."),
    });
    expect(ended.exitCode).toBe(1);
    expect(ended.stderr).toMatch(/an error in elbow itself.*Error: ours/s);
  },
);
