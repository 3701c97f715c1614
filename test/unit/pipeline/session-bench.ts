// An HTTP session between a client and an instance that are not there: on a connection that is kept already, and on
// those that it asks for, which come when the test says so.
import { afterEach, expect } from "bun:test";
import roundRobin from "../../../policies/balance/round-robin.ts";
import type { BackendConnection } from "../../../src/backend/backend-connection.ts";
import type { BackendMember } from "../../../src/backend/backend-member.ts";
import type { ConnectUser } from "../../../src/backend/connect.ts";
import type { Lease } from "../../../src/balance/lease.ts";
import { makeMembership } from "../../../src/balance/membership.ts";
import { SurgeQueue } from "../../../src/balance/surge-queue.ts";
import type { Reason } from "../../../src/errors.ts";
import { makeAccepted } from "../../../src/listen/accepted.ts";
import { type Attributes, defaultAttributes } from "../../../src/model/attributes.ts";
import { countArmedDeadlines } from "../../../src/net/deadlines.ts";
import type { Transport } from "../../../src/net/transport.ts";
import { ListenerCounters } from "../../../src/observe/counters.ts";
import { type Outcome, observeOutcomes } from "../../../src/observe/outcomes.ts";
import { bytesOf } from "../../../src/parse/http1/bytes.ts";
import { makeLastLines } from "../../../src/parse/http1/serialise.ts";
import { HttpSession } from "../../../src/pipeline/http-session.ts";
import { makeHttpTerms } from "../../../src/pipeline/http-terms.ts";
import type { LiveConnection, Route, RouteSource } from "../../../src/pipeline/route.ts";
import { makeIdleConnection, makeMember } from "../backend/idle-connections.ts";
import { type FakeSocket, makeFakeTransport } from "../net/fake-socket.ts";

/** A request that waits for a connection, which is there or can't be had when the test says so. */
export class FakeDial {
  isCancelled = false;
  /** The instance's end, once it was answered. */
  readonly socket: FakeSocket;
  readonly transport: Transport;

  constructor(
    private readonly user: ConnectUser,
    private readonly lease: Lease<BackendMember>,
  ) {
    const { transport, socket } = makeFakeTransport();
    this.transport = transport;
    this.socket = socket;
  }

  /** The connection is there. */
  answer(): void {
    const { lease } = this;
    if (lease.member === undefined) throw new Error("nobody is dialled");
    this.user.proceed({ member: lease.member, transport: this.transport, lease });
  }

  /** No instance can be had. */
  refuse(reason: Reason = "connectRefused"): void {
    this.lease.giveBack();
    this.user.failConnect(reason);
  }

  /** @internal */
  cancel(): void {
    this.isCancelled = true;
    this.lease.giveBack();
  }
}

export interface SessionBench {
  readonly session: HttpSession;
  readonly client: FakeSocket;
  readonly transport: Transport;
  readonly counters: ListenerCounters;
  /** The instance's end of the kept connection, and that connection. */
  readonly instance: FakeSocket;
  readonly backend: BackendConnection;
  /** Every connection that was asked for, in order. */
  readonly dials: ReadonlyArray<FakeDial>;
  readonly idleCount: () => number;
  readonly outstanding: () => number;
  /** Connections that have signed in and not out. */
  readonly live: Set<LiveConnection>;
  /** The listener is removed, or the process ends: exchanges go on, and no other may follow. */
  readonly drain: () => void;
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
    port: 8080,
    membership: makeMembership([member], roundRobin),
    registered: [member],
    counters,
    accessLog: undefined,
    idleTimeoutMs: 60_000,
    removalGraceMs: 300_000,
    connectTimeoutMs: 5000,
    surge: new SurgeQueue(),
    surgeTimeoutMs: 60_000,
    security: undefined,
    handshakeTimeoutMs: 10_000,
    http: makeHttpTerms(defaultAttributes),
    sticky: undefined,
    pickKey: undefined,
    backendPreamble: undefined,
    policies: undefined,
    requestLastLines: makeLastLines("http", 8080),
    ...times,
  };
  const source: RouteSource & { isDraining: boolean } = {
    route,
    isDraining: false,
    fork: () => {
      throw new Error("nothing is forked here");
    },
    enter: (connection) => live.add(connection),
    leave: (connection) => live.delete(connection),
    replace: (before) => live.delete(before),
  };
  const { transport, socket: client } = makeFakeTransport();
  client.localAddress = localAddress;
  const dials: Array<FakeDial> = [];
  const session = new HttpSession(
    { ...makeAccepted(transport), clientAddress: "203.0.113.7", clientPort: 50_000, clientCertificateLines: undefined },
    source,
    (user, _source, _route, { lease }) => {
      const dial = new FakeDial(user, lease);
      dials.push(dial);
      return { interruptUnsafe: () => dial.cancel() };
    },
  );
  return {
    session,
    client,
    transport,
    counters,
    instance,
    backend,
    dials,
    idleCount: () => member.pool.idleCount,
    outstanding: () => member.outstanding,
    live,
    drain() {
      source.isDraining = true;
      for (const connection of live) connection.drain();
    },
    dispose() {
      session.abort();
      member.pool.close();
    },
  };
};

/** Benches for the tests of a file; each is disposed of behind its test, and no timer may be left. */
export const useBenches = (): typeof makeSessionBench => {
  const benches: Array<SessionBench> = [];
  afterEach(() => {
    for (const one of benches.splice(0)) one.dispose();
    expect(countArmedDeadlines()).toBe(0);
  });
  return (...args) => {
    const made = makeSessionBench(...args);
    benches.push(made);
    return made;
  };
};

/** The client sends a text. */
export const say = (one: SessionBench, text: string): void => one.transport.receiver.onBytes(bytesOf(text));
/** The instance sends a text, on the kept connection. */
export const answer = (one: SessionBench, text: string): void => one.backend.transport.receiver.onBytes(bytesOf(text));

/** An answer of ours that closes the connection. */
export const closed = (status: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`;

/** What an observer hears while `body` runs. */
export const outcomesOf = (body: () => void): ReadonlyArray<Outcome> => {
  const heard: Array<Outcome> = [];
  const stop = observeOutcomes((outcome) => heard.push(outcome));
  try {
    body();
  } finally {
    stop();
  }
  return heard;
};

/** The least request, an answer to it, and that answer as the client gets it. */
export const get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
export const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
export const passed = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi";

/** Makes sessions on a load balancer with the given attributes. */
export const benchesOf =
  (bench: typeof makeSessionBench) =>
  (attributes: Partial<Attributes>): SessionBench =>
    bench({ http: makeHttpTerms({ ...defaultAttributes, ...attributes }) });
