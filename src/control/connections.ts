// The connections of one listener that are alive, so that they can be told to finish, cut, and waited for.
import { Effect } from "effect";
import type { LiveConnection } from "../pipeline/route.ts";

export class Connections {
  private readonly live = new Set<LiveConnection>();
  private waiting: Array<() => void> = [];

  get size(): number {
    return this.live.size;
  }

  add(connection: LiveConnection): void {
    this.live.add(connection);
  }

  delete(connection: LiveConnection): void {
    if (!this.live.delete(connection) || this.live.size > 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  /** Tells each to finish what is under way and close. */
  drain(): void {
    for (const connection of [...this.live]) connection.drain();
  }

  /** Tells each that what is asked of clients has changed. */
  retire(): void {
    for (const connection of [...this.live]) connection.retire();
  }

  /** Cuts each. */
  abort(): void {
    for (const connection of [...this.live]) connection.abort();
  }

  /** Ends when the last connection has. */
  readonly whenEmpty: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.live.size === 0) {
      resume(Effect.void);
      return;
    }
    const wake = (): void => resume(Effect.void);
    this.waiting.push(wake);
    return Effect.sync(() => {
      this.waiting = this.waiting.filter((other) => other !== wake);
    });
  });
}
