// A policy of the user's that can't begin its work: its `state` threw, or what it makes isn't what it should be.
//
// Refuses the change that would have brought it; owns the words. Told by whoever asked for the change.
import { Data } from "effect";

export class PolicyError extends Data.TaggedError("PolicyError")<{
  readonly loadBalancer: string;
  readonly policy: string;
  readonly problem: string;
}> {
  override get message(): string {
    return `loadBalancers.${this.loadBalancer}.policies.${this.policy}: ${this.problem}`;
  }
}
