// The work of `elbow policy show` and `elbow policy list`: what a security policy comes to with this TLS library.
// What was asked for goes to standard output, in the order in which a handshake looks at it. It never starts anything.

import { Effect } from "effect";
import { findNearestName } from "../control/configuration/nearest-name.ts";
import type { SecurityPolicy } from "../model/security-policy.ts";
import { findCipherSuite } from "../tls/cipher-suites.ts";
import { effectivePolicy } from "../tls/effective-policy.ts";
import { findOmissions } from "../tls/policy-remarks.ts";
import { findSecurityPolicy, securityPolicies, securityPolicyNames } from "../tls/security-policies.ts";
import { CommandFailure } from "./command-failure.ts";

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

/** The lines of `elbow policy show`. */
export const describePolicy = (policy: SecurityPolicy): ReadonlyArray<string> => {
  const effective = effectivePolicy(policy);
  const suites = [...effective.suites13, ...effective.ciphers];
  const width = 2 + Math.max(0, ...suites.map((name) => name.length));
  const omissions = findOmissions(policy, effective);
  return [
    ...section("policy", [policy.name]),
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

/** The policies of this name that listeners of a configuration use; each load balancer may have its own. */
const findCustom = Effect.fnUntraced(function* (
  name: string,
  path: string,
): Effect.fn.Return<ReadonlyArray<SecurityPolicy>, CommandFailure> {
  const { loadConfiguration } = yield* Effect.promise(() => import("../control/configuration/load.ts"));
  const { loadBalancers } = yield* loadConfiguration(path).pipe(
    Effect.mapError((error) => new CommandFailure({ text: `elbow: ${path}:\n${error.message}`, exitCode: 1 })),
  );
  const used = loadBalancers.flatMap(({ listeners }) => listeners.flatMap(({ security }) => security?.policy ?? []));
  const distinct = new Map(used.map((policy) => [JSON.stringify(policy), policy]));
  return [...distinct.values()].filter((policy) => policy.name === name);
});

const refuse = (name: string, path: string | undefined): CommandFailure => {
  const nearest = findNearestName(name, securityPolicyNames);
  const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  const what = `no security policy ${JSON.stringify(name)}`;
  const lines = [
    path === undefined
      ? `elbow: there is ${what}${hint}`
      : `elbow: there is ${what}, neither predefined nor in use by a listener of ${path}${hint}`,
    path === undefined ? "One of your own is looked for with --config FILE. Predefined are:" : "Predefined are:",
    ...securityPolicyNames.map((known) => `  ${known}`),
  ];
  return new CommandFailure({ text: lines.join("\n"), exitCode: 1 });
};

/** Prints a policy, predefined or from a configuration file; fails with exit code 1 when there is none of that name. */
export const showPolicy = Effect.fnUntraced(function* (
  name: string,
  path: string | undefined,
): Effect.fn.Return<void, CommandFailure> {
  const predefined = findSecurityPolicy(name);
  const found = predefined !== undefined ? [predefined] : path === undefined ? [] : yield* findCustom(name, path);
  if (found.length === 0) return yield* refuse(name, path);
  process.stdout.write(`${found.map((policy) => describePolicy(policy).join("\n")).join("\n\n")}\n`);
});

/** Prints the names of all predefined policies, one a line; aliases stand behind the name they are for. */
export const listPolicies = Effect.sync(() => {
  const lines = securityPolicies.map(({ name, aliases = [] }) => [name, ...aliases].join(" "));
  process.stdout.write(`${lines.join("\n")}\n`);
});
