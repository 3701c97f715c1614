// How many connections the management server holds at once, and who gives way when there are too many.
//
// Asked by http-server.ts at every accept, across all places that are listened at. Owns the count; it closes nobody itself
// but through what it is handed.

/** A connection, as far as room goes. */
export interface Guest {
  /** Gives its room up at once. */
  readonly dismiss: () => void;
}

/** Whoever asks nothing gives way to whoever comes: silent connections can't lock anybody out. */
export class ConnectionRoom {
  /** Those without a request in progress, the one that has been silent for longest first. */
  private readonly idle = new Set<Guest>();
  private readonly busy = new Set<Guest>();

  constructor(private readonly maxCount: number) {}

  /** How many are in. */
  get size(): number {
    return this.idle.size + this.busy.size;
  }

  /** Lets one in, idle; false where everybody else is busy. */
  enter(guest: Guest): boolean {
    if (this.size >= this.maxCount) {
      const [longest] = this.idle;
      if (longest === undefined) return false;
      this.leave(longest);
      longest.dismiss();
    }
    this.idle.add(guest);
    return true;
  }

  /** A request has begun. */
  noteBusy(guest: Guest): void {
    if (this.idle.delete(guest)) this.busy.add(guest);
  }

  /** No request is in progress any more. */
  noteIdle(guest: Guest): void {
    if (this.busy.delete(guest)) this.idle.add(guest);
  }

  leave(guest: Guest): void {
    this.idle.delete(guest);
    this.busy.delete(guest);
  }
}
