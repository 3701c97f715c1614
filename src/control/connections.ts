// The connections of one listener that are alive, so that they can be told to finish, cut, and waited for.
import { Effect } from "effect";
import type { BackendMember } from "../backend/backend-member.ts";
import type { Reason } from "../errors.ts";
import type { LiveConnection } from "../pipeline/route.ts";

export class Connections {
  /** The first and the last of a list that runs through the connections themselves. */
  private first: LiveConnection | undefined = undefined;
  private last: LiveConnection | undefined = undefined;
  private count = 0;
  private waiting: Array<() => void> = [];

  get size(): number {
    return this.count;
  }

  /** A connection that isn't among them yet. */
  add(connection: LiveConnection): void {
    const { last } = this;
    connection.livePrevious = last;
    if (last === undefined) this.first = connection;
    else last.liveNext = connection;
    this.last = connection;
    this.count++;
  }

  delete(connection: LiveConnection): void {
    const { livePrevious, liveNext } = connection;
    if (livePrevious === undefined && this.first !== connection) return;
    if (livePrevious === undefined) this.first = liveNext;
    else livePrevious.liveNext = liveNext;
    if (liveNext === undefined) this.last = livePrevious;
    else liveNext.livePrevious = livePrevious;
    connection.livePrevious = undefined;
    connection.liveNext = undefined;
    if (--this.count > 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  /** Those that there are now: each may leave, and others may come, while they are told something. */
  private list(): ReadonlyArray<LiveConnection> {
    const all: Array<LiveConnection> = [];
    for (let one = this.first; one !== undefined; one = one.liveNext) all.push(one);
    return all;
  }

  /** Tells each to finish what is under way and close. */
  drain(): void {
    for (const connection of this.list()) connection.drain();
  }

  /** Tells each that what is asked of clients has changed. */
  retire(): void {
    for (const connection of this.list()) connection.retire();
  }

  /** Ends what is in progress on any of these members, in one walk; see {@link LiveConnection.cutFrom}. */
  cutFrom(members: ReadonlySet<BackendMember>, reason: Reason): void {
    for (const connection of this.list()) connection.cutFrom(members, reason);
  }

  /** Cuts each. */
  abort(): void {
    for (const connection of this.list()) connection.abort();
  }

  /** Ends when the last connection has. */
  readonly whenEmpty: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.count === 0) {
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
