// Layer 4: bytes both ways between a client and an instance, unmodified, until both directions have ended.
//
// Each end's bytes go to the other end in the same callback; a partial write shuts that end's valve. A FIN is passed on
// behind the bytes before it, a reset as a reset. Silence both ways for the idle timeout closes both. Owns both
// transports and the lease from the moment it gets them, and accounts the connection once; it never looks at a byte.
import type { BackendMember } from "../backend/backend-member.ts";
import type { Connected } from "../backend/connect.ts";
import { Lease } from "../balance/lease.ts";
import type { Reason } from "../errors.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import { settleConnection } from "./outcome.ts";
import type { Cancellable, LiveConnection, Route, RouteSource } from "./route.ts";

export class Relay implements DeadlineOwner, LiveConnection {
  /** What it began with; a reload changes nothing for a layer-4 connection. */
  readonly route: Route;
  readonly lease = new Lease<BackendMember>();
  isFinished = false;
  lastActivityMs: number;
  /** The dial under way; the relay's end cancels it. */
  private dialling: Cancellable | undefined = undefined;
  private readonly startedMs: number;
  private readonly toBackend: Direction;
  private toClient: Direction | undefined = undefined;
  private readonly deadline = new Deadline(this);

  constructor(
    client: Transport,
    private readonly source: RouteSource,
  ) {
    this.route = source.route;
    this.toBackend = new Direction(this, client);
    client.receiver = this.toBackend;
    this.deadline.armIn(this.route.idleTimeoutMs);
    this.startedMs = clock.nowMs;
    this.lastActivityMs = clock.nowMs;
    source.enter(this);
  }

  /** The path is being built: whoever ends the relay before it is joined ends that too. */
  awaitJoin(dialling: Cancellable): void {
    if (!this.isFinished && this.toClient === undefined) this.dialling = dialling;
  }

  /** The instance is connected: what the client sent so far goes out, and bytes flow. */
  join({ member, transport: backend }: Connected): void {
    if (this.isFinished) {
      backend.abort();
      return;
    }
    this.dialling = undefined;
    member.counters.connections++;
    member.counters.openConnections++;
    const toClient = new Direction(this, backend);
    this.toClient = toClient;
    backend.receiver = toClient;
    toClient.other = this.toBackend;
    this.toBackend.join(toClient);
  }

  onDeadline(nowMs: number): number {
    const dueMs = this.lastActivityMs + this.route.idleTimeoutMs;
    if (dueMs > nowMs) return dueMs;
    this.close("idle");
    return 0;
  }

  /** A layer-4 connection can't be told to finish: it goes on until it ends or is cut. */
  drain(): void {}

  abort(): void {
    this.cut("shutdown");
  }

  /** Resets both ends. */
  cut(reason: Reason): void {
    this.toBackend.source.abort();
    this.toClient?.source.abort();
    this.finish(reason);
  }

  /** Closes both ends in good order; bytes that a stalled reader has not taken are lost. */
  close(reason: Reason): void {
    this.toBackend.source.close();
    this.toClient?.source.close();
    this.finish(reason);
  }

  /** Both ends are gone, or were cut: the one account of the connection. */
  finish(reason: Reason | undefined): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.deadline.disarm();
    this.dialling?.interruptUnsafe();
    const { member } = this.lease;
    if (this.toClient !== undefined && member !== undefined) member.counters.openConnections--;
    const { counters } = this.route;
    settleConnection(
      {
        status: 0,
        reason,
        instance: member?.id,
        receivedBytes: this.toBackend.bytes,
        sentBytes: this.toClient?.bytes ?? 0,
        startedMs: this.startedMs,
      },
      counters,
    );
    this.lease.giveBack();
    this.source.leave(this);
  }

  isFromClient(direction: Direction): boolean {
    return direction === this.toBackend;
  }
}

/** What one end sends, on its way to the other. */
class Direction implements Receiver {
  other: Direction | undefined = undefined;
  bytes = 0;
  /** What the client sent before there was an instance: one read, then the valve is shut. */
  private early: Uint8Array | undefined = undefined;

  constructor(
    private readonly relay: Relay,
    readonly source: Transport,
  ) {}

  join(other: Direction): void {
    this.other = other;
    const { early } = this;
    if (early !== undefined) {
      this.early = undefined;
      if (other.source.write(early)) this.source.openValve();
    }
    if (this.source.hasEnded) other.source.shutdown();
  }

  onBytes(chunk: Uint8Array): void {
    const { relay, other } = this;
    relay.lastActivityMs = clock.nowMs;
    this.bytes += chunk.length;
    if (relay.isFromClient(this)) relay.route.counters.receivedBytes += chunk.length;
    else relay.route.counters.sentBytes += chunk.length;
    if (other === undefined) this.keepEarly(chunk);
    else if (!other.source.write(chunk) && !this.source.isValveShut) this.source.shutValve();
  }

  private keepEarly(chunk: Uint8Array): void {
    if (this.early === undefined) {
      this.early = chunk;
      this.source.shutValve();
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
    this.other?.source.openValve();
  }

  onEnd(): void {
    this.other?.source.shutdown();
  }

  onClosed(isReset: boolean): void {
    const { other, relay } = this;
    if (other === undefined) relay.finish(isReset ? "clientReset" : "clientGone");
    else if (isReset) relay.cut(relay.isFromClient(this) ? "clientReset" : "responseCut");
    else if (other.source.isClosed) relay.finish(undefined);
    // A full close both ways of this end while the other still speaks: nobody would hear it.
    else if (!other.source.hasEnded) relay.cut("clientGone");
  }
}
