/**
 * Loads a configuration file of any kind and checks it, with the certificates that it names.
 * The way in for `run --config`, `check` and a reload; owns the file extensions and what can go wrong with a file.
 * Never changes anything: a configuration that is refused leaves no trace.
 */
import { readFile, stat } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { Effect, Predicate, Result } from "effect";
import type { Configuration } from "../../model/configuration.ts";
import { framesOf, isEngines, spellThrown } from "../../observe/thrown.ts";
import { findLogPathProblems } from "./access-log-rules.ts";
import { type CheckOptions, examineConfiguration, spellFindings } from "./check.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { parseJson, parseYaml } from "./document-file.ts";
import { findSourceProblems, type LoadSourcesOptions } from "./load-sources.ts";
import { importModule, type ModulePurpose } from "./module-file.ts";
import { hashContent } from "./module-graph.ts";
import { importPolicies, moduleExtensions } from "./policy-modules.ts";
import { spellChoice } from "./problem.ts";
import type { ReadFiles } from "./read-files.ts";
import { readTokenFile } from "./token-file.ts";

const documentExtensions = [".json", ".yaml", ".yml"];

/** How a file is loaded. */
export interface LoadOptions extends Omit<CheckOptions, "directory" | "modules">, LoadSourcesOptions {
  /** Gets what is read of the configuration and its modules, also when the load fails. */
  readonly files?: ReadFiles;
}

/** A configuration runs at each load: its text is not all that it is made of. */
const purpose: ModulePurpose = {
  expected: "export default defineConfig({ … })",
  evaluate: (exported) => (typeof exported === "function" ? exported() : exported),
  isAlwaysRun: true,
};

/**
 * Reads and checks a file, and the certificates and keys that it names; a path that is not absolute is relative to the
 * working directory, and one in the file to the file's folder. Every call reads anew. Fails with every problem at once.
 */
export const loadConfiguration = (
  path: string,
  options: LoadOptions = {},
): Effect.Effect<Configuration, ConfigurationError> =>
  // A getter or a Proxy of the user's may throw wherever it is looked at.
  Effect.catchDefect(load(path, options), (defect) => {
    const place = framesOf(defect).find(({ file }) => !isEngines(file))?.place;
    return fileError(
      path,
      `can't be looked at: ${spellThrown(defect)}${place === undefined ? "" : ` (${place})`}`,
      "a configuration and policies that can be read",
    );
  });

const load = Effect.fnUntraced(function* (
  path: string,
  options: LoadOptions,
): Effect.fn.Return<Configuration, ConfigurationError> {
  const { files = new Map() } = options;
  const written = yield* readWritten(path, files);
  const modules = yield* importPolicies(written, path, files);
  const examined = examineConfiguration(written, { ...options, directory: dirname(resolve(path)), modules });
  const token = examined.tokenFile === undefined ? undefined : yield* readTokenFile(examined.tokenFile);
  const findings = [
    ...examined.findings,
    ...(yield* findSourceProblems(examined.sources, options)),
    ...(token !== undefined && Result.isFailure(token) ? [token.failure] : []),
  ];
  const sound = findings.length === 0 ? examined.configuration() : undefined;
  // Also what can't be written to: nobody looks for a log before it is needed.
  if (sound !== undefined) findings.push(...findLogPathProblems(sound));
  if (sound !== undefined && findings.length === 0) {
    const configuration = sound;
    if (token === undefined || Result.isFailure(token)) return configuration;
    return { ...configuration, management: { ...configuration.management, token: token.success } };
  }
  return yield* new ConfigurationError({ file: path, problems: spellFindings(findings, written) });
});

/** Reads what a file says, unchecked. */
export const readWritten = Effect.fnUntraced(function* (
  path: string,
  files: ReadFiles = new Map(),
): Effect.fn.Return<unknown, ConfigurationError> {
  const absolutePath = resolve(path);
  const extension = extname(path).toLowerCase();
  if (![...moduleExtensions, ...documentExtensions].includes(extension)) {
    return yield* fileError(
      path,
      extension === "" ? "has no extension" : `has the extension ${extension}`,
      spellChoice([...moduleExtensions, ...documentExtensions]),
    );
  }
  files.set(absolutePath, undefined);
  const text = yield* readText(path, absolutePath, files);
  if (moduleExtensions.includes(extension)) return (yield* importModule(path, absolutePath, purpose, files)).value;
  if (text.trim() === "") return yield* fileError(path, "is empty", "an object with `loadBalancers`");
  return yield* extension === ".json" ? parseJson(path, text) : parseYaml(path, text);
});

/** A module is read as well, so that a missing file is told in the same words whatever its kind. */
const readText = (path: string, absolutePath: string, files: ReadFiles): Effect.Effect<string, ConfigurationError> =>
  Effect.tryPromise({
    try: async () => {
      if (!(await stat(absolutePath)).isFile()) throw new NotAFile();
      const content = await readFile(absolutePath);
      files.set(absolutePath, hashContent(content));
      return content.toString("utf8").replace(/^\uFEFF/, "");
    },
    catch: (cause) => {
      const expected = "a file that elbow may read";
      if (cause instanceof NotAFile) return fileError(path, "is not a file", expected);
      const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : String(cause);
      return fileError(path, code === "ENOENT" ? "no such file" : `can't be read (${code})`, expected);
    },
  });

class NotAFile {}

const fileError = (file: string, problem: string, expected: string): ConfigurationError =>
  new ConfigurationError({ file, problems: [{ path: file, problem, expected }] });
