// The instances that a policy picks, as the part of a membership that it stands for.
//
// Read by the chain (chain.ts), which remembers it (memo.ts); asked wherever a member is chosen or waited
// for. Owns no member: those selected, balanced among themselves, are the membership's (balance/membership.ts).
import type { BackendMember } from "../../backend/backend-member.ts";
import type { Choosable } from "../../balance/loose-part.ts";
import type { Membership } from "../../balance/membership.ts";
import type { Narrowing } from "../../balance/routed.ts";
import { UnfitValue } from "./errors.ts";
import { entriesOf, membersOf, spell } from "./lines.ts";

const selectionMembers = ["tags", "instances", "orElse"];

export class PolicySelection implements Narrowing<BackendMember> {
  private readonly key: string;
  private readonly ids: ReadonlySet<string> | undefined;

  constructor(
    private readonly tags: ReadonlyArray<readonly [name: string, value: string]>,
    ids: ReadonlyArray<string> | undefined,
    private readonly orElse: "refuse" | "any",
  ) {
    this.ids = ids && new Set(ids);
    // The same instances, whoever picks them.
    this.key = JSON.stringify([[...tags].sort(), ids && [...(this.ids as ReadonlySet<string>)].sort()]);
  }

  /** Those in service that are picked; all, where there are none and any will do then. */
  of(membership: Membership<BackendMember>): Choosable<BackendMember> {
    const narrowed = membership.narrow(this.key, this.accepts);
    return this.orElse === "any" && narrowed.members.length === 0 ? membership : narrowed;
  }

  private readonly accepts = (member: BackendMember): boolean =>
    this.ids?.has(member.id) !== false && this.tags.every(([name, value]) => member.tags?.[name] === value);
}

/** What a `pick` hook has picked; throws where that is no selection. */
export const readSelection = (value: unknown): PolicySelection => {
  const { tags, instances, orElse = "refuse" } = membersOf("a selection", selectionMembers, value);
  if (tags === undefined && instances === undefined) throw new UnfitValue("a selection by neither tags nor instances");
  if (orElse !== "refuse" && orElse !== "any") throw new UnfitValue(`an orElse of ${spell(orElse)}`);
  const ids: unknown = instances;
  if (ids !== undefined && !(Array.isArray(ids) && ids.every((id) => typeof id === "string"))) {
    throw new UnfitValue("`instances`, which is no list of ids");
  }
  const pairs = entriesOf("`tags`", tags).map(([name, text]) => {
    if (typeof text !== "string") throw new UnfitValue(`a tag ${spell(name)} that is no text`);
    return [name, text] as const;
  });
  return new PolicySelection(pairs, ids as ReadonlyArray<string> | undefined, orElse);
};
