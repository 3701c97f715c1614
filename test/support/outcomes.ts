// What became of exchanges and connections, as an observer sees it, for tests that ask for a class, a reason or a status.
import { type Outcome, observeOutcomes } from "../../src/observe/outcomes.ts";
import { eventually } from "./eventually.ts";

/** The outcomes since it was made, in order. */
export class Outcomes implements Disposable {
  readonly all: Array<Outcome> = [];
  readonly #stop = observeOutcomes((outcome) => this.all.push(outcome));

  /** Waits for outcome number `index`. */
  at(index: number, timeoutMs?: number): Promise<Outcome> {
    const options = { what: `outcome ${index}`, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    return eventually(() => this.all[index], options);
  }

  [Symbol.dispose](): void {
    this.#stop();
  }
}
