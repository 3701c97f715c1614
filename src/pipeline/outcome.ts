// The one account of an exchange or a connection: what is counted at its end, and the outcome for whoever observes.
import type { Reason } from "../errors.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import { isObserved, type Outcome, tellOutcome } from "../observe/outcomes.ts";

/** What can describe its own end. */
export interface Settled {
  /** The outcome; only asked for when somebody observes. */
  describe(status: number, reason: Reason | undefined): Outcome;
}

/** Accounts a layer-7 exchange that the client got `status` of (0 for none). */
export const settleExchange = (
  exchange: Settled,
  status: number,
  reason: Reason | undefined,
  counters: ListenerCounters,
): void => {
  const statusClass = Math.floor(status / 100);
  counters.answers[statusClass <= 5 ? statusClass : 0]!++;
  if (reason !== undefined) counters.countReason(reason);
  if (isObserved()) tellOutcome(exchange.describe(status, reason));
};

/** Accounts a layer-4 connection. */
export const settleConnection = (connection: Settled, reason: Reason | undefined, counters: ListenerCounters): void => {
  if (reason !== undefined) counters.countReason(reason);
  if (isObserved()) tellOutcome(connection.describe(0, reason));
};
