// Layer 4: bytes both ways between a client and an instance, unmodified, until both directions have ended.
//
// Each end's bytes go to the other end in the same callback; a partial write shuts that end's valve. A FIN is passed on
// behind the bytes before it, a reset as a reset. Silence both ways for the idle timeout closes both. Owns both
// transports from the moment it gets them; never looks at a byte.
import type { Reason } from "../errors.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import type { InstanceCounters, ListenerCounters } from "../observe/counters.ts";
import type { LiveConnection } from "./route.ts";
import { Valve } from "./valve.ts";

/** How a relay ended; undefined reasons are the good end. */
export type RelayEnd = (reason: Reason | undefined) => void;

export class Relay implements DeadlineOwner, LiveConnection {
  readonly toBackend: Direction;
  toClient: Direction | undefined = undefined;
  /** Set while the back end is not there yet or the relay runs; called once. */
  onFinished: RelayEnd | undefined = undefined;
  /** The end, when it came before anyone listened. */
  finished: { readonly reason: Reason | undefined } | undefined = undefined;
  /** On the coarse clock, in milliseconds. */
  readonly startedMs: number;
  lastActivityMs: number;
  private instance: InstanceCounters | undefined = undefined;
  private readonly deadline = new Deadline(this);

  constructor(
    client: Transport,
    private readonly idleTimeoutMs: number,
    readonly counters: ListenerCounters,
  ) {
    this.toBackend = new Direction(this, client);
    client.receiver = this.toBackend;
    this.deadline.armIn(idleTimeoutMs);
    this.startedMs = clock.nowMs;
    this.lastActivityMs = clock.nowMs;
  }

  /** The instance is connected: what the client sent so far goes out, and bytes flow. */
  join(backend: Transport, instance: InstanceCounters): void {
    if (this.finished !== undefined) {
      backend.abort();
      return;
    }
    instance.connections++;
    instance.openConnections++;
    this.instance = instance;
    const toClient = new Direction(this, backend);
    this.toClient = toClient;
    backend.receiver = toClient;
    toClient.other = this.toBackend;
    this.toBackend.join(toClient);
  }

  onDeadline(nowMs: number): number {
    const dueMs = this.lastActivityMs + this.idleTimeoutMs;
    if (dueMs > nowMs) return dueMs;
    this.close("idle");
    return 0;
  }

  /** A layer-4 connection can't be told to finish: it goes on until it ends or is cut. */
  drain(): void {}

  abort(): void {
    this.cut("shutdown");
  }

  /** Both ends are gone, or were cut. */
  finish(reason: Reason | undefined): void {
    if (this.finished !== undefined) return;
    this.finished = { reason };
    this.deadline.disarm();
    if (this.instance !== undefined) this.instance.openConnections--;
    this.onFinished?.(reason);
  }

  /** Resets both ends. */
  cut(reason: Reason): void {
    this.toBackend.source.abort();
    this.toClient?.source.abort();
    this.finish(reason);
  }

  /** Closes both ends in good order; bytes that a stalled reader has not taken are lost. */
  close(reason: Reason | undefined): void {
    for (const direction of [this.toBackend, this.toClient]) {
      if (direction === undefined) continue;
      if (direction.source.isWritable) direction.source.close();
      else direction.source.abort();
    }
    this.finish(reason);
  }
}

/** What one end sends, on its way to the other. */
class Direction implements Receiver {
  other: Direction | undefined = undefined;
  bytes = 0;
  private readonly valve: Valve;
  /** What the client sent before there was an instance: one read, then the valve is shut. */
  private early: Uint8Array | undefined = undefined;

  constructor(
    private readonly relay: Relay,
    readonly source: Transport,
  ) {
    this.valve = new Valve(source);
  }

  join(other: Direction): void {
    this.other = other;
    const { early } = this;
    if (early !== undefined) {
      this.early = undefined;
      if (other.source.write(early)) this.valve.open();
    }
    if (this.source.hasEnded) other.source.shutdown();
  }

  onBytes(chunk: Uint8Array): void {
    this.relay.lastActivityMs = clock.nowMs;
    this.bytes += chunk.length;
    const { other } = this;
    if (this === this.relay.toBackend) this.relay.counters.receivedBytes += chunk.length;
    else this.relay.counters.sentBytes += chunk.length;
    if (other === undefined) {
      this.keepEarly(chunk);
      return;
    }
    if (!other.source.write(chunk) && !this.valve.isShut) this.valve.shut();
  }

  private keepEarly(chunk: Uint8Array): void {
    if (this.early === undefined) {
      this.early = chunk;
      this.valve.shut();
      return;
    }
    const joined = new Uint8Array(this.early.length + chunk.length);
    joined.set(this.early);
    joined.set(chunk, this.early.length);
    this.early = joined;
  }

  /** This end has taken everything: the other may send again. */
  onWritable(): void {
    this.relay.lastActivityMs = clock.nowMs;
    this.other?.valve.open();
  }

  onEnd(): void {
    this.other?.source.shutdown();
  }

  onClosed(isReset: boolean): void {
    const { other, relay } = this;
    if (other === undefined) relay.finish(isReset ? "clientReset" : "clientGone");
    else if (isReset) relay.cut(this === relay.toBackend ? "clientReset" : "responseCut");
    else if (other.source.isClosed) relay.finish(undefined);
    // A full close both ways of this end while the other still speaks: nobody would hear it.
    else if (!other.source.hasEnded) relay.cut("clientGone");
  }
}
