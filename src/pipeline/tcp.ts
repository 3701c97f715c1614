// The whole path of a layer-4 connection, in travel order: accept → secure → balance → dial → relay → outcome.
//
// One Effect per connection; it dials, then sleeps while callbacks move the bytes, and accounts the end. Interrupting it
// cuts both sides.
import { Effect } from "effect";
import type { BackendMember } from "../backend/backend-member.ts";
import { connect } from "../backend/connect.ts";
import { Lease } from "../balance/lease.ts";
import type { Accepted } from "../listen/accepted.ts";
import { type Outcome, settleConnection } from "./outcome.ts";
import { Relay } from "./relay.ts";
import type { RouteSource } from "./route.ts";

/** Serves one client of a TCP listener until both directions have ended. */
export const serveTcp = (accepted: Accepted, source: RouteSource): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    // The route as it is now: a layer-4 connection keeps what it began with.
    const { route } = source;
    const lease = new Lease<BackendMember>();
    // The relay listens from the first moment: the client may speak, end or vanish while the instance is dialled. If it
    // vanishes, this fiber is interrupted, and with it the dial.
    const relay = new Relay(accepted.transport, route.idleTimeoutMs, route.counters);
    relay.onFinished = () => fiber.interruptUnsafe();
    source.enter(relay);
    // Balance and dial, together: a dial that fails asks the balancer for the next instance. The connection that comes
    // is joined to the client's at once, and bytes flow both ways from there on, without this fiber.
    const connected = connect(route.membership, lease, route.connectTimeoutMs, (member, transport) => {
      relay.join(transport, member.counters);
    });
    const path = Effect.andThen(connected, untilFinished(relay));
    return Effect.ensuring(
      // No instance: an HTTP client would get a status; here the connection is closed.
      Effect.catch(path, (error) => Effect.sync(() => relay.close(error.reason))),
      Effect.sync(() => {
        relay.abort();
        settleConnection(outcomeOf(relay, lease), route.counters);
        lease.giveBack();
        source.leave(relay);
      }),
    );
  });

const untilFinished = (relay: Relay): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (relay.finished !== undefined) resume(Effect.void);
    else relay.onFinished = () => resume(Effect.void);
  });

const outcomeOf = (relay: Relay, lease: Lease<BackendMember>): Outcome => ({
  status: 0,
  reason: relay.finished?.reason,
  instance: lease.member?.id,
  receivedBytes: relay.toBackend.bytes,
  sentBytes: relay.toClient?.bytes ?? 0,
  startedMs: relay.startedMs,
});
