/**
 * Tells which contract the default export of a policy module keeps, and where in the file it breaks one.
 * Called when a module has been imported, before its attributes are known; owns the words for what is no policy.
 * Never calls a hook.
 */
import { readFile } from "node:fs/promises";
import { Predicate, Result, Schema } from "effect";
import { WrittenSecurityPolicy } from "../../model/written-security.ts";
import { messageOf } from "../../observe/thrown.ts";
import type { BalancerPolicy } from "../../policy/balancer.ts";
import { trafficHooks } from "../../policy/hooks.ts";
import type { AnyPolicy } from "../policy-types.ts";
import { findNearestName } from "./nearest-name.ts";
import { type Finding, spellPlace, spellValue } from "./problem.ts";
import { decodePart } from "./shape.ts";
import type { SiftedSecurityPolicy } from "./sift-security.ts";

/** What is wrong with a module, its file and line named; the place in the configuration is its reader's affair. */
export type ModuleProblem = Pick<Finding, "problem" | "expected">;

/** What a module's default export is: by its members, since `define…` gives back what it gets. */
export type PolicyContract =
  | { readonly kind: "policy"; readonly policy: AnyPolicy }
  | { readonly kind: "balancer"; readonly policy: BalancerPolicy }
  | { readonly kind: "security"; readonly policy: SiftedSecurityPolicy };

/** The other hooks of listeners. */
const listenerHooks = ["negotiate", "stick"] as const;
/** Hooks of back ends. */
const backendHooks = ["authenticateBackend", "backendPreamble"] as const;

const hooks: ReadonlyArray<string> = [...listenerHooks, ...backendHooks, ...trafficHooks];
const settings: ReadonlyArray<string> = ["type", "attributes", "onError", "deadlineMs", "state", "dispose"];
/** Those that may answer later. */
const patient: ReadonlyArray<string> = ["admit", "pick"];

/** The most that a request may be made to wait for one policy. */
const longestDeadlineMs = 300_000;

/** One thing to mend; `key` is the member that it is about. */
interface Fault {
  readonly key?: string;
  readonly problem: string;
  readonly expected: string;
}

/** A contract that is kept, and where in the module its hooks stand. */
export interface FoundContract {
  readonly contract: PolicyContract;
  /** `:line:column` by the name of the hook. */
  readonly hookPositions: ReadonlyMap<string, string>;
}

/** The contract of what a module exports; `file` is what messages call it, `path` where it is. */
export const findContract = async (
  value: unknown,
  file: string,
  path: string,
): Promise<Result.Result<FoundContract, ReadonlyArray<ModuleProblem>>> => {
  const judged = judgeSafely(value);
  const text = await readFile(path, "utf8").catch(() => "");
  if (Result.isFailure(judged)) {
    return Result.fail(
      judged.failure.map(({ key, problem, expected }) => ({
        problem: `${file}${spellPosition(text, key)}: ${problem}`,
        expected,
      })),
    );
  }
  const contract = judged.success;
  const named = [...hooks, "make"].filter((hook) => Object.hasOwn(contract.policy, hook));
  return Result.succeed({ contract, hookPositions: new Map(named.map((hook) => [hook, spellPosition(text, hook)])) });
};

/** Members may be getters, and the whole a Proxy. */
const judgeSafely = (value: unknown): Result.Result<PolicyContract, ReadonlyArray<Fault>> => {
  try {
    return judge(value);
  } catch (cause) {
    const problem = `the default export can't be looked at: ${messageOf(cause)}`;
    return Result.fail([{ problem, expected: noPolicy(undefined).expected }]);
  }
};

const judge = (value: unknown): Result.Result<PolicyContract, ReadonlyArray<Fault>> => {
  if (!Predicate.isObject(value) || Array.isArray(value)) return Result.fail([noPolicy(value)]);
  const members = value as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(members, "protocols") || Object.hasOwn(members, "ciphers")) return judgeSecurity(members);
  if (typeof members.make === "function" && members.type === undefined) return judgeBalancer(members);
  const isMeant = ["type", "attributes", ...hooks].some((key) => Object.hasOwn(members, key));
  if (!isMeant) return Result.fail([noPolicy(value)]);
  const faults = [...findSettingFaults(members), ...findHookFaults(members)];
  if (faults.length > 0) return Result.fail(faults);
  return Result.succeed({ kind: "policy", policy: members as never });
};

const noPolicy = (value: unknown): Fault => ({
  problem: `the default export is ${spellValue(value)}, not a policy`,
  expected: "export default definePolicy({ … }), defineBalancer({ … }) or defineSecurityPolicy({ … })",
});

const judgeSecurity = (
  members: Readonly<Record<string, unknown>>,
): Result.Result<PolicyContract, ReadonlyArray<Fault>> => {
  const decoded = decodePart(WrittenSecurityPolicy, [], members);
  if (Result.isSuccess(decoded)) return Result.succeed({ kind: "security", policy: decoded.success });
  return Result.fail(
    decoded.failure.map(({ place, problem, expected }) => ({
      ...(place.length === 0 ? {} : { key: String(place[0]) }),
      problem: place.length === 0 ? problem : `\`${spellPlace(place)}\` ${problem}`,
      expected,
    })),
  );
};

