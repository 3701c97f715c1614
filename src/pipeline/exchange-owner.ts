// The client's connection, as its exchange sees it: what an exchange takes from it, and what it tells it.
//
// Implemented by the session (http-session.ts); here so that an exchange knows no more of it than this.
import type { Transport } from "../net/transport.ts";
import type { LoggedClient } from "../observe/access-log/logged-client.ts";
import type { ClientFacts } from "../parse/http1/serialise.ts";
import type { DialFor } from "./pending-dial.ts";
import type { ClientEnd } from "./policy/request-context.ts";
import type { Route, RouteSource } from "./route.ts";

export interface ExchangeOwner extends ClientEnd, ClientFacts {
  readonly client: Transport;
  /** The client's address and port as they count, for outcomes. */
  readonly clientAddress: string;
  readonly clientPort: number;
  /** The same for an access log, which asks for it first while the client is there. */
  readonly loggedClient: LoggedClient;
  readonly source: RouteSource;
  /** No further exchange begins on the client's connection. */
  readonly isEnding: boolean;
  readonly dialFor: DialFor;
  /** The route of the request under way. */
  readonly route: Route;
  /** The client's address, hashed: what balancing that has keys picks by where a request has no other. */
  readonly addressKey: number;
  /** When anything that keeps the connection alive last happened, on the coarse clock in milliseconds. */
  lastActivityMs: number;
  /** There are bytes of the client that nobody has looked at. */
  readonly hasInput: boolean;
  keepInput(bytes: Uint8Array): void;
  takeInput(): Uint8Array;
  /** The client didn't take all that was written. */
  noteKept(): void;
  /** Something may be over by `dueMs` (on the coarse clock), sooner than the idle timeout. */
  lookBy(dueMs: number): void;
  /** The answer is whole, and accounted; the client's connection may live on behind it or not. */
  answered(keepsClient: boolean): void;
  /** The client has a part of an answer that can't be completed; all is accounted. */
  cut(): void;
}
