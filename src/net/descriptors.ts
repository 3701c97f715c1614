// The process's file descriptors as one budget: clients first, connections kept idle with what is left.
//
// At the limit an accept loop spins without accepting and dials fail. Every client is reckoned with two descriptors (its
// own and its back end's), so that a client who was let in can always be served; idle back-end connections give way.
import { readDescriptorLimit } from "./libc.ts";

/** Kept free for listeners, logs, the management server, files. */
const reserved = 64;
/** Assumed where the system can't be asked. */
const usualLimit = 1024;
/** What a client may need: its own, and one to an instance. */
export const descriptorsPerClient = 2;

export class DescriptorBudget {
  /** Client connections that are open. */
  clients = 0;
  /** Back-end connections that are kept idle. */
  idle = 0;

  constructor(
    /** How many descriptors connections may hold in all. */
    readonly total: number,
  ) {}

  /** More is promised to clients, and kept idle, than there is. */
  get isOverdrawn(): boolean {
    return this.clients * descriptorsPerClient + this.idle > this.total;
  }
}

/** The budget of this process. */
export const descriptors = new DescriptorBudget(
  Math.max(descriptorsPerClient, (readDescriptorLimit() ?? usualLimit) - reserved),
);
