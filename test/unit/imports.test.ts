// Who may import whom: every file of src/, policies/ and certs/ against test/support/import-directions.ts, and the
// rules against examples that break them.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { checkFile, importsOf } from "../support/import-directions.ts";

const root = resolve(import.meta.dir, "../..");
const files = [...new Bun.Glob("{src,policies,certs}/**/*.ts").scanSync(root)].sort();

test("imports go from left to right only", () => {
  expect(files.length).toBeGreaterThan(10);
  expect(files.flatMap((path) => checkFile(path, readFileSync(resolve(root, path), "utf8")))).toEqual([]);
});

test("every kind of import is seen", () => {
  const source = `
    import "./a.ts";
    import b from "./b.ts";
    import { c } from "./c.ts";
    import type { D } from "./d.ts";
    import * as e from "./e.ts";
    import { type F } from "./f.ts";
    import {
      g,
      type G,
    } from "./g.ts";
    export { h } from "./h.ts";
    export type { I } from "./i.ts";
    export * from "./j.ts";
    export * as k from "./k.ts";
    const l = await import("./l.ts");
    type M = import("./m.ts").M;
    const n = require("./n.ts");
    const quote = /["']/;
    export{o}from"./o.ts";
    // import "./not-in-a-comment.ts";
    /* import x from "./not-in-a-block.ts"; */
    use(b, c, e, g, l, n, quote, "text with // no comment");
  `;
  expect(importsOf(source)).toEqual([..."abcdefghijklmno"].map((name) => `./${name}.ts`));
});

test.each([
  ["src/balance/x.ts", 'import { a } from "../backend/y.ts";', "balance/ may not import backend/"],
  ["src/balance/x.ts", 'import type { A } from "../pipeline/y.ts";', "balance/ may not import pipeline/"],
  ["src/net/x.ts", 'import { a } from "../observe/y.ts";', "net/ may not import observe/"],
  ["src/model/x.ts", 'import { a } from "../net/y.ts";', "model/ may not import net/"],
  ["src/errors.ts", 'import type { Listener } from "./model/listener.ts";', "errors/ may not import model/"],
  ["src/listen/x.ts", 'import { a } from "../health/y.ts";', "listen/ may not import health/"],
  ["src/backend/x.ts", 'export type { A } from "../listen/y.ts";', "backend/ may not import listen/"],
  ["src/control/x.ts", 'const a = await import("../admin/y.ts");', "control/ may not import admin/"],
  ["src/pipeline/x.ts", 'import { a } from "../utils/y.ts";', "utils/ is not a folder of the house"],
  ["src/control/x.ts", 'import { Hono } from "hono";', "only admin/ names Hono"],
  ["src/control/x.ts", 'import { cors } from "hono/cors";', "only admin/ names Hono"],
  ["src/pipeline/x.ts", 'import { dlopen } from "bun:ffi";', "only net/ names bun:ffi"],
  ["src/pipeline/x.ts", "Bun.connect({ port });", "only net/ names Bun's sockets"],
  ["src/listen/x.ts", "const l = Bun\n  .listen({ port });", "only net/ names Bun's sockets"],
  ["src/backend/x.ts", 'import { connect } from "node:net";', "only net/ names sockets, not node:net"],
  ["src/control/x.ts", 'import { isIP, Socket } from "node:net";', "only net/ names sockets, not node:net"],
  ["src/parse/x.ts", "Bun.hash(bytes);", "parse/ is pure: no Bun"],
  ["src/parse/x.ts", 'import { readFileSync } from "node:fs";', "parse/ is pure: no node:fs"],
  ["src/net/index.ts", "export const a = 1;", "a barrel; only policy/ has one"],
  ["src/net/x.ts", 'import { a } from "./y";', '"./y" has no .ts'],
  ["src/main/x.ts", 'import a from "../admin/y.txt" with { type: "text" };', '"../admin/y.txt" has no .ts'],
  ["src/net/x.ts", 'import { a } from "../../test/y.ts";', '"../../test/y.ts" leaves src/'],
  ["src/control/x.ts", 'import { a } from "../../certs/y.ts";', "only main/ issues certificates"],
  ["certs/x.ts", 'import { a } from "../src/tls/y.ts";', '"../src/tls/y.ts" leaves certs/'],
  ["certs/x.ts", 'import { a } from "node:net";', "certs/ makes certificates and files, without node:net"],
  ["src/tls/x.ts", 'import { a } from "@peculiar/x509";', "only tls/x509.ts loads @peculiar/x509"],
  ["src/tls/x.ts", 'import "reflect-metadata";', "only tls/x509.ts loads @peculiar/x509"],
  ["policies/balance/x.ts", 'import { a } from "../../src/policy/index.ts";', 'a policy imports only "elbow"'],
  ["policies/balance/x.ts", 'import type { A } from "./y.ts";', 'a policy imports only "elbow"'],
])("a breach is found: %s %s", (path, source, problem) => {
  expect(checkFile(path, source)).toEqual([expect.stringContaining(`${path}: ${problem}`)]);
});

test.each([
  [
    "src/main.ts",
    'import { a } from "./admin/y.ts"; import { b } from "./main/z.ts"; import { c } from "./errors.ts";',
  ],
  ["src/main/x.ts", 'import { a } from "../admin/y.ts"; import p from "../../package.json";'],
  ["src/pipeline/x.ts", 'import { a } from "../net/y.ts"; import { b } from "../listen/z.ts";'],
  ["src/balance/x.ts", 'import type { Balancer } from "../policy/index.ts"; import { a } from "../model/y.ts";'],
  ["src/net/x.ts", 'import { dlopen } from "bun:ffi"; Bun.listen({ port });'],
  ["src/listen/x.ts", "// Bun.listen is named in net/ only\nconst a = 1;"],
  ["policies/balance/x.ts", 'import { defineBalancer } from "elbow";'],
  ["src/control/x.ts", 'import { isIP, isIPv6 } from "node:net";'],
  ["src/main/x.ts", 'import { a } from "../../certs/y.ts";'],
  [
    "certs/x.ts",
    'import type { A } from "@peculiar/x509"; import { b } from "./y.ts"; import { c } from "../src/model/z.ts";',
  ],
  ["certs/x.ts", 'import { x509 } from "../src/tls/x509.ts";'],
  ["src/policy/index.ts", 'export { Schema } from "effect";'],
  ["src/main/x.ts", 'import a from "./y.txt" with { type: "text" };'],
])("what is sound passes: %s", (path, source) => {
  expect(checkFile(path, source)).toEqual([]);
});
