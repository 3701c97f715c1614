/**
 * Lists the files that a module imports, directly or not, by reading their text.
 * Serves module-file.ts: a module whose import failed stays in the engine's registry without being listed in
 * `require.cache`, so its path must be known by other means to be forgotten.
 * Owns no state; runs no user code; doesn't look into packages.
 */
import { readFile } from "node:fs/promises";
import { dirname, extname } from "node:path";

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

/** Absolute paths of a module and of every file that it imports by a relative or absolute path. */
export const listModuleFiles = async (entry: string): Promise<ReadonlySet<string>> => {
  const known = new Set([entry]);
  // A Set may grow while it is walked: what is added is visited too.
  for (const path of known) {
    for (const specifier of await scanImports(path)) {
      const file = /^\.{0,2}\//.test(specifier) ? resolveFile(specifier, path) : undefined;
      if (file !== undefined) known.add(file);
    }
  }
  return known;
};

/** None for a file that is missing or has a syntax error: importing it will tell. */
const scanImports = async (path: string): Promise<ReadonlyArray<string>> => {
  const loader = loaders[extname(path)];
  if (loader === undefined) return [];
  try {
    return new Bun.Transpiler({ loader }).scanImports(await readFile(path, "utf8")).map((found) => found.path);
  } catch {
    return [];
  }
};

const resolveFile = (specifier: string, importer: string): string | undefined => {
  try {
    return Bun.resolveSync(specifier, dirname(importer));
  } catch {
    return undefined;
  }
};
