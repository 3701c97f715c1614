/**
 * Lists the files that a module imports, directly or not, by reading their text, with what stands in each of them.
 * Serves module-file.ts: which modules have changed is seen in their content before anything is imported, and a module
 * whose import failed stays in the engine's registry without being listed in `require.cache`.
 * Owns no state; runs no user code; doesn't look into packages.
 */
import { readFile } from "node:fs/promises";
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

/** A module and every file that it imports by a relative or absolute path, `more` giving what its text doesn't show. */
export const readModuleGraph = async (entry: string, more: Iterable<string> = []): Promise<ModuleGraph> => {
  const graph = new Map<string, ModuleNode>();
  const found = new Set([entry]);
  // A Set may grow while it is walked: what is added is visited too.
  for (const path of found) {
    const node = await readNode(path);
    const imports = path === entry ? [...node.imports, ...more] : node.imports;
    graph.set(path, { ...node, imports });
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

const readNode = async (path: string): Promise<ModuleNode> => {
  let content: Uint8Array;
  try {
    content = await readFile(path);
  } catch {
    return { hash: undefined, imports: [] };
  }
  return { hash: hashContent(content), imports: findImports(path, content) };
};

/** None in a file with a syntax error: importing it will tell. */
const findImports = (path: string, content: Uint8Array): ReadonlyArray<string> => {
  const loader = loaders[extname(path)];
  if (loader === undefined) return [];
  try {
    const found = new Bun.Transpiler({ loader }).scanImports(content);
    const specifiers = found.map((one) => one.path).filter((specifier) => /^\.{0,2}\//.test(specifier));
    return [...new Set(specifiers.map((specifier) => resolveFile(specifier, path)))];
  } catch {
    return [];
  }
};

/** One that isn't there is waited for under its likeliest name. */
const resolveFile = (specifier: string, importer: string): string => {
  try {
    return Bun.resolveSync(specifier, dirname(importer));
  } catch {
    const path = resolve(dirname(importer), specifier);
    return extname(path) === "" ? `${path}.ts` : path;
  }
};
