// The fact between accepting and securing: whose connection it is.
//
// Most often that of whoever has connected. Where a listener accepts PROXY headers, a trusted proxy says first whose it is
// (introduction.ts). Nothing behind this step can tell the difference.
import type { Accepted } from "../listen/accepted.ts";
import { type AddressBlock, isInBlocks } from "../model/address-block.ts";
import type { ProxiedEndpoints } from "../model/proxied-connection.ts";
import { plainAddress } from "../net/endpoint.ts";
import { Introduction } from "./introduction.ts";
import type { LiveConnection, RouteSource } from "./route.ts";

/** A connection of which it is known whose it is. */
export interface Identified extends Accepted {
  /** Its two ends, where an instance is to be told of them; copied, since a closed socket forgets them. */
  readonly endpoints?: ProxiedEndpoints | undefined;
  /** When its TLS handshake must be over, on the coarse clock; undefined where all the time for it is left. */
  readonly handshakeDueMs?: number | undefined;
}

/** Serves a client from here on; returns what the listener knows it by. */
export type ServeIdentified = (identified: Identified) => LiveConnection;

/** Finds out whose an accepted connection is, at once or when its header has come, and has it served. */
export const identify = (accepted: Accepted, source: RouteSource, serve: ServeIdentified): void => {
  const { listener, backendPreamble } = source.route;
  const { trustedProxies } = listener;
  // A system call for most of them, and most listeners tell nobody.
  const own = backendPreamble === undefined ? accepted : { ...accepted, endpoints: readEndpoints(accepted) };
  // Whoever else can send a header can say that he is anybody: to him it is as if none were accepted.
  if (trustedProxies === undefined || !isTrusted(trustedProxies, accepted.clientAddress)) serve(own);
  else new Introduction(own, source, serve);
};

let lastBlocks: ReadonlyArray<AddressBlock> | undefined;
let lastAddress = "";
let isLastTrusted = false;

/** Whether an address is in the blocks. There are few proxies in front, so most often it is the one that was asked for last. */
const isTrusted = (blocks: ReadonlyArray<AddressBlock>, address: string): boolean => {
  if (lastBlocks !== blocks || lastAddress !== address) {
    isLastTrusted = isInBlocks(blocks, address);
    lastBlocks = blocks;
    lastAddress = address;
  }
  return isLastTrusted;
};

const readEndpoints = ({ transport, clientAddress, clientPort }: Accepted): ProxiedEndpoints => ({
  clientAddress,
  clientPort: clientPort || transport.remotePort,
  proxyAddress: plainAddress(transport.localAddress),
  proxyPort: transport.localPort,
});
