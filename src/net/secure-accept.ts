// TLS on an accepted connection: the server's side of a handshake, begun with the bytes that were read to choose its terms.
//
// Bun can turn a socket that it has accepted into a TLS one and be given what was read of it already; its documentation
// doesn't say so, and the start-up self-test tries it. Owns the exchange of the socket under a transport; who waits for
// the handshake, and for how long, is its caller's affair.
import type { Socket } from "bun";
import { libc } from "./libc.ts";
import { overtaken } from "./overtaken.ts";
import { makeSocketHandlers, type PendingHandshake, type Transport } from "./transport.ts";

/** What a handshake is answered with; made once and used for many connections. */
export interface ServerTerms {
  /** The library's context: certificate, key, versions, suites and session keys. */
  readonly secureContext: unknown;
  /** Application protocols (RFC 7301) in wire format, best first; none are spoken of without it. */
  readonly ALPNProtocols?: Uint8Array;
  /** A certificate is asked of the client. */
  readonly requestCert?: boolean;
  /** And the handshake fails without one. */
  readonly rejectUnauthorized?: boolean;
}

const handlers = makeSocketHandlers((socket) => {
  socket.data.socket = socket;
});

interface UpgradableSocket {
  data: Transport;
  upgradeTLS(options: {
    readonly isServer: true;
    readonly initialData: Uint8Array;
    readonly tls: ServerTerms;
    readonly data: Transport;
    readonly socket: typeof handlers;
  }): unknown;
}

/**
 * Begins the handshake on an accepted transport, whose receiver has read `firstBytes`, all that came.
 *
 * *Order*: `pending` may hear of the handshake's end, and the receiver of the connection's, before this returns.
 */
export const secureAccepted = (
  transport: Transport,
  firstBytes: Uint8Array,
  terms: ServerTerms,
  pending: PendingHandshake,
): void => {
  const socket = transport.socket as Socket<Transport>;
  transport.handshake = pending;
  transport.isSecure = true;
  socket.data = overtaken;
  (socket as unknown as UpgradableSocket).upgradeTLS({
    isServer: true,
    initialData: firstBytes,
    tls: terms,
    data: transport,
    socket: handlers,
  });
};

/** What a handshake settled. */
export interface SettledTerms {
  /** Such as `TLSv1.3`. */
  readonly version: string;
  /** OpenSSL's name of the cipher suite. */
  readonly cipher: string;
  /** What was agreed upon to be spoken (RFC 7301). */
  readonly applicationProtocol: string | undefined;
}

/** Reads what the handshake on a transport settled; only when it is done, and the peer is there. */
export const readSettledTerms = (transport: Transport): SettledTerms => {
  const socket = transport.socket as unknown as SecuredSocket | undefined;
  return {
    version: socket?.getTLSVersion() ?? "",
    cipher: socket?.getCipher()?.name ?? "",
    applicationProtocol: socket?.alpnProtocol || undefined,
  };
};

interface SecuredSocket {
  getTLSVersion(): string;
  getCipher(): { readonly name: string } | undefined;
  readonly alpnProtocol: string | false | null | undefined;
}

const IPPROTO_TCP = 6;
const TCP_QUICKACK = 12;
const on = new Int32Array([1]);

/**
 * Acknowledges at once what the client sends next (tcp(7), TCP_QUICKACK).
 *
 * *Details*: a server of TLS 1.3 speaks last in the handshake (session tickets), so a client that waits for
 * acknowledgements before it sends a small write (Nagle's algorithm, RFC 896) would wait 40 ms for ours.
 */
export const acknowledgeSoon = (transport: Transport): void => {
  const fd = (transport.socket as unknown as { readonly fd?: number } | undefined)?.fd;
  if (libc !== undefined && fd !== undefined && fd >= 0) libc.setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, on, 4);
};
