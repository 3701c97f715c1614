/**
 * Imports a configuration that is a TypeScript or JavaScript module, anew each time, with the modules it imports.
 * Serves load.ts at the start and at every reload; owns the set of modules that must be forgotten before the next one.
 * Never judges the value, and never forgets a module that elbow itself runs on.
 *
 * A query string after the path would give the new text of the file but the old ones of its own imports; forgetting
 * all of them in `require.cache` gives the new text of each. Bun keeps some kilobytes of each version that it loaded.
 */
import { resolve } from "node:path";
import { Effect, Predicate, Semaphore } from "effect";
import { isKeyText, keyWords } from "../../model/key-text.ts";
import { registerElbowModule } from "../../policy/virtual-module.ts";
import { ConfigurationError } from "./configuration-error.ts";
import { syntaxError } from "./document-file.ts";
import { listModuleFiles } from "./module-graph.ts";

const evaluationLimitSeconds = 30;

/** Modules that configurations have brought in; what was loaded before them is elbow's own. */
const broughtIn = new Set<string>();

/** Where elbow's own modules lie; one that it happens to load during an import must not be forgotten. */
const ownFolder = import.meta.dir.startsWith("/$bunfs/") ? "/$bunfs/" : `${resolve(import.meta.dir, "../..")}/`;

/** Only files are forgotten, and no packages: nobody edits those, and each version stays in memory. */
const isForgettable = (path: string): boolean =>
  path.startsWith("/") && !path.startsWith(ownFolder) && !path.includes("/node_modules/");

/** One import at a time: two at once would count each other's modules as elbow's own. */
const turn = Semaphore.makeUnsafe(1);

/** Imports a module by absolute path and gives its default export, called and awaited where it is a function. */
export const importModule = (file: string, absolutePath: string): Effect.Effect<unknown, ConfigurationError> =>
  Effect.tryPromise({
    try: () => evaluate(absolutePath),
    catch: (cause) => (cause instanceof MissingDefault ? missingDefault(file) : explain(file, absolutePath, cause)),
  }).pipe(
    Effect.timeoutOrElse({
      duration: `${evaluationLimitSeconds} seconds`,
      orElse: () => Effect.fail(tooSlow(file)),
    }),
    turn.withPermits(1),
  );

class MissingDefault {}

const evaluate = async (absolutePath: string): Promise<unknown> => {
  registerElbowModule();
  const files = [...(await listModuleFiles(absolutePath))].filter(isForgettable);
  for (const path of files) broughtIn.add(path);
  for (const path of broughtIn) delete require.cache[path];
  const own = new Set(Object.keys(require.cache));
  let exports: { readonly default?: unknown };
  try {
    exports = await import(absolutePath);
  } catch (cause) {
    if (isLinkError(cause)) await settle(files);
    throw cause;
  } finally {
    // What the text didn't show, such as a computed import().
    for (const path of Object.keys(require.cache)) if (!own.has(path) && isForgettable(path)) broughtIn.add(path);
  }
  if (exports.default === undefined) throw new MissingDefault();
  return typeof exports.default === "function" ? await exports.default() : await exports.default;
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

/** Errors of the engine come in several classes; what they share is a message and sometimes a position. */
const explain = (file: string, absolutePath: string, cause: unknown): ConfigurationError => {
  const inner = Predicate.hasProperty(cause, "errors") && Array.isArray(cause.errors) ? cause.errors : [];
  if (inner.length > 0) {
    return new ConfigurationError({
      file,
      problems: inner.flatMap((one) => explain(file, absolutePath, one).problems),
    });
  }
  const message = messageOf(cause);
  const position = Predicate.hasProperty(cause, "position") ? cause.position : undefined;
  const isBuildMessage = Predicate.hasProperty(cause, "name") && cause.name === "BuildMessage";
  if (isPosition(position)) {
    const where = position.file === absolutePath || position.file === "" ? file : position.file;
    if (isBuildMessage) return syntaxError(where, position, message, languageOf(where));
    return refuse(file, `${where}:${position.line}:${position.column}`, message);
  }
  const frame = Predicate.hasProperty(cause, "stack") ? /(\/[^\s()]+):(\d+):(\d+)/.exec(String(cause.stack)) : null;
  const isUsers = frame !== null && (frame[1] === absolutePath || broughtIn.has(frame[1]!));
  const where = isUsers ? `${frame[1] === absolutePath ? file : frame[1]}:${frame[2]}:${frame[3]}` : file;
  return refuse(file, where, message);
};

/** Bun tells of a specifier only what is before its first `/`; of a key that is a piece too short to be known as one. */
const messageOf = (cause: unknown): string => {
  if (Predicate.hasProperty(cause, "specifier") && isKeyText(String(cause.specifier))) {
    return `can't find the package '(${keyWords})'`;
  }
  return Predicate.hasProperty(cause, "message") ? String(cause.message) : String(cause);
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

const missingDefault = (file: string): ConfigurationError =>
  new ConfigurationError({
    file,
    problems: [{ path: file, problem: "has no default export", expected: "export default defineConfig({ … })" }],
  });

const tooSlow = (file: string): ConfigurationError =>
  new ConfigurationError({
    file,
    problems: [
      {
        path: file,
        problem: `gave no configuration within ${evaluationLimitSeconds} s`,
        expected: "a default export that is ready, or a promise that settles",
      },
    ],
  });
