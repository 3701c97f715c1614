// Connections to one instance that are kept open between exchanges (RFC 9112 §9.3).
//
// Most recently used first, so that a load that shrinks lets the rest grow old and close. Owns idle connections only:
// one that is taken belongs to its exchange until it is put back or ends.
import type { BackendConnection } from "./backend-connection.ts";

/** At most so many idle connections are kept per instance. */
export const poolMaxIdle = 64;
/** An idle connection is closed after so long, before a typical instance (60 s and more) would close it. */
export const poolIdleMs = 55_000;

export class Pool {
  private readonly idle: Array<BackendConnection> = [];
  private isClosed = false;

  get idleCount(): number {
    return this.idle.length;
  }

  /** The connection used last, or undefined. */
  take(): BackendConnection | undefined {
    return this.idle.pop();
  }

  /** Keeps a connection whose last response was read whole; false when it isn't wanted and must be closed. */
  put(connection: BackendConnection): boolean {
    if (this.isClosed || this.idle.length >= poolMaxIdle) return false;
    this.idle.push(connection);
    return true;
  }

  remove(connection: BackendConnection): void {
    const index = this.idle.lastIndexOf(connection);
    if (index >= 0) this.idle.splice(index, 1);
  }

  /** Closes what is idle and keeps nothing more: the instance has left. */
  close(): void {
    this.isClosed = true;
    for (const connection of this.idle.splice(0)) connection.close();
  }

  /** Keeps connections again: an instance that had left is back. */
  open(): void {
    this.isClosed = false;
  }
}
