// Connections to an instance that are not there, for tests of what keeps and uses them.
import { BackendConnection, type BackendUser } from "../../../src/backend/backend-connection.ts";
import { BackendMember } from "../../../src/backend/backend-member.ts";
import type { OpenConnection } from "../../../src/backend/reserve.ts";
import { tickDeadlines } from "../../../src/net/deadlines.ts";
import type { DialListener } from "../../../src/net/dial.ts";
import { Endpoint } from "../../../src/net/endpoint.ts";
import type { Transport } from "../../../src/net/transport.ts";
import { type FakeSocket, makeFakeTransport } from "../net/fake-socket.ts";
import type { FakeTime } from "../net/fake-time.ts";

export const makeMember = (id = "i-1", open?: OpenConnection): BackendMember =>
  new BackendMember(id, new Endpoint("127.0.0.1", 9), undefined, undefined, open);

/** Dials that end when the test says so. */
export class FakeDials {
  /** Those under way, in order. */
  readonly pending: Array<DialListener> = [];
  /** The listeners' sockets of those that were answered, in order. */
  readonly sockets: Array<FakeSocket> = [];
  /** When each was begun, in milliseconds. */
  readonly startedMs: Array<number> = [];
  canceled = 0;

  readonly open: OpenConnection = (_endpoint, _timeoutMs, listener) => {
    this.pending.push(listener);
    this.startedMs.push(performance.now());
    return {
      cancel: () => {
        this.canceled++;
        this.pending.splice(this.pending.indexOf(listener), 1);
      },
    };
  };

  /** The oldest dial under way succeeds; its transport. */
  answer(): Transport {
    const { transport, socket } = makeFakeTransport();
    this.sockets.push(socket);
    this.pending.shift()!.onDialled(transport);
    return transport;
  }

  /** The oldest dial under way fails. */
  refuse(failure: Parameters<DialListener["onDialFailed"]>[0] = "refused"): void {
    this.pending.shift()!.onDialFailed(failure, "ECONNREFUSED");
  }
}

/** Lets time pass, step by step of the deadlines. */
export const passTime = (time: FakeTime, ms: number): void => {
  for (const endMs = time.nowMs + ms; time.nowMs < endMs; ) {
    time.nowMs += 100;
    tickDeadlines();
  }
};

export interface FakeConnection {
  readonly connection: BackendConnection;
  readonly socket: FakeSocket;
}

/** A connection that nobody uses yet. */
export const makeConnection = (member: BackendMember): FakeConnection => {
  const { transport, socket } = makeFakeTransport();
  return { connection: new BackendConnection(member, transport), socket };
};

/** A connection that waits in its member's pool. */
export const makeIdleConnection = (member: BackendMember): FakeConnection => {
  const made = makeConnection(member);
  made.connection.release();
  return made;
};

/** A user that writes down what it hears. */
export const makeUser = (heard: Array<string>): BackendUser => ({
  onBackendBytes: (chunk) => heard.push(`${chunk.length} bytes`),
  onBackendWritable: () => heard.push("writable"),
  onBackendEnd: () => heard.push("end"),
  onBackendClosed: (isReset) => heard.push(isReset ? "reset" : "closed"),
});
