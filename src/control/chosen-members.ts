// Makes a listener's choice of members real: tells members whether they are chosen, and people when health is left out of
// account.
//
// Between routes, which know who is registered, and memberships, which get who is chosen; whom that is, choice.ts says.
// Owns which load balancers are in panic.
import type { BackendMember } from "../backend/backend-member.ts";
import { monotonicMs } from "../net/clock.ts";
import { tellNotice } from "../observe/notices.ts";
import { type Choice, type ChoiceTerms, choose } from "./choice.ts";

export class ChosenMembers {
  private readonly panicking = new Set<string>();

  /** The members that a listener's membership gets; those that it doesn't keep no idle connections from now on. */
  follow(
    loadBalancer: string,
    registered: ReadonlyArray<BackendMember>,
    terms: ChoiceTerms,
  ): ReadonlyArray<BackendMember> {
    const choice = choose(registered, terms);
    const chosen = new Set(choice.members);
    const nowMs = monotonicMs();
    for (const member of registered) member.setChosen(chosen.has(member), nowMs);
    this.notePanic(loadBalancer, choice, terms);
    return choice.members;
  }

  /** Whether all of a load balancer's instances get traffic, because too few are in service. */
  isPanicking(loadBalancer: string): boolean {
    return this.panicking.has(loadBalancer);
  }

  /** Forgets load balancers that are gone. */
  keepOnly(loadBalancers: ReadonlySet<string>): void {
    for (const name of this.panicking) if (!loadBalancers.has(name)) this.panicking.delete(name);
  }

  private notePanic(
    loadBalancer: string,
    { isPanic, inServiceCount, nearCount }: Choice<BackendMember>,
    { panicThreshold }: ChoiceTerms,
  ): void {
    if (isPanic === this.panicking.has(loadBalancer)) return;
    if (isPanic) this.panicking.add(loadBalancer);
    else this.panicking.delete(loadBalancer);
    const counts = `${inServiceCount} of ${nearCount} instances in service`;
    tellNotice(
      isPanic
        ? `${loadBalancer}: ${counts}, fewer than ${panicThreshold} %: all of them get traffic, whatever their health`
        : `${loadBalancer}: ${counts}: only these get traffic again`,
    );
  }
}
