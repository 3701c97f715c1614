// A WebSocket behind its handshake: bytes both ways between a client and the instance that answered 101 (RFC 6455).
//
// What the HTTP exchange becomes once its instance has switched protocols. The exchange keeps the lease and the account,
// the session the idle timeout; the bytes of either direction go on as direction.ts says. It never looks at a frame.
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { Reason } from "../errors.ts";
import type { Transport } from "../net/transport.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import { type BothWays, Direction } from "./direction.ts";

/** The exchange whose connections a tunnel uses. */
export interface TunnelOwner {
  /** On the coarse clock, in milliseconds. */
  lastActivityMs: number;
  readonly counters: ListenerCounters;
  /** Both ends are closed: the one account follows. */
  endTunnel(reason: Reason | undefined): void;
}

export class Tunnel implements BothWays {
  private readonly toBackend: Direction;
  private readonly toClient: Direction;

  /** Takes both transports over; `early` is what the client has sent behind its handshake. */
  constructor(
    private readonly owner: TunnelOwner,
    client: Transport,
    private readonly backend: BackendConnection,
    early: Uint8Array,
  ) {
    const { transport } = backend;
    this.toBackend = new Direction(this, client);
    this.toClient = new Direction(this, transport);
    this.toClient.other = this.toBackend;
    client.receiver = this.toBackend;
    transport.receiver = this.toClient;
    this.toBackend.bytes = early.length;
    if (early.length > 0 && !transport.write(early)) this.toBackend.hold(transport);
    this.toBackend.join(this.toClient);
    // The client hasn't taken the answer yet: its instance waits, until the client's direction hears that it has.
    if (!client.isWritable) this.toClient.hold(client);
  }

  /** Bytes from the client, and to it, behind the handshake. */
  get receivedBytes(): number {
    return this.toBackend.bytes;
  }

  get sentBytes(): number {
    return this.toClient.bytes;
  }

  get lastActivityMs(): number {
    return this.owner.lastActivityMs;
  }

  set lastActivityMs(nowMs: number) {
    this.owner.lastActivityMs = nowMs;
  }

  get counters(): ListenerCounters {
    return this.owner.counters;
  }

  /** Times are those of the request that it was. */
  onFirstBytes(): void {}

  onFirstSent(): void {}

  isFromClient(direction: Direction): boolean {
    return direction === this.toBackend;
  }

  /** Whether a stalled reader has taken anything since the last look. */
  hasMoved(): boolean {
    const hasBackendMoved = this.toBackend.hasMoved();
    return this.toClient.hasMoved() || hasBackendMoved;
  }

  cut(reason: Reason): void {
    this.toBackend.source.abort();
    this.backend.abort();
    this.owner.endTunnel(reason);
  }

  /** Closes both ends in good order; bytes that a stalled reader has not taken are lost. */
  close(reason: Reason): void {
    this.toBackend.source.close();
    this.finish(reason);
  }

  finish(reason: Reason | undefined): void {
    this.backend.close();
    this.owner.endTunnel(reason);
  }
}
