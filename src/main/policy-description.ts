// What a policy is, for people and for scripts: its type, its hooks in the order in which they are called, and the attributes
// that it takes. Made for `elbow policy show` and `elbow policy check`; it owns the words, and calls no hook.

import type { Schema, SchemaAST } from "effect";
import type { PolicyContract } from "../control/configuration/policy-contract.ts";
import type { AnyPolicy } from "../control/policy-types.ts";

/** An attribute of a policy. */
interface AttributeDescription {
  readonly name: string;
  readonly isOptional: boolean;
  /** What its Schema calls it, and what it must look like; left out where the Schema has no words. */
  readonly title?: string;
  readonly expected?: string;
}

/** A policy as `--json` prints it. */
interface PolicyDescription {
  readonly kind: "policy" | "balancer" | "security";
  /** The type of a policy or the name of a balancing policy; a security policy is named by the configuration. */
  readonly name: string | undefined;
  readonly hooks: ReadonlyArray<string>;
  readonly attributes: ReadonlyArray<AttributeDescription>;
  readonly onError?: "open" | "closed";
  readonly deadlineMs?: number;
}

const hooks = [
  ...["negotiate", "authenticateBackend", "backendPreamble", "stick"],
  ...["admit", "pick", "requestHead", "responseHead", "onFault", "log"],
] as const;

/** Describes what a module exports. */
export const describeContract = (contract: PolicyContract): PolicyDescription => {
  if (contract.kind === "policy") return describeType(contract.policy);
  // A security policy in a configuration has the name of its key.
  const name = contract.kind === "balancer" ? contract.policy.name : undefined;
  return { kind: contract.kind, name, hooks: [], attributes: [] };
};

/** Describes a policy of a type, built-in or not. */
export const describeType = (policy: AnyPolicy): PolicyDescription => ({
  kind: "policy",
  name: policy.type,
  hooks: hooks.filter((hook) => policy[hook] !== undefined),
  attributes: describeAttributes(policy.attributes),
  onError: policy.onError ?? "closed",
  ...(policy.deadlineMs === undefined ? {} : { deadlineMs: policy.deadlineMs }),
});

const describeAttributes = ({ ast }: Schema.Constraint): ReadonlyArray<AttributeDescription> => {
  if (ast._tag !== "Objects") return [];
  return ast.propertySignatures.map(({ name, type }) => ({
    name: String(name),
    isOptional: type.context?.isOptional === true,
    ...wordsOf(type),
  }));
};

/** An optional member is a union with undefined: its other side carries the words. */
const wordsOf = (ast: SchemaAST.AST): { readonly title?: string; readonly expected?: string } => {
  const { title, expected } = (ast.annotations ?? {}) as { readonly title?: string; readonly expected?: string };
  if (title !== undefined && expected !== undefined) return { title, expected };
  const inner = ast._tag === "Union" ? ast.types.find((type) => type._tag !== "Undefined") : undefined;
  return inner === undefined ? {} : wordsOf(inner);
};

const kinds = { policy: "policy", balancer: "balancing policy", security: "security policy" } as const;

const labelWidth = 12;

/** The lines for people. */
export const spellDescription = (description: PolicyDescription): ReadonlyArray<string> => {
  const { kind, name, hooks, attributes, onError, deadlineMs } = description;
  const rows: Array<readonly [label: string, lines: ReadonlyArray<string>]> = [
    [kinds[kind], [name ?? "named by the configuration"]],
  ];
  if (kind === "policy") {
    rows.push(
      ["hooks", [hooks.join(" ") || "none"]],
      ["attributes", attributes.length === 0 ? ["none"] : spellAttributes(attributes)],
    );
    if (hooks.some(isTraffic)) rows.push(["on error", [onError ?? "closed"]]);
    if (deadlineMs !== undefined) rows.push(["deadline", [`${deadlineMs} ms`]]);
  }
  const width = Math.max(labelWidth, ...rows.map(([label]) => label.length + 2));
  return rows.flatMap(([label, lines]) =>
    lines.map((line, index) => `${(index === 0 ? label : "").padEnd(width)}${line}`),
  );
};

const isTraffic = (hook: string): boolean => hooks.indexOf(hook as (typeof hooks)[number]) >= hooks.indexOf("admit");

const spellAttributes = (attributes: ReadonlyArray<AttributeDescription>): ReadonlyArray<string> => {
  const names = attributes.map(({ name, isOptional }) => `${name}${isOptional ? "?" : ""}`);
  const width = 2 + Math.max(...names.map((name) => name.length));
  return attributes.map(({ title, expected }, index) => {
    const words = title === undefined ? "" : `${title}: ${expected}`;
    return `${names[index]?.padEnd(width)}${words}`.trimEnd();
  });
};
