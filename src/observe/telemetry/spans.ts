// Spans on their way out: asked for by whoever pushes them, offered by the pipeline when something is over.
//
// Nobody fills an entry for a span while no push of traces is configured. Owns the queue: it is bounded, and what finds it
// full is dropped and counted, so that a collector that is slow or gone costs no more than that.
import type { AccessEntry } from "../access-log/access-entry.ts";
import { isRecorded, makeSpan, type Span, type SpanPlace } from "./span.ts";

/** So many spans wait at most. */
const spanQueueLimit = 8192;

export class SpanQueue {
  /** How many found it full, or went out in vain. */
  dropped = 0;
  /** How many have come where they should. */
  pushed = 0;
  /** How many are on their way. */
  private underWay = 0;
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
      if (isRecorded(entry, this.share)) this.dropped++;
      return;
    }
    const span = makeSpan(entry, place, this.share);
    if (span !== undefined) this.waiting.push(span);
  }

  /** Everything that waits, to be pushed now; what was taken before and hasn't arrived by now was pushed in vain. */
  takeAll(): Array<Span> {
    const { waiting } = this;
    this.waiting = [];
    this.dropped += this.underWay;
    this.underWay = waiting.length;
    return waiting;
  }

  /** What was taken last has arrived. */
  notePushed(): void {
    this.pushed += this.underWay;
    this.underWay = 0;
  }
}

/** Where the pipeline offers what is over; undefined while there are no traces. */
export const spans: { queue: SpanQueue | undefined } = { queue: undefined };
