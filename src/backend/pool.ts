// Connections to one instance that are kept open between exchanges (RFC 9112 §9.3).
//
// Most recently used first, so that a load that shrinks lets the rest grow old and close. Owns idle connections only:
// one that is taken belongs to its exchange until it is put back or ends. All pools together stay within the descriptor
// budget: what is kept idle gives way to clients, the longest idle first.
import { descriptors } from "../net/descriptors.ts";
import type { BackendConnection } from "./backend-connection.ts";

/** At most so many idle connections are kept per instance. */
export const poolMaxIdle = 64;
/** An idle connection is closed after so long, in milliseconds, before a typical instance (60 s and more) would close it. */
export const poolIdleMs = 55_000;

/** Pools that keep connections now, so that one can be asked to give way. */
const pools = new Set<Pool>();

export class Pool {
  private readonly idle: Array<BackendConnection> = [];
  private isClosed = false;

  get idleCount(): number {
    return this.idle.length;
  }

  /** The connection used last, or undefined. */
  take(): BackendConnection | undefined {
    const connection = this.idle.pop();
    if (connection !== undefined) descriptors.idle--;
    return connection;
  }

  /** Keeps a connection whose last response was read whole; false when it isn't wanted and must be closed. */
  put(connection: BackendConnection): boolean {
    if (this.isClosed || this.idle.length >= poolMaxIdle) return false;
    descriptors.idle++;
    if (descriptors.isOverdrawn) {
      descriptors.idle--;
      return false;
    }
    if (this.idle.length === 0) pools.add(this);
    this.idle.push(connection);
    return true;
  }

  remove(connection: BackendConnection): void {
    const index = this.idle.lastIndexOf(connection);
    if (index < 0) return;
    this.idle.splice(index, 1);
    descriptors.idle--;
  }

  /** The connection that has been idle longest, taken out; undefined when none is. */
  takeOldest(): BackendConnection | undefined {
    const connection = this.idle.shift();
    if (connection !== undefined) descriptors.idle--;
    return connection;
  }

  /** Closes what is idle and keeps nothing more: the instance has left. */
  close(): void {
    this.isClosed = true;
    pools.delete(this);
    for (let connection = this.take(); connection !== undefined; connection = this.take()) connection.close();
  }

  /** Keeps connections again: an instance that had left is back. */
  open(): void {
    this.isClosed = false;
  }
}

/** Closes idle connections, the longest idle of each instance in turn, until the descriptor budget holds again. */
export const trimIdleConnections = (): void => {
  while (descriptors.isOverdrawn) {
    const [pool] = pools;
    if (pool === undefined) return;
    // Taken out and put behind the others, so that every instance gives way in turn.
    pools.delete(pool);
    const oldest = pool.takeOldest();
    if (oldest === undefined) continue;
    pools.add(pool);
    oldest.close();
  }
};
