// An HTTP session between a client and an instance that are not there, on connections that are kept already.

import roundRobin from "../../../policies/balance/round-robin.ts";
import type { BackendConnection } from "../../../src/backend/backend-connection.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { defaultAttributes } from "../../../src/model/attributes.ts";
import type { Transport } from "../../../src/net/transport.ts";
import { ListenerCounters } from "../../../src/observe/counters.ts";
import { makeLastLines } from "../../../src/parse/http1/serialise.ts";
import { HttpSession } from "../../../src/pipeline/http-session.ts";
import { makeHttpTerms } from "../../../src/pipeline/http-terms.ts";
import type { LiveConnection, Route, RouteSource } from "../../../src/pipeline/route.ts";
import { makeIdleConnection, makeMember } from "../backend/idle-connections.ts";
import { type FakeSocket, makeFakeTransport } from "../net/fake-socket.ts";

export interface SessionBench {
  readonly session: HttpSession;
  readonly client: FakeSocket;
  readonly transport: Transport;
  readonly counters: ListenerCounters;
  /** The instance's end of the kept connection, and that connection. */
  readonly instance: FakeSocket;
  readonly backend: BackendConnection;
  readonly idleCount: () => number;
  readonly outstanding: () => number;
  /** Connections that have signed in and not out. */
  readonly live: Set<LiveConnection>;
  /** Ends what is left. */
  readonly dispose: () => void;
}

export const makeSessionBench = (times: Partial<Route> = {}, localAddress = "192.0.2.1"): SessionBench => {
  const member = makeMember();
  const { connection: backend, socket: instance } = makeIdleConnection(member);
  const counters = new ListenerCounters();
  const live = new Set<LiveConnection>();
  const route: Route = {
    loadBalancer: "web",
    listener: { protocol: "HTTP", port: 8080, instanceProtocol: "HTTP", instancePort: 80 },
    membership: makeMembership([member], roundRobin),
    counters,
    idleTimeoutMs: 60_000,
    connectTimeoutMs: 5000,
    http: makeHttpTerms(defaultAttributes),
    requestLastLines: makeLastLines("http", 8080),
    ...times,
  };
  const source: RouteSource = {
    route,
    isDraining: false,
    fork: () => {
      throw new Error("nothing is forked here");
    },
    enter: (connection) => live.add(connection),
    leave: (connection) => live.delete(connection),
  };
  const { transport, socket: client } = makeFakeTransport();
  client.localAddress = localAddress;
  const session = new HttpSession({ transport, clientAddress: "203.0.113.7" }, source, () => ({
    interruptUnsafe() {},
  }));
  return {
    session,
    client,
    transport,
    counters,
    instance,
    backend,
    idleCount: () => member.pool.idleCount,
    outstanding: () => member.outstanding,
    live,
    dispose() {
      session.abort();
      member.pool.close();
    },
  };
};
