// From an exchange to a connected instance: pick, dial, and on failure the next instance, each at most once. Where the
// instance speaks TLS, it is connected when it has proved what it must. While all that are left are full, it waits for room.
//
// The slow path of a request and the only path of a layer-4 connection. It leaves the lease on the member that was
// reached, and on nobody when it fails or is given up.
import { Effect } from "effect";
import type { Lease } from "../balance/lease.ts";
import type { Routed } from "../balance/routed.ts";
import { ConnectError } from "../errors.ts";
import { type DialFailure, type DialListener, dial } from "../net/dial.ts";
import type { Transport } from "../net/transport.ts";
import type { BackendConnection } from "./backend-connection.ts";
import type { BackendMember } from "./backend-member.ts";
import { Room, type RoomTerms } from "./room.ts";

/** The fact that dialling adds: an open connection to the member that the lease holds. */
export interface Connected {
  readonly member: BackendMember;
  readonly transport: Transport;
  readonly lease: Lease<BackendMember>;
  /** What the transport is part of, where it was kept; undefined for a new one. */
  readonly kept?: BackendConnection | undefined;
}

/** What a connection is built for. */
export interface ConnectUser {
  /**
   * Takes a connection over, and the lease with it.
   *
   * *Order*: called before the dialling effect goes on, in the callback that brought the connection, so that an
   * interruption in between can't lose it.
   */
  proceed(connected: Connected): void;
  /** It waits for room from now on, or does so no more. */
  onQueued(isQueued: boolean): void;
}

/** How a connection is built. */
export interface ConnectTerms extends RoomTerms {
  /** How long each instance may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Who has waited for room gets a connection that the instance's pool keeps, if there is one. */
  readonly usesKept: boolean;
  /**
   * Has gone to an instance that speaks TLS, before the handshake; to any other, who proceeds sends it with what follows.
   */
  readonly preamble?: Uint8Array | undefined;
}

const dialMember = (
  member: BackendMember,
  timeoutMs: number,
  deliver: (member: BackendMember, transport: Transport) => void,
  preamble: Uint8Array | undefined,
): Effect.Effect<void, DialFailure | "superseded"> =>
  Effect.callback((resume) => {
    const end = (): void => {
      member.dials.delete(giveUp);
    };
    const giveUp = (): void => {
      end();
      attempt.cancel();
      resume(Effect.fail("superseded"));
    };
    const listener: DialListener = {
      onDialled: (transport) => {
        end();
        if (member.isSuperseded) {
          // Dialled under terms that hold no more: whoever it is, it has proved too little.
          transport.abort();
          resume(Effect.fail("superseded"));
          return;
        }
        deliver(member, transport);
        resume(Effect.void);
      },
      onDialFailed: (failure) => {
        end();
        resume(Effect.fail(failure));
      },
    };
    const attempt = dial(member.endpoint, timeoutMs, listener, member.security, member.security && preamble);
    member.dials.add(giveUp);
    return Effect.sync(() => {
      end();
      attempt.cancel();
    });
  });

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

/**
 * Connects to an instance and hands the connection over.
 *
 * *Fails with*: {@link ConnectError} when there is no instance, none has room in time, or none will do: as the gravest of
 * what happened.
 * *Owns*: the lease, until it hands it over; without a connection the lease is given back.
 */
export const connect = (
  routed: Routed<BackendMember>,
  terms: ConnectTerms,
  user: ConnectUser,
): Effect.Effect<void, ConnectError> => {
  const { membership, key, lease } = routed;
  const { connectTimeoutMs, usesKept, preamble } = terms;
  const tried = routed.tried ?? new Set<BackendMember>();
  const makeRoom = (): Room => new Room(routed, tried, terms, (isQueued) => user.onQueued(isQueued));
  let room = routed.named === undefined ? undefined : makeRoom();
  let worst: DialFailure | undefined;
  let isDelivered = false;
  const hand = (member: BackendMember, transport: Transport, kept?: BackendConnection): void => {
    isDelivered = true;
    user.proceed({ member, transport, lease, kept });
  };
  const nobody = Effect.suspend(() =>
    Effect.fail(new ConnectError({ reason: worst === undefined ? "noInstance" : reasonOf[worst] })),
  );
  const attempt: Effect.Effect<void, ConnectError> = Effect.suspend(() => {
    const held = lease.member;
    // The first member may be leased already: the balancer's turn must not be taken twice for one request.
    const leased = held?.isSuperseded === false && !tried.has(held) ? held : undefined;
    const member = leased ?? (room === undefined ? lease.take(membership(), tried, key) : room.waiter.take());
    if (member !== undefined) return reach(member);
    room ??= makeRoom();
    return room.waiter.canWait ? Effect.andThen(awaitRoom(room), takeRoom) : nobody;
  });
  const awaitRoom = (room: Room): Effect.Effect<void, ConnectError> =>
    Effect.catch(room.wait, (reason) => (reason === "noInstance" ? nobody : Effect.fail(new ConnectError({ reason }))));
  const takeRoom: Effect.Effect<void, ConnectError> = Effect.suspend(() => {
    const { member } = lease;
    if (member === undefined) return attempt;
    const kept = usesKept && !member.isSuperseded ? member.pool.take() : undefined;
    if (kept === undefined) return reach(member);
    hand(member, kept.transport, kept);
    return Effect.void;
  });
  const reach = (member: BackendMember): Effect.Effect<void, ConnectError> => {
    tried.add(member);
    if (member.isSuperseded) return attempt;
    return Effect.catch(dialMember(member, connectTimeoutMs, hand, preamble), (failure) => {
      if (failure === "superseded") return attempt;
      member.counters.countFailure(failure === "untrusted");
      // Without a descriptor nothing was asked of the instance.
      if (failure !== "exhausted") member.noteUnreached(reasonOf[failure]);
      if (worst === undefined || gravity[failure] >= gravity[worst]) worst = failure;
      return attempt;
    });
  };
  return Effect.onInterrupt(attempt, () =>
    Effect.sync(() => {
      if (!isDelivered) lease.giveBack();
    }),
  );
};