const judgeBalancer = (
  members: Readonly<Record<string, unknown>>,
): Result.Result<PolicyContract, ReadonlyArray<Fault>> => {
  const { name, key } = members;
  const faults: Array<Fault> = [];
  if (typeof name !== "string" || name === "") {
    faults.push({ key: "name", problem: "the balancing policy has no `name`", expected: "a text" });
  }
  if (key !== undefined && !isBalancerKey(key)) {
    const expected = '"clientAddress", { header: "name" } or { cookie: "name" }';
    faults.push({ key: "key", problem: `\`key\` is ${spellValue(key)}`, expected });
  }
  if (faults.length > 0) return Result.fail(faults);
  return Result.succeed({ kind: "balancer", policy: members as never });
};

const isBalancerKey = (key: unknown): boolean =>
  key === "clientAddress" ||
  (Predicate.isObject(key) && [key.header, key.cookie].filter((one) => typeof one === "string").length === 1);

const findSettingFaults = (members: Readonly<Record<string, unknown>>): ReadonlyArray<Fault> => {
  const { type, attributes, onError, deadlineMs, state, dispose } = members;
  const faults: Array<Fault> = [];
  if (typeof type !== "string" || !/^[A-Za-z0-9-]+$/.test(type)) {
    const problem = type === undefined ? "`type` is missing" : `\`type\` is ${spellValue(type)}`;
    faults.push({ key: "type", problem, expected: "a name of letters, digits and hyphens" });
  }
  if (!Schema.isSchema(attributes)) {
    const problem = attributes === undefined ? "`attributes` is missing" : "`attributes` is no Schema";
    faults.push({ key: "attributes", problem, expected: "one such as Schema.Struct({}), `Schema` being elbow's" });
  }
  if (onError !== undefined && onError !== "open" && onError !== "closed") {
    faults.push({ key: "onError", problem: `\`onError\` is ${spellValue(onError)}`, expected: '"open" or "closed"' });
  }
  if (
    deadlineMs !== undefined &&
    !(typeof deadlineMs === "number" && deadlineMs > 0 && deadlineMs <= longestDeadlineMs)
  ) {
    const expected = `a number of milliseconds above 0, ${longestDeadlineMs} at most`;
    faults.push({ key: "deadlineMs", problem: `\`deadlineMs\` is ${spellValue(deadlineMs)}`, expected });
  }
  for (const [key, one] of Object.entries({ state, dispose })) {
    if (one === undefined || (typeof one === "function" && !isAsync(one))) continue;
    const what = typeof one === "function" ? "an async function" : spellValue(one);
    faults.push({ key, problem: `\`${key}\` is ${what}`, expected: "a function that isn't async" });
  }
  return faults;
};

const findHookFaults = (members: Readonly<Record<string, unknown>>): ReadonlyArray<Fault> => {
  const faults: Array<Fault> = [];
  for (const [key, hook] of Object.entries(members)) {
    if (settings.includes(key) || hook === undefined) continue;
    if (!hooks.includes(key)) {
      const nearest = findNearestName(key, [...hooks, ...settings]);
      const hint = nearest === undefined ? "" : `; did you mean \`${nearest}\`?`;
      faults.push({
        key,
        problem: `unknown hook \`${key}\`${hint}`,
        expected: `one of ${hooks.map((name) => `\`${name}\``).join(", ")}`,
      });
    } else if (typeof hook !== "function") {
      faults.push({ key, problem: `\`${key}\` is ${spellValue(hook)}`, expected: "a function" });
    } else if (isAsync(hook) && !patient.includes(key)) {
      faults.push({
        key,
        problem: `\`${key}\` is async, and its answer is needed at once`,
        expected: "a function that isn't async; only `admit` and `pick` may be",
      });
    } else if (isAsync(hook) && members.deadlineMs === undefined) {
      faults.push({
        key,
        problem: `\`${key}\` is async, and no \`deadlineMs\` says how long it may take`,
        expected: "one such as `deadlineMs: 200`",
      });
    }
  }
  if (faults.length === 0 && !hooks.some((name) => members[name] !== undefined)) {
    faults.push({
      problem: "the policy has no hook",
      expected: `one of ${hooks.map((name) => `\`${name}\``).join(", ")}`,
    });
  }
  return faults;
};

const isAsync = (hook: unknown): boolean => typeof hook === "function" && hook.constructor?.name === "AsyncFunction";

/** `:line:column` of a member's key, or else of the default export; nothing where neither can be found in the text. */
const spellPosition = (text: string, key: string | undefined): string => {
  const ofKey =
    key === undefined ? null : new RegExp(`^[ \\t]*(?:async\\s+)?(?=["']?${key}["']?\\s*[:(,])`, "m").exec(text);
  const match = ofKey ?? /^export\s+default\b/m.exec(text);
  if (match === null) return "";
  const before = text.slice(0, match.index).split("\n");
  const column = match.index - (text.lastIndexOf("\n", match.index - 1) + 1);
  const indent = /^\s*/.exec(match[0])?.[0].length ?? 0;
  return `:${before.length}:${column + indent + 1}`;
};
