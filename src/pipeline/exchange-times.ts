// When things happened to one exchange, and what of its head an access log will say; its line, when it is over.
//
// Belongs to an exchange and is used again with it. Sent and answered are always noted, for the latency that is counted;
// all else only where the route keeps a log. Owns no account: the exchange says when it is over and how.
import { monotonicMs } from "../net/clock.ts";
import { readSettledTerms } from "../net/secure-accept.ts";
import type { Transport } from "../net/transport.ts";
import { type AccessEntry, beginEntry } from "../observe/access-log/access-entry.ts";
import { LoggedClient, type LoggedTls } from "../observe/access-log/logged-client.ts";
import { LoggedRequest } from "../observe/access-log/logged-request.ts";
import type { InstanceCounters, ListenerCounters } from "../observe/counters.ts";
import type { HeadReader } from "../parse/http1/head-reader.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";

export class ExchangeTimes {
  /** Its first byte came; 0 while nobody has looked. On the monotonic clock in milliseconds, like the others. */
  private receivedMs = 0;
  private sentMs = 0;
  private headMs = 0;
  private startedMs = 0;
  private client: LoggedClient | undefined = undefined;
  /** Made with the first request that is logged, then kept. */
  private request: LoggedRequest | undefined = undefined;

  /** Its first byte has come. */
  noteReceived(): void {
    this.receivedMs = monotonicMs();
  }

  /** Its head is whole, and is about to be forgotten: notes what will be logged of it. */
  noteHead(owner: ExchangeOwner, head: RequestHeadParser, bytes: Uint8Array, isAlone: boolean): void {
    this.begin(owner).note(head, bytes, isAlone, owner);
  }

  /** The same of a head that is refused, as far as it has come. */
  noteRefused(owner: ExchangeOwner, { parser, bytes, end }: HeadReader<RequestHeadParser>): void {
    const request = this.begin(owner);
    if (parser !== undefined) request.noteRefused(bytes, parser.start, end, owner);
  }

  private begin(owner: ExchangeOwner): LoggedRequest {
    // Now, while the client is there.
    this.client = owner.loggedClient;
    // The log may have been switched on since its first byte.
    if (this.receivedMs === 0) this.noteReceived();
    this.request ??= new LoggedRequest();
    return this.request;
  }

  /** It goes to an instance; again, when it is sent again. */
  noteSent(): void {
    this.sentMs = monotonicMs();
  }

  /** Bytes of a response have come, of which the head isn't whole yet. */
  noteAnswer(): void {
    this.headMs = monotonicMs();
  }

  /** With those bytes the response head was whole, and has gone to the client. */
  noteStart(counters: ListenerCounters, instance: InstanceCounters | undefined, isLogged: boolean): void {
    const seconds = (this.headMs - this.sentMs) / 1000;
    counters.latency.observe(seconds);
    instance?.countAnswer(seconds);
    if (isLogged) this.startedMs = monotonicMs();
  }

  /** An entry with what is known here; `backendStatus` is 0 where no response head came whole. */
  makeEntry(owner: ExchangeOwner, status: number, backendStatus: number): AccessEntry {
    const entry = beginEntry(true);
    entry.receivedAtMs = this.receivedMs === 0 ? monotonicMs() : this.receivedMs;
    entry.client = this.client ?? owner.loggedClient;
    entry.request = this.request;
    entry.status = status;
    entry.backendStatus = backendStatus;
    // An instance that has closed without a word, or was silent for too long, leaves no times ("Access logs", AWS).
    if (backendStatus === 0) return entry;
    // A log that was switched on meanwhile knows no beginning of the answer.
    if (this.startedMs === 0) this.startedMs = this.headMs;
    entry.requestMs = Math.max(0, this.sentMs - entry.receivedAtMs);
    entry.backendMs = this.headMs - this.sentMs;
    entry.responseMs = this.startedMs - this.headMs;
    return entry;
  }

  /** Forgets everything, for the next request. */
  reset(): void {
    this.receivedMs = 0;
    this.startedMs = 0;
    this.client = undefined;
    this.request?.clear();
  }
}

/** Who a client is to a log; only while its connection is there. A `port` of 0 is looked up. */
export const loggedClientOf = (client: Transport, address: string, port: number): LoggedClient =>
  new LoggedClient(address, port || client.remotePort, loggedTlsOf(client));

const loggedTlsOf = (client: Transport): LoggedTls | undefined => {
  if (!client.isSecure) return undefined;
  const { cipher, version } = readSettledTerms(client);
  return cipher === "" ? undefined : { cipher, protocol: version };
};
