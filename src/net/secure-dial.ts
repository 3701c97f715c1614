// TLS on a connection to an instance: the client's side of a handshake, as a dial makes it.
//
// Says what the dial must be given (context, server name, session, judge) and reads Bun's contradictory reports of how a
// handshake ended. It never decides whom to trust: the judge does, on the certificate that the instance has proved to own.
import type { X509Certificate } from "node:crypto";
import type { Socket } from "bun";
import { overtaken } from "./overtaken.ts";
import {
  type HandshakeError,
  makeSocketHandlers,
  type PendingHandshake,
  type SessionKeeper,
  type Transport,
} from "./transport.ts";

/** What Bun is told of a handshake; made once and used for every connection to the same instance. */
export interface ClientTerms {
  /** The library's context: versions, and whom it verifies certificates with. */
  readonly secureContext: unknown;
  /** Always said: otherwise the environment (NODE_TLS_REJECT_UNAUTHORIZED) would decide. The judge refuses, not Bun. */
  readonly rejectUnauthorized: false;
  /** The name sent in clear (SNI, RFC 6066 §3); "" sends none, where leaving it out would send an address. */
  readonly serverName: string;
}

/** An instance that has proved to own the key of its certificate. */
export interface Peer {
  readonly certificate: X509Certificate | undefined;
  /** Why the context's authorities don't vouch for the certificate, such as `CERT_HAS_EXPIRED`; undefined when they do. */
  readonly chainProblem: string | undefined;
}

/** How a dial speaks TLS. */
export interface DialSecurity extends SessionKeeper {
  readonly terms: ClientTerms;
  /** What the instance sent last for resuming; offered to it again. */
  readonly session: Uint8Array | undefined;
  /** Whether the instance may get the client's bytes; undefined where any will do. Asked before the first byte. */
  readonly judge: ((peer: Peer) => boolean) | undefined;
  /** The handshake broke; `code` is the library's word for it, such as `WRONG_VERSION_NUMBER`. */
  noteBrokenHandshake(code: string): void;
}

interface ResumingSocket {
  setSession(session: Uint8Array): void;
}

/** Handlers for a connection that is dialled with TLS; its transport's `sessions` is the dial's security. */
export const secureHandlers = makeSocketHandlers((socket: Socket<Transport>) => {
  const transport = socket.data;
  transport.socket = socket;
  // Given up before it opened: nothing is said to the instance.
  if (transport.isClosed) {
    socket.terminate();
    return;
  }
  const session = (transport.sessions as DialSecurity | undefined)?.session;
  if (session !== undefined) (socket as unknown as ResumingSocket).setSession(session);
});

interface UpgradableSocket {
  data: Transport;
  upgradeTLS(options: {
    readonly tls: ClientTerms;
    readonly data: Transport;
    readonly socket: typeof secureHandlers;
  }): unknown;
}

/**
 * Begins the handshake on a connection that stands already, behind what was said on it in clear.
 *
 * *Order*: `pending` may hear of the handshake's end before this returns.
 */
export const secureDialled = (transport: Transport, security: DialSecurity, pending: PendingHandshake): void => {
  const socket = transport.socket as unknown as UpgradableSocket;
  transport.handshake = pending;
  transport.sessions = security;
  transport.isSecure = true;
  socket.data = overtaken;
  socket.upgradeTLS({ tls: security.terms, data: transport, socket: secureHandlers });
};

/**
 * The library's or the system's word for what broke a handshake; undefined when it was done, trusted or not.
 *
 * *Details*: Bun's `isDone` is false for certificates that don't verify, and then the error has the verifier's code. Those
 * of the system (`ECONNRESET`) and of a broken protocol (`EPROTO`) have no underscore in them.
 */
export const brokenBy = (isDone: boolean, error: HandshakeError | undefined): string | undefined => {
  const code = error?.code;
  if (code === undefined) return isDone ? undefined : "unknown";
  if (code === "EPROTO" || code.startsWith("ERR_SSL_")) return error?.message?.split(":").at(-1) ?? code;
  return /^E[A-Z0-9]+$/.test(code) ? code : undefined;
};

/** Bun compares names by itself, with a name that isn't ours, and only when the authorities vouch for the certificate. */
const nameProblem = "ERR_TLS_CERT_ALTNAME_INVALID";

/** The instance at the other end, when the handshake is done. */
export const peerOf = (transport: Transport, error: HandshakeError | undefined): Peer => ({
  certificate: transport.peerCertificate,
  chainProblem: error === undefined || error.code === nameProblem ? undefined : (error.code ?? "unknown"),
});
