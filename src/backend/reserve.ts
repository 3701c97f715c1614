// Connections to one instance that are opened ahead of demand, as a Classic Load Balancer does for each instance.
//
// Sees to it that its member's pool holds at least so many idle connections: it looks when it is told that fewer wait,
// a tenth of a second later, never at each request. Owns the dials under way and their share of the descriptor budget; an
// open connection is the pool's. An instance that refuses, or ends what it accepted, is dialled less and less often.
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import { descriptors } from "../net/descriptors.ts";
import type { DialFailure, DialListener } from "../net/dial.ts";
import type { Endpoint } from "../net/endpoint.ts";
import type { DialSecurity } from "../net/secure-dial.ts";
import type { Transport } from "../net/transport.ts";
import { BackendConnection } from "./backend-connection.ts";
import type { BackendMember } from "./backend-member.ts";

/** How long after a connection was missed it is looked whether one is still missing, in milliseconds. */
const refillDelayMs = 100;
/** The first wait after a failure, in milliseconds; each further failure doubles it. */
const firstBackoffMs = 1000;
/** The longest wait after a failure, in milliseconds. */
const longestBackoffMs = 30_000;
/** An unused connection that its instance ends within this time counts as a failure, in milliseconds. */
const earlyEndMs = 5000;
/** How long the reserve waits when no file descriptor is to spare, in milliseconds. */
const scarcityDelayMs = 1000;

/** For how long nothing is opened after the pool had more than it may keep, in milliseconds. */
const excessRestMs = 5000;

/** Opens a connection; `dial` but in tests. */
export type OpenConnection = (
  endpoint: Endpoint,
  timeoutMs: number,
  listener: DialListener,
  security: DialSecurity | undefined,
) => { readonly cancel: () => void };

export class Reserve implements DeadlineOwner {
  /** How many connections were opened ahead. */
  opened = 0;
  /** So many connections should wait; 0 while nothing is opened ahead. */
  least = 0;
  private connectTimeoutMs = 0;
  private readonly openings = new Set<ReturnType<OpenConnection>>();
  private readonly deadline = new Deadline(this);
  /** The wait after the last failure, in milliseconds; 0 once a connection has proved good. */
  private backoffMs = 0;
  /** No dial before this time on the coarse clock. */
  private heldUntilMs = 0;
  /** More than enough is open until this time on the coarse clock; it will come back from its exchanges. */
  private restsUntilMs = 0;
  /** When a dial last succeeded, if none failed since; 0 otherwise. */
  private connectedMs = 0;
  /** The last failure was a dial's. */
  private isUnreachable = false;

  constructor(
    private readonly member: BackendMember,
    private readonly open: OpenConnection,
  ) {}

  /** Keeps `least` connections idle from now on; each dial may take `connectTimeoutMs` milliseconds. */
  keep(least: number, connectTimeoutMs: number): void {
    if (least === 0) {
      this.stop();
      return;
    }
    this.least = least;
    this.connectTimeoutMs = connectTimeoutMs;
    for (const opening of this.openings) {
      if (this.missing >= 0) break;
      opening.cancel();
      this.endOpening(opening);
    }
    this.refill(clock.nowMs);
  }

  /** Gives up what is under way and opens nothing more. */
  stop(): void {
    this.least = 0;
    this.deadline.disarm();
    for (const opening of this.openings) {
      opening.cancel();
      this.endOpening(opening);
    }
    this.backoffMs = 0;
    this.heldUntilMs = 0;
    this.restsUntilMs = 0;
    this.connectedMs = 0;
    this.isUnreachable = false;
  }

  /** Fewer connections wait than should: looks again soon, since most come back from their exchange by then. */
  alert(): void {
    if (!this.deadline.isArmed) this.deadline.armIn(refillDelayMs);
  }

  /** Opens what is missing now, if it may. */
  refill(nowMs: number): void {
    const againMs = this.onDeadline(nowMs);
    if (againMs > 0) this.deadline.arm(againMs);
  }

  onDeadline(nowMs: number): number {
    const { missing } = this;
    if (missing <= 0) return 0;
    const untilMs = Math.max(this.heldUntilMs, this.restsUntilMs);
    if (nowMs < untilMs) return untilMs;
    // An instance in doubt is tried with one connection at a time.
    const count = this.backoffMs === 0 ? missing : Math.min(missing, 1 - this.openings.size);
    for (let opened = 0; opened < count; opened++) {
      if (!descriptors.hasRoomForIdle) return nowMs + scarcityDelayMs;
      this.openOne();
    }
    return 0;
  }

  /** The pool was full: without a rest, clients in step would have one connection opened and closed over and over. */
  noteExcess(): void {
    this.restsUntilMs = clock.nowMs + excessRestMs;
  }

  /** A connection has brought its first answer; `isAhead` when it was opened here. */
  noteAnswer(isAhead: boolean): void {
    if (this.backoffMs === 0 || (!isAhead && !this.isUnreachable)) return;
    this.backoffMs = 0;
    this.heldUntilMs = 0;
    if (this.least > 0) this.deadline.armIn(refillDelayMs);
  }

  /** The instance ended a connection that nobody had used, `ageMs` milliseconds after it was opened: a failure if early. */
  noteEarlyEnd(ageMs: number): void {
    if (ageMs >= earlyEndMs) return;
    this.isUnreachable = false;
    this.holdOff();
  }

  private get missing(): number {
    return this.least - this.member.pool.idleCount - this.openings.size;
  }

  private openOne(): void {
    descriptors.idle++;
    const { endpoint, security } = this.member;
    const listener: DialListener = {
      onDialled: (transport) => {
        this.endOpening(opening);
        this.add(transport);
      },
      onDialFailed: (failure) => {
        this.endOpening(opening);
        this.miss(failure);
      },
    };
    const opening = this.open(endpoint, this.connectTimeoutMs, listener, security);
    this.openings.add(opening);
  }

  private endOpening(opening: ReturnType<OpenConnection>): void {
    this.openings.delete(opening);
    descriptors.idle--;
  }

  private add(transport: Transport): void {
    this.opened++;
    this.connectedMs = clock.nowMs;
    new BackendConnection(this.member, transport).wait();
    // Opened one at a time, refused for want of descriptors, or ended again already.
    if (this.missing > 0) this.alert();
  }

  private miss(failure: DialFailure): void {
    if (failure === "exhausted") {
      // Nothing was asked of the instance.
      this.deadline.armIn(scarcityDelayMs);
      return;
    }
    this.member.counters.countFailure(failure === "untrusted");
    this.isUnreachable = true;
    this.holdOff();
  }

  /** Waits after a failure, twice as long as after the one before. Failures during a wait are the same one's. */
  private holdOff(): void {
    const { nowMs } = clock;
    if (this.least === 0 || nowMs < this.heldUntilMs) return;
    const wasGood = this.connectedMs > 0 && nowMs - this.connectedMs >= earlyEndMs;
    this.connectedMs = 0;
    this.backoffMs = wasGood || this.backoffMs === 0 ? firstBackoffMs : Math.min(2 * this.backoffMs, longestBackoffMs);
    this.deadline.armIn(this.backoffMs);
    this.heldUntilMs = this.deadline.dueMs;
  }
}
