/**
 * Imports the policy modules that a written configuration names, before its rules are checked.
 * Called by load.ts; owns where modules are looked for, and what a load says of one that can't be imported.
 * Never judges what a module exports: policy-contract.ts does.
 */
import { access } from "node:fs/promises";
import { dirname, extname, isAbsolute, join, resolve } from "node:path";
import { Effect, Result } from "effect";
import type { PolicyModule } from "../../model/policy-use.ts";
import { importModule, type ModulePurpose } from "./module-file.ts";
import { hashContent } from "./module-graph.ts";
import { type FoundContract, findContract, type ModuleProblem } from "./policy-contract.ts";
import { spellChoice } from "./problem.ts";
import type { ReadFiles } from "./read-files.ts";
import { siftPolicies } from "./sift-security.ts";
import { membersOf } from "./sound-parts.ts";

/** What files of modules, configurations too, are called. */
export const moduleExtensions = [".ts", ".mts", ".js", ".mjs"];

/** A module whose default export is a policy. */
export interface LoadedPolicy extends Pick<FoundContract, "contract"> {
  /** What messages call the module: its path, relative to the working directory where the configuration's is. */
  readonly label: string;
  readonly module: PolicyModule;
  /** `file:line:column` by the name of a hook, the file as `label` has it. */
  readonly hookPlaces: ReadonlyMap<string, string>;
}

/** What became of the modules of a configuration, by their paths as written. */
export type LoadedPolicies = ReadonlyMap<string, Result.Result<LoadedPolicy, ReadonlyArray<ModuleProblem>>>;

const purpose: ModulePurpose = { expected: "export default definePolicy({ … })", isAlwaysRun: false };

/**
 * Imports every policy module that a configuration names; those whose content is the same as before are as they were.
 * Paths are relative to the folder of `file`, the configuration; what was read goes into `files`.
 */
export const importPolicies = Effect.fnUntraced(function* (
  written: unknown,
  file: string,
  files: ReadFiles,
): Effect.fn.Return<LoadedPolicies> {
  const loaded = new Map<string, Result.Result<LoadedPolicy, ReadonlyArray<ModuleProblem>>>();
  for (const path of findModulePaths(written)) {
    loaded.set(path, yield* importPolicy(isAbsolute(path) ? path : join(dirname(file), path), files));
  }
  return loaded;
});

const findModulePaths = (written: unknown): ReadonlySet<string> =>
  new Set(
    [...membersOf(membersOf(written).get("loadBalancers")).values()].flatMap((loadBalancer) =>
      siftPolicies([], membersOf(loadBalancer).get("policies")).flatMap(({ module }) => module ?? []),
    ),
  );

/** Imports one module; `path` is relative to the working directory, as messages have it. */
export const importPolicy = Effect.fnUntraced(function* (
  path: string,
  files: ReadFiles,
): Effect.fn.Return<Result.Result<LoadedPolicy, ReadonlyArray<ModuleProblem>>> {
  const absolutePath = resolve(path);
  files.set(absolutePath, yield* hashFile(absolutePath));
  const refuse = (problem: string, expected: string) => Result.fail([{ problem: `${path} ${problem}`, expected }]);
  const extension = extname(path);
  if (!moduleExtensions.includes(extension)) {
    const what = extension === "" ? "has no extension" : `has the extension ${extension}`;
    return refuse(what, spellChoice(moduleExtensions));
  }
  const code = yield* findAccessProblem(absolutePath);
  if (code !== undefined) {
    return refuse(
      code === "ENOENT" ? "is not there" : `can't be read (${code})`,
      "the path of a module, relative to the configuration's folder",
    );
  }
  const imported = yield* Effect.result(importModule(path, absolutePath, purpose, files));
  if (Result.isFailure(imported)) {
    return Result.fail(
      imported.failure.problems.map(({ path: where, problem, expected }) => ({
        problem: `${where}: ${problem}`,
        expected,
      })),
    );
  }
  const { value, ...module } = imported.success;
  const found = yield* Effect.promise(() => findContract(value, path, module.file));
  return Result.map(found, ({ contract, hookPositions }) => ({
    contract,
    label: path,
    module: { ...module, hookPositions },
    hookPlaces: new Map([...hookPositions].map(([hook, position]) => [hook, `${path}${position}`])),
  }));
});

const hashFile = (path: string): Effect.Effect<string | undefined> =>
  Effect.promise(() =>
    Bun.file(path)
      .bytes()
      .then(hashContent, () => undefined),
  );

const findAccessProblem = (path: string): Effect.Effect<string | undefined> =>
  Effect.promise(() =>
    access(path).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code ?? String(error),
    ),
  );
