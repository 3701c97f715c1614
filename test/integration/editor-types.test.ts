// What users' editors know of the module `elbow` by the file that elbow prints: that it is what elbow is.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { basename, resolve } from "node:path";
import { editorTypes } from "../../src/main/editor-types.ts";
import { buildContract } from "../../src/main/editor-types-build.ts";
import { checkTypes, readSource } from "../support/type-check.ts";

setDefaultTimeout(30_000);

const root = resolve(import.meta.dir, "../..");
const sourcesOf = (glob: string) =>
  Object.fromEntries([...new Bun.Glob(glob).scanSync(root)].map((path) => [basename(path), readSource(path)]));
const types = { "elbow.d.ts": editorTypes() };
const strictest = { exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };

test("the contract is that of the sources: bun run src/main/editor-types-build.ts writes it anew", () => {
  expect(readSource("src/main/editor-contract.txt")).toBe(buildContract());
});

describe("with elbow.d.ts beside them, and nothing installed", () => {
  test("the example policies and configurations have no errors", () => {
    const examples = { ...sourcesOf("examples/policies/*.ts"), ...sourcesOf("examples/*.config.ts") };
    expect(Object.keys(examples).length).toBeGreaterThan(9);
    expect(checkTypes({ ...types, ...examples })).toBe("");
    expect(checkTypes({ ...types, ...examples }, strictest)).toBe("");
  });

  test("copies of the built-in policies have none either", () => {
    expect(checkTypes({ ...types, ...sourcesOf("policies/*/*.ts") }, strictest)).toBe("");
  });

  test("hooks whose answers differ from branch to branch have none", () => {
    const branches = `
import { answer, definePolicy, Schema } from "elbow";
export default definePolicy({
  type: "branches",
  attributes: Schema.Struct({}),
  admit(_, context) {
    if (context.clientPort === 1) return { status: 200, headers: { "X-A": "1" } };
    if (context.clientPort === 2) return answer(200, "b", { "X-B": "2" });
    return context.clientPort === 3 ? { status: 204, headers: { "X-C": "3" } } : undefined;
  },
  pick: (_, context) => (context.clientPort === 1 ? { tags: { tier: "a" } } : { tags: { zone: "b" } }),
  requestHead(_, request) {
    if (request.path === "/a") return { set: { "X-A": "1" } };
    if (request.path === "/b") return { add: { "X-B": ["2"] }, path: "/c" };
    return { add: { "X-C": "3" }, remove: ["X-D"] };
  },
  responseHead(_, { request, status }) {
    if (request.path === "/a") return { set: { "X-A": "1" } };
    if (status === 200) return { set: { "X-B": request.header("X-B") } };
    return {};
  },
  log: (_, { status }) => (status === 200 ? { a: 1 } : { b: true }),
});
`;
    expect(checkTypes({ ...types, "branches.ts": branches })).toBe("");
    expect(checkTypes({ ...types, "branches.ts": branches }, strictest)).toBe("");
  });

  test("the environment is a record of texts, with and without the types of Node or Bun", () => {
    const files = {
      ...types,
      "right.ts": "export const secret: string | undefined = process.env.COOKIE_SECRET;",
      "wrong.ts": "export const secret: number = process.env.COOKIE_SECRET;",
    };
    const packages = ["node_modules/@types/node", "node_modules/bun-types"].map((path) => resolve(root, path));
    for (const types of [[], packages.slice(0, 1), packages.slice(1)]) {
      const said = checkTypes(files, { types });
      expect([...said.matchAll(/^.*error/gm)].map(([line]) => line)).toEqual(["wrong.ts(1,14): error"]);
    }
  });

  test("with the types of Node's modules they are checked too", () => {
    const withNode = { types: ["node"], typeRoots: [resolve(root, "node_modules/@types")] };
    expect(checkTypes({ ...types, ...sourcesOf("examples/policies/*.ts") }, withNode)).toBe("");
  });

  test("whatever is wrong is an error at its line", () => {
    const wrong = [
      ["an unknown hook", "definePolicy({ type: 'a', attributes: Schema.Struct({}), onRequest: () => undefined })"],
      ["no attributes", "definePolicy({ type: 'a' })"],
      ["an unknown attribute", "definePolicy({ type: 'a', attributes: Schema.Struct({}), admit: ({ a }) => a })"],
      ["an answer that is none", "definePolicy({ type: 'a', attributes: Schema.Struct({}), admit: () => 'no' })"],
      [
        "an edit that is none",
        "definePolicy({ type: 'a', attributes: Schema.Struct({}), requestHead: () => ({ put: {} }) })",
      ],
      [
        "an attribute of another type",
        "definePolicy({ type: 'a', attributes: Schema.Struct({ a: Schema.Int }), admit: ({ a }) => redirect(a) })",
      ],
      ["a status that redirects nobody", "redirect('/', 200)"],
      ["an unknown key", "defineConfig({ loadBalancers: { web: { listeners: [], instances: [], listener: [] } } })"],
      ["a number that is a text", "defineConfig({ shutdownGrace: '30', loadBalancers: {} })"],
      [
        "a protocol that isn't one",
        "defineConfig({ loadBalancers: { web: { instances: [], listeners: [{ protocol: 'GOPHER', port: 1, instancePort: 1 }] } } })",
      ],
    ] as const;
    const source = (code: string) => `import * as elbow from "elbow";
const { defineConfig, definePolicy, redirect, Schema } = elbow;
export const others = [defineConfig, definePolicy, redirect, Schema];
export default ${code};
`;
    const files = Object.fromEntries(wrong.map(([name, code]) => [`${name.replaceAll(" ", "-")}.ts`, source(code)]));
    const said = checkTypes({ ...types, ...files });
    const found = [...said.matchAll(/^(\S+)\.ts\(4,\d+\): error/gm)].map(([, name]) => name);
    expect(new Set(found)).toEqual(new Set(wrong.map(([name]) => name.replaceAll(" ", "-"))));
  });
});

