// The fact between accepting and securing: whose connection it is.
//
// Most often that of whoever has connected. Where a listener accepts PROXY headers, a trusted proxy says first whose it is
// (introduction.ts). Nothing behind this step can tell the difference.
import type { Accepted } from "../listen/accepted.ts";
import { isInBlocks } from "../model/address-block.ts";
import type { ProxiedEndpoints } from "../model/proxied-connection.ts";
import { plainAddress } from "../net/endpoint.ts";
import type { Transport } from "../net/transport.ts";
import { Introduction } from "./introduction.ts";
import type { LiveConnection, RouteSource } from "./route.ts";

/** A connection of which it is known whose it is. */
export interface Identified extends Accepted {
  /** Its two ends, where an instance is to be told of them; copied, since a closed socket forgets them. */
  readonly endpoints?: ProxiedEndpoints;
  /** When its TLS handshake must be over, on the coarse clock; undefined where all the time for it is left. */
  readonly handshakeDueMs?: number;
}

/** Serves a client from here on; returns what the listener knows it by. */
export type ServeIdentified = (identified: Identified) => LiveConnection;

/** Finds out whose an accepted connection is, at once or when its header has come, and has it served. */
export const identify = (accepted: Accepted, source: RouteSource, serve: ServeIdentified): void => {
  const { listener, backendPreamble } = source.route;
  const { trustedProxies } = listener;
  // A system call for most of them, and most listeners tell nobody.
  const own = backendPreamble === undefined ? accepted : { ...accepted, endpoints: readEndpoints(accepted.transport) };
  // Whoever else can send a header can say that he is anybody: to him it is as if none were accepted.
  if (trustedProxies === undefined || !isInBlocks(trustedProxies, accepted.clientAddress)) serve(own);
  else new Introduction(own, source, serve);
};

const readEndpoints = (transport: Transport): ProxiedEndpoints => ({
  clientAddress: plainAddress(transport.remoteAddress),
  clientPort: transport.remotePort,
  proxyAddress: plainAddress(transport.localAddress),
  proxyPort: transport.localPort,
});
