// Connections to one instance that are kept open between exchanges (RFC 9112 §9.3).
//
// Most recently used first, so that a load that shrinks lets the rest grow old and close; what was opened ahead of
// demand waits behind what has served. Owns idle connections only: one that is taken belongs to its exchange until it is
// put back or ends. All pools together stay within the descriptor budget: what is kept idle gives way to clients, the
// longest idle first.
import { descriptors } from "../net/descriptors.ts";
import type { BackendConnection } from "./backend-connection.ts";
import { type PoolTerms, passivePoolTerms } from "./pool-terms.ts";
import type { Reserve } from "./reserve.ts";

/** Pools that keep connections now, so that one can be asked to give way. */
const pools = new Set<Pool>();

export class Pool {
  /** How often a kept connection was taken. */
  reused = 0;
  private readonly idle: Array<BackendConnection> = [];
  private isClosed = false;
  private maxIdle = passivePoolTerms.maxIdle;
  /** A connection that has been idle for so long closes, in milliseconds. */
  idleTimeoutMs = passivePoolTerms.idleTimeoutMs;

  constructor(
    /** Hears of it when fewer wait than it wants. */
    private readonly reserve: Reserve,
  ) {}

  get idleCount(): number {
    return this.idle.length;
  }

  /** The connection used last, or undefined. */
  take(): BackendConnection | undefined {
    const connection = this.idle.pop();
    if (connection !== undefined) {
      descriptors.idle--;
      this.reused++;
    }
    if (this.idle.length < this.reserve.least) this.reserve.alert();
    return connection;
  }

  /** Keeps a connection that is between exchanges; false when it isn't wanted and must be closed. */
  put(connection: BackendConnection): boolean {
    if (this.isClosed || !descriptors.hasRoomForIdle) return false;
    if (this.idle.length >= this.maxIdle) {
      this.reserve.noteExcess();
      return false;
    }
    descriptors.idle++;
    if (this.idle.length === 0) pools.add(this);
    if (connection.servedResponses > 0) this.idle.push(connection);
    else this.idle.unshift(connection);
    return true;
  }

  remove(connection: BackendConnection): void {
    const index = this.idle.lastIndexOf(connection);
    if (index < 0) return;
    this.idle.splice(index, 1);
    descriptors.idle--;
    if (this.idle.length < this.reserve.least) this.reserve.alert();
  }

  /** The connection that has been idle longest, taken out; undefined when none is. */
  takeOldest(): BackendConnection | undefined {
    const connection = this.idle.shift();
    if (connection !== undefined) descriptors.idle--;
    if (this.idle.length < this.reserve.least) this.reserve.alert();
    return connection;
  }

  /** Follows other terms: what they don't allow is closed, the longest idle first. */
  keep({ maxIdle, idleTimeoutMs }: PoolTerms): void {
    this.maxIdle = maxIdle;
    while (this.idle.length > maxIdle) this.takeOldest()?.close();
    if (idleTimeoutMs === this.idleTimeoutMs) return;
    this.idleTimeoutMs = idleTimeoutMs;
    for (const connection of this.idle) connection.limitIdleTime();
  }

  /** Closes what is idle and keeps nothing more: the instance has left. */
  close(): void {
    this.isClosed = true;
    pools.delete(this);
    for (let oldest = this.takeOldest(); oldest !== undefined; oldest = this.takeOldest()) oldest.close();
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
