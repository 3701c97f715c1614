// Connections to an instance that are not there, for tests of what keeps and uses them.
import { BackendConnection, type BackendUser } from "../../../src/backend/backend-connection.ts";
import { BackendMember } from "../../../src/backend/backend-member.ts";
import { Endpoint } from "../../../src/net/endpoint.ts";
import { type FakeSocket, makeFakeTransport } from "../net/fake-socket.ts";

export const makeMember = (id = "i-1"): BackendMember => new BackendMember(id, new Endpoint("127.0.0.1", 9));

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
