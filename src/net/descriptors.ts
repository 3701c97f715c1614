// The process's file descriptors as one budget: clients first, connections kept idle with what is left.
//
// At the limit an accept loop spins without accepting and dials fail. Every client is reckoned with two descriptors (its
// own and its back end's), so that a client who was let in can always be served; idle back-end connections give way.
import { readDescriptorLimit } from "./libc.ts";

/** Kept free for listeners, logs, files. */
const reserved = 64;
/** Assumed where the system can't be asked. */
const usualLimit = 1024;

const limit = readDescriptorLimit() ?? usualLimit;

/** How many connections the management server holds at most; kept free for them as well. */
export const managementMaxConnections = Math.min(256, Math.max(64, Math.floor(limit / 16)));

export class DescriptorBudget {
  /** Client connections that are open. */
  clients = 0;
  /** Back-end connections that are kept idle, or being opened to be. */
  idle = 0;
  /** What a connection to an instance takes: 2 where the instance is in this process too, as in demo mode. */
  perBackendConnection = 1;

  constructor(
    /** How many descriptors connections may hold in all. */
    readonly total: number,
  ) {}

  /** More is promised to clients, and kept idle, than there is. */
  get isOverdrawn(): boolean {
    return this.held > this.total;
  }

  /** One more connection may be kept idle. */
  get hasRoomForIdle(): boolean {
    return this.held + this.perBackendConnection <= this.total;
  }

  /** How many clients can be let in at most. */
  get clientMax(): number {
    return Math.max(1, Math.floor(this.total / this.perClient));
  }

  private get held(): number {
    return this.clients * this.perClient + this.idle * this.perBackendConnection;
  }

  /** What a client may need: its own, and those of one connection to an instance. */
  private get perClient(): number {
    return 1 + this.perBackendConnection;
  }
}

/** The budget of this process. */
export const descriptors = new DescriptorBudget(Math.max(0, limit - reserved - managementMaxConnections));
