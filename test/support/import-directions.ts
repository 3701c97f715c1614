// The rules of who may import whom, as data, and a check of one file against them. It reads every kind of import that
// TypeScript has (also type-only, re-exporting, dynamic and in type position), from the text without its comments.
import { dirname, join, normalize } from "node:path";

const lowerRow = ["balance", "parse", "net", "observe", "policy"] as const;

/** The folders of src/ from the top to the ground; folders of one row don't import each other unless listed below. */
export const rows: ReadonlyArray<ReadonlyArray<string>> = [
  ["main"],
  ["admin"],
  ["control"],
  ["pipeline"],
  ["listen", "health"],
  ["backend"],
  ["tls"],
  lowerRow,
  ["model", "errors"],
];

/** Exceptions within a row: a balancer is written against the policy contract; what is counted has the parser's names. */
const allowedInRow: Readonly<Record<string, ReadonlyArray<string>>> = {
  balance: ["policy"],
  observe: ["parse"],
  model: ["errors"],
};

/** Folders that are pure: no sockets, no files, no Bun. */
const pureFolders = ["parse", "balance"];

/** Blanks comments out, leaving strings, templates and line breaks as they are. */
export const withoutComments = (source: string): string => {
  let out = "";
  for (let at = 0; at < source.length; ) {
    const char = source[at]!;
    if (char === '"' || char === "'" || char === "`") {
      let end = at + 1;
      while (end < source.length && source[end] !== char) {
        if (char !== "`" && source[end] === "\n") break;
        end += source[end] === "\\" ? 2 : 1;
      }
      out += source.slice(at, end + 1);
      at = end + 1;
    } else if (source.startsWith("//", at)) {
      while (at < source.length && source[at] !== "\n") at++;
    } else if (source.startsWith("/*", at)) {
      const end = source.indexOf("*/", at + 2);
      const until = end < 0 ? source.length : end + 2;
      out += source.slice(at, until).replace(/[^\n]/g, " ");
      at = until;
    } else if (char === "/" && /[=(,:[!&|?{};\n]\s*$/.test(out.slice(-40))) {
      // A regular expression: quotes in it open no string.
      let isInClass = false;
      let end = at + 1;
      while (end < source.length && source[end] !== "\n" && (isInClass || source[end] !== "/")) {
        if (source[end] === "[") isInClass = true;
        else if (source[end] === "]") isInClass = false;
        end += source[end] === "\\" ? 2 : 1;
      }
      out += source.slice(at, end + 1);
      at = end + 1;
    } else {
      out += char;
      at++;
    }
  }
  return out;
};

const patterns = [
  /\b(?:import|export)\s+(?:type\s+)?(?:[\w$*\s{},]+?)\s+from\s*["']([^"']+)["']/g,
  /\b(?:import|export)\s*(?:type\s*)?\{[^}"']*\}\s*from\s*["']([^"']+)["']/g,
  /\bexport\s*\*\s*(?:as\s+[\w$]+\s*)?from\s*["']([^"']+)["']/g,
  /\bimport\s*["']([^"']+)["']/g,
  /\b(?:import|require)\s*\(\s*["'`]([^"'`]+)["'`]/g,
];

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** Every specifier that a file imports: what Bun's own scanner sees, and the type-only ones that it drops. */
export const importsOf = (source: string): ReadonlyArray<string> => {
  const specifiers = new Set(transpiler.scanImports(source).map(({ path }) => path));
  const text = withoutComments(source);
  for (const pattern of patterns) for (const match of text.matchAll(pattern)) specifiers.add(match[1]!);
  return [...specifiers].sort();
};

const folderOf = (path: string): string => {
  const inside = path.slice("src/".length);
  const at = inside.indexOf("/");
  // Files in src/ itself: main.ts is the top, errors.ts the ground.
  return at < 0 ? inside.replace(/\.ts$/, "") : inside.slice(0, at);
};

const rowOf = (folder: string): number => rows.findIndex((row) => row.includes(folder));

const checkDirection = (from: string, to: string): string | undefined => {
  if (from === to) return undefined;
  const fromRow = rowOf(from);
  const toRow = rowOf(to);
  if (fromRow < 0) return `${from}/ is not a folder of the house`;
  if (toRow < 0) return `${to}/ is not a folder of the house`;
  if (toRow > fromRow) return undefined;
  if (toRow === fromRow && allowedInRow[from]?.includes(to)) return undefined;
  return `${from}/ may not import ${to}/`;
};

/** Whether all that a file takes from node:net is its tests of address texts, which open no socket. */
const takesOnlyAddressTests = (source: string): boolean => {
  const mentions = source.match(/["'](?:node:)?net["']/g)?.length ?? 0;
  const clauses = [...source.matchAll(/\bimport\s*\{([^}]*)\}\s*from\s*["'](?:node:)?net["']/g)];
  const names = clauses
    .flatMap((clause) => clause[1]!.split(",").map((name) => name.trim()))
    .filter((name) => name !== "");
  return mentions === clauses.length && names.every((name) => /^isIP(v4|v6)?$/.test(name));
};

/** The issuer of certificates stands by itself: the program may do without it. */
const checkIssuerImport = (path: string, specifier: string): string | undefined => {
  if (specifier.startsWith(".")) {
    const target = normalize(join(dirname(path), specifier));
    if (!target.endsWith(".ts")) return `${JSON.stringify(specifier)} has no .ts`;
    return /^(certs\/|src\/model\/|src\/tls\/x509\.ts$)/.test(target)
      ? undefined
      : `${JSON.stringify(specifier)} leaves certs/`;
  }
  const isKnown = specifier === "@peculiar/x509" || /^node:(crypto|fs|path)$/.test(specifier);
  return isKnown ? undefined : `certs/ makes certificates and files, without ${specifier}`;
};

const checkImport = (path: string, specifier: string, source: string): string | undefined => {
  if (path.startsWith("certs/")) return checkIssuerImport(path, specifier);
  if (path.startsWith("policies/")) {
    return specifier === "elbow" ? undefined : `a policy imports only "elbow", not ${JSON.stringify(specifier)}`;
  }
  const folder = folderOf(path);
  if (specifier.startsWith(".")) {
    const target = normalize(join(dirname(path), specifier));
    // A text that the program carries with it lies beside who prints it.
    if (target.endsWith(".txt") && dirname(target) === dirname(path)) return undefined;
    if (!target.endsWith(".ts") && !target.endsWith(".json")) return `${JSON.stringify(specifier)} has no .ts`;
    if (target.startsWith("policies/")) return undefined;
    if (target.startsWith("certs/")) return folder === "main" ? undefined : "only main/ issues certificates";
    if (target === "package.json") return folder === "main" ? undefined : "only main/ reads package.json";
    if (!target.startsWith("src/")) return `${JSON.stringify(specifier)} leaves src/`;
    return checkDirection(folder, folderOf(target));
  }
  if ((specifier === "hono" || specifier.startsWith("hono/")) && folder !== "admin") return "only admin/ names Hono";
  if (specifier === "bun:ffi" && folder !== "net") return "only net/ names bun:ffi";
  const namesSockets =
    /^(node:)?(tls|http|https|http2|dgram)$/.test(specifier) ||
    (/^(node:)?net$/.test(specifier) && !takesOnlyAddressTests(source));
  if (namesSockets && !["net", "tls", "admin", "main"].includes(folder)) {
    return `only net/ names sockets, not ${specifier}`;
  }
  if (pureFolders.includes(folder) && /^(bun|bun:.*|node:.*)$/.test(specifier))
    return `${folder}/ is pure: no ${specifier}`;
  if (specifier === "elbow" && folder !== "policy") return 'src/ imports its own files, not "elbow"';
  return undefined;
};

/** Everything that is wrong with the imports of one file of src/, policies/ or certs/, in words; empty when sound. */
export const checkFile = (path: string, source: string): ReadonlyArray<string> => {
  const code = withoutComments(source);
  const problems = importsOf(source).flatMap((specifier) => checkImport(path, specifier, code) ?? []);
  const folder = path.startsWith("src/") ? folderOf(path) : "";
  if (folder !== "net" && /\bBun\s*\.\s*(listen|connect|udpSocket)\b/.test(code))
    problems.push("only net/ names Bun's sockets");
  if (pureFolders.includes(folder) && /\bBun\s*\./.test(code)) problems.push(`${folder}/ is pure: no Bun`);
  // The two are evaluated in any order when they are imported, and the wrong one throws.
  if (path !== "src/tls/x509.ts" && /\bimport(?!\s+type\b)[^;]*?["'](@peculiar\/x509|reflect-metadata)["']/.test(code))
    problems.push("only tls/x509.ts loads @peculiar/x509; take it from there");
  if (/^src\/.*\/index\.ts$/.test(path) && path !== "src/policy/index.ts")
    problems.push("a barrel; only policy/ has one");
  return problems.map((problem) => `${path}: ${problem}`);
};
