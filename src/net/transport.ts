// One byte end of a connection: write, valve, half-close, abort. Whether TLS lies under it can't be seen.
//
// The only place that knows how Bun's sockets really behave (partial writes, `end` against `shutdown`, a FIN that shows
// as `close`). Owns what the socket did not take yet, which is at most what one read brought: the caller closes its
// valve when `write` says no. It never queues more than that, and never calls its receiver after `close` or `abort`.
//
// Long because a socket's ends are one state machine, whether TLS lies under it or not.
import type { X509Certificate } from "node:crypto";
import type { Socket, SocketHandler } from "bun";
import { clock } from "./clock.ts";
import { joinBytes } from "./join-bytes.ts";

/** What happens at a transport, in order; called synchronously from the event loop. */
export interface Receiver {
  /** Bytes from the peer; the receiver owns the chunk and may keep or change it. */
  onBytes(chunk: Uint8Array): void;
  /** Everything that `write` had kept back has been taken. */
  onWritable(): void;
  /** The peer will send no more (FIN); it may still be reading. */
  onEnd(): void;
  /** The socket is gone; the last call. `isReset` is true when the peer or the network cut it (RST, time-out). */
  onClosed(isReset: boolean): void;
}

const nobody: Receiver = { onBytes() {}, onWritable() {}, onEnd() {}, onClosed() {} };

/** Smaller buffers are left to the collector, which is cheaper for them. */
const freedMinBytes = 4 * 1024;

/**
 * Gives the memory of a large chunk back, the whole buffer under `bytes`, when nobody will look at it again.
 *
 * *Details*: the next chunk then lands in memory that the processor's caches still hold, where a collection that comes
 * round later would have let a hundred chunks pile up: an eighth of the cost of a large body. ECMAScript's way to free a
 * buffer is to move it into one of no length. What was freed already is left alone.
 */
export const freeChunk = (bytes: Uint8Array): void => {
  if (bytes.length >= freedMinBytes) (bytes.buffer as ArrayBuffer).transfer(0);
};

/** A connection that is being made; see `dial.ts`. */
export interface PendingDial {
  onConnected(): void;
  onFailed(code: string | undefined): void;
}

/** A TLS handshake that is under way on a transport; see `secure.ts` and `dial.ts`. */
export interface PendingHandshake {
  /**
   * It is over, well or not.
   *
   * *Details*: Bun's two answers, of which neither tells all by itself: `isDone` may be true with an error (the peer's
   * certificate doesn't verify), and false with none that matters. Who asked for the handshake knows what counts.
   */
  onHandshake(isDone: boolean, error: HandshakeError | undefined): void;
}

/** What Bun says of a handshake: the TLS library's code or that of a failed verification. */
export interface HandshakeError {
  readonly code?: string;
  readonly message?: string;
}

/** Keeps what a server sends so that the next connection to it can resume the session (RFC 8446 §2.2, RFC 5077). */
export interface SessionKeeper {
  /** `provedAtMs` is when the peer proved who it is, on the coarse clock; undefined when it resumed an earlier session. */
  keepSession(session: Uint8Array, provedAtMs: number | undefined): void;
}

/** Our end of the connections that a listening socket accepts, as far as it is the same for all. */
export interface ListeningEnd {
  /** Undefined where the socket listens on several addresses. */
  readonly address: string | undefined;
  readonly port: number;
}

export class Transport {
  receiver: Receiver = nobody;
  /** @internal What needn't be asked of the system for each connection. */ listening: ListeningEnd | undefined =
    undefined;
  /** @internal */ socket: Socket<Transport> | undefined = undefined;
  /** @internal */ dial: PendingDial | undefined = undefined;
  /** @internal */ handshake: PendingHandshake | undefined = undefined;
  /** @internal */ sessions: SessionKeeper | undefined = undefined;
  /** When the handshake was over, on the coarse clock; zero before. */
  /** @internal */ handshakeAtMs = 0;
  /** TLS lies under it. */ isSecure = false;
  /** @internal */ pending: Uint8Array | undefined = undefined;
  /** What is pending lies in a buffer that was handed over. */
  private freesPending = false;
  private shutsWhenFlushed = false;
  /** The peer has sent its FIN. */
  hasEnded = false;
  /** We have sent ours, or will when the kept bytes are taken. */
  isShut = false;
  isClosed = false;
  /** A write has failed: the peer or the network has cut the connection, though what it sent before may still come. */
  isBroken = false;
  /** The library's word for what ended TLS after the handshake, such as `TLSV1_ALERT_CERTIFICATE_REQUIRED`. */
  tlsFault: string | undefined = undefined;
  private valveHolders = 0;

  /** False while bytes wait for the peer to read. */
  get isWritable(): boolean {
    return this.pending === undefined;
  }

  /** How many bytes wait for the peer to read. */
  get keptBytes(): number {
    return this.pending === undefined ? 0 : this.pending.length;
  }

  get remoteAddress(): string {
    return this.socket?.remoteAddress ?? "";
  }

