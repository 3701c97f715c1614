// The documentation against the repository: what a page names must be there, where the page says it is. Reads files only.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative, resolve } from "node:path";
import packageJson from "../../package.json";
import { type Reason, reasons } from "../../src/errors.ts";
import {
  type DesyncClass,
  desyncAction,
  desyncClassNames,
  desyncModes,
  desyncReasons,
} from "../../src/parse/http1/desync.ts";
import { ownAnswer } from "../../src/pipeline/http-answer.ts";
import {
  anchorsOf,
  codeBlocksOf,
  codeSpansOf,
  isAssigned,
  isDeclared,
  linksOf,
  proseOf,
  tableRowsOf,
} from "../support/documents.ts";

const root = resolve(import.meta.dir, "../..");
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const isThere = (path: string): boolean => existsSync(join(root, path));

const places = ["*.md", "bench/*.md", "docs/**/*.md", "examples/**/*.md", "policies/**/*.md"];
const paths = places.flatMap((place) => [...new Bun.Glob(place).scanSync(root)]).sort();
const pages = paths.map((path) => ({ path, page: read(path) }));
const pageOf = (path: string): string => read(path);

/** A link's target, from the root of the repository. */
const targetOf = (from: string, path: string): string =>
  path === "" ? from : normalize(join(dirname(from), path)).replace(/\/$/, "");

/** The code that a link's text is, or undefined. */
const codeOf = (text: string): string | undefined => /^`([^`]+)`$/.exec(text)?.[1];

/** What is wrong with the links of a page. */
const findBrokenLinks = (from: string, page: string): ReadonlyArray<string> =>
  linksOf(page).flatMap(({ text, path, anchor }) => {
    const target = targetOf(from, path);
    if (target !== from && !isThere(target)) return [`${from}: [${text}] leads to ${target}, which isn't there`];
    if (anchor === undefined || anchorsOf(target === from ? page : read(target)).has(anchor)) return [];
    return [`${from}: ${target} has no heading #${anchor}`];
  });

/** Names in code letters that link to a source file, and aren't declared in it (or don't have the value they say). */
const findWrongNames = (from: string, page: string): ReadonlyArray<string> =>
  linksOf(page).flatMap(({ text, path }) => {
    const target = targetOf(from, path);
    const code = codeOf(text);
    if (code === undefined || !/\.tsx?$/.test(target) || !isThere(target)) return [];
    const source = read(target);
    if (code.includes("/")) return target.endsWith(code) ? [] : [`${from}: ${code} links to ${target}`];
    const [, assigned, value] = /^(\w+)(?: =|:) (.+)$/.exec(code) ?? [];
    if (assigned !== undefined && value !== undefined) {
      return isAssigned(source, assigned, value) ? [] : [`${from}: ${target} doesn't say ${code}`];
    }
    return code
      .split(".")
      .filter((name) => !isDeclared(source, name))
      .map((name) => `${from}: ${target} declares no ${name}`);
  });

/** Paths in code letters that aren't there. What a build or a user makes is left out. */
const findMissingPaths = (from: string, page: string): ReadonlyArray<string> =>
  codeSpansOf(page)
    .filter((code) => /^(?:src|test|bench|docs|examples|policies|certs)\/[\w./-]*$/.test(code))
    .filter((code) => !code.startsWith("bench/results") && !isThere(code))
    .map((code) => `${from}: ${code} isn't there`);

/** Package scripts that a page calls and package.json doesn't have. */
const findMissingScripts = (from: string, page: string): ReadonlyArray<string> => {
  const code = [...codeBlocksOf(page).map((block) => block.code), ...codeSpansOf(page), ...indentedCodeOf(page)];
  return code
    .flatMap((text) => [...text.matchAll(/\b(?:npm|bun) (?:(start|test)|run ([\w:-]+))(?![\w./-])/g)])
    .map(([, short, script]) => short ?? script ?? "")
    .filter((script) => !(script in packageJson.scripts))
    .map((script) => `${from}: package.json has no script ${script}`);
};

