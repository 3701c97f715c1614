/**
 * Imports TypeScript or JavaScript modules of the user's, configurations and policies, and again when they have changed.
 * Serves load.ts and policy-modules.ts at the start and at every reload; owns which modules are in the engine's registry
 * with which content, and the last good one of each.
 * Never judges a value, and never forgets a module that elbow itself runs on.
 *
 * A query string after the path would give the new text of the file but the old ones of its own imports; forgetting
 * those that have changed in `require.cache`, with whoever imports them, gives the new text of each and leaves the others
 * as they are. Bun keeps some kilobytes of each version that it loaded.
 */
import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { Effect, Predicate, Semaphore } from "effect";
import { isKeyText, keyWords } from "../../model/key-text.ts";
import { framesOf, isEngines, messageOf, spellThrown, trying } from "../../observe/thrown.ts";
import { registerElbowModule } from "../../policy/virtual-module.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { syntaxError } from "./document-file.ts";
import {
  type HiddenFiles,
  isCode,
  type ModuleGraph,
  type ModuleNode,
  reachableFrom,
  readModuleGraph,
  versionOf,
} from "./module-graph.ts";
import { leadsTo, type ReadFiles } from "./read-files.ts";
import { isOfStandIn, loosen } from "./stuck-modules.ts";

const evaluationLimitSeconds = 30;

/** A module that has been imported. */
interface ImportedModule {
  /** Absolute path, symbolic links followed. */
  readonly file: string;
  /** The module and every file that it imports. */
  readonly files: ReadonlyArray<string>;
  /** The same as long as none of the files has another content. */
  readonly version: string;
  /** Its default export. */
  readonly value: unknown;
}

/** What a module is for, in the words of its errors. */
export interface ModulePurpose {
  /** What must be exported by default, such as `export default defineConfig({ … })`. */
  readonly expected: string;
  /** Makes the value of the default export; the default export itself when left out. */
  readonly evaluate?: (exported: unknown) => unknown;
  /** Whether the module itself, not what it imports, runs again where nothing has changed. */
  readonly isAlwaysRun: boolean;
}

/** Modules of the user's by the version that the registry has; what was loaded before them is elbow's own. */
const registered = new Map<string, string>();
/** What a module has brought in though its text doesn't show it, such as by a computed import(). */
const hidden = new Map<string, Set<string>>();
/** The last good import of each module. */
const lastGood = new Map<string, ImportedModule>();

/** Where elbow's own modules lie; one that it happens to load during an import must not be forgotten. */
const ownFolder = import.meta.dir.startsWith("/$bunfs/") ? "/$bunfs/" : `${resolve(import.meta.dir, "../..")}/`;

/** Only files are forgotten, and no packages: nobody edits those, and each version stays in memory. */
const isForgettable = (path: string): boolean =>
  path.startsWith("/") && !path.startsWith(ownFolder) && !path.includes("/node_modules/");

/** Whether a file is a module of the user's that has been imported, now or before. */
export const isUserModule = (path: string): boolean => seen.has(path);

/** Whether any module of the user's was ever imported. */
export const hasUserModules = (): boolean => seen.size > 0;

/** Every module of the user's that was ever imported. */
const seen = new Set<string>();

/** One import at a time: two at once would count each other's modules as elbow's own. */
const turn = Semaphore.makeUnsafe(1);

/**
 * Imports a module by absolute path, or gives it as it was imported before where neither it nor what it imports has changed.
 * `file` is what messages call it; what was read goes into `files`, also when the import fails.
 */
export const importModule = (
  file: string,
  absolutePath: string,
  purpose: ModulePurpose,
  files: ReadFiles,
): Effect.Effect<ImportedModule, ConfigurationError> =>
  Effect.tryPromise({
    try: (signal) => load(absolutePath, purpose, files, signal),
    catch: (cause) =>
      trying(() => cause instanceof MissingDefault, false)
        ? missingDefault(file, purpose)
        : explain(file, cause, absolutePath),
  }).pipe(
    Effect.timeoutOrElse({
      duration: `${evaluationLimitSeconds} seconds`,
      orElse: () => Effect.fail(tooSlow(file)),
    }),
    turn.withPermits(1),
  );