  get remotePort(): number {
    return this.socket?.remotePort ?? 0;
  }

  get localAddress(): string {
    return this.listening?.address ?? this.socket?.localAddress ?? "";
  }

  get localPort(): number {
    return this.listening?.port ?? this.socket?.localPort ?? 0;
  }

  /** The TLS peer's certificate verified against the authorities that it was asked for. */
  get isPeerAuthorized(): boolean {
    return (this.socket as { readonly authorized?: boolean } | undefined)?.authorized === true;
  }

  /** The TLS peer's certificate, verified or not; undefined when it showed none. */
  get peerCertificate(): X509Certificate | undefined {
    return (
      this.socket as unknown as { getPeerX509Certificate?(): X509Certificate | undefined } | undefined
    )?.getPeerX509Certificate?.();
  }

  /** The handshake resumed an earlier session. */
  get isSessionReused(): boolean {
    return (this.socket as unknown as { isSessionReused?(): boolean } | undefined)?.isSessionReused?.() === true;
  }

  /**
   * Sends bytes that the transport may keep until they are taken.
   *
   * *Details*: true when the socket took all of them. On false the rest is kept, `onWritable` follows, and the caller
   * must stop its source. After the connection has gone, bytes vanish and the answer is false.
   */
  write(bytes: Uint8Array): boolean {
    if (this.pending !== undefined) return this.keep(bytes);
    if (this.isClosed) return false;
    const taken = (this.socket as Socket<Transport>).write(bytes);
    if (taken === bytes.length) return true;
    if (taken < 0) return this.noteBreak();
    this.pending = taken === 0 ? bytes : bytes.subarray(taken);
    return false;
  }

  /**
   * Like {@link write} for bytes whose whole buffer is handed over: nobody may look at it again.
   *
   * *Details*: a large one is freed as soon as the socket has taken it, see {@link freeChunk}.
   */
  writeOwned(bytes: Uint8Array): boolean {
    if (this.write(bytes)) {
      freeChunk(bytes);
      return true;
    }
    this.freesPending = this.pending !== undefined;
    return false;
  }

  /**
   * Like {@link write} for the first `length` bytes of a buffer that its owner will use again: what isn't taken at once
   * is copied.
   *
   * *Details*: a length and no view: making one costs as much as the rest of the call.
   */
  writeCopy(bytes: Uint8Array, length = bytes.length): boolean {
    if (this.pending !== undefined) return this.keep(bytes.subarray(0, length));
    if (this.isClosed) return false;
    const taken = (this.socket as Socket<Transport>).write(bytes, 0, length);
    if (taken === length) return true;
    if (taken < 0) return this.noteBreak();
    this.pending = bytes.slice(taken, length);
    return false;
  }

  /** The system reports a reset to whoever asks first: this write has taken the report, and no later event will have it. */
  private noteBreak(): boolean {
    this.isBroken = true;
    return false;
  }

  /** Rare: a second write before the first was taken (a read that was already under way when the valve shut). */
  private keep(bytes: Uint8Array): boolean {
    this.pending = joinBytes(this.pending as Uint8Array, bytes);
    this.freesPending = false;
    return false;
  }

  /**
   * Shuts the valve: this end isn't read until {@link openValve} was called as often.
   *
   * *Details*: counted, since two parties may hold the same source (a full back end, and a client that sends ahead).
   * One more chunk may arrive when the peer resets meanwhile.
   */
  shutValve(): void {
    if (this.valveHolders++ === 0 && !this.isClosed) this.socket?.pause();
  }

  openValve(): void {
    if (this.valveHolders > 0 && --this.valveHolders === 0 && !this.isClosed) this.socket?.resume();
  }

  get isValveShut(): boolean {
    return this.valveHolders > 0;
  }

  /** Half-close: sends FIN after what is kept; the peer may go on sending. */
  shutdown(): void {
    if (this.isShut || this.isClosed) return;
    this.isShut = true;
    if (this.pending !== undefined) {
      this.shutsWhenFlushed = true;
      return;
    }
    // Bun's `end()` is a full close(2); only `shutdown()` is shutdown(2).
    this.socket?.shutdown();
  }

  /**
   * Full close now. The receiver hears no more of it.
   *
   * *Details*: in good order (FIN) when every byte was taken. Kept bytes are lost, and then the peer gets a reset: what it
   * has must not look whole. Whoever wants them taken waits for `onWritable` first.
   */
  close(): void {
    if (this.isClosed) return;
    const isWhole = this.pending === undefined;
    const socket = this.release();
    if (isWhole) {
      // On TLS, Bun's `end()` alone says that it ends and then keeps the socket until the peer closes, be it for ever.
      if (this.isSecure) socket?.shutdown();
      socket?.end();
    } else socket?.terminate();
  }

  /** Full close now, with a reset (RST); kept bytes are lost. The receiver hears no more of it. */
  abort(): void {
    if (this.isClosed) return;
    this.release()?.terminate();
  }