const indentedCodeOf = (page: string): ReadonlyArray<string> => proseOf(page).match(/^ {4}.*$/gm) ?? [];

test("the pages are found", () => {
  for (const path of ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "docs/life-of-a-connection.md"]) {
    expect(paths).toContain(path);
  }
});

describe.each(pages)("$path", ({ path, page }) => {
  test("links lead somewhere", () => expect(findBrokenLinks(path, page)).toEqual([]));
  test("names are declared in the files that they link to", () => expect(findWrongNames(path, page)).toEqual([]));
  test("paths are there", () => expect(findMissingPaths(path, page)).toEqual([]));
  test("package scripts exist", () => expect(findMissingScripts(path, page)).toEqual([]));
  test("nobody is sent to a stranger's package", () => expect(page).not.toMatch(/\b(?:npx|bunx) elbow\b/));
});

test("a page that is wrong is found out", () => {
  const page = [
    "# A heading",
    "[no](../src/nowhere.ts), [gone](#gone), [here](#a-heading), [`Relay.proceed`](../src/pipeline/relay.ts),",
    "[`Relay.leap`](../src/pipeline/relay.ts), [`tickMs = 100`](../src/net/deadlines.ts),",
    "[`tickMs = 10`](../src/net/deadlines.ts), [`src/net/dial.ts`](../src/net/clock.ts), `src/net/nowhere.ts`,",
    "[`unlink`](../src/net/deadlines.ts), [`splice`](../src/backend/pool.ts), `npm run nowhere`, `npm start`.",
  ].join("\n");
  expect(findBrokenLinks("docs/page.md", page)).toEqual([
    "docs/page.md: [no] leads to src/nowhere.ts, which isn't there",
    "docs/page.md: docs/page.md has no heading #gone",
  ]);
  expect(findWrongNames("docs/page.md", page)).toEqual([
    "docs/page.md: src/pipeline/relay.ts declares no leap",
    "docs/page.md: src/net/deadlines.ts doesn't say tickMs = 10",
    "docs/page.md: src/net/dial.ts links to src/net/clock.ts",
    "docs/page.md: src/backend/pool.ts declares no splice",
  ]);
  expect(findMissingPaths("docs/page.md", page)).toEqual(["docs/page.md: src/net/nowhere.ts isn't there"]);
  expect(findMissingScripts("docs/page.md", page)).toEqual(["docs/page.md: package.json has no script nowhere"]);
});

test("every decision is in the list, and their numbers have no gap", () => {
  const listed = linksOf(pageOf("docs/decisions/README.md")).map(({ path }) => path);
  const there = [...new Bun.Glob("0*.md").scanSync(join(root, "docs/decisions"))].sort();
  expect(listed).toEqual(there);
  expect(there.map((name) => Number(name.slice(0, 4)))).toEqual(there.map((_, index) => index + 1));
});

test("decision pages that the source names are there", () => {
  const sources = [...new Bun.Glob("{src,policies,test,bench}/**/*.ts").scanSync(root)];
  const named = sources.flatMap((source) =>
    (read(source).match(/docs\/[\w./-]+\.md/g) ?? []).map((path) => ({ source, path })),
  );
  expect(named.length).toBeGreaterThan(0);
  // This file speaks of a page that was made up.
  expect(named.filter(({ path }) => path !== "docs/page.md" && !isThere(path))).toEqual([]);
});

test("the life of a connection passes through every file of the path", () => {
  const linked = new Set(
    linksOf(pageOf("docs/life-of-a-connection.md")).map(({ path }) => targetOf("docs/life-of-a-connection.md", path)),
  );
  const ends = ["src/pipeline/tcp.ts", "src/pipeline/http.ts", "src/backend/connect.ts"];
  const files = [...ends, ...ends.flatMap((file) => importsIn(file))];
  expect(files.filter((file) => !linked.has(file))).toEqual([]);
});

