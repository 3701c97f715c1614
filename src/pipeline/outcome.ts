// How an exchange ended: the one value that counters, and later the access log, hang on.
import type { Reason } from "../errors.ts";
import type { ListenerCounters } from "../observe/counters.ts";

/** One request and its response, or one layer-4 connection, when it is over. */
export interface Outcome {
  /** The status the client got; 0 at layer 4 and where the client got none. */
  readonly status: number;
  /** What went wrong, or undefined. */
  readonly reason: Reason | undefined;
  /** The instance that served it, or undefined when none did. */
  readonly instance: string | undefined;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** On the coarse clock, in milliseconds. */
  readonly startedMs: number;
}

/** Accounts a layer-7 exchange. */
export const settleExchange = (outcome: Outcome, counters: ListenerCounters): void => {
  const statusClass = Math.floor(outcome.status / 100);
  counters.answers[statusClass <= 5 ? statusClass : 0]!++;
  if (outcome.reason !== undefined) counters.countReason(outcome.reason);
};

/** Accounts a layer-4 connection. */
export const settleConnection = (outcome: Outcome, counters: ListenerCounters): void => {
  if (outcome.reason !== undefined) counters.countReason(outcome.reason);
};
