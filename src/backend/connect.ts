// From an exchange to a connected instance: pick, dial, and on failure the next instance, each at most once. Where the
// instance speaks TLS, it is connected when it has proved what it must.
//
// The slow path of a request and the only path of a layer-4 connection. It leaves the lease on the member that was
// reached, and on nobody when it fails or is given up.
import { Effect } from "effect";
import type { Lease } from "../balance/lease.ts";
import type { Routed } from "../balance/routed.ts";
import { ConnectError } from "../errors.ts";
import { type DialFailure, type DialListener, dial } from "../net/dial.ts";
import type { Transport } from "../net/transport.ts";
import type { BackendMember } from "./backend-member.ts";

/** The fact that dialling adds: an open connection to the member that the lease holds. */
export interface Connected {
  readonly member: BackendMember;
  readonly transport: Transport;
  readonly lease: Lease<BackendMember>;
}

/**
 * Takes a connection over, and the lease with it.
 *
 * *Order*: called before the dialling effect goes on, in the callback that brought the connection, so that an
 * interruption in between can't lose it.
 */
export type Deliver = (connected: Connected) => void;

const dialMember = (
  member: BackendMember,
  timeoutMs: number,
  deliver: (member: BackendMember, transport: Transport) => void,
  preamble: Uint8Array | undefined,
): Effect.Effect<void, DialFailure | "superseded"> =>
  Effect.callback((resume) => {
    const listener: DialListener = {
      onDialled: (transport) => {
        if (member.isSuperseded) {
          // Dialled under terms that hold no more: whoever it is, it has proved too little.
          transport.abort();
          resume(Effect.fail("superseded"));
          return;
        }
        deliver(member, transport);
        resume(Effect.void);
      },
      onDialFailed: (failure) => resume(Effect.fail(failure)),
    };
    const attempt = dial(member.endpoint, timeoutMs, listener, member.security, member.security && preamble);
    return Effect.sync(() => attempt.cancel());
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
 * Connects to an instance, within `timeoutMs` milliseconds for each that is tried, and delivers the connection. A `preamble` has
 * gone to an instance that speaks TLS, before the handshake; to any other, who is delivered to sends it with what follows.
 *
 * *Fails with*: {@link ConnectError} when there is no instance, or none will do: as the gravest of what happened.
 * *Owns*: the lease, until it delivers; without a delivery the lease is given back.
 */
export const connect = (
  { membership, key, lease }: Routed<BackendMember>,
  timeoutMs: number,
  deliver: Deliver,
  preamble?: Uint8Array | undefined,
): Effect.Effect<void, ConnectError> => {
  let tried: Set<BackendMember> | undefined;
  let worst: DialFailure | undefined;
  let isDelivered = false;
  const hand = (member: BackendMember, transport: Transport): void => {
    isDelivered = true;
    deliver({ member, transport, lease });
  };
  const attempt: Effect.Effect<void, ConnectError> = Effect.suspend(() => {
    // The first member may be leased already: the balancer's turn must not be taken twice for one request.
    const leased = tried === undefined && lease.member?.isSuperseded === false ? lease.member : undefined;
    const member = leased ?? lease.take(membership(), tried, key);
    if (member === undefined)
      return Effect.fail(new ConnectError({ reason: worst === undefined ? "noInstance" : reasonOf[worst] }));
    tried ??= new Set();
    tried.add(member);
    if (member.isSuperseded) return attempt;
    return Effect.catch(dialMember(member, timeoutMs, hand, preamble), (failure) => {
      if (failure === "superseded") return attempt;
      member.counters.countFailure(failure === "untrusted");
      if (worst === undefined || gravity[failure] >= gravity[worst]) worst = failure;
      return attempt;
    });
  });
  return Effect.onInterrupt(attempt, () =>
    Effect.sync(() => {
      if (!isDelivered) lease.giveBack();
    }),
  );
};
