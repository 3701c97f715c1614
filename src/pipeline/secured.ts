// The fact between accepting and parsing: from here on the transport's bytes are clear text, whatever lies under it.
//
// A plain listener's connection has nothing to terminate; that of a TLS listener makes its handshake first
// (handshake.ts). Nothing behind this step can tell the difference.
import type { Accepted } from "../listen/accepted.ts";
import { isSecure } from "../model/protocol.ts";
import type { Transport } from "../net/transport.ts";
import { Handshake } from "./handshake.ts";
import type { LiveConnection, RouteSource } from "./route.ts";

/** A client whose bytes can be read. */
export interface Secured {
  readonly transport: Transport;
  readonly clientAddress: string;
  /** Header lines that tell of the certificate which the client has proved to own; undefined without one. */
  readonly clientCertificateLines: Uint8Array | undefined;
}

/** Serves a client from here on; returns what the listener knows it by. */
export type ServeSecured = (secured: Secured) => LiveConnection;

/** Makes an accepted connection's bytes readable, at once or when its handshake is done, and has it served. */
export const secure = (accepted: Accepted, source: RouteSource, serve: ServeSecured): void => {
  // By its protocol, not by whether it has a certificate: what should be secret is never served in clear.
  if (isSecure(source.route.listener.protocol)) new Handshake(accepted, source, serve);
  // What came in clear is clear.
  else serve({ ...accepted, clientCertificateLines: undefined });
};
