// The whole path of a layer-7 connection, in travel order: accept → secure → parse → balance → dial → relay → outcome,
// the last five once for each request.
//
// One Effect per connection. In steady state it sleeps: the session (http-session.ts) parses, picks, sends and relays
// inside socket callbacks, on connections that are kept. It wakes only for a request that no kept connection can serve.
import { Effect } from "effect";
import { connect } from "../backend/connect.ts";
import type { Accepted } from "../listen/accepted.ts";
import { type ConnectionNeed, HttpSession } from "./http-session.ts";
import type { RouteSource } from "./route.ts";

/** Serves one client of an HTTP listener until its connection has ended. */
export const serveHttp = (accepted: Accepted, source: RouteSource): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Parse, and everything that needs no waiting.
    const session = new HttpSession(accepted, source);
    const path: Effect.Effect<void> = Effect.flatMap(session.nextNeed, (need) =>
      // Over, or: no kept connection. Dial for it, then go back to sleep.
      need === undefined ? Effect.void : Effect.flatMap(dialFor(session, need), () => path),
    );
    // Whatever ends the fiber ends the connection.
    return Effect.ensuring(
      path,
      Effect.sync(() => session.abort()),
    );
  });

/** Dials for one request, from instance to instance, unless the request is over first (client gone, timed out). */
const dialFor = (session: HttpSession, { route, lease }: ConnectionNeed): Effect.Effect<void> => {
  const connected = connect(route.membership, lease, route.connectTimeoutMs, (member, transport) => {
    session.proceed(member, transport, lease);
  });
  const dialled = Effect.catch(connected, (error) => Effect.sync(() => session.failConnect(error.reason)));
  return Effect.raceFirst(dialled, session.needIsOver);
};