describe("what is declared by hand or spelled is what it stands for", () => {
  const header = `
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Deep<T> = T extends (...args: never) => unknown ? T : { [K in keyof T]: Deep<T[K]> };
const same = <A, B>(..._: Same<Deep<A>, Deep<B>> extends true ? [] : ["they differ"]): void => {};
const fits = <A, _B extends A>(): void => {};
`;
  const real = JSON.stringify(resolve(root, "src/policy/index.ts"));
  const options = {
    ...{ ...strictest, allowImportingTsExtensions: true, skipLibCheck: true, lib: ["ESNext"] },
    ...{ types: ["bun-types"], typeRoots: [resolve(root, "node_modules")] },
  };

  test("the configuration, and all other exports", () => {
    const compare = `${header}
import type * as Declared from "elbow";
import type * as Real from ${real};
fits<Real.WrittenConfiguration, Declared.WrittenConfiguration>();
fits<Declared.WrittenConfiguration, Real.WrittenConfiguration>();
same<keyof typeof Real, keyof typeof Declared>();
same<Omit<Real.Policy<"a", 1>, "attributes">, Omit<Declared.Policy<"a", 1>, "attributes">>();
same<Real.BalancerPolicy, Declared.BalancerPolicy>();
same<Real.SecurityPolicy, Declared.SecurityPolicy>();
same<Real.Stickiness, Declared.Stickiness>();
`;
    expect(checkTypes({ ...types, "compare.ts": compare }, options)).toBe("");
    const wrong = compare.replace("Real.SecurityPolicy, ", "Real.NegotiationTerms, ");
    expect(checkTypes({ ...types, "compare.ts": wrong }, options)).toContain("error");
  });

  test("schemas, in what they infer", () => {
    const samples = `
const whole = { title: "a number", expected: "a whole one", isSecret: true };
const Switch = Schema.Union([Schema.Boolean, Schema.Literals(["yes", "no"]).transform([true, false])]);
const fields = { x: Schema.optionalKey(Switch) } as { readonly [Name in "x"]: Schema.optionalKey<typeof Switch> };
export const samples = {
  basic: Schema.Struct({ a: Schema.String, b: Schema.Number, c: Schema.Boolean, d: Schema.Null, e: Schema.Unknown }),
  more: Schema.Struct({ a: Schema.NonEmptyString, b: Schema.Int, c: Schema.Finite, d: Schema.Undefined }),
  literals: Schema.Struct({ a: Schema.Literal("one"), b: Schema.Literals([1, "two", true]) }),
  optional: Schema.Struct({ a: Schema.optional(Schema.Int), b: Schema.optionalKey(Schema.String), c: Schema.NullOr(Schema.Int) }),
  lists: Schema.Struct({ a: Schema.Array(Schema.String), b: Schema.NonEmptyArray(Schema.Int), c: Schema.Tuple([Schema.String, Schema.Int]) }),
  records: Schema.Record(Schema.String, Schema.Struct({ a: Schema.optional(Schema.Array(Schema.Int)) })),
  unions: Schema.Union([Schema.String, Schema.Struct({ a: Schema.Int }), Switch]),
  transformed: Schema.Struct({ ...fields, y: Switch }),
  nested: Schema.Struct({ a: Schema.Struct({ b: Schema.Struct({ c: Schema.String }) }) }),
  annotated: Schema.String.annotate(whole),
  filtered: Schema.Struct({
    a: Schema.Number.check(
      ...[Schema.makeFilter((value: number) => value > 1, whole), Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 2 }, whole)] as const,
    ),
    b: Schema.String.check(Schema.isPattern(/a/, whole), Schema.isNonEmpty(), Schema.isMinLength(1), Schema.isMaxLength(9, whole)),
    c: Schema.Int.check(Schema.isGreaterThan(0), Schema.isGreaterThanOrEqualTo(0), Schema.isLessThan(9), Schema.isLessThanOrEqualTo(9)),
    d: Schema.Array(Schema.Int).check(Schema.makeFilter((list) => list.length > 0, whole)),
  }).check(Schema.makeFilter(({ a, b }) => a > b.length, whole)),
};
export interface Named extends Schema.Schema.Type<typeof samples.nested> {}
export const keys = Object.keys(samples.basic.fields);
`;
    const compare = `${header}
import { samples as declared, type Named as DeclaredNamed } from "./declared.ts";
import { samples as real, type Named as RealNamed } from "./real.ts";
same<RealNamed, DeclaredNamed>();
${[...samples.matchAll(/^ {2}(\w+): Schema/gm)]
  .flatMap(([, name]) => ["Type", "Encoded"].map((side) => [name, side]))
  .map(([name, side]) => `same<typeof real.${name}.${side}, typeof declared.${name}.${side}>();`)
  .join("\n")}
`;
    const files = {
      ...types,
      "real.ts": `import { Schema } from ${real};${samples}`,
      "declared.ts": `import { Schema } from "elbow";${samples}`,
    };
    expect(compare.match(/^same</gm)?.length).toBe(23);
    expect(checkTypes({ ...files, "compare.ts": compare }, options)).toBe("");
    const wrong = compare.replace("declared.basic.Type", "declared.more.Type");
    expect(checkTypes({ ...files, "compare.ts": wrong }, options)).toContain("error");
  });
});
