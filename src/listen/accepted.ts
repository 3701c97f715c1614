// The first fact about a connection: a client has come in.
import { plainAddress } from "../net/endpoint.ts";
import type { Transport } from "../net/transport.ts";
import { isObserved } from "../observe/outcomes.ts";

/** A client's connection, let in; its addresses are copied, since a closed socket forgets them. */
export interface Accepted {
  readonly transport: Transport;
  /** The client's address, an IPv4 one plain even on a dual-stack listener. */
  readonly clientAddress: string;
  /** For outcomes alone: 0 where nobody observes, since it takes a system call. */
  readonly clientPort: number;
}

export const makeAccepted = (transport: Transport): Accepted => ({
  transport,
  clientAddress: plainAddress(transport.remoteAddress),
  clientPort: isObserved() ? transport.remotePort : 0,
});
