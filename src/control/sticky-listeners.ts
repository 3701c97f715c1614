// How the clients of each listener stay with their instances: its stickiness policy at work, over those who are registered.
//
// Kept across reloads while policy, scope and secrets are the same, so that what a policy has learnt and the members' values
// stay. What one decides is its module's affair.
import { isDeepStrictEqual } from "node:util";
import { Schema } from "effect";
import type { BackendMember } from "../backend/backend-member.ts";
import { StickyTable } from "../balance/sticky-table.ts";
import type { Configuration } from "../model/configuration.ts";
import type { CookieSecret } from "../model/cookie-secret.ts";
import type { Listener } from "../model/listener.ts";
import type { ListenerStickiness } from "../model/stickiness.ts";
import { StickyTerms } from "../pipeline/sticky-session.ts";
import type { Stickiness } from "../policy/policy.ts";
import { guardStickiness } from "./own-hooks.ts";
import { boundOf } from "./policies.ts";
import { findPolicyType } from "./policy-types.ts";
import { makeStickyValues, type StickyScope } from "./sticky-values.ts";

/** What a listener's stickiness is made of: where all of it is the same, what was made is kept. */
export interface StickyParts {
  /** But for its name: clients stay over another one. */
  readonly stickiness: Omit<ListenerStickiness, "name">;
  readonly scope: StickyScope;
  readonly secrets: ReadonlyArray<CookieSecret>;
}

/** The parts of a listener's stickiness; throws where there is no secret, which would lose every session without a word. */
export const stickyPartsOf = (
  { cookieSecrets: secrets = [] }: Configuration,
  loadBalancer: string,
  { stickiness, instancePort }: Listener,
): StickyParts | undefined => {
  if (stickiness === undefined) return undefined;
  if (secrets.length === 0) throw new Error(`${stickiness.type} needs a cookie secret`);
  const { name: _, ...parts } = stickiness;
  return { stickiness: parts, scope: { loadBalancer, instancePort }, secrets };
};

interface Kept {
  readonly parts: StickyParts;
  readonly terms: StickyTerms<BackendMember>;
}

export class StickyListeners {
  private readonly kept = new Map<string, Kept>();

  /**
   * The terms of the listener that `key` stands for, which from now on name these members, in service or not; undefined
   * where it has no policy.
   */
  follow(
    key: string,
    parts: StickyParts | undefined,
    registered: ReadonlyArray<BackendMember>,
  ): StickyTerms<BackendMember> | undefined {
    if (parts === undefined) {
      this.kept.delete(key);
      return undefined;
    }
    const known = this.kept.get(key);
    const isKnown = known !== undefined && isDeepStrictEqual(known.parts, parts);
    const terms = isKnown ? known.terms : makeTerms(parts);
    terms.table.replace(registered);
    this.kept.set(key, { parts, terms });
    return terms;
  }

  /** Forgets the listeners that are gone. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.kept.keys()) if (!keys.has(key)) this.kept.delete(key);
  }
}

const makeTerms = ({ stickiness, scope, secrets }: StickyParts): StickyTerms<BackendMember> =>
  new StickyTerms(makeStickiness(stickiness), new StickyTable(makeStickyValues(secrets, scope, ({ name }) => name)));

const makeStickiness = ({ type, attributes, own }: StickyParts["stickiness"]): Stickiness => {
  if (own !== undefined) return guardStickiness(boundOf(own));
  const policy = findPolicyType(type);
  if (policy?.stick === undefined) throw new Error(`${type} is no stickiness policy type`);
  return policy.stick(Schema.decodeUnknownSync(policy.attributes)(attributes));
};
