// The whole path of a layer-7 connection, in travel order: accept → identify → secure → parse → balance → dial → relay → outcome,
// the last five once for each request.
//
// In steady state there is no fiber: the session (http-session.ts) reads heads, and its exchange (exchange.ts) picks, sends
// and relays, inside socket callbacks and on connections that are kept. Effect builds what isn't there: a connection for
// a request that no kept one can serve.
import { Effect } from "effect";
import { connect } from "../backend/connect.ts";
import type { Accepted } from "../listen/accepted.ts";
import { HttpSession } from "./http-session.ts";
import { identify } from "./identified.ts";
import type { DialUser, DialWish } from "./pending-dial.ts";
import type { Cancellable, Route, RouteSource } from "./route.ts";
import { secure } from "./secured.ts";

/** Serves one client of an HTTP or HTTPS listener until its connection has ended. */
export const serveHttp = (accepted: Accepted, source: RouteSource): void => {
  // Parse, balance where a kept connection waits, relay: all that needs no waiting. The session signs itself in and out.
  identify(accepted, source, (identified) =>
    secure(identified, source, (secured) => new HttpSession(secured, source, dialFor)),
  );
};

/** Dials for one request, from instance to instance, beginning with the one that was picked; waits while all are full. */
const dialFor = (user: DialUser, source: RouteSource, route: Route, wish: DialWish): Cancellable => {
  const { connectTimeoutMs, surgeTimeoutMs } = route;
  const membership = () => source.route.membership;
  const surge = () => source.route.surge;
  const terms = { connectTimeoutMs, surge, surgeTimeoutMs, usesKept: wish.usesKept };
  const connected = connect({ ...wish, membership }, terms, user);
  // No instance answered: the client is told which way.
  return source.fork(Effect.catch(connected, (error) => Effect.sync(() => user.failConnect(error.reason))));
};