  private release(): Socket<Transport> | undefined {
    const socket = this.socket;
    this.isClosed = true;
    this.receiver = nobody;
    this.pending = undefined;
    return socket;
  }

  /** @internal */
  noteTlsFault({ code, message }: HandshakeError): void {
    this.tlsFault = message?.split(":").at(-1) ?? code ?? "unknown";
    this.isBroken = true;
  }

  /** @internal The socket can take bytes again; Bun also says so when nothing waits. */
  flush(): void {
    if (this.dial !== undefined) {
      this.dial.onConnected();
      return;
    }
    const pending = this.pending;
    if (pending === undefined || this.isClosed) return;
    const taken = (this.socket as Socket<Transport>).write(pending);
    if (taken < 0) {
      this.isBroken = true;
      return;
    }
    if (taken < pending.length) {
      this.pending = pending.subarray(taken);
      return;
    }
    this.pending = undefined;
    if (this.freesPending) freeChunk(pending);
    this.freesPending = false;
    if (this.shutsWhenFlushed) this.socket?.shutdown();
    this.shutsWhenFlushed = false;
    this.receiver.onWritable();
  }

  /** @internal */
  endOfInput(): void {
    if (this.dial !== undefined || this.hasEnded || this.isClosed) return;
    if (this.isBroken) {
      // No FIN but what a reset looks like once a write has reported it: nothing that came before it is whole by this.
      const { receiver } = this;
      this.release()?.terminate();
      receiver.onClosed(true);
      return;
    }
    this.hasEnded = true;
    this.receiver.onEnd();
  }

  /** @internal */
  gone(error: unknown): void {
    const code = (error as { readonly code?: string } | undefined)?.code;
    if (this.dial !== undefined) {
      this.dial.onFailed(code);
      return;
    }
    if (this.isClosed) return;
    // After our own half-close, Bun shows the peer's FIN as a close without error, never as an end.
    if (code === undefined && !this.hasEnded && !this.isBroken) {
      this.hasEnded = true;
      this.receiver.onEnd();
      if (this.isClosed) return;
    }
    const receiver = this.receiver;
    this.release();
    receiver.onClosed(code !== undefined || this.isBroken);
  }
}

/** Handlers that Bun's types leave out: `session` brings what a client needs to resume. */
interface SecureHandlers {
  session(socket: Socket<Transport>, session: Uint8Array): void;
}

/**
 * What Bun calls; one object serves every socket, and each socket's `data` is its transport.
 *
 * *Details*: the same for plain sockets and for TLS; the handshake's calls come for TLS alone.
 */
export const makeSocketHandlers = (onOpen: (socket: Socket<Transport>) => void): SocketHandler<Transport> => {
  const handlers: SocketHandler<Transport, "uint8array"> & SecureHandlers = {
    // A plain Uint8Array: a Buffer's `subarray` costs several times as much.
    binaryType: "uint8array",
    open: onOpen,
    data(socket, chunk) {
      socket.data.receiver.onBytes(chunk);
    },
    drain(socket) {
      socket.data.flush();
    },
    end(socket) {
      socket.data.endOfInput();
    },
    close(socket, error) {
      socket.data.gone(error);
    },
    handshake(socket, isDone, error) {
      const transport = socket.data;
      const { handshake } = transport;
      transport.handshake = undefined;
      transport.handshakeAtMs = clock.nowMs;
      handshake?.onHandshake(isDone, (error ?? undefined) as HandshakeError | undefined);
    },
    session(socket, session) {
      // With TLS 1.2 it comes before the handshake is over, with TLS 1.3 at any time after.
      const { sessions, isSessionReused, handshakeAtMs } = socket.data;
      sessions?.keepSession(session, isSessionReused ? undefined : handshakeAtMs || clock.nowMs);
    },
    error(socket, error) {
      // What the peer did to TLS after the handshake (a broken record, a renegotiation) has a code; it ends like a reset.
      if (isPeersFault(error)) socket.data.noteTlsFault(error as HandshakeError);
      // A defect of ours in a callback: Bun would leave the socket open and half served. It must end, and be seen.
      else reportDefect(error);
      socket.terminate();
    },
  };
  // The type of Bun.listen's options knows only the default binaryType.
  return handlers as unknown as SocketHandler<Transport>;
};

const isPeersFault = (error: unknown): boolean =>
  (error as { readonly code?: string } | undefined)?.code === "EPROTO" ||
  (error as { readonly code?: string } | undefined)?.code?.startsWith("ERR_SSL_") === true;

/** Tells of a defect of ours in a callback. */
export const reportDefect = (error: unknown): void => {
  tellDefect(`defect in a connection: ${(error as Error)?.stack ?? error}`);
};

let tellDefect = (text: string): void => {
  process.stderr.write(`elbow: ${text}\n`);
};

/** Has defects told elsewhere than on standard error, such as in the log of a process that serves. */
export const tellDefectsTo = (tell: (text: string) => void): void => {
  tellDefect = tell;
};
