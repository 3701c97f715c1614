// One direction of a connection whose bytes nobody looks at: what one end sends, on its way to the other.
//
// Each read goes to the other end in the same callback; a partial write shuts the source's valve until the other end has
// taken it. A FIN is passed on behind the bytes before it. Two of them are a layer-4 connection (relay.ts) or a WebSocket
// (tunnel.ts), which owns both transports, their time and the account.
import type { Reason } from "../errors.ts";
import { clock } from "../net/clock.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import type { ListenerCounters } from "../observe/counters.ts";

/** Both directions of a connection together, as one of them sees them. */
export interface BothWays {
  /** On the coarse clock, in milliseconds. */
  lastActivityMs: number;
  readonly counters: ListenerCounters;
  isFromClient(direction: Direction): boolean;
  /** Resets both ends. */
  cut(reason: Reason): void;
  /** Both ends are gone. */
  finish(reason: Reason | undefined): void;
}

/** What one end sends, on its way to the other. */
export class Direction implements Receiver {
  other: Direction | undefined = undefined;
  bytes = 0;
  /** How much the other end had yet to take when that was last looked at, in bytes. */
  private keptBytes = 0;
  /** What goes out before anything of this end's. */
  private first: Uint8Array | undefined = undefined;
  /** What the client sent before there was an instance: one read, then the valve is shut. */
  private early: Uint8Array | undefined = undefined;

  constructor(
    private readonly both: BothWays,
    readonly source: Transport,
  ) {}

  /** Before anything that this end sends, the other gets `bytes`, which are handed over; in one write with what is there. */
  begin(bytes: Uint8Array): void {
    this.first = bytes;
  }

  join(other: Direction): void {
    this.other = other;
    const { first, early } = this;
    const bytes = first === undefined || early === undefined ? (first ?? early) : concat(first, early);
    if (bytes !== undefined) {
      this.first = undefined;
      this.early = undefined;
      if (!other.source.writeOwned(bytes)) this.hold(other.source);
      else if (early !== undefined) this.source.openValve();
    }
    if (this.source.hasEnded) other.source.shutdown();
  }

  onBytes(chunk: Uint8Array): void {
    const { both, other } = this;
    both.lastActivityMs = clock.nowMs;
    this.bytes += chunk.length;
    if (both.isFromClient(this)) both.counters.receivedBytes += chunk.length;
    else both.counters.sentBytes += chunk.length;
    if (other === undefined) this.keepEarly(chunk);
    else if (!other.source.writeOwned(chunk)) this.hold(other.source);
  }

  /** This end isn't read until `to` has taken what it was given. */
  hold(to: Transport): void {
    this.keptBytes = to.keptBytes;
    if (!this.source.isValveShut) this.source.shutValve();
  }

  /** Whether an end that holds this one back has taken anything since the last look: it isn't silent then. */
  hasMoved(): boolean {
    const keptBytes = this.other?.source.keptBytes ?? 0;
    const hasMoved = keptBytes < this.keptBytes;
    this.keptBytes = keptBytes;
    return hasMoved;
  }

  private keepEarly(chunk: Uint8Array): void {
    if (this.early === undefined) {
      this.early = chunk;
      this.source.shutValve();
      return;
    }
    this.early = concat(this.early, chunk);
  }

  /** This end has taken everything: the other may send again. */
  onWritable(): void {
    const { both, other } = this;
    both.lastActivityMs = clock.nowMs;
    if (other === undefined) return;
    other.keptBytes = 0;
    other.source.openValve();
  }

  onEnd(): void {
    this.other?.source.shutdown();
  }

  onClosed(wasReset: boolean): void {
    const { other, both, source } = this;
    // A TLS client that has said goodbye closes without waiting for ours, which then is answered with a reset.
    const isReset = wasReset && !(source.isSecure && source.hasEnded && source.isShut);
    if (other === undefined) both.finish(isReset ? "clientReset" : "clientGone");
    else if (isReset) both.cut(both.isFromClient(this) ? "clientReset" : "responseCut");
    else if (other.source.isClosed) both.finish(undefined);
    // A full close both ways of this end while the other still speaks: nobody would hear it.
    else if (!other.source.hasEnded) both.cut("clientGone");
  }
}

const concat = (before: Uint8Array, behind: Uint8Array): Uint8Array => {
  const both = new Uint8Array(before.length + behind.length);
  both.set(before);
  both.set(behind, before.length);
  return both;
};
