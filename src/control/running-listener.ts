// A listener that is open: its socket, and the service that new connections belong to.
//
// The socket outlives every change but the listener's removal. Closing stops accepting; the connections go on and are
// their service's affair.
import { Effect, Exit, Scope } from "effect";
import type { BindError } from "../errors.ts";
import type { Accepted } from "../listen/accepted.ts";
import { type AcceptorTarget, accept, type BindRequest } from "../listen/acceptor.ts";
import type { Admission } from "../listen/admission.ts";
import { isLayer7 } from "../model/protocol.ts";
import type { ListeningSocket } from "../net/listener.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import { serveHttp } from "../pipeline/http.ts";
import type { Route } from "../pipeline/route.ts";
import { serveTcp } from "../pipeline/tcp.ts";
import { type Fork, Service } from "./service.ts";

export class RunningListener implements AcceptorTarget {
  /** The port that is really bound; the one asked for, unless that was 0. */
  port: number;
  service: Service;
  private scope: Scope.Closeable | undefined = undefined;
  private socket: ListeningSocket | undefined = undefined;

  constructor(
    readonly bind: BindRequest,
    route: Route,
    private readonly admission: Admission,
    private readonly fork: Fork,
  ) {
    this.port = bind.port;
    this.service = new Service(route, admission, fork);
  }

  get route(): Route {
    return this.service.route;
  }

  get counters(): ListenerCounters {
    return this.route.counters;
  }

  /** Binds the socket and accepts. *Fails with*: {@link BindError}; nothing is open then. */
  readonly open: Effect.Effect<void, BindError> = Effect.gen({ self: this }, function* () {
    const scope = yield* Scope.make();
    const socket = yield* accept(this.bind, this.admission, this).pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
    );
    this.scope = scope;
    this.socket = socket;
    this.port = socket.port;
  });

  /** It should be listening, and the system says that its socket isn't. */
  get isDeaf(): boolean {
    return this.socket?.isListening() === false;
  }

  /** Stops accepting; does nothing to the connections. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { scope } = this;
    this.scope = undefined;
    this.socket = undefined;
    return scope === undefined ? Effect.void : Scope.close(scope, Exit.void);
  });

  /**
   * Gives the listener another route.
   *
   * *Details*: connections go over to it where it has the same membership. Else it is another listener's, of another protocol or
   * load balancer: then they keep the service they have, which is returned and must be drained.
   */
  take(route: Route): Service | undefined {
    const { service } = this;
    if (route.membership === service.route.membership) {
      const hasOtherTerms = route.security?.clientAuthKey !== service.route.security?.clientAuthKey;
      service.route = route;
      if (hasOtherTerms) service.connections.retire();
      return undefined;
    }
    this.service = new Service(route, this.admission, this.fork);
    return service;
  }

  serve(accepted: Accepted): void {
    // The path that a listener's connections take, by its protocol.
    if (isLayer7(this.route.listener.protocol)) serveHttp(accepted, this.service);
    else serveTcp(accepted, this.service);
  }
}
