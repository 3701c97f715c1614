// The stream of events: what happens to elbow, to whoever listens, as server-sent events (HTML Standard, "Server-sent
// events"). Behind GET /api/v1/events, in front of observe/events.ts. Owns the streams that are open, their number and how
// much one may be behind; nothing is kept for those who come later.
import { type FeedEvent, observeEvents } from "../observe/events.ts";

/** How many may listen at once. */
export const streamsMaxCount = 32;

/** Whoever is further behind than this, in bytes, is let go: events must not pile up for a reader who has stopped. */
const behindMaxBytes = 262_144;

/** How often something is sent, so that whatever stands between knows that the connection is wanted. */
const heartbeatMs = 15_000;

const encoder = new TextEncoder();

/** One who listens. */
class EventStream {
  readonly body: ReadableStream<Uint8Array>;
  private controller!: ReadableStreamDefaultController<Uint8Array>;
  private readonly heartbeat: ReturnType<typeof setInterval>;
  private readonly stopObserving: () => void;

  constructor(private readonly onEnd: (stream: EventStream) => void) {
    this.body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.controller = controller as ReadableStreamDefaultController<Uint8Array>;
        },
        cancel: () => {
          this.end();
        },
      },
      { highWaterMark: behindMaxBytes, size: (part) => part?.byteLength ?? 0 },
    );
    this.heartbeat = setInterval(() => this.send(": still here\n\n"), heartbeatMs);
    this.heartbeat.unref();
    this.stopObserving = observeEvents((event) => this.send(spellEvent(event)));
    this.send("retry: 3000\n\n");
  }

  /** Ends it, and with it the response. */
  close(): void {
    if (!this.end()) return;
    this.controller.close();
  }

  private send(text: string): void {
    this.controller.enqueue(encoder.encode(text));
    if ((this.controller.desiredSize ?? 0) > 0) return;
    // Cut, not ended: whoever reads on must not take it for the whole.
    if (this.end()) this.controller.error(new Error("too slow"));
  }

  private hasEnded = false;

  private end(): boolean {
    if (this.hasEnded) return false;
    this.hasEnded = true;
    clearInterval(this.heartbeat);
    this.stopObserving();
    this.onEnd(this);
    return true;
  }
}

/** Those who listen to one management server. */
export class EventStreams {
  private readonly open = new Set<EventStream>();

  /** How many listen. */
  get size(): number {
    return this.open.size;
  }

  /** One more; undefined where there are too many. */
  begin(): ReadableStream<Uint8Array> | undefined {
    if (this.open.size >= streamsMaxCount) return undefined;
    const stream = new EventStream((ended) => this.open.delete(ended));
    this.open.add(stream);
    return stream.body;
  }

  /** Ends them all. */
  closeAll(): void {
    for (const stream of [...this.open]) stream.close();
  }
}

// JSON has no line ends outside its texts, and escapes those inside.
const spellEvent = (event: FeedEvent): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
