// How things ended, for whoever wants to know: the outcome of every exchange and layer-4 connection, and its observers.
//
// The pipeline builds an outcome only while somebody observes, so that nobody pays for a log that isn't kept. Owns the
// list of observers; what they do with an outcome is theirs.
import type { Reason } from "../errors.ts";
import type { DesyncReason } from "../parse/http1/desync.ts";

/** One request and its response, or one layer-4 connection, when it is over. */
export interface Outcome {
  readonly loadBalancer: string;
  /** The client's address as it counts: what a trusted proxy's PROXY header says, where there is one. */
  readonly clientAddress: string;
  /** Its port, from the same source; 0 where nobody observed yet when the connection came. */
  readonly clientPort: number;
  /** The status the client got; 0 at layer 4 and where the client got none. */
  readonly status: number;
  /** What went wrong, or undefined. */
  readonly reason: Reason | undefined;
  /** Why the request was not compliant, or undefined; `classOf` has its class. */
  readonly desync: DesyncReason | undefined;
  /** The instance that served it, or undefined when none did. */
  readonly instance: string | undefined;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** On the coarse clock, in milliseconds. */
  readonly startedMs: number;
}

/** Takes an outcome; it must be quick, and one that throws is a defect that ends the connection. */
export type OutcomeObserver = (outcome: Outcome) => void;

const observers = new Set<OutcomeObserver>();

/** Tells an observer of every outcome until the returned function is called. */
export const observeOutcomes = (observer: OutcomeObserver): (() => void) => {
  observers.add(observer);
  return () => {
    observers.delete(observer);
  };
};

/** Whether an outcome is worth building. */
export const isObserved = (): boolean => observers.size > 0;

/** Tells every observer. */
export const tellOutcome = (outcome: Outcome): void => {
  for (const observer of observers) observer(outcome);
};
