// The whole path of a layer-7 connection, in travel order: accept → identify → secure → parse → balance → dial → relay → outcome,
// the last five once for each request.
//
// In steady state there is no fiber: the session (http-session.ts) reads heads, and its exchange (exchange.ts) picks, sends
// and relays, inside socket callbacks and on connections that are kept. A connection for a request that no kept one can serve
// is built by `connect`.
import { connect } from "../backend/connect.ts";
import type { Accepted } from "../listen/accepted.ts";
import { HttpSession } from "./http-session.ts";
import { identify } from "./identified.ts";
import type { RouteSource } from "./route.ts";
import { secure } from "./secured.ts";

/** Serves one client of an HTTP or HTTPS listener until its connection has ended. */
export const serveHttp = (accepted: Accepted, source: RouteSource): void => {
  // Parse, balance where a kept connection waits, relay: all that needs no waiting. The session signs itself in and out.
  identify(accepted, source, (identified) =>
    secure(identified, source, (secured) => new HttpSession(secured, source, connect)),
  );
};
