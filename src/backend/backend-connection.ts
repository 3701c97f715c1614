// One HTTP connection to an instance: the transport, who uses it now, and the request head that was written last.
//
// Between exchanges it waits in its instance's pool; any byte, FIN or reset that comes then ends it, so that no answer
// to nobody can ever reach a later request. It parses nothing.
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import type { BackendMember } from "./backend-member.ts";

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
  /** How many responses it has delivered. */
  servedResponses = 0;
  /** It has waited in the pool, after an answer or opened ahead of demand, and may have died there unnoticed. */
  wasIdle = false;
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
    this.noteAnswer();
    this.wait();
  }

  /** It has delivered an answer: its instance is well. */
  noteAnswer(): void {
    if (this.servedResponses++ === 0) this.member.reserve.noteAnswer(this.wasIdle);
  }

  /** Waits in the pool for an exchange; closes if it can't. */
  wait(): void {
    const { transport, deadline } = this;
    const { pool } = this.member;
    // Bytes that the instance has not taken belong to a request that is over: nothing may be sent behind them.
    if (transport.hasEnded || transport.isClosed || !transport.isWritable || !pool.put(this)) {
      this.close();
      return;
    }
    this.wasIdle = true;
    // While it was in use the deadline stayed armed; it is early enough unless the limit is a shorter one now.
    if (!deadline.isArmed || deadline.dueMs > clock.nowMs + pool.idleTimeoutMs) deadline.armIn(pool.idleTimeoutMs);
    this.idleSinceMs = clock.nowMs;
  }

  /** The pool's limit on idle time has changed. */
  limitIdleTime(): void {
    this.deadline.arm(this.idleSinceMs + this.member.pool.idleTimeoutMs);
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
    else this.lose();
  }

  onWritable(): void {
    this.user?.onBackendWritable();
  }

  onEnd(): void {
    if (this.user !== undefined) this.user.onBackendEnd();
    else this.lose();
  }

  onClosed(isReset: boolean): void {
    const { user, member, transport } = this;
    if (transport.tlsFault !== undefined && this.servedResponses === 0) {
      member.security?.noteBrokenHandshake(transport.tlsFault);
    }
    if (user === undefined) {
      this.lose();
      return;
    }
    this.leave();
    user.onBackendClosed(isReset);
  }

  /** Idle for long enough? While in use the deadline stays armed and only looks again later. */
  onDeadline(nowMs: number): number {
    const { pool, reserve } = this.member;
    if (this.user !== undefined) return nowMs + pool.idleTimeoutMs;
    const dueMs = this.idleSinceMs + pool.idleTimeoutMs;
    if (dueMs > nowMs) return dueMs;
    this.discard();
    // At once, so that an instance without traffic isn't without a connection meanwhile.
    reserve.refill(nowMs);
    return 0;
  }

  /** The instance has ended it while it waited, or sent what nobody asked for. */
  private lose(): void {
    const ageMs = clock.nowMs - this.idleSinceMs;
    this.discard();
    if (this.servedResponses === 0) this.member.reserve.noteEarlyEnd(ageMs);
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
