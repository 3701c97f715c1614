// One direction of a connection whose bytes nobody looks at: what one end sends, on its way to the other.
//
// Each read goes to the other end in the same callback; a partial write shuts the source's valve until the other end has
// taken it. A FIN is passed on behind the bytes before it. Two of them are a layer-4 connection (relay.ts) or a WebSocket
// (tunnel.ts), which owns both transports, their time and the account.
import type { Reason } from "../errors.ts";
import { clock } from "../net/clock.ts";
import { joinBytes } from "../net/join-bytes.ts";
import { awaitTurn, type TurnWaiter } from "../net/next-turn.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import type { ListenerCounters } from "../observe/counters.ts";

/** A client that has said this much before there was an instance isn't read until there is one; a read may bring more. */
const earlyBytes = 4 * 1024;

/** Both directions of a connection together, as one of them sees them. */
export interface BothWays {
  /** On the coarse clock, in milliseconds. */
  lastActivityMs: number;
  readonly counters: ListenerCounters;
  isFromClient(direction: Direction): boolean;
  /** The first bytes of one end have come, and nothing of them has gone on. */
  onFirstBytes(direction: Direction): void;
  /** The instance's first bytes have gone on to the client. */
  onFirstSent(): void;
  /** Resets both ends. */
  cut(reason: Reason): void;
  /** Both ends are gone. */
  finish(reason: Reason | undefined): void;
}

/** What one end sends, on its way to the other. */
export class Direction implements Receiver, TurnWaiter {
  other: Direction | undefined = undefined;
  bytes = 0;
  /** How much the other end had yet to take when that was last looked at, in bytes. */
  private keptBytes = 0;
  /** What goes out before anything of this end's. */
  private first: Uint8Array | undefined = undefined;
  /** What the client sent before there was an instance: what its first words take, or one read more; then the valve is shut. */
  private early: Uint8Array | undefined = undefined;

  constructor(
    private readonly both: BothWays,
    readonly source: Transport,
  ) {}

  /**
   * Before anything that this end sends, the other gets `bytes`, which are handed over.
   *
   * *Details*: in one write with what is there, or comes within a turn of the event loop: a packet of their own would cost more
   * than all else about them.
   */
  begin(bytes: Uint8Array): void {
    this.first = bytes;
  }

  join(other: Direction): void {
    this.other = other;
    const { early, source } = this;
    if (early !== undefined) {
      this.early = undefined;
      if (!other.source.writeOwned(this.first === undefined ? early : this.takeFirst(early))) this.hold(other.source);
      else if (source.isValveShut) source.openValve();
    } else if (this.first !== undefined && !source.hasEnded) awaitTurn(this);
    if (source.hasEnded) this.onEnd();
  }

  private takeFirst(rest: Uint8Array): Uint8Array {
    const first = this.first as Uint8Array;
    this.first = undefined;
    return joinBytes(first, rest);
  }

  /** Nothing has come to go with what goes out first. */
  onTurn(): void {
    const { first, other } = this;
    if (first === undefined || other === undefined || other.source.isClosed) return;
    this.first = undefined;
    if (!other.source.writeOwned(first)) this.hold(other.source);
  }

  onBytes(chunk: Uint8Array): void {
    const { both, other } = this;
    both.lastActivityMs = clock.nowMs;
    const isFirst = this.bytes === 0;
    if (isFirst) both.onFirstBytes(this);
    this.bytes += chunk.length;
    if (both.isFromClient(this)) both.counters.receivedBytes += chunk.length;
    else both.counters.sentBytes += chunk.length;
    if (other === undefined) this.keepEarly(chunk);
    else if (!other.source.writeOwned(this.first === undefined ? chunk : this.takeFirst(chunk)))
      this.hold(other.source);
    if (isFirst && !both.isFromClient(this)) both.onFirstSent();
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
    this.early = this.early === undefined ? chunk : joinBytes(this.early, chunk);
    // Most clients wait for an answer to their first words: a valve shut and opened again would be two system calls for nothing.
    if (this.early.length >= earlyBytes && !this.source.isValveShut) this.source.shutValve();
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
    this.onTurn();
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
