// What one line of an access log is made of: a request and its response, or a layer-4 connection, when it is over.
//
// There is one, filled by whoever accounts an end and read at once (access-log.ts), so that a line allocates nothing. Times are
// on the process's monotonic clock (`performance.now()`); what a client has sent is raw.
import type { Reason } from "../../errors.ts";
import type { DesyncReason } from "../../parse/http1/desync.ts";
import type { FixedText } from "./fixed-text.ts";
import { type LoggedClient, nobody } from "./logged-client.ts";
import type { LoggedRequest } from "./logged-request.ts";

/** A value that a policy adds to the record of a request or connection. */
type LoggedField = string | number | boolean;

export class AccessEntry {
  /** When the request's first byte came, or the connection; in milliseconds. */
  receivedAtMs = 0;
  /** When it was over; set for those alone who tell it. */
  endedAtMs = 0;
  client: LoggedClient = nobody;
  /** The address and port of the instance that answered; undefined where none did. */
  backend: FixedText | undefined = undefined;
  /** Received to sent to the instance, in milliseconds; -1 where it came to no answer. */
  requestMs = -1;
  /** Sent to response head; at layer 4, to connect. In milliseconds, or -1. */
  backendMs = -1;
  /** Response head received to begun to send it; at layer 4, the first bytes. In milliseconds, or -1. */
  responseMs = -1;
  isLayer7 = false;
  /** What the client got; 0 where it got none, and at layer 4. */
  status = 0;
  /** The instance's; 0 where it sent none. */
  backendStatus = 0;
  receivedBytes = 0;
  sentBytes = 0;
  /** Undefined at layer 4. */
  request: LoggedRequest | undefined = undefined;

  // ——— beyond a Classic Load Balancer ———

  reason: Reason | undefined = undefined;
  desync: DesyncReason | undefined = undefined;
  /** How often the request was sent again. */
  retries = 0;
  /** The id of the instance that it came to, whether that answered or not. */
  instance: string | undefined = undefined;
  /** What policies add; asked for only where the log has room for it. */
  fields: Readonly<Record<string, LoggedField>> | undefined = undefined;

  /** What a connection of which nothing is known looks like. */
  begin(isLayer7: boolean): void {
    this.isLayer7 = isLayer7;
    this.backend = undefined;
    this.requestMs = -1;
    this.backendMs = -1;
    this.responseMs = -1;
    this.status = 0;
    this.backendStatus = 0;
    this.receivedBytes = 0;
    this.sentBytes = 0;
    this.request = undefined;
    this.reason = undefined;
    this.desync = undefined;
    this.retries = 0;
    this.instance = undefined;
    this.fields = undefined;
  }
}

const entry = new AccessEntry();

/** The entry, empty, for whoever has something to account now. Nothing in it outlives the line. */
export const beginEntry = (isLayer7: boolean): AccessEntry => {
  entry.begin(isLayer7);
  return entry;
};
