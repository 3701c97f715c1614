// The policies of a layer-4 listener asked whether a connection may come in, and where it may go.
//
// Between the relay, which listens to the client already, and the dial (tcp.ts); made only where a policy has a say in it. Owns
// a decision that takes its time, which the relay's end cancels like a dial.

import type { Relay } from "../relay.ts";
import type { Cancellable } from "../route.ts";
import type { PolicyChain, Verdict } from "./chain.ts";
import { PolicyRefusal } from "./chain.ts";
import { Decision, type DecisionUser } from "./decision.ts";
import { type ClientEnd, SeenConnection } from "./request-context.ts";
import { PolicySelection } from "./selection.ts";

export class PolicyAdmission implements DecisionUser, Cancellable {
  private decision: Decision | undefined = undefined;

  constructor(
    private readonly relay: Relay,
    private readonly end: ClientEnd,
    private readonly chain: PolicyChain,
    /** Goes on to an instance, one of those picked. */
    private readonly reach: (selection: PolicySelection | undefined) => void,
  ) {}

  begin(): void {
    this.act(this.chain.decide(new SeenConnection(this.relay.route, this.end), this));
  }

  onDecided(verdict: Verdict): void {
    this.relay.wait(false);
    this.act(verdict);
  }

  cut(reason: "shutdown"): void {
    this.relay.cut(reason);
  }

  interruptUnsafe(): void {
    this.decision?.cancel();
  }

  private act(verdict: Verdict): void {
    if (verdict instanceof Decision) {
      this.decision = verdict;
      this.relay.wait(true);
      this.relay.awaitInstance(this);
    } else if (verdict === undefined || verdict instanceof PolicySelection) this.reach(verdict);
    else this.relay.close(verdict instanceof PolicyRefusal ? verdict.reason : "policyRefused");
  }
}
