// From an exchange to a connected instance: pick, dial, and on failure the next instance, each at most once. Where the
// instance speaks TLS, it is connected when it has proved what it must. While all that are left are full, it waits for room.
//
// The slow path of a request and the only path of a layer-4 connection. One dial is all that most need, and callbacks make
// it; what comes behind a failure, or a wait, is an effect. It leaves the lease on the member that was reached, and on
// nobody when it fails or is given up.
import { Effect } from "effect";
import type { Lease } from "../balance/lease.ts";
import type { Routed } from "../balance/routed.ts";
import { ConnectError, type Reason } from "../errors.ts";
import { type Dial, type DialFailure, type DialListener, dial } from "../net/dial.ts";
import type { Transport } from "../net/transport.ts";
import type { BackendConnection } from "./backend-connection.ts";
import type { BackendMember, ClientDial } from "./backend-member.ts";
import { Room, type RoomFailure, type RoomSource, type RoomUser } from "./room.ts";

/** The fact that dialling adds: an open connection to the member that the lease holds. */
export interface Connected {
  readonly member: BackendMember;
  readonly transport: Transport;
  readonly lease: Lease<BackendMember>;
  /** What the transport is part of, where it was kept; undefined for a new one. */
  readonly kept?: BackendConnection | undefined;
}

/** Who asked for a connection: it comes or it fails, once, unless it is given up. */
export interface ConnectUser extends RoomUser {
  /**
   * Takes a connection over, and the lease with it.
   *
   * *Order*: called in the callback that brought the connection, so that nothing in between can lose it.
   */
  proceed(connected: Connected): void;
  /** No connection can be had; the lease holds nobody. */
  failConnect(reason: Reason): void;
}

/** Where instances are chosen from, and who runs what takes more than one dial. */
export interface ConnectSource extends RoomSource {
  fork(part: Effect.Effect<void>): { interruptUnsafe(): void };
}

/** How long a connection may take. */
export interface ConnectTerms {
  /** How long each instance may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** How long room may be waited for, in milliseconds. */
  readonly surgeTimeoutMs: number;
}

/** Which connection is asked for. */
export interface ConnectWish extends Routed<BackendMember> {
  /** Who has waited for room gets a connection that the instance's pool keeps, if there is one. */
  readonly usesKept: boolean;
  /**
   * Has gone to an instance that speaks TLS, before the handshake; to any other, who proceeds sends it with what follows.
   */
  readonly preamble?: Uint8Array | undefined;
}

const reasonOf = {
  refused: "connectRefused",
  exhausted: "descriptorsExhausted",
  timeout: "connectTimeout",
  handshake: "backendHandshakeFailed",
  untrusted: "backendUntrusted",
} as const satisfies Record<DialFailure, ConnectError["reason"]>;

/** Which of several failures is told: the one that people must see, above all an instance that isn't who it should be. */
const gravity = { refused: 0, exhausted: 0, timeout: 1, handshake: 2, untrusted: 3 } as const satisfies Record<
  DialFailure,
  number
>;

/** One way to a connection; each dial tells it how it ended, and a member that is cut sends it on. */
class InstanceSearch implements DialListener, ClientDial {
  /** Made with the first failure, unless the exchange has it from an earlier one. */
  private tried: Set<BackendMember> | undefined;
  private room: Room | undefined = undefined;
  private worst: DialFailure | undefined = undefined;
  /** Whom it dials. */
  private member: BackendMember | undefined = undefined;
  private dial: Dial | undefined = undefined;
  /** Runs from the moment in which one dial isn't enough. */
  private fiber: ReturnType<ConnectSource["fork"]> | undefined = undefined;
  /** Has the fiber go on behind its dial. */
  private resume: ((ended: Effect.Effect<void>) => void) | undefined = undefined;
  /** A connection was handed over, none can be had, or it was given up. */
  private isOver = false;

  constructor(
    private readonly user: ConnectUser,
    private readonly source: ConnectSource,
    private readonly terms: ConnectTerms,
    private readonly wish: ConnectWish,
  ) {
    this.tried = wish.tried;
  }

  begin(): void {
    const member = this.choose();
    if (member === undefined) this.goOn();
    else this.reach(member);
  }

  /** Gives up, as a fiber does: nothing is handed over, and the lease is given back. */
  interruptUnsafe(): void {
    if (this.fiber === undefined) this.stop();
    else this.fiber.interruptUnsafe();
  }

  giveUp(): void {
    this.dial?.cancel();
    this.leave(this.endDial());
  }

  onDialled(transport: Transport): void {
    const member = this.endDial();
    if (member.isSuperseded) {
      // Dialled under terms that hold no more: whoever it is, it has proved too little.
      transport.abort();
      this.leave(member);
      return;
    }
    this.hand(member, transport, undefined);
    this.resume?.(Effect.void);
  }

