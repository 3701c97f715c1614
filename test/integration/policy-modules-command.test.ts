// `elbow policy check`, `new` and `types`, and what `list` and `show` say of policy types: as a person types them.
import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { editorTypes } from "../../src/main/editor-types.ts";
import { ElbowCommand } from "../support/elbow-command.ts";
import { makeFolder } from "../support/folder.ts";
import { checkTypes } from "../support/type-check.ts";

setDefaultTimeout(30_000);

const examples = resolve(import.meta.dir, "../../examples/policies");
const run = (args: ReadonlyArray<string>, cwd: string) => ElbowCommand.run(["policy", ...args], { cwd });

test("a policy that was begun is sound, has no type errors, and stays as it is", async () => {
  using folder = makeFolder();
  const { exitCode, stdout, stderr } = await run(["new", "geo-block"], folder.path);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toStartWith("wrote policies/geo-block.ts\n");
  const text = readFileSync(join(folder.path, "policies/geo-block.ts"), "utf8");
  expect(checkTypes({ "elbow.d.ts": editorTypes(), "geo-block.ts": text })).toBe("");

  const checked = await run(["check", "policies/geo-block.ts"], folder.path);
  expect(checked.exitCode).toBe(0);
  expect(checked.stdout).toBe(
    [
      "policies/geo-block.ts is sound",
      "policy      geo-block",
      "hooks       admit requestHead responseHead log",
      "attributes  text     a greeting: a text of one line",
      '            hidden?  a list of paths: one such as ["/internal"]',
      "on error    closed",
      "",
    ].join("\n"),
  );

  const again = await run(["new", "geo-block"], folder.path);
  expect(again).toMatchObject({
    exitCode: 1,
    stdout: "",
    stderr: "elbow: policies/geo-block.ts is there already, and stays as it is\n",
  });
  expect(readFileSync(join(folder.path, "policies/geo-block.ts"), "utf8")).toBe(text);
});

test("what a module throws stays on its line, and can't move the cursor", async () => {
  using folder = makeFolder({ "odd.ts": 'throw new Error("boom\\nnext \\u009b2J");\n' });
  const { exitCode, stdout } = await run(["check", "odd.ts"], folder.path);
  expect([exitCode, stdout]).toEqual([
    1,
    "odd.ts:1:11: failed while it was loaded: boom next \\x9b2J (expected a module that loads)\n",
  ]);
});

test("a policy may be printed, and its name must be one", async () => {
  using folder = makeFolder();
  const printed = await run(["new", "abc", "--stdout"], folder.path);
  expect(printed.stdout).toContain('type: "abc",');
  const asJson = await run(["new", "abc", "--stdout", "--json"], folder.path);
  expect(JSON.parse(asJson.stdout)).toMatchObject({ written: [], text: printed.stdout });
  for (const name of ["../x", "a b", "", "x/y", "a.ts"]) {
    const { exitCode, stderr } = await run(["new", name], folder.path);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(`${JSON.stringify(name)} is not a policy name`);
  }
  expect(readdirSync(folder.path)).toEqual([]);
  const json = await run(["new", "abc", "--json"], folder.path);
  expect(JSON.parse(json.stdout)).toMatchObject({
    written: ["policies/abc.ts"],
    use: { policies: { abc: { module: "./policies/abc.ts" } } },
  });
});

test("what is wrong with a module is told with file, line and column", async () => {
  using folder = makeFolder({
    "async.ts": `import { definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "late",
  attributes: Schema.Struct({}),
  requestHead: async () => undefined,
} as never);
`,
    "throws.ts": `const no = () => {
  throw new Error("not today");
};
export default no();
`,
    "syntax.ts": "export default {\n  type: ;\n};\n",
    "nothing.ts": "export const policy = 1;\n",
  });
  const problemOf = async (file: string) => {
    const { exitCode, stdout, stderr } = await run(["check", file], folder.path);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `elbow: ${file} has a problem\n` });
    return stdout;
  };
  expect(await problemOf("async.ts")).toMatch(/^async\.ts:5:3: `requestHead` is async, .+ \(expected .+\)\n$/);
  expect(await problemOf("throws.ts")).toMatch(/^throws\.ts:2:\d+: .*not today.*\n$/);
  expect(await problemOf("syntax.ts")).toMatch(/^syntax\.ts:2:9: .+\n$/);
  expect(await problemOf("nothing.ts")).toMatch(/^nothing\.ts: has no default export .+\n$/);
  expect(await problemOf("nowhere.ts")).toMatch(/^nowhere\.ts is not there .+\n$/);

  const json = await run(["check", "nothing.ts", "--json"], folder.path);
  expect(json.exitCode).toBe(1);
  expect(JSON.parse(json.stdout)).toEqual({ file: "nothing.ts", problems: [expect.stringContaining("nothing.ts: ")] });
});

test("a module is described for scripts too", async () => {
  const { exitCode, stdout } = await run(["check", "basic-auth.ts", "--json"], examples);
  expect(exitCode).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    file: "basic-auth.ts",
    kind: "policy",
    name: "basic-auth",
    hooks: ["admit", "requestHead", "log"],
    attributes: [{ name: "realm", isOptional: true, title: "a realm" }, { name: "users" }, { name: "userHeader" }],
    onError: "closed",
    deadlineMs: 5000,
  });
});

test("policy types are listed and shown", async () => {
  const list = await run(["list", "--json"], examples);
  const { securityPolicies, types } = JSON.parse(list.stdout);
  expect(securityPolicies).toContainEqual({ name: "ELBSecurityPolicy-TLS-1-2-2017-01", aliases: [] });
  expect(types).toContainEqual(
    expect.objectContaining({ name: "ProxyProtocolPolicyType", hooks: ["backendPreamble"] }),
  );
  const show = await run(["show", "PublicKeyPolicyType"], examples);
  expect(show.stdout).toMatch(
    /^policy {6}PublicKeyPolicyType\nhooks {7}none\nattributes {2}PublicKey {2}a public key: /,
  );
});

test("the types go to standard output, whole", async () => {
  const { exitCode, stdout, stderr } = await run(["types"], examples);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toBe(editorTypes());
});
