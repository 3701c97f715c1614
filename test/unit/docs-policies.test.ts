// The page of policies against the code: every hook, every example with its hooks, and that what it shows compiles and works.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { Effect } from "effect";
import { loadConfiguration } from "../../src/control/configuration/load.ts";
import { editorTypes } from "../../src/main/editor-types.ts";
import { describeType } from "../../src/main/policy-description.ts";
import { codeBlocksOf, codeSpansOf, tableRowsOf } from "../support/documents.ts";
import { makeFolder } from "../support/folder.ts";
import { checkTypes } from "../support/type-check.ts";

const root = resolve(import.meta.dir, "../..");
const page = readFileSync(join(root, "docs/policies.md"), "utf8");
const rows = tableRowsOf(page);

/** The page's modules, by the path in their first line, and in its order where one has several texts. */
const blocks = codeBlocksOf(page)
  .filter(({ language }) => language === "ts")
  .map(({ code }) => ({ path: /^\/\/ (\S+)\n/.exec(code)?.[1] ?? "", code }));

/** A policy with every hook that there is. */
const hooks = describeType(
  new Proxy({} as never, {
    get: (_target, name) =>
      name === "attributes" ? { ast: { _tag: "Never" } } : name === "onError" ? undefined : name,
  }),
).hooks;

test("the table of hooks has every hook of the contract, and no other", () => {
  const contract = readFileSync(join(root, "src/policy/policy.ts"), "utf8");
  const text = contract.slice(contract.indexOf("export interface Policy<"));
  const settings = ["type", "attributes", "onError", "deadlineMs", "state", "dispose"];
  const members = [...text.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name = ""]) => name);
  const expected = members.filter((name) => !settings.includes(name)).sort();
  expect(rows.flatMap(([cell = ""]) => codeSpansOf(cell).filter((name) => expected.includes(name))).sort()).toEqual(
    expected,
  );
  expect([...hooks].sort()).toEqual(expected);
});

test("the table of examples has every example, with its hooks", async () => {
  const stated = rows
    .filter(([cell = ""]) => cell.includes("../examples/policies/"))
    .map(([cell = "", , used = ""]) => [basename(codeSpansOf(cell)[0] ?? ""), codeSpansOf(used)]);
  const files = [...new Bun.Glob("examples/policies/*.ts").scanSync(root)].sort();
  const actual = await Promise.all(
    files.map(async (file) => [basename(file), describeType((await import(join(root, file))).default).hooks]),
  );
  expect(stated).toEqual(actual);
  for (const file of files) {
    const { default: policy } = await import(join(root, file));
    expect(policy.type).toBe(basename(file, ".ts"));
  }
});

test("what it shows has no type errors", () => {
  expect(blocks.length).toBe(5);
  const files = Object.fromEntries(blocks.map(({ path, code }) => [path, code]));
  const config = codeBlocksOf(page).find(({ language }) => language === "json")?.code ?? "{}";
  const surroundings = { "elbow.d.ts": editorTypes(), "test.d.ts": 'declare module "bun:test";\n' };
  expect(checkTypes({ ...files, ...surroundings }, JSON.parse(config).compilerOptions)).toBe("");
});

test("its configurations are sound", async () => {
  const copied = {
    "policies/my-cookie.ts": readFileSync(join(root, "policies/stickiness/application-cookie.ts"), "utf8"),
  };
  const modules = Object.fromEntries(
    blocks.filter(({ path }) => path.startsWith("policies/")).map(({ path, code }) => [path, code]),
  );
  for (const { code } of blocks.filter(({ path }) => path === "elbow.config.ts")) {
    using folder = makeFolder({ ...copied, ...modules, "elbow.config.ts": code });
    const configuration = await Effect.runPromise(loadConfiguration(join(folder.path, "elbow.config.ts")));
    expect(configuration).toHaveProperty("loadBalancers");
  }
});

test("the error that it quotes is the one that is told", async () => {
  const hours = { module: "./hour.ts", attributes: { from: 24 } };
  const listener = { protocol: "HTTP", port: 8080, instancePort: 80, policies: ["hours"] };
  using folder = makeFolder({
    "hour.ts": blocks.find(({ path }) => path === "policies/hour.ts")?.code ?? "",
    "elbow.json": { loadBalancers: { web: { listeners: [listener], instances: [], policies: { hours } } } },
  });
  const error = await Effect.runPromise(Effect.flip(loadConfiguration(join(folder.path, "elbow.json"))));
  const quoted = /says ``(.+)``/.exec(page)?.[1] ?? "";
  expect(error.message).toContain(quoted);
});
