// The whole path of a layer-4 connection, in travel order: accept → identify → secure → balance → dial → relay → outcome.
//
// Effect builds the path and is gone when it stands: from the join on, bytes, idle time and the account are the relay's
// callbacks (relay.ts), and the listener's service knows it among its connections.
import { Effect } from "effect";
import { connect } from "../backend/connect.ts";
import type { Accepted } from "../listen/accepted.ts";
import { hashText } from "../policy/hash.ts";
import { identify } from "./identified.ts";
import { Relay } from "./relay.ts";
import type { LiveConnection, RouteSource } from "./route.ts";
import { type Secured, secure } from "./secured.ts";

/** Serves one client of a TCP or SSL listener until both directions have ended. */
export const serveTcp = (accepted: Accepted, source: RouteSource): void => {
  // Nothing is dialled for a client whose handshake fails.
  identify(accepted, source, (identified) => secure(identified, source, (secured) => relayTcp(secured, source)));
};

const relayTcp = (secured: Secured, source: RouteSource): LiveConnection => {
  // The relay listens from the first moment: the client may speak, end or vanish while the instance is dialled.
  const { endpoints, tls } = secured;
  const preamble = endpoints && source.route.backendPreamble?.(tls === undefined ? endpoints : { ...endpoints, tls });
  const relay = new Relay(secured, source, preamble);
  const { connectTimeoutMs, surgeTimeoutMs } = relay.route;
  const membership = () => source.route.membership;
  const surge = () => source.route.surge;
  const key = relay.route.pickKey === undefined ? 0 : hashText(secured.clientAddress);
  // Balance and dial, together: a dial that fails asks the balancer for the next instance; while all are full, it waits.
  // The connection that comes is joined to the client's at once. A kept one belongs to layer 7.
  const connected = connect(
    { membership, key, lease: relay.lease },
    { connectTimeoutMs, surge, surgeTimeoutMs, usesKept: false, preamble },
    { proceed: (it) => relay.join(it), onQueued: (isQueued) => relay.onQueued(isQueued) },
  );
  // No instance: an HTTP client would get a status; here the connection is closed.
  const path = Effect.catch(connected, (error) => Effect.sync(() => relay.close(error.reason)));
  relay.awaitJoin(source.fork(path));
  return relay;
};
