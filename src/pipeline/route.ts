// What a listener does with what it accepts: its load balancer's part of the current snapshot.
//
// Immutable. A reload puts another one in its place by one assignment; a layer-4 connection keeps the route it began
// with, a layer-7 connection reads it anew for each request.
import type { Effect } from "effect";
import type { BackendMember } from "../backend/backend-member.ts";
import type { Membership } from "../balance/membership.ts";
import type { SurgeQueue } from "../balance/surge-queue.ts";
import type { Reason } from "../errors.ts";
import type { Listener } from "../model/listener.ts";
import type { ProxiedConnection } from "../model/proxied-connection.ts";
import type { AccessLog } from "../observe/access-log/access-log.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import type { ServerContexts } from "../tls/server-contexts.ts";
import type { HttpTerms } from "./http-terms.ts";
import type { PickKey } from "./pick-key.ts";
import type { PolicyChain } from "./policy/chain.ts";
import type { StickyTerms } from "./sticky-session.ts";

export interface Route {
  readonly loadBalancer: string;
  readonly listener: Listener;
  /** The port that is listened on, also where the system has chosen it. */
  readonly port: number;
  readonly membership: Membership<BackendMember>;
  /** What the membership picks by; undefined where its policy has no keys, and then nothing is read. */
  readonly pickKey: PickKey | undefined;
  /** Everyone behind the listener, in service or not. */
  readonly registered: ReadonlyArray<BackendMember>;
  readonly counters: ListenerCounters;
  /** Where each request, or layer-4 connection, becomes a line, a span or both; undefined where there are neither logs nor traces. */
  readonly accessLog: AccessLog | undefined;
  /** Silence on both sides after which a connection ends, in milliseconds. */
  readonly idleTimeoutMs: number;
  /** How long connections may go on when the listener is removed, in milliseconds. */
  readonly removalGraceMs: number;
  /** How long one instance may take to accept a connection, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Who waits for room; one for all listeners of the load balancer. */
  readonly surge: SurgeQueue<BackendMember>;
  /** How long one may wait there, in milliseconds. */
  readonly surgeTimeoutMs: number;
  /** How TLS is terminated; undefined where clients speak in clear. */
  readonly security: ServerContexts | undefined;
  /**
   * What an instance is told of a layer-4 connection before its first byte; undefined where nothing ever is. It answers with
   * null where that can't be told, and then the connection must not be relayed.
   */
  readonly backendPreamble: ((connection: ProxiedConnection) => Uint8Array | undefined | null) | undefined;
  /** How long a client may take for its TLS handshake, the PROXY header before it included, in milliseconds. */
  readonly handshakeTimeoutMs: number;
  /** What holds for layer-7 connections. */
  readonly http: HttpTerms;
  /** How clients stay with their instances; undefined without a stickiness policy, and then nothing is asked. */
  readonly sticky: StickyTerms<BackendMember> | undefined;
  /** The policies that see its traffic; undefined where none has a hook for it, and then nothing is asked. */
  readonly policies: PolicyChain | undefined;
  /** What every layer-7 request on this listener ends with; see `makeLastLines`. */
  readonly requestLastLines: Uint8Array;
}

/** A connection as its listener sees it, so that it can be told to come to an end. */
export interface LiveConnection {
  /** Its neighbours among the listener's connections, for whoever keeps those; a set would cost every connection a hash. */
  livePrevious: LiveConnection | undefined;
  liveNext: LiveConnection | undefined;
  /** Finish what is under way, then close; at once when nothing is. */
  drain(): void;
  /** What is asked of clients has changed: serve none of what comes next; at layer 4, where nothing comes next, go on. */
  retire(): void;
  /**
   * What is in progress on one of these members ends now: an HTTP request whose answer hasn't begun gets the reason's status, all
   * else is cut. A dial under way isn't in progress yet: the member itself ends it.
   */
  cutFrom(members: ReadonlySet<BackendMember>, reason: Reason): void;
  /** End now, whatever is under way. */
  abort(): void;
}

/** A fiber, or what may become one, as far as those are concerned who may have to end it. */
export interface Cancellable {
  interruptUnsafe(): void;
}

/** A listener, open or draining; connections ask it and sign in and out of it. */
export interface RouteSource {
  /** Read it anew for each exchange. */
  readonly route: Route;
  /** The listener is going away: no further exchange begins on its connections. */
  readonly isDraining: boolean;
  /** Runs a part of a connection's life that takes time; it ends with the listener's scope at the latest. */
  fork(part: Effect.Effect<void>): Cancellable;
  enter(connection: LiveConnection): void;
  leave(connection: LiveConnection): void;
  /** A connection goes on as another, which has entered: its handshake is done. */
  replace(before: LiveConnection, after: LiveConnection): void;
}
