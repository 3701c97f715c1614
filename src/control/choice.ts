// Who may be picked: the one place that says which of a listener's registered members its membership gets.
//
// Behind health checks and outlier detection, which say who is in service, and in front of balancing, which picks among
// whom it gets. Pure; it tells nobody and keeps nothing.
import type { Attributes } from "../model/attributes.ts";

/** What a choice asks of a member. */
export interface Candidate {
  readonly isInService: boolean;
  /** It is new, and nobody knows yet whether it is well. */
  readonly isRegistering: boolean;
  /** An operator has drained it: nothing new for it, whatever its health. */
  readonly isDrained: boolean;
  /** Its share beside the others' weights; with 0 it gets only what asks for it by name. */
  readonly weight: number;
  /** Where its instance is; one without a zone is near every node. */
  readonly zone: string | undefined;
}

/** By what is chosen. */
export interface ChoiceTerms {
  /** Where this node is; without a zone of its own it is near every instance. */
  readonly zone: string | undefined;
  /** Whether instances of other zones are chosen as well ("Configure cross-zone load balancing…", AWS). */
  readonly crossZone: boolean;
  /** With a smaller share than this of all in service, in percent, all are chosen; 0 for never. */
  readonly panicThreshold: number;
}

/** What a load balancer's attributes say on a node of this zone. */
export const makeChoiceTerms = ({ crossZone, panicThreshold }: Attributes, zone: string | undefined): ChoiceTerms => ({
  zone,
  crossZone,
  panicThreshold,
});

/** Who may be picked, and whether health was left out of account. */
export interface Choice<C extends Candidate> {
  readonly members: ReadonlyArray<C>;
  readonly isPanic: boolean;
  /** How many with a share could have been chosen, and how many of them are in service. */
  readonly nearCount: number;
  readonly inServiceCount: number;
}

/** Whether a node sends to the instances of a zone at all. */
export const isNear = (zone: string | undefined, terms: Omit<ChoiceTerms, "panicThreshold">): boolean =>
  terms.crossZone || terms.zone === undefined || zone === undefined || zone === terms.zone;

/**
 * Those in service of the zones that the node sends to; all of these when too few are in service. New ones don't count until
 * their checks have spoken: many that come at once are no reason to panic, and one that
 * is drained is none. One without a share carries nothing, and doesn't
 * count either, but may be asked for by name.
 */
export const choose = <C extends Candidate>(registered: ReadonlyArray<C>, terms: ChoiceTerms): Choice<C> => {
  const near = registered.filter(
    ({ zone, isRegistering, isDrained }) => !isRegistering && !isDrained && isNear(zone, terms),
  );
  const inService = near.filter(({ isInService }) => isInService);
  const nearCount = countSharing(near);
  const inServiceCount = countSharing(inService);
  const isPanic = inServiceCount * 100 < nearCount * terms.panicThreshold;
  return { members: isPanic ? near : inService, isPanic, nearCount, inServiceCount };
};

const countSharing = (candidates: ReadonlyArray<Candidate>): number =>
  candidates.filter(({ weight }) => weight > 0).length;
