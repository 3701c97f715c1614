// The work of `elbow policy show` and `elbow policy list`: what a security policy comes to with this TLS library, and what the
// built-in policy types take.
// What was asked for goes to standard output, in the order in which a handshake looks at it. It never starts anything.

import { Effect } from "effect";
import { findNearestName } from "../control/configuration/nearest-name.ts";
import { findPolicyType, policyTypes } from "../control/policy-types.ts";
import type { SecurityPolicy } from "../model/security-policy.ts";
import { findCipherSuite } from "../tls/cipher-suites.ts";
import { effectivePolicy } from "../tls/effective-policy.ts";
import { findOmissions } from "../tls/policy-remarks.ts";
import { findSecurityPolicy, securityPolicies, securityPolicyNames } from "../tls/security-policies.ts";
import { CommandFailure } from "./command-failure.ts";
import { describeType, spellDescription } from "./policy-description.ts";

const labelWidth = 12;

/** A label and its lines, the first beside it and the others below. */
const section = (label: string, lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.map((line, index) => `${(index === 0 ? label : "").padEnd(labelWidth)}${line}`);

const describeSuite = (name: string, width: number): string => {
  const suite = findCipherSuite(name);
  const keys = suite === undefined ? "any key" : `${suite.authentication} key`;
  const since = suite === undefined ? "TLSv1.3" : suite.minProtocol === "TLSv1.2" ? "TLSv1.2" : "up to TLSv1.2";
  return `${name.padEnd(width)}${since.padEnd(15)}${keys}`;
};

const spellOrder = (policy: SecurityPolicy, hasNew: boolean, hasOld: boolean): string => {
  if (!hasOld) return "the client's, as always in TLS 1.3";
  return `${policy.hasServerOrder ? "the server's" : "the client's"}${hasNew ? "; in TLS 1.3 always the client's" : ""}`;
};

/** The lines of `elbow policy show`; `owner` is the load balancer that has the policy, where that needs to be said. */
const describePolicy = (policy: SecurityPolicy, owner?: string): ReadonlyArray<string> => {
  const effective = effectivePolicy(policy);
  const suites = [...effective.suites13, ...effective.ciphers];
  const width = 2 + Math.max(0, ...suites.map((name) => name.length));
  const omissions = findOmissions(policy, effective);
  return [
    ...section("policy", [owner === undefined ? policy.name : `${policy.name} of load balancer ${owner}`]),
    ...section("alias", policy.aliases ?? []),
    ...section("protocols", [effective.protocols.join(" ") || "none"]),
    ...section("order", [spellOrder(policy, effective.suites13.length > 0, effective.ciphers.length > 0)]),
    ...section("suites", suites.length === 0 ? ["none"] : suites.map((name) => describeSuite(name, width))),
    ...section(
      "left out",
      omissions.flatMap(({ names, reason }) => [`${reason}:`, ...names.map((name) => `  ${name}`)]),
    ),
  ];
};

/** What scripts are told of a security policy: what is on offer, in order, and what isn't, with its reason. */
const describeForScripts = (policy: SecurityPolicy, loadBalancer?: string) => {
  const effective = effectivePolicy(policy);
  return {
    kind: "security",
    name: policy.name,
    ...(loadBalancer === undefined ? {} : { loadBalancer }),
    aliases: policy.aliases ?? [],
    protocols: effective.protocols,
    order: policy.hasServerOrder && effective.ciphers.length > 0 ? "server" : "client",
    suites: [...effective.suites13, ...effective.ciphers],
    leftOut: findOmissions(policy, effective),
  };
};

/** A security policy, and the load balancer whose own it is. */
interface OwnPolicy {
  readonly owner: string;
  readonly policy: SecurityPolicy;
}

/** Every load balancer's own security policies, whether or not a listener uses them. */
const loadOwn = Effect.fnUntraced(function* (path: string): Effect.fn.Return<ReadonlyArray<OwnPolicy>, CommandFailure> {
  const { loadConfiguration } = yield* Effect.promise(() => import("../control/configuration/load.ts"));
  const { loadBalancers } = yield* loadConfiguration(path).pipe(
    Effect.mapError((error) => new CommandFailure({ text: `elbow: ${path}:\n${error.message}`, exitCode: 1 })),
  );
  return loadBalancers.flatMap(({ name: owner, securityPolicies = [] }) =>
    securityPolicies.map((policy) => ({ owner, policy })),
  );
});

const refuse = (name: string, path: string | undefined, own: ReadonlyArray<string>): CommandFailure => {
  const nearest = findNearestName(name, [...own, ...securityPolicyNames, ...policyTypes]);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  const what = `no security policy ${JSON.stringify(name)}`;
  const lines = [
    path === undefined
      ? `elbow: there is ${what}${hint}`
      : `elbow: there is ${what}, neither predefined nor among the policies of ${path}${hint}`,
    ...(own.length === 0 ? [] : [`${path} has:`, ...own.map((known) => `  ${known}`)]),
    path === undefined ? "One of your own is looked for with --config FILE. Predefined are:" : "Predefined are:",
    ...securityPolicyNames.map((known) => `  ${known}`),
  ];
  return new CommandFailure({ text: lines.join("\n"), exitCode: 1 });
};

/** What is known of a policy by its name, for people and for scripts. */
interface Shown {
  readonly lines: ReadonlyArray<string>;
  readonly forScripts: object;
}

/** Prints a policy, predefined or from a configuration file; fails with exit code 1 when there is none of that name. */
export const showPolicy = Effect.fnUntraced(function* (
  name: string,
  { path, isJson }: { readonly path: string | undefined; readonly isJson: boolean },
): Effect.fn.Return<void, CommandFailure> {
  const shown = findBuiltIn(name) ?? (yield* findOwn(name, path));
  process.stdout.write(
    isJson
      ? `${JSON.stringify(
          shown.map(({ forScripts }) => forScripts),
          null,
          2,
        )}\n`
      : `${shown.map(({ lines }) => lines.join("\n")).join("\n\n")}\n`,
  );
});

const findBuiltIn = (name: string): ReadonlyArray<Shown> | undefined => {
  const policy = findSecurityPolicy(name);
  if (policy !== undefined) return [{ lines: describePolicy(policy), forScripts: describeForScripts(policy) }];
  const type = findPolicyType(name);
  if (type === undefined) return undefined;
  const description = describeType(type);
  return [{ lines: spellDescription(description), forScripts: description }];
};

const findOwn = Effect.fnUntraced(function* (
  name: string,
  path: string | undefined,
): Effect.fn.Return<ReadonlyArray<Shown>, CommandFailure> {
  const own = path === undefined ? [] : yield* loadOwn(path);
  const found = own.filter(({ policy }) => policy.name === name);
  if (found.length === 0) return yield* refuse(name, path, [...new Set(own.map(({ policy }) => policy.name))]);
  const isLabelled = found.length > 1;
  return found.map(({ owner, policy }) => ({
    lines: describePolicy(policy, isLabelled ? owner : undefined),
    forScripts: describeForScripts(policy, owner),
  }));
});

/** Prints the names of all predefined policies, one a line; aliases stand behind the name they are for. */
export const listPolicies = (isJson: boolean) =>
  Effect.sync(() => {
    const lines = securityPolicies.map(({ name, aliases = [] }) => [name, ...aliases].join(" "));
    const types = () => policyTypes.flatMap((type) => findPolicyType(type) ?? []).map(describeType);
    const listed = () => securityPolicies.map(({ name, aliases = [] }) => ({ name, aliases }));
    process.stdout.write(
      isJson ? `${JSON.stringify({ securityPolicies: listed(), types: types() }, null, 2)}\n` : `${lines.join("\n")}\n`,
    );
  });
