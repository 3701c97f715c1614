// A verdict on a request or connection that takes its time: an `admit` or `pick` hook has answered with a promise.
//
// Made only then, once for all promises of one request or connection. Owns which promise counts and until when; what settles
// too late, or for somebody who has gone on, changes nothing. What an answer means, the chain knows (chain.ts).
import { monotonicMs } from "../../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../../net/deadlines.ts";
import { reportDefect } from "../../net/transport.ts";
import type { ConnectionContext, RequestContext } from "../../policy/index.ts";
import type { BoundPolicy, PolicyChain, Verdict } from "./chain.ts";
import { UnfitValue } from "./errors.ts";
import type { PolicySelection } from "./selection.ts";

/** The phases that may take their time. */
export type AskedPhase = "admit" | "pick";

/** Who waits for a verdict. */
export interface DecisionUser {
  /** The verdict has come; it is no decision any more. */
  onDecided(verdict: Verdict): void;
  /** A defect of ours while it was acted on: all of it must end. */
  cut(reason: "shutdown"): void;
}

/** A promise of ours for a module's, whose own methods may do anything, and at once. */
export const wrapPromise = (promise: PromiseLike<unknown>): Promise<unknown> =>
  new Promise((resolve) => resolve(promise));

export class Decision implements DeadlineOwner {
  /** What has been picked so far. */
  selection: PolicySelection | undefined = undefined;
  /** Whose answer is awaited, among the chain's steps. */
  index = 0;
  private readonly deadline = new Deadline(this);
  /** Counts promises: only the last one matters. */
  private turn = 0;
  /** When the last promise was given; monotonic, in milliseconds. */
  private sinceMs = 0;
  private asked: BoundPolicy | undefined = undefined;
  /** What each policy has taken already, in milliseconds. */
  private readonly spentMs = new Map<BoundPolicy, number>();

  constructor(
    private readonly chain: PolicyChain,
    readonly context: RequestContext | ConnectionContext,
    readonly user: DecisionUser,
  ) {}

  /** Awaits the answer of the step `index`. */
  await(index: number, bound: BoundPolicy, promise: PromiseLike<unknown>): void {
    const settled = wrapPromise(promise);
    const { deadlineMs } = bound.policy;
    if (!(typeof deadlineMs === "number" && deadlineMs > 0)) {
      settled.catch(() => {});
      throw new UnfitValue("a promise, without a deadlineMs to keep it by");
    }
    const turn = ++this.turn;
    this.index = index;
    this.asked = bound;
    this.sinceMs = monotonicMs();
    this.deadline.arm(this.sinceMs + deadlineMs - (this.spentMs.get(bound) ?? 0));
    settled.then(
      (value) => this.settle(turn, "answered", value),
      (error: unknown) => this.settle(turn, "failed", error),
    );
  }

  /** Nobody waits any more. */
  cancel(): void {
    this.turn++;
    this.asked = undefined;
    this.deadline.disarm();
  }

  onDeadline(): number {
    this.settle(this.turn, "late", undefined);
    return 0;
  }

  private settle(turn: number, ending: "answered" | "failed" | "late", value: unknown): void {
    const { asked } = this;
    if (turn !== this.turn || asked === undefined) return;
    this.cancel();
    this.spentMs.set(asked, (this.spentMs.get(asked) ?? 0) + monotonicMs() - this.sinceMs);
    // Not in a socket's callback, where Bun would tell: nothing may come of it but the end of this one connection.
    try {
      const verdict = this.chain.resume(this, ending, value);
      if (verdict !== this) this.user.onDecided(verdict);
    } catch (error) {
      reportDefect(error);
      this.user.cut("shutdown");
    }
  }
}
