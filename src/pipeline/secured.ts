// The fact between accepting and parsing: from here on the transport's bytes are clear text, whatever lies under it.
//
// A plain listener's connection has nothing to terminate. TLS listeners put their handshake here; nothing behind this
// step can tell the difference.
import type { Accepted } from "../listen/accepted.ts";
import type { Transport } from "../net/transport.ts";

/** A client whose bytes can be read. */
export interface Secured {
  readonly transport: Transport;
  readonly clientAddress: string;
}

/** What came in clear is clear. */
export const securePlain = (accepted: Accepted): Secured => accepted;
