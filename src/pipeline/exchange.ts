// One request and its response, while they last: what is known of both, the lease, and the connection that serves them.
//
// Taken from a small store when a request's first byte comes and put back when its connection has nothing under way, so
// that an idle connection holds none of it and a busy one allocates none.
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { BackendMember } from "../backend/backend-member.ts";
import { Lease } from "../balance/lease.ts";
import type { ByteWriter } from "../parse/byte-writer.ts";
import { makeRequestReader } from "../parse/http1/head-reader.ts";
import { RequestBody } from "./request-body.ts";
import { ResponseRelay } from "./response-relay.ts";
import type { Cancellable } from "./route.ts";

export class Exchange {
  readonly reader = makeRequestReader();
  readonly body = new RequestBody();
  readonly response = new ResponseRelay();
  lease = new Lease<BackendMember>();
  backend: BackendConnection | undefined = undefined;
  /** The request head, where no connection has it: while the request waits for one. */
  waitingHead: ByteWriter | undefined = undefined;
  /** The dial under way. */
  dialling: Cancellable | undefined = undefined;
  /** An outcome is owed. */
  isOpen = false;
  isRetried = false;
  isIdempotent = false;
  wantsKeepAlive = false;
  isHead = false;
  /** The client's HTTP/1.x. */
  minorVersion = 1;
  /** On the coarse clock, in milliseconds. */
  startedMs = 0;
  /** The request head as it came, in bytes. */
  headBytes = 0;
}

const spare: Array<Exchange> = [];
const spareMax = 256;

export const takeExchange = (): Exchange => spare.pop() ?? new Exchange();

/** Puts back an exchange that nothing uses any more. */
export const giveBackExchange = (exchange: Exchange): void => {
  exchange.reader.release();
  exchange.response.begin();
  exchange.body.reset();
  exchange.headBytes = 0;
  if (spare.length < spareMax) spare.push(exchange);
};
