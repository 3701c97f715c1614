// One HTTP connection to an instance: the transport, who uses it now, and the request head that was written last.
//
// Between exchanges it waits in its instance's pool; any byte, FIN or reset that comes then ends it, so that no answer
// to nobody can ever reach a later request. It parses nothing.
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import type { BackendMember } from "./backend-member.ts";
import { poolIdleMs } from "./pool.ts";

/** The exchange that a connection serves. */
export interface BackendUser {
  onBackendBytes(chunk: Uint8Array): void;
  onBackendWritable(): void;
  onBackendEnd(): void;
  onBackendClosed(isReset: boolean): void;
}

export class BackendConnection implements Receiver, DeadlineOwner {
  /** The head of the request in progress, ours to write again if the connection dies before an answer. */
  readonly head = new ByteWriter(512);
  /** How many responses it has delivered; above zero it is a reused connection, which may have died unnoticed. */
  servedResponses = 0;
  private user: BackendUser | undefined = undefined;
  private readonly deadline = new Deadline(this);
  private idleSinceMs = 0;

  constructor(
    readonly member: BackendMember,
    readonly transport: Transport,
  ) {
    transport.receiver = this;
    member.counters.connections++;
    member.counters.openConnections++;
  }

  /** Gives the connection to an exchange. */
  use(user: BackendUser): void {
    this.user = user;
  }

  /** The exchange has its whole response; the connection waits for the next one, or closes if none may come. */
  release(): void {
    this.user = undefined;
    this.servedResponses++;
    const { transport } = this;
    // Bytes that the instance has not taken belong to a request that is over: nothing may be sent behind them.
    if (transport.hasEnded || transport.isClosed || !transport.isWritable || !this.member.pool.put(this)) {
      this.close();
      return;
    }
    this.idleSinceMs = clock.nowMs;
    if (!this.deadline.isArmed) this.deadline.armIn(poolIdleMs);
  }

  /** Ends the connection in good order. */
  close(): void {
    this.leave();
    this.transport.close();
  }

  /** Cuts the connection: the instance must not take what it got for a whole request. */
  abort(): void {
    this.leave();
    this.transport.abort();
  }

  onBytes(chunk: Uint8Array): void {
    if (this.user !== undefined) this.user.onBackendBytes(chunk);
    else this.discard();
  }

  onWritable(): void {
    this.user?.onBackendWritable();
  }

  onEnd(): void {
    if (this.user !== undefined) this.user.onBackendEnd();
    else this.discard();
  }

  onClosed(isReset: boolean): void {
    const user = this.user;
    this.leave();
    if (user !== undefined) user.onBackendClosed(isReset);
    else this.member.pool.remove(this);
  }

  /** Idle for long enough? While in use the deadline stays armed and only looks again later. */
  onDeadline(nowMs: number): number {
    if (this.user !== undefined) return nowMs + poolIdleMs;
    const dueMs = this.idleSinceMs + poolIdleMs;
    if (dueMs > nowMs) return dueMs;
    this.discard();
    return 0;
  }

  private discard(): void {
    this.member.pool.remove(this);
    this.close();
  }

  private hasLeft = false;

  private leave(): void {
    this.user = undefined;
    if (this.hasLeft) return;
    this.hasLeft = true;
    this.deadline.disarm();
    this.member.counters.openConnections--;
  }
}
