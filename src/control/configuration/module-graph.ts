/**
 * Lists the files that a module imports, directly or not, by reading their text, with what stands in each of them.
 * Serves module-file.ts: which modules have changed is seen in their content before anything is imported, and a module
 * whose import failed stays in the engine's registry without being listed in `require.cache`.
 * Owns no state; runs no user code; doesn't look into packages.
 */
import { readFile } from "node:fs/promises";
import { isBuiltin } from "node:module";
import { dirname, extname, resolve } from "node:path";

const loaders: Readonly<Record<string, "ts" | "tsx" | "js" | "jsx">> = {
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
  ".js": "js",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
};

/** Whether a file may have imports, by its name. */
export const isCode = (path: string): boolean => extname(path) in loaders;

/** One file of a graph. */
export interface ModuleNode {
  /** Of its content; undefined where there is no such file, or it can't be read. */
  readonly hash: string | undefined;
  /** Absolute paths of the files that it imports. */
  readonly imports: ReadonlyArray<string>;
}

/** Modules by absolute path, the first being the one that was asked for. */
export type ModuleGraph = ReadonlyMap<string, ModuleNode>;

/** What stands for a content: the same for the same, and in practice for no other. */
export const hashContent = (content: string | Uint8Array): string => Bun.hash(content).toString(36);

/** Files that modules import though no text shows it. */
export interface HiddenFiles {
  /** Those that the entry has brought in before. */
  readonly ofEntry: Iterable<string>;
  /** Those that any module has: each of them may be what another one imports under a name that it makes up. */
  readonly ofAny: ReadonlyArray<string>;
}

/** A module and every file that it imports, but for those of packages that are installed. */
export const readModuleGraph = async (entry: string, hidden: HiddenFiles): Promise<ModuleGraph> => {
  const graph = new Map<string, ModuleNode>();
  const found = new Set([entry]);
  // A Set may grow while it is walked: what is added is visited too.
  for (const path of found) {
    const { hash, imports: shown, makesUpNames } = await readNode(path);
    const imports = [...shown, ...(path === entry ? hidden.ofEntry : []), ...(makesUpNames ? hidden.ofAny : [])];
    graph.set(path, { hash, imports });
    for (const file of imports) found.add(file);
  }
  return graph;
};

/** Absolute paths of everything that a module of the graph imports, directly or not, itself included. */
export const reachableFrom = (graph: ModuleGraph, entry: string): ReadonlySet<string> => {
  const found = new Set([entry]);
  for (const path of found) for (const file of graph.get(path)?.imports ?? []) found.add(file);
  return found;
};

/** What stands for the content of a module and of all that it imports. */
export const versionOf = (graph: ModuleGraph, entry: string): string => {
  const parts = [...reachableFrom(graph, entry)].sort().map((path) => `${path}\n${graph.get(path)?.hash ?? "none"}\n`);
  return hashContent(parts.join(""));
};

/** `import(` or `require(` with something else behind it than one string; a comment that has it does no harm. */
const madeUpName = /\b(?:import|require)\s*\((?!\s*(["'])[^"'\\]*\1\s*[,)])/;

const readNode = async (path: string): Promise<ModuleNode & { readonly makesUpNames: boolean }> => {
  let content: Uint8Array;
  try {
    content = await readFile(path);
  } catch {
    return { hash: undefined, imports: [], makesUpNames: false };
  }
  const makesUpNames = isCode(path) && madeUpName.test(new TextDecoder().decode(content));
  return { hash: hashContent(content), imports: findImports(path, content), makesUpNames };
};

/** None in a file with a syntax error: importing it will tell. */
const findImports = (path: string, content: Uint8Array): ReadonlyArray<string> => {
  const loader = loaders[extname(path)];
  if (loader === undefined) return [];
  try {
    const found = new Bun.Transpiler({ loader }).scanImports(content);
    return [...new Set(found.flatMap((one) => resolveFile(one.path, path) ?? []))];
  } catch {
    return [];
  }
};

/**
 * Symbolic links followed, so that a package of the same workspace is where its files are; undefined for what is no file or
 * is part of an installed package. A path where nothing is, is waited for under its likeliest name.
 */
const resolveFile = (specifier: string, importer: string): string | undefined => {
  if (specifier === "elbow" || isBuiltin(specifier)) return undefined;
  try {
    const path = Bun.resolveSync(specifier, dirname(importer));
    return path.startsWith("/") && !path.includes("/node_modules/") ? path : undefined;
  } catch {
    if (!/^\.{0,2}\//.test(specifier)) return undefined;
    const path = resolve(dirname(importer), specifier);
    return extname(path) === "" ? `${path}.ts` : path;
  }
};
