// The only feedback path of a direction: whoever can't take more shuts the valve at its source.
//
// Counted, since two parties may hold the same source (a full back end, and a client that sends ahead); the source reads
// again when the last one opens it.
import type { Transport } from "../net/transport.ts";

export class Valve {
  private holders = 0;

  constructor(private readonly source: Transport) {}

  get isShut(): boolean {
    return this.holders > 0;
  }

  /** Stops the source; pair with {@link open}. */
  shut(): void {
    if (this.holders++ === 0) this.source.pause();
  }

  open(): void {
    if (this.holders > 0 && --this.holders === 0) this.source.resume();
  }
}