class MissingDefault {}

const load = async (
  absolutePath: string,
  { evaluate = (exported) => exported, isAlwaysRun }: ModulePurpose,
  files: ReadFiles,
  signal: AbortSignal,
): Promise<ImportedModule> => {
  registerElbowModule();
  const file = await realpath(absolutePath);
  // What stands behind the link is known under its own path.
  if (file !== absolutePath) files.set(absolutePath, leadsTo(file));
  let graph = await readModuleGraph(file, hiddenFrom(file));
  for (const [path, { hash }] of graph) files.set(path, hash);
  const before = lastGood.get(file);
  if (before?.version === versionOf(graph, file) && !isAlwaysRun) return before;
  forgetChanged(graph, isAlwaysRun ? file : undefined);
  signal.addEventListener("abort", () => giveUp(graph));
  const known = new Set(Object.keys(require.cache));
  try {
    const exports = await importAnew(file, graph);
    if (exports.default === undefined) throw new MissingDefault();
    const value = await evaluate(await exports.default);
    if (signal.aborted) throw new Error("nobody waits for it any more");
    graph = await unveil(file, graph, known, files);
    for (const path of graph.keys()) if (isForgettable(path)) registered.set(path, versionOf(graph, path));
    const imported = { file, files: [...reachableFrom(graph, file)], version: versionOf(graph, file), value };
    lastGood.set(file, imported);
    return imported;
  } catch (cause) {
    if (signal.aborted) throw cause;
    graph = await unveil(file, graph, known, files);
    // Whichever of them failed, all are imported anew the next time.
    for (const path of graph.keys()) registered.delete(path);
    throw cause;
  }
};

/** After an import that hasn't ended: those of its modules that may never be ready begin anew the next time. */
const giveUp = (graph: ModuleGraph): void => {
  for (const path of graph.keys()) registered.delete(path);
  loosen(
    [...graph].flatMap(([path, { hash }]) =>
      hash !== undefined && isCode(path) && isForgettable(path) && require.cache[path] === undefined ? path : [],
    ),
  );
};

/** What importing a module brought in though no text shows it, the graph with it; what was known stays as it was read before. */
const unveil = async (
  file: string,
  graph: ModuleGraph,
  known: ReadonlySet<string>,
  files: ReadFiles,
): Promise<ModuleGraph> => {
  const found = Object.keys(require.cache).filter(
    (path) => !known.has(path) && !graph.has(path) && isForgettable(path) && !isOfStandIn(path),
  );
  if (found.length === 0) return graph;
  for (const path of found) seen.add(path);
  hidden.set(file, new Set([...(hidden.get(file) ?? []), ...found]));
  const whole = new Map<string, ModuleNode>();
  for (const [path, node] of await readModuleGraph(file, hiddenFrom(file))) {
    const hash = graph.has(path) ? graph.get(path)?.hash : node.hash;
    whole.set(path, { ...node, hash });
    files.set(path, hash);
  }
  return whole;
};

const hiddenFrom = (file: string): HiddenFiles => ({
  ofEntry: hidden.get(file) ?? [],
  ofAny: [...hidden.values()].flatMap((paths) => [...paths]),
});

/** Forgets those whose content, or that of something that they import, isn't what the registry has. */
const forgetChanged = (graph: ModuleGraph, always: string | undefined): void => {
  for (const path of graph.keys()) {
    const version = versionOf(graph, path);
    if (!isForgettable(path) || (registered.get(path) === version && path !== always)) continue;
    delete require.cache[path];
    registered.set(path, version);
    seen.add(path);
  }
};

