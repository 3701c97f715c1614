/**
 * Reads the PROXY header that a connection from another proxy begins with, in either version (PROXY protocol 2.2).
 * Asked by a listener that accepts one, before TLS and before any byte of the client; pure.
 * Owns which version it is. Whether the sender may be believed is the listener's affair, and must be asked before: whoever
 * can send a header can say that he is anybody.
 */
import { readBlock } from "./block-reader.ts";
import { lineStart, type ProxyHeaderRead, signature } from "./header.ts";
import { readLine } from "./line-reader.ts";

/**
 * Reads the bytes that a connection began with: `bytes[0, length)` is all that has come so far.
 *
 * *Details*: asked again with more whenever it says `partial`, from the same first byte. It keeps nothing in between, and
 * costs little however the bytes come: nothing of a block is looked at before all of it is there, and a line is short.
 * Every split of the same bytes gives the same answer.
 */
export const readProxyHeader = (bytes: Uint8Array, length = bytes.length): ProxyHeaderRead => {
  if (length === 0) return "partial";
  if (beginsWith(bytes, length, lineStart)) return readLine(bytes, length);
  return beginsWith(bytes, length, signature) ? readBlock(bytes, length) : "absent";
};

/** Whether what has come agrees with `start`, as far as both go. */
const beginsWith = (bytes: Uint8Array, length: number, start: Uint8Array): boolean => {
  const end = Math.min(length, start.length);
  for (let at = 0; at < end; at++) if (bytes[at] !== start[at]) return false;
  return true;
};
