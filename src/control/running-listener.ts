// A listener that is open: its socket, the route that its connections take now, and the connections themselves.
//
// A reload swaps the route by one assignment and leaves the socket alone. Closing stops accepting; the connections go on
// and are told to finish.
import { Effect, Exit, Scope } from "effect";
import type { BindError } from "../errors.ts";
import type { Accepted } from "../listen/accepted.ts";
import { type AcceptorTarget, accept, type BindRequest } from "../listen/acceptor.ts";
import type { Admission } from "../listen/admission.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import { serveHttp } from "../pipeline/http.ts";
import type { Cancellable, LiveConnection, Route, RouteSource } from "../pipeline/route.ts";
import { serveTcp } from "../pipeline/tcp.ts";
import { Connections } from "./connections.ts";

/** Starts a fiber for a part of a connection's life. */
export type Fork = (part: Effect.Effect<void>) => Cancellable;

export class RunningListener implements RouteSource, AcceptorTarget {
  readonly connections = new Connections();
  isDraining = false;
  /** The port that is really bound; the one asked for, unless that was 0. */
  port: number;
  private scope: Scope.Closeable | undefined = undefined;
  private serveRoute: (accepted: Accepted, source: RouteSource) => void;
  private current: Route;

  constructor(
    readonly bind: BindRequest,
    route: Route,
    private readonly admission: Admission,
    readonly fork: Fork,
  ) {
    this.port = bind.port;
    this.current = route;
    this.serveRoute = pathOf(route);
  }

  get route(): Route {
    return this.current;
  }

  set route(route: Route) {
    this.current = route;
    this.serveRoute = pathOf(route);
  }

  get counters(): ListenerCounters {
    return this.current.counters;
  }

  /** Binds the socket and accepts. *Fails with*: {@link BindError}; nothing is open then. */
  readonly open: Effect.Effect<void, BindError> = Effect.gen({ self: this }, function* () {
    const scope = yield* Scope.make();
    const socket = yield* accept(this.bind, this.admission, this).pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
    );
    this.scope = scope;
    this.isDraining = false;
    this.port = socket.port;
  });

  /** Stops accepting; does nothing to the connections. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { scope } = this;
    this.scope = undefined;
    return scope === undefined ? Effect.void : Scope.close(scope, Exit.void);
  });

  /** Tells every connection to finish. */
  drain(): void {
    this.isDraining = true;
    this.connections.drain();
  }

  serve(accepted: Accepted): void {
    this.serveRoute(accepted, this);
  }

  enter(connection: LiveConnection): void {
    this.connections.add(connection);
    this.current.counters.openConnections++;
  }

  leave(connection: LiveConnection): void {
    this.current.counters.openConnections--;
    this.admission.leave();
    this.connections.delete(connection);
  }
}

/** The path that a listener's connections take, by its protocol. */
const pathOf = (route: Route) => (route.listener.protocol === "HTTP" ? serveHttp : serveTcp);
