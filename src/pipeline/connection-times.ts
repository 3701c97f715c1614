// When things happened to one connection that isn't looked into, and its line in an access log, when it is over.
//
// Made only where a log is kept: for a layer-4 connection, and for a client that hasn't come so far yet. Owns no account;
// its connection says when it is over and how.
import type { BackendMember } from "../backend/backend-member.ts";
import type { Reason } from "../errors.ts";
import { monotonicMs } from "../net/clock.ts";
import { beginEntry } from "../observe/access-log/access-entry.ts";
import type { LoggedClient } from "../observe/access-log/logged-client.ts";
import { loggedClientOf } from "./exchange-times.ts";
import { addPolicyFields } from "./policy/logged-fields.ts";
import type { ClientConnection } from "./policy/request-context.ts";
import type { Route } from "./route.ts";

/** What of a connection only it knows, when it is over. */
interface ConnectionEnd {
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly reason: Reason | undefined;
  /** Where it was connected to; undefined where to nobody. */
  readonly member: BackendMember | undefined;
}

export class ConnectionTimes {
  private readonly client: LoggedClient;
  /** Monotonic, in milliseconds, like all times here; 0 where it hasn't happened. */
  private clientSpokeMs = 0;
  private connectedMs = 0;
  private instanceSpokeMs = 0;
  /** How long it took to connect; -1 where nobody was reached. */
  private connectMs = -1;
  private responseMs = -1;

  constructor(
    private readonly accepted: ClientConnection,
    private readonly acceptedMs: number,
  ) {
    const { transport, clientAddress, clientPort } = accepted;
    // Now: a closed connection forgets it.
    this.client = loggedClientOf(transport, clientAddress, clientPort);
  }

  noteConnected(nowMs: number, connectMs: number): void {
    this.connectedMs = nowMs;
    this.connectMs = connectMs;
  }

  noteClientSpeaks(): void {
    this.clientSpokeMs = monotonicMs();
  }

  noteInstanceSpeaks(): void {
    this.instanceSpokeMs = monotonicMs();
  }

  /** The instance's first bytes have gone on to the client. */
  noteAnswered(): void {
    this.responseMs = monotonicMs() - this.instanceSpokeMs;
  }

  /** The connection's one line. */
  log(route: Route, { receivedBytes, sentBytes, reason, member }: ConnectionEnd): void {
    const { accessLog } = route;
    if (accessLog === undefined) return;
    const entry = beginEntry(false);
    entry.receivedAtMs = this.acceptedMs;
    entry.client = this.client;
    entry.receivedBytes = receivedBytes;
    entry.sentBytes = sentBytes;
    entry.reason = reason;
    entry.instance = member?.id;
    entry.backend = member?.loggedAddress;
    if (member !== undefined) {
      // What the client had said already went out when there was an instance; a silent client was never dispatched.
      if (this.clientSpokeMs > 0) entry.requestMs = Math.max(this.clientSpokeMs, this.connectedMs) - this.acceptedMs;
      entry.backendMs = this.connectMs;
      entry.responseMs = this.responseMs;
    }
    const { transport, clientAddress, tls } = this.accepted;
    addPolicyFields(entry, route, { client: transport, clientAddress, clientPort: this.client.port, tls }, undefined);
    accessLog.write(entry);
  }
}
