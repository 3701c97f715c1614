// Spans on their way out: asked for by whoever pushes them, offered by the pipeline when something is over.
//
// Nobody fills an entry for a span while no push of traces is configured. Owns the queue: it is bounded, and what finds it
// full is dropped and counted, so that a collector that is slow or gone costs no more than that.
import type { AccessEntry } from "../access-log/access-entry.ts";
import { makeSpan, type Span, type SpanPlace } from "./span.ts";

/** So many spans wait at most. */
export const spanQueueLimit = 8192;

export class SpanQueue {
  /** How many found it full. */
  dropped = 0;
  /** How many were taken out. */
  taken = 0;
  private waiting: Array<Span> = [];

  constructor(
    /** The share of those without a parent that become spans. */
    private readonly share: number,
    private readonly limit = spanQueueLimit,
  ) {}

  get length(): number {
    return this.waiting.length;
  }

  offer(entry: AccessEntry, place: SpanPlace): void {
    if (this.waiting.length >= this.limit) {
      this.dropped++;
      return;
    }
    const span = makeSpan(entry, place, this.share);
    if (span !== undefined) this.waiting.push(span);
  }

  /** Everything that waits. */
  takeAll(): Array<Span> {
    const { waiting } = this;
    this.waiting = [];
    this.taken += waiting.length;
    return waiting;
  }
}

/** Where the pipeline offers what is over; undefined while there are no traces. */
export const spans: { queue: SpanQueue | undefined } = { queue: undefined };
