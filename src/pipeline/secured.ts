// The fact between accepting and parsing: from here on the transport's bytes are clear text, whatever lies under it.
//
// A plain listener's connection has nothing to terminate; that of a TLS listener makes its handshake first
// (handshake.ts). Nothing behind this step can tell the difference.
import { isSecure } from "../model/protocol.ts";
import type { ProxiedTls } from "../model/proxied-connection.ts";
import { Handshake } from "./handshake.ts";
import type { Identified } from "./identified.ts";
import type { LiveConnection, RouteSource } from "./route.ts";

/** A client whose bytes can be read. */
export interface Secured extends Identified {
  /** What the handshake settled, for whoever is to be told, instances and policies; undefined in clear. */
  readonly tls?: ProxiedTls;
  /** Header lines that tell of the certificate which the client has proved to own; undefined without one. */
  readonly clientCertificateLines: Uint8Array | undefined;
}

/** Serves a client from here on; returns what the listener knows it by. */
export type ServeSecured = (secured: Secured) => LiveConnection;

/** Makes a connection's bytes readable, at once or when its handshake is done, and has it served. */
export const secure = (identified: Identified, source: RouteSource, serve: ServeSecured): LiveConnection => {
  // By its protocol, not by whether it has a certificate: what should be secret is never served in clear.
  if (isSecure(source.route.listener.protocol)) return new Handshake(identified, source, serve);
  // What came in clear is clear.
  return serve({ ...identified, clientCertificateLines: undefined });
};