/** The values that a file of the path imports from files of the path, by relative path. */
const importsIn = (file: string): ReadonlyArray<string> =>
  [...read(file).matchAll(/^import (?!type)[^;]*? from "(\.[^"]+)";$/gm)].map(([, path = ""]) =>
    relative(root, resolve(root, dirname(file), path)),
  );

test("decision 0003 has every reason with its status, and every status line", () => {
  const page = pageOf("docs/decisions/0003-answers-of-our-own.md");
  const rows = tableRowsOf(page);
  const stated = rows
    .map(([reason = "", status = ""]) => [codeOf(reason) ?? "", status === "none" ? 0 : Number(status)] as const)
    .filter(([reason]) => /^[a-z]\w+$/.test(reason));
  const actual = Object.entries(reasons).map(([reason, { status }]) => [reason as Reason, status] as const);
  expect(Object.fromEntries(stated)).toEqual(Object.fromEntries(actual));
  for (const status of [400, 405, 408, 502, 503, 504] as const) {
    const [statusLine = ""] = new TextDecoder().decode(ownAnswer(status, false)).split("\r\n");
    expect(rows).toContainEqual([String(status), `\`${statusLine.replace("HTTP/1.1 ", "")}\``]);
  }
});

test("every direct dependency has its reason, with its version", () => {
  const page = pageOf("docs/dependencies.md");
  for (const [name, version] of Object.entries({ ...packageJson.dependencies, ...packageJson.devDependencies })) {
    expect(page).toMatch(new RegExp(`\\*\\*${name}\\*\\* ${version.replaceAll(".", "\\.")}\\b`));
  }
});

test("the metrics page has every metric, and no other", () => {
  const sources = [...new Bun.Glob("src/**/*.ts").scanSync(root)].map(read).join("\n");
  const actual = [...sources.matchAll(/"((?:elbow|process)_[a-z0-9_]+)"/g)].map(([, name = ""]) => name);
  const stated = tableRowsOf(pageOf("docs/metrics.md")).flatMap((cells) => cells.flatMap((cell) => codeOf(cell) ?? []));
  const isName = (name: string): boolean => /^(?:elbow|process)_/.test(name);
  expect(stated.filter(isName).sort()).toEqual(actual.sort());
});

test("decision 0009 has every reason for a class, and what each mode does", () => {
  const rows = tableRowsOf(pageOf("docs/decisions/0009-desync-mitigation.md"));
  const stated = rows
    .map(([reason = "", name = ""]) => [codeOf(reason) ?? "", name] as const)
    .filter(([reason]) => Object.hasOwn(desyncReasons, reason));
  const actual = Object.entries(desyncReasons).map(([reason, code]) => [reason, desyncClassNames[code]]);
  expect(Object.fromEntries(stated)).toEqual(Object.fromEntries(actual));
  expect(stated.length).toBe(actual.length);
  const words = ["served", "served, both connections closed", "400"];
  for (const [code, name] of desyncClassNames.entries()) {
    const actions = desyncModes.map((mode) => words[desyncAction(mode, code as DesyncClass)] ?? "");
    expect(rows).toContainEqual([name, ...actions]);
  }
});

test("the command-line page has every flag, and no other", () => {
  const source = [...new Bun.Glob("src/main/{command-line,log-settings,management-flags,*-command}.ts").scanSync(root)]
    .map(read)
    .join("\n");
  const actual = [...source.matchAll(/(?:Flag\.[A-Z]\w*|\bport|\bmake\w+Flag)\("([a-z-]+)"/g)].map(
    ([, name]) => `--${name}`,
  );
  const builtIn = ["--help", "--version", "--completions"];
  const stated = tableRowsOf(pageOf("docs/command-line.md"))
    .flatMap(([flag = ""]) => [...flag.matchAll(/`(--[a-z-]+)/g)])
    .map(([, name]) => name);
  expect([...new Set(stated)].sort()).toEqual([...new Set([...actual, ...builtIn])].sort() as typeof stated);
});

test(".ci/run can be run", () => {
  expect(statSync(join(root, ".ci/run")).mode & 0o111).toBe(0o111);
});