const importAnew = async (file: string, graph: ModuleGraph): Promise<{ readonly default?: unknown }> => {
  try {
    return await import(file);
  } catch (cause) {
    if (isLinkError(cause)) await settle([...graph.keys()].filter(isForgettable));
    throw cause;
  }
};

/** An import names an export that isn't there; a syntax error in a text is a BuildMessage. */
const isLinkError = (cause: unknown): boolean => cause instanceof SyntaxError;

/**
 * After a failed link, the modules that were read but never ran can't be forgotten, and would fail every later import
 * with the words of this one. Imported each by itself, they run or fail alone, and then they can.
 */
const settle = async (files: ReadonlyArray<string>): Promise<void> => {
  for (const path of files) await import(path).catch(() => undefined);
};

/** The most errors within errors that are told; one may hold itself. */
const toldMax = 100;

/** Errors of the engine come in several classes; what they share is a message and sometimes a position. */
const explain = (file: string, cause: unknown, absolutePath: string): ConfigurationError => {
  const told = trying(() => flatten(cause, new Set()), [cause]).map((one) =>
    trying(() => explainOne(file, one, absolutePath), refuse(file, file, spellThrown(one))),
  );
  return new ConfigurationError({ file, problems: told.flatMap(({ problems }) => problems) });
};

/** The errors that an error is made of; itself where there are none. */
const flatten = (cause: unknown, seenBefore: Set<unknown>): ReadonlyArray<unknown> => {
  if (seenBefore.size >= toldMax || seenBefore.has(cause)) return [];
  seenBefore.add(cause);
  const inner = trying(() => (Predicate.hasProperty(cause, "errors") ? cause.errors : undefined), undefined);
  const parts = Array.isArray(inner) ? inner.flatMap((one) => flatten(one, seenBefore)) : [];
  return parts.length === 0 ? [cause] : parts;
};

const explainOne = (file: string, cause: unknown, absolutePath: string): ConfigurationError => {
  const message = describe(cause);
  const position = Predicate.hasProperty(cause, "position") ? cause.position : undefined;
  const isBuildMessage = Predicate.hasProperty(cause, "name") && cause.name === "BuildMessage";
  if (isPosition(position)) {
    const where = position.file === absolutePath || position.file === "" ? file : position.file;
    if (isBuildMessage) return syntaxError(where, position, message, languageOf(where));
    return refuse(file, `${where}:${position.line}:${position.column}`, message);
  }
  const frame = framesOf(cause).find((one) => !isEngines(one.file));
  if (frame?.file === absolutePath) return refuse(file, frame.place.replace(absolutePath, file), message);
  return refuse(file, frame !== undefined && seen.has(frame.file) ? frame.place : file, message);
};

/** Bun tells of a specifier only what is before its first `/`; of a key that is a piece too short to be known as one. */
const describe = (cause: unknown): string => {
  if (Predicate.hasProperty(cause, "specifier") && isKeyText(String(cause.specifier))) {
    return `can't find the package '(${keyWords})'`;
  }
  return messageOf(cause);
};

const isPosition = (value: unknown): value is { file: string; line: number; column: number } =>
  Predicate.hasProperty(value, "line") &&
  Predicate.hasProperty(value, "column") &&
  Predicate.hasProperty(value, "file");

const languageOf = (path: string) => (/\.m?js$/.test(path) ? "JavaScript" : "TypeScript");

const refuse = (file: string, path: string, message: string): ConfigurationError =>
  new ConfigurationError({
    file,
    problems: [{ path, problem: `failed while it was loaded: ${message}`, expected: "a module that loads" }],
  });

const missingDefault = (file: string, { expected }: ModulePurpose): ConfigurationError =>
  new ConfigurationError({
    file,
    problems: [{ path: file, problem: "has no default export", expected }],
  });

const tooSlow = (file: string): ConfigurationError =>
  new ConfigurationError({
    file,
    problems: [
      {
        path: file,
        problem: `wasn't ready within ${evaluationLimitSeconds} s`,
        expected: "a default export that is ready, or a promise that settles",
      },
    ],
  });
