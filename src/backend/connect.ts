// From an exchange to a connected instance: pick, dial, and on failure the next instance, each at most once.
//
// The slow path of a request and the only path of a layer-4 connection. It leaves the lease on the member that was
// reached, and on nobody when it fails or is given up.
import { Effect } from "effect";
import type { Lease } from "../balance/lease.ts";
import type { Routed } from "../balance/routed.ts";
import { ConnectError } from "../errors.ts";
import { type DialFailure, dial } from "../net/dial.ts";
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
): Effect.Effect<void, DialFailure> =>
  Effect.callback((resume) => {
    const attempt = dial(member.endpoint, timeoutMs, {
      onDialled: (transport) => {
        deliver(member, transport);
        resume(Effect.void);
      },
      onDialFailed: (failure) => resume(Effect.fail(failure)),
    });
    return Effect.sync(() => attempt.cancel());
  });

const reasonOf = { refused: "connectRefused", timeout: "connectTimeout", exhausted: "descriptorsExhausted" } as const;

/**
 * Connects to an instance, within `timeoutMs` milliseconds for each that is tried, and delivers the connection.
 *
 * *Fails with*: {@link ConnectError} when there is no instance, or none answered: as timed out if any timed out.
 * *Owns*: the lease, until it delivers; without a delivery the lease is given back.
 */
export const connect = (
  { membership, lease }: Routed<BackendMember>,
  timeoutMs: number,
  deliver: Deliver,
): Effect.Effect<void, ConnectError> => {
  let tried: Set<BackendMember> | undefined;
  let worst: ConnectError["reason"] | undefined;
  let isDelivered = false;
  const hand = (member: BackendMember, transport: Transport): void => {
    isDelivered = true;
    deliver({ member, transport, lease });
  };
  const attempt: Effect.Effect<void, ConnectError> = Effect.suspend(() => {
    // The first member may be leased already: the balancer's turn must not be taken twice for one request.
    const member = tried === undefined && lease.member !== undefined ? lease.member : lease.take(membership, tried);
    if (member === undefined) return Effect.fail(new ConnectError({ reason: worst ?? "noInstance" }));
    return Effect.catch(dialMember(member, timeoutMs, hand), (failure) => {
      member.counters.connectionErrors++;
      tried ??= new Set();
      tried.add(member);
      if (worst !== "connectTimeout") worst = reasonOf[failure];
      return attempt;
    });
  });
  return Effect.onInterrupt(attempt, () =>
    Effect.sync(() => {
      if (!isDelivered) lease.giveBack();
    }),
  );
};
