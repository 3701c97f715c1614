/**
 * Settles a policy that is a module of the user's: what it exports, with the attributes that the configuration gives it.
 * The part of policy-rules.ts for modules, which have been imported and keep a contract; owns what of them only a call or
 * the load balancer's other policies can tell.
 * Calls `negotiate`, as its contract says, and no other hook.
 */
import { Result } from "effect";
import type { PolicyUse } from "../../model/policy-use.ts";
import { WrittenSecurityPolicy } from "../../model/written-security.ts";
import { messageOf } from "../../observe/thrown.ts";
import { findSecurityPolicy } from "../../tls/security-policies.ts";
import type { AnyPolicy } from "../policy-types.ts";
import type { LoadedPolicies, LoadedPolicy } from "./policy-modules.ts";
import { type Finding, type Place, spellPlace } from "./problem.ts";
import { settleSecurityPolicy } from "./security-policy-rules.ts";
import { findKeys, type Settled, type SettledPolicy, settleHooks } from "./settled-policy.ts";
import { decodePart } from "./shape.ts";
import type { SiftedPolicy, SiftedSecurityPolicy } from "./sift-security.ts";

/** Settles the policy of the module at `path`, as it is written; `others` are those of its load balancer. */
export const settleModulePolicy = (
  { place, name, attributes }: SiftedPolicy,
  path: string,
  modules: LoadedPolicies,
  others: ReadonlyMap<string, SettledPolicy>,
): Settled => {
  const at: Place = [...place, "module"];
  const loaded = modules.get(path);
  if (loaded === undefined) {
    return Result.fail([{ place: at, problem: "is for configuration files", expected: "a policy with a `type`" }]);
  }
  if (Result.isFailure(loaded)) return Result.fail(loaded.failure.map((problem) => ({ place: at, ...problem })));
  if (attributes === undefined) return Result.fail([]);
  const { module, label, contract } = loaded.success;
  const own: Place = [...place, "attributes"];
  if (contract.kind === "policy") {
    const written = { name, policy: contract.policy, attributes, module };
    return Result.flatMap(
      decodeSafely(() => settleHooks(written, own), own, label),
      (settled) => settleMore(settled, loaded.success, contract.policy, { name, place, attributes }, others),
    );
  }
  if (Object.keys(attributes).length > 0) {
    const problem = `${label} takes no attributes`;
    return Result.fail([{ place: own, problem, expected: "no `attributes`, or a module with definePolicy" }]);
  }
  if (contract.kind === "balancer") {
    const type = contract.policy.name;
    const use: PolicyUse = { name, type, attributes: undefined, written: undefined, policy: contract.policy, module };
    return Result.succeed({ type, balancer: use });
  }
  return Result.map(settleTerms(name, at, label, contract.policy), (negotiation) => ({ type: undefined, negotiation }));
};

/** A Schema runs code of the user's. */
const decodeSafely = (decode: () => Settled, place: Place, label: string): Settled => {
  try {
    return decode();
  } catch (cause) {
    return Result.fail([
      { place, problem: `${label} can't read them: ${messageOf(cause)}`, expected: "other attributes" },
    ]);
  }
};

/** The hooks that need more than attributes. */
const settleMore = (
  settled: SettledPolicy,
  { module, label, hookPlaces }: LoadedPolicy,
  policy: AnyPolicy,
  { name, place, attributes }: Pick<SiftedPolicy, "name" | "place"> & { readonly attributes: object },
  others: ReadonlyMap<string, SettledPolicy>,
): Settled => {
  const own: Place = [...place, "attributes"];
  const decoded = Result.getOrThrow(decodePart<unknown>(policy.attributes, own, attributes));
  const use: PolicyUse = { name, type: policy.type, attributes: decoded, written: attributes, policy, module };
  let whole: SettledPolicy = { ...settled, hookPlaces };
  if (policy.negotiate !== undefined) {
    const terms = negotiate(policy, decoded, name, [...place, "module"], hookPlaces.get("negotiate") ?? label);
    if (Result.isFailure(terms)) return Result.fail(terms.failure);
    whole = { ...whole, negotiation: terms.success };
  }
  if (policy.authenticateBackend !== undefined) {
    const named = (attributes as { readonly PublicKeyPolicyName?: unknown }).PublicKeyPolicyName ?? [];
    const names = [named].flat().filter((one) => typeof one === "string");
    const placeOf = (index: number): Place => [...own, "PublicKeyPolicyName", ...(Array.isArray(named) ? [index] : [])];
    const keys = findKeys(names, placeOf, others);
    if (Result.isFailure(keys)) return Result.fail(keys.failure);
    whole = { ...whole, judge: { use, keys: keys.success } };
  }
  return Result.succeed(whole);
};

const negotiate = (policy: AnyPolicy, attributes: unknown, name: string, place: Place, where: string) => {
  try {
    const terms: unknown = policy.negotiate?.(attributes, { findSecurityPolicy });
    const decoded = decodePart(WrittenSecurityPolicy, [], terms);
    if (Result.isFailure(decoded)) return Result.fail(decoded.failure.map((one) => relocate(one, place, where)));
    return settleTerms(name, place, where, decoded.success);
  } catch (cause) {
    const problem = `${where}: \`negotiate\` failed: ${messageOf(cause)}`;
    return Result.fail([{ place, problem, expected: "terms for these attributes" }]);
  }
};

/** The rules for security policies that are written out, told at the module. */
const settleTerms = (name: string, place: Place, where: string, terms: SiftedSecurityPolicy) =>
  Result.mapError(settleSecurityPolicy(name, [], terms), (findings) =>
    findings.map((one) => relocate(one, place, where)),
  );

const relocate = ({ place, problem, expected }: Finding, at: Place, where: string): Finding => ({
  place: at,
  problem: `${where}: ${place.length === 0 ? "" : `\`${spellPlace(place)}\` `}${problem}`,
  expected,
});
