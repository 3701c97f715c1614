/**
 * Loads a configuration file of any kind and checks it, with the certificates that it names.
 * The way in for `run --config`, `check` and a reload; owns the file extensions and what can go wrong with a file.
 * Never changes anything: a configuration that is refused leaves no trace.
 */
import { readFile, stat } from "node:fs/promises";
import { dirname, extname, resolve } from "node:path";
import { Effect, Predicate } from "effect";
import type { Configuration } from "../../model/configuration.ts";
import { type CheckOptions, examineConfiguration, spellFindings } from "./check.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { parseJson, parseYaml } from "./document-file.ts";
import { findSourceProblems, type LoadSourcesOptions } from "./load-sources.ts";
import { importModule } from "./module-file.ts";
import { spellChoice } from "./problem.ts";

const moduleExtensions = [".ts", ".mts", ".js", ".mjs"];
const documentExtensions = [".json", ".yaml", ".yml"];

/**
 * Reads and checks a file, and the certificates and keys that it names; a path that is not absolute is relative to the
 * working directory, and one in the file to the file's folder. Every call reads anew. Fails with every problem at once.
 */
export const loadConfiguration = Effect.fnUntraced(function* (
  path: string,
  options: Omit<CheckOptions, "directory"> & LoadSourcesOptions = {},
): Effect.fn.Return<Configuration, ConfigurationError> {
  const written = yield* readWritten(path);
  const examined = examineConfiguration(written, { ...options, directory: dirname(resolve(path)) });
  const findings = [...examined.findings, ...(yield* findSourceProblems(examined.sources, options))];
  if (findings.length === 0) return examined.configuration();
  return yield* new ConfigurationError({ file: path, problems: spellFindings(findings, written) });
});

/** Reads what a file says, unchecked. */
const readWritten = Effect.fnUntraced(function* (path: string): Effect.fn.Return<unknown, ConfigurationError> {
  const absolutePath = resolve(path);
  const extension = extname(path).toLowerCase();
  if (![...moduleExtensions, ...documentExtensions].includes(extension)) {
    return yield* fileError(
      path,
      extension === "" ? "has no extension" : `has the extension ${extension}`,
      spellChoice([...moduleExtensions, ...documentExtensions]),
    );
  }
  const text = yield* readText(path, absolutePath);
  if (moduleExtensions.includes(extension)) return yield* importModule(path, absolutePath);
  if (text.trim() === "") return yield* fileError(path, "is empty", "an object with `loadBalancers`");
  return yield* extension === ".json" ? parseJson(path, text) : parseYaml(path, text);
});

/** A module is read as well, so that a missing file is told in the same words whatever its kind. */
const readText = (path: string, absolutePath: string): Effect.Effect<string, ConfigurationError> =>
  Effect.tryPromise({
    try: async () => {
      if (!(await stat(absolutePath)).isFile()) throw new NotAFile();
      return (await readFile(absolutePath, "utf8")).replace(/^\uFEFF/, "");
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
