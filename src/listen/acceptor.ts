// Accepts: one listening socket whose connections pass the door.
//
// Owns the socket for its scope. What a connection is served with is decided by `serve` at that moment, so a reload
// changes it without touching the socket.
import { Effect, type Scope } from "effect";
import { BindError } from "../errors.ts";
import { type ListeningSocket, listenUnsafe } from "../net/listener.ts";
import type { Transport } from "../net/transport.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import { type Accepted, makeAccepted } from "./accepted.ts";
import type { Admission } from "./admission.ts";

/** Where to listen, and what to say when that can't be. */
export interface BindRequest {
  /** An IP address, or undefined for every address of both families. */
  readonly address: string | undefined;
  readonly port: number;
  readonly loadBalancer: string;
  /** Where the port is written, such as `loadBalancers.web.listeners[0].port`. */
  readonly setting: string;
}

/** What an acceptor does with each connection. */
export interface AcceptorTarget {
  /** Asked anew for every connection: counters belong to what the listener is now. */
  readonly counters: ListenerCounters;
  /** Takes the connection over. */
  serve(accepted: Accepted): void;
}

/**
 * Binds and accepts until the scope closes; connections live on.
 *
 * *Fails with*: {@link BindError}, the system's refusal.
 */
export const accept = (
  bind: BindRequest,
  admission: Admission,
  target: AcceptorTarget,
): Effect.Effect<ListeningSocket, BindError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({
      try: () => listenAnywhere(bind, (transport) => admit(transport, admission, target)),
      catch: (cause) =>
        new BindError({
          address: bind.address ?? everyAddress,
          port: bind.port,
          code: (cause as { readonly code?: string }).code ?? String(cause),
          loadBalancer: bind.loadBalancer,
          setting: bind.setting,
        }),
    }),
    (socket) => Effect.sync(() => socket.stop()),
  );

const everyAddress = "::";
const everyIPv4Address = "0.0.0.0";

/** Without an address: both families, or IPv4 alone on a host that has no IPv6. */
const listenAnywhere = (bind: BindRequest, onAccept: (transport: Transport) => void): ListeningSocket => {
  if (bind.address !== undefined) return listenUnsafe(bind.address, bind.port, onAccept);
  try {
    return listenUnsafe(everyAddress, bind.port, onAccept);
  } catch (error) {
    const { code } = error as { readonly code?: string };
    if (code !== "EADDRNOTAVAIL" && code !== "EAFNOSUPPORT") throw error;
    return listenUnsafe(everyIPv4Address, bind.port, onAccept);
  }
};

const admit = (transport: Transport, admission: Admission, target: AcceptorTarget): void => {
  const { counters } = target;
  counters.acceptedConnections++;
  if (!admission.enter()) {
    counters.refusedConnections++;
    counters.countReason("connectionCapReached");
    transport.close();
    return;
  }
  target.serve(makeAccepted(transport));
};