  onDialFailed(failure: DialFailure): void {
    const member = this.endDial();
    member.counters.countFailure(failure === "untrusted");
    // Without a descriptor nothing was asked of the instance.
    if (failure !== "exhausted") member.noteUnreached(reasonOf[failure]);
    if (this.worst === undefined || gravity[failure] >= gravity[this.worst]) this.worst = failure;
    this.leave(member);
  }

  /** A member that it can have at once. */
  private choose(): BackendMember | undefined {
    const { key, lease, named, narrowing } = this.wish;
    const { member } = lease;
    // The first may be leased already: the balancer's turn must not be taken twice for one request.
    if (member?.isSuperseded === false && this.tried?.has(member) !== true) return member;
    if (this.room === undefined && named === undefined) {
      const { membership } = this.source.route;
      return lease.take(narrowing === undefined ? membership : narrowing.of(membership), this.tried, key);
    }
    return this.makeRoom().waiter.take();
  }

  private makeRoom(): Room {
    this.tried ??= new Set();
    this.room ??= new Room(this.user, this.source, this.wish, this.tried, this.terms.surgeTimeoutMs);
    return this.room;
  }

  private reach(member: BackendMember): void {
    if (member.isSuperseded) {
      this.leave(member);
      return;
    }
    const { endpoint, security } = member;
    this.member = member;
    this.dial = dial(endpoint, this.terms.connectTimeoutMs, this, security, security && this.wish.preamble);
    member.dials.add(this);
  }

  private endDial(): BackendMember {
    const member = this.member as BackendMember;
    this.member = undefined;
    this.dial = undefined;
    member.dials.delete(this);
    return member;
  }

  /** It won't do; somebody else may. */
  private leave(member: BackendMember): void {
    this.tried ??= new Set();
    this.tried.add(member);
    this.goOn();
  }

  private goOn(): void {
    if (this.resume === undefined) this.fiber = this.source.fork(this.makePath());
    else this.resume(Effect.void);
  }

  private hand(member: BackendMember, transport: Transport, kept: BackendConnection | undefined): void {
    this.isOver = true;
    this.user.proceed({ member, transport, lease: this.wish.lease, kept });
  }

  private stop(): void {
    if (this.isOver) return;
    this.isOver = true;
    if (this.dial !== undefined) {
      this.dial.cancel();
      this.endDial();
    }
    this.wish.lease.giveBack();
  }

  /** From instance to instance, each in its turn; where those that are left are full, when one has room. */
  private makePath(): Effect.Effect<void> {
    const path = Effect.gen({ self: this }, function* () {
      while (!this.isOver) {
        const member = this.choose();
        if (member === undefined) yield* this.awaitRoom();
        else yield* this.dialTo(member);
      }
    });
    const told = Effect.catch(path, (error) =>
      Effect.sync(() => {
        this.isOver = true;
        this.user.failConnect(error.reason);
      }),
    );
    return Effect.onInterrupt(told, () => Effect.sync(() => this.stop()));
  }

  private dialTo(member: BackendMember): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.resume = resume;
      this.reach(member);
    });
  }

  /** Waits until the lease holds a member; hands over what that one's pool keeps, if that will do. */
  private awaitRoom(): Effect.Effect<void, ConnectError> {
    return Effect.gen({ self: this }, function* () {
      const room = this.makeRoom();
      if (!room.waiter.canWait) return yield* this.makeFailure("noInstance");
      yield* Effect.catch(room.wait, (reason) => this.makeFailure(reason));
      const { member } = this.wish.lease;
      if (!this.wish.usesKept || member === undefined || member.isSuperseded) return;
      const kept = member.pool.take();
      if (kept !== undefined) this.hand(member, kept.transport, kept);
    });
  }

  /** Nobody is left: told is what became of those who were. */
  private makeFailure(reason: RoomFailure): ConnectError {
    const { worst } = this;
    return new ConnectError({ reason: reason === "noInstance" && worst !== undefined ? reasonOf[worst] : reason });
  }
}

/**
 * Connects to an instance and hands the connection over.
 *
 * *Fails with*: no instance, no room in time, or none that will do: the gravest of what happened.
 * *Owns*: the lease, until it hands it over; without a connection the lease is given back.
 * *Details*: the user may be told of a failure before this returns. What is returned gives up.
 */
export const connect = (
  user: ConnectUser,
  source: ConnectSource,
  terms: ConnectTerms,
  wish: ConnectWish,
): { interruptUnsafe(): void } => {
  const search = new InstanceSearch(user, source, terms, wish);
  search.begin();
  return search;
};
