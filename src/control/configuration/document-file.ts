/**
 * Reads a configuration from the text of a .json or .yaml file.
 * Serves load.ts; owns where in the text a syntax error stands.
 * Never judges the value.
 */
import { Effect } from "effect";
import { ConfigurationError } from "./configuration-error.ts";
import { findJsonFault } from "./json-syntax.ts";

/** Parses strict JSON (RFC 8259); a key written twice in one object is refused. */
export const parseJson = (file: string, text: string): Effect.Effect<unknown, ConfigurationError> => {
  const fault = findJsonFault(text);
  if (fault === undefined) return Effect.sync(() => JSON.parse(text));
  const before = text.slice(0, fault.offset).split("\n");
  return Effect.fail(
    syntaxError(file, { line: before.length, column: before.at(-1)!.length + 1 }, fault.problem, "JSON"),
  );
};

/** Parses one YAML 1.2 document; every syntax error is told. */
export const parseYaml = Effect.fnUntraced(function* (file: string, text: string) {
  const { LineCounter, parseDocument } = yield* Effect.promise(() => import("yaml"));
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    return yield* new ConfigurationError({
      file,
      problems: document.errors.flatMap(({ pos, message }) => {
        const { line, col } = lines.linePos(pos[0]);
        return syntaxError(file, { line, column: col }, message.split("\n", 1)[0]!, "YAML").problems;
      }),
    });
  }
  return yield* Effect.try({
    try: (): unknown => document.toJS(),
    catch: (cause) => syntaxError(file, undefined, cause instanceof Error ? cause.message : String(cause), "YAML"),
  });
});

/** A text that is not of its language, with the place in the text: lines and columns from 1. */
export const syntaxError = (
  file: string,
  position: { readonly line: number; readonly column: number } | undefined,
  problem: string,
  language: "JSON" | "YAML" | "TypeScript" | "JavaScript",
): ConfigurationError =>
  new ConfigurationError({
    file,
    problems: [
      {
        path: position === undefined ? file : `${file}:${position.line}:${position.column}`,
        problem: `syntax error: ${problem}`,
        expected: `valid ${language}`,
      },
    ],
  });
