// Opening a connection to an instance, with TLS or without, so that giving up leaves nothing behind.
//
// With TLS it is open when the handshake is done and the instance was found worthy of trust; not one byte of a client's
// goes out before. A preamble does, in clear. Bun.connect can't be cancelled: an abandoned attempt stays in SYN_SENT for
// up to 127 s. So the socket is made with the system's own calls, non-blocking, and Bun adopts it; closing it then really
// ends the attempt. Where those calls can't be had, Bun.connect is used and an attempt that was given up is closed when it
// at last opens.

import { Deadline, type DeadlineOwner } from "./deadlines.ts";
import type { Endpoint } from "./endpoint.ts";
import { libc, readErrno } from "./libc.ts";
import { brokenBy, type DialSecurity, peerOf, secureDialled, secureHandlers } from "./secure-dial.ts";
import {
  type HandshakeError,
  makeSocketHandlers,
  type PendingDial,
  type PendingHandshake,
  Transport,
} from "./transport.ts";

/**
 * Why no connection came. `refused` covers every answer of the network but silence; `handshake` is a TLS handshake that
 * broke, `untrusted` one that was done with an instance that didn't prove what it must.
 */
export type DialFailure = "refused" | "timeout" | "exhausted" | "handshake" | "untrusted";

/** How a dial ends; exactly one is called, never before `dial` returns. */
export interface DialListener {
  onDialled(transport: Transport): void;
  onDialFailed(failure: DialFailure, code: string): void;
}

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const EINPROGRESS = 115;
const EMFILE = 24;
const ENFILE = 23;

const handlers = makeSocketHandlers((socket) => {
  socket.data.socket = socket;
});

/** A connection attempt under way. */
export class Dial implements PendingDial, PendingHandshake, DeadlineOwner {
  private readonly transport = new Transport();
  private readonly deadline = new Deadline(this);
  private isOver = false;
  /** TLS is spoken; a connection with a preamble begins in clear. */
  private isShakingHands: boolean;

  /** @internal */
  constructor(
    endpoint: Endpoint,
    timeoutMs: number,
    private readonly listener: DialListener,
    private readonly security: DialSecurity | undefined,
    private readonly preamble: Uint8Array | undefined,
  ) {
    this.transport.dial = this;
    this.isShakingHands = security !== undefined && preamble === undefined;
    if (this.isShakingHands) {
      this.transport.handshake = this;
      this.transport.sessions = security;
      this.transport.isSecure = true;
    }
    this.deadline.armIn(timeoutMs);
    if (useSystemCalls && libc !== undefined) this.adopt(libc, endpoint);
    else this.connect(endpoint);
  }

  /** Gives up; the listener hears nothing, and no half-open socket stays. */
  cancel(): void {
    if (this.isOver) return;
    this.finish();
    this.transport.abort();
  }

  private adopt(system: NonNullable<typeof libc>, endpoint: Endpoint): void {
    const family = endpoint.isIPv6 ? AF_INET6 : AF_INET;
    const fd = system.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      this.failSoon(readErrno());
      return;
    }
    if (system.connect(fd, endpoint.sockaddr, endpoint.sockaddr.length) < 0) {
      const errno = readErrno();
      if (errno !== EINPROGRESS) {
        system.close(fd);
        this.failSoon(errno);
        return;
      }
    }
    void Bun.connect<Transport>({ fd, ...this.options } as unknown as Bun.TCPSocketConnectOptions<Transport>).catch(
      ignore,
    );
  }

  /** What Bun is told however the connection comes about. */
  private get options() {
    const options = { data: this.transport, allowHalfOpen: true };
    const { security } = this;
    return security === undefined || !this.isShakingHands
      ? { ...options, socket: handlers }
      : { ...options, socket: secureHandlers, tls: security.terms as Bun.TLSOptions };
  }

  private connect(endpoint: Endpoint): void {
    Bun.connect<Transport>({
      hostname: endpoint.address,
      port: endpoint.port,
      ...this.options,
    }).then(
      (socket) => {
        // Given up while it was opening; a connection that was handed over already is not touched.
        if (this.transport.isClosed) socket.terminate();
        else this.onConnected();
      },
      (error: { readonly code?: string }) => this.onFailed(error.code),
    );
  }

  /** A failure known at once is still told later, so that the caller's state is complete when it hears of it. */
  private failSoon(errno: number): void {
    const isExhausted = errno === EMFILE || errno === ENFILE;
    queueMicrotask(() => this.fail(isExhausted ? "exhausted" : "refused", `errno ${errno}`));
  }

  onConnected(): void {
    if (this.isShakingHands) return;
    const { transport, security, preamble } = this;
    // Bun says "writable" once before the handshake is over; a peer port is there only after it.
    if (this.isOver || transport.socket?.remotePort === undefined) return;
    // A new connection takes so little at once, unless it has gone already.
    if (preamble !== undefined && !transport.write(preamble)) {
      this.fail("refused", "EPIPE");
    } else if (security === undefined) {
      this.succeed();
    } else {
      this.isShakingHands = true;
      secureDialled(transport, security, this);
    }
  }

  onHandshake(isDone: boolean, error: HandshakeError | undefined): void {
    const { transport, security } = this;
    if (this.isOver || security === undefined) return;
    const broken = brokenBy(isDone, error);
    if (broken !== undefined) {
      // A socket without a peer was never connected, whatever is said of its handshake: its closing tells why.
      if (transport.socket?.remotePort === undefined) return;
      this.failHandshake(broken);
    } else if (security.judge === undefined || security.judge(peerOf(transport, error))) {
      this.succeed();
    } else this.fail("untrusted", "untrusted");
  }

  /** The socket has gone before the connection stood. */
  onFailed(code: string | undefined): void {
    if (code === "ETIMEDOUT") this.fail("timeout", code);
    else if (this.isShakingHands && (code === undefined || code === "ECONNRESET")) {
      this.failHandshake(code ?? "ECONNRESET");
    } else this.fail("refused", code ?? "ECONNREFUSED");
  }

  private failHandshake(code: string): void {
    if (this.isOver) return;
    this.security?.noteBrokenHandshake(code);
    this.fail("handshake", code);
  }

  private succeed(): void {
    this.finish();
    this.transport.dial = undefined;
    this.listener.onDialled(this.transport);
  }

  onDeadline(): number {
    this.fail("timeout", "ETIMEDOUT");
    return 0;
  }

  private fail(failure: DialFailure, code: string): void {
    if (this.isOver) return;
    // Over first: aborting calls back at once, and would be taken for a refusal.
    this.finish();
    this.transport.sessions = undefined;
    this.transport.abort();
    this.listener.onDialFailed(failure, code);
  }

  private finish(): void {
    this.isOver = true;
    this.deadline.disarm();
  }
}

const ignore = (): void => {};

let useSystemCalls = libc !== undefined;

/** Falls back to Bun.connect for every later dial; the start-up self-test decides. */
export const dialWithoutSystemCalls = (): void => {
  useSystemCalls = false;
};

/**
 * Opens a connection to `endpoint`, its TLS included, within `timeoutMs` milliseconds (exact to one tick).
 *
 * *Details*: the bytes of a `preamble` are the first on it, in clear even where TLS follows; they may be used again.
 */
export const dial = (
  endpoint: Endpoint,
  timeoutMs: number,
  listener: DialListener,
  security?: DialSecurity,
  preamble?: Uint8Array,
): Dial => new Dial(endpoint, timeoutMs, listener, security, preamble);
