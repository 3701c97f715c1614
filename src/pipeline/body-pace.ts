// How long a request's body may take: a while at any rate, and after that as long as it keeps up with a least rate.
//
// Time in which the client is held back (its instance takes no more) isn't the client's and doesn't count. Pure: it is told
// the time, and says when the body is too slow.
import type { HttpTerms } from "./http-terms.ts";

/** What of the terms it goes by. */
export type PaceTerms = Pick<HttpTerms, "requestBodyTimeoutMs" | "requestBodyBytesPerSecond">;

export class BodyPace {
  private startedMs = 0;
  private heldMs = 0;
  /** Since when the client has been held back; -1 when it isn't. */
  private heldSinceMs = -1;

  /** The body begins, at a time on the coarse clock in milliseconds as in all that follows. */
  begin(nowMs: number): void {
    this.startedMs = nowMs;
    this.heldMs = 0;
    this.heldSinceMs = -1;
  }

  /** The client is held back. */
  hold(nowMs: number): void {
    this.heldSinceMs = nowMs;
  }

  /** The client may send again. */
  goOn(nowMs: number): void {
    if (this.heldSinceMs < 0) return;
    this.heldMs += nowMs - this.heldSinceMs;
    this.heldSinceMs = -1;
  }

  /** When a body of which `receivedBytes` have come is too slow; infinite while nobody can say so. */
  endsMs(receivedBytes: number, { requestBodyTimeoutMs, requestBodyBytesPerSecond }: PaceTerms): number {
    if (requestBodyBytesPerSecond === 0 || this.heldSinceMs >= 0) return Number.POSITIVE_INFINITY;
    const earnedMs = (receivedBytes / requestBodyBytesPerSecond) * 1000;
    return this.startedMs + this.heldMs + requestBodyTimeoutMs + earnedMs;
  }
}
