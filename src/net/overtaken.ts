// What stands under a plain socket that TLS has been laid over, on either side of a handshake.
//
// Bun goes on showing what arrives for the plain socket, though the TLS one over it has taken it: all of it ends here.
// One object for every such socket; it has no state.
import { freeChunk, Transport } from "./transport.ts";

/** The transport of a plain socket whose bytes are the TLS socket's from now on. */
export const overtaken = new Transport();
overtaken.isClosed = true;
overtaken.receiver = {
  onBytes: freeChunk,
  onWritable() {},
  onEnd() {},
  onClosed() {},
};
