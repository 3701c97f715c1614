// Layer 7: one client connection and its exchanges, one after another, driven by callbacks.
//
// Reads request heads, screens the odd ones, hands each request to an exchange (exchange.ts) and decides what follows its
// answer: the next request, what nobody wants of its body thrown away, or the end. Owns the client's transport, what the
// client has sent ahead, and the connection's one deadline. It never speaks to an instance.
//
// Long because its phases are one state machine, which everything that the client's transport or the deadline says moves.
import type { BackendMember } from "../backend/backend-member.ts";
import type { Reason } from "../errors.ts";
import type { ProxiedTls } from "../model/proxied-connection.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import { plainAddress } from "../net/endpoint.ts";
import { freeChunk, type Receiver, type Transport } from "../net/transport.ts";
import type { LoggedClient } from "../observe/access-log/logged-client.ts";
import { bytesOf } from "../parse/http1/bytes.ts";
import { DesyncAction, type DesyncReason } from "../parse/http1/desync.ts";
import { Fault } from "../parse/http1/fault.ts";
import { Parsed } from "../parse/http1/head.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import { screenRequest } from "../parse/http1/screen.ts";
import { joinLastLines } from "../parse/http1/serialise.ts";
import { hashBytes } from "../policy/hash.ts";
import type { Exchange } from "./exchange.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";
import { giveBackExchange, takeExchange } from "./exchange-store.ts";
import { loggedClientOf } from "./exchange-times.ts";
import { desyncOfRequestFault, reasonOfRequestFault } from "./fault-reason.ts";
import type { DialFor } from "./pending-dial.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { LiveConnection, Route, RouteSource } from "./route.ts";
import type { Secured } from "./secured.ts";

const Phase = {
  /** Between exchanges; no byte of a request has come. */
  idle: 0,
  /** A request head is under way. */
  head: 1,
  /** A request is being served. */
  exchange: 2,
  /** The answer is whole and the request isn't: the rest of its body is thrown away. */
  draining: 3,
  /** The answer is whole, but the client has not taken it. */
  flushing: 4,
  /** The last answer was given and our FIN sent; what comes is thrown away. */
  lingering: 5,
  closed: 6,
} as const;

export class HttpSession implements Receiver, DeadlineOwner, LiveConnection, ExchangeOwner {
  livePrevious: LiveConnection | undefined = undefined;
  liveNext: LiveConnection | undefined = undefined;
  /** The client's address, as X-Forwarded-For says it. */
  readonly address: Uint8Array;
  readonly client: Transport;
  readonly clientAddress: string;
  clientPort: number;
  readonly tls: ProxiedTls | undefined;
  route: Route;
  lastActivityMs: number;
  private phase: number = Phase.idle;
  private readonly deadline = new Deadline(this);
  /** When the phase's own limit ends: of a request head under way, of draining, of lingering. */
  private phaseEndsMs = 0;
  /** The exchange under way; none while the connection is idle. */
  private exchange: Exchange | undefined = undefined;
  /** Bytes that can't be looked at yet; made when there are any. */
  private input: ReadAhead | undefined = undefined;
  private isReading = false;
  private isRetired = false;
  /** How much of a body had come when draining began, in bytes. */
  private drainedFromBytes = 0;
  private addressHash: number | undefined = undefined;
  /** For access log and traces: a closed connection forgets it. */
  private knownClient: LoggedClient | undefined = undefined;
  /** What the client's certificate says, and that with the route's own lines, kept while the route is the same. */
  private readonly clientCertificateLines: Uint8Array | undefined;
  private joinedBehind: Uint8Array | undefined = undefined;
  private joinedLines: Uint8Array | undefined = undefined;
  /** How much the client had yet to take when that was last looked at, in bytes. */
  private keptBytes = 0;

  constructor(
    secured: Secured,
    readonly source: RouteSource,
    readonly dialFor: DialFor,
  ) {
    this.client = secured.transport;
    this.clientAddress = secured.clientAddress;
    this.clientPort = secured.clientPort;
    this.tls = secured.tls;
    this.address = bytesOf(secured.clientAddress);
    this.clientCertificateLines = secured.clientCertificateLines;
    this.route = source.route;
    this.readPort();
    this.client.receiver = this;
    this.deadline.armIn(this.route.idleTimeoutMs);
    this.lastActivityMs = clock.nowMs;
    source.enter(this);
  }

  get addressKey(): number {
    this.addressHash ??= hashBytes(this.address);
    return this.addressHash;
  }

  get loggedClient(): LoggedClient {
    this.knownClient ??= loggedClientOf(this.client, this.clientAddress, this.clientPort);
    return this.knownClient;
  }

  get lastLines(): Uint8Array {
    const { requestLastLines } = this.route;
    const { clientCertificateLines } = this;
    if (clientCertificateLines === undefined) return requestLastLines;
    // Another route has other lines of its own.
    if (this.joinedBehind !== requestLastLines) {
      this.joinedBehind = requestLastLines;
      this.joinedLines = joinLastLines(requestLastLines, clientCertificateLines);
    }
    return this.joinedLines as Uint8Array;
  }

  nodeAddress(): Uint8Array {
    const address = plainAddress(this.client.localAddress);
    // RFC 3986 §3.2.2: an IPv6 address stands in brackets where a host name may.
    return bytesOf(address.includes(":") ? `[${address}]` : address);
  }

  // ——— the client speaks ———

  onBytes(chunk: Uint8Array): void {
    // What comes behind the last answer is thrown away, and keeps nothing alive.
    if (this.phase === Phase.lingering) {
      freeChunk(chunk);
      return;
    }
    this.route.counters.receivedBytes += chunk.length;
    switch (this.phase) {
      case Phase.idle:
      case Phase.head:
        this.readHead(chunk);
        this.readOn();
        return;
      case Phase.exchange:
        this.exchange?.onClientBytes(chunk);
        return;
      case Phase.draining:
        this.throwAway(chunk);
        return;
      case Phase.flushing:
        this.keepInput(chunk);
        return;
      default:
        return;
    }
  }

  onWritable(): void {
    this.lastActivityMs = clock.nowMs;
    this.keptBytes = 0;
    if (this.phase === Phase.flushing) this.nextRequest();
    else if (this.phase === Phase.lingering) this.linger();
    else this.exchange?.onClientWritable();
  }

  onEnd(): void {
    switch (this.phase) {
      case Phase.idle:
        this.close();
        return;
      case Phase.head:
        this.refuse("requestHeadCut");
        return;
      case Phase.exchange:
        this.exchange?.onClientEnd();
        return;
      case Phase.draining:
        this.closeGracefully();
        return;
      case Phase.lingering:
        if (this.client.isWritable) this.close();
        return;
      default:
        return;
    }
  }

  onClosed(): void {
    this.end("clientGone");
  }

  /** Reads heads from what was kept until one is in progress or nothing is left: a loop, since our own answers are immediate. */
  private readOn(): void {
    if (this.isReading) return;
    this.isReading = true;
    while (this.phase === Phase.idle && this.hasInput && !this.isRetired) this.readHead(this.takeInput());
    this.isReading = false;
    if (this.phase !== Phase.idle) return;
    this.input?.forget();
    if (this.client.hasEnded) this.close();
    // The last answer may have promised to keep the connection: what the client has sent since must not reset it.
    else if (this.isEnding) this.closeGracefully();
  }

  private readHead(chunk: Uint8Array): void {
    this.exchange ??= takeExchange(this);
    const { exchange } = this;
    const { reader } = exchange;
    const isFirst = this.phase === Phase.idle;
    if (isFirst) {
      this.takeRoute();
      if (this.route.accessLog !== undefined) exchange.times.noteReceived();
    }
    const parsed = reader.read(chunk, 0, this.route.http.requestLimits);
    const parser = reader.parser as RequestHeadParser;
    if (parsed === Parsed.complete) {
      exchange.headBytes = parser.pos - parser.start;
      if (parser.isOdd) this.screen(exchange);
      else this.serve(exchange);
    } else if (parsed === Parsed.faulty) {
      this.noteDesync(exchange, desyncOfRequestFault(parser.fault));
      this.refuse(reasonOfRequestFault(parser.fault));
    } else if (!isFirst) this.lastActivityMs = clock.nowMs;
    else if (parser.hasBegun) {
      this.phase = Phase.head;
      this.lastActivityMs = clock.nowMs;
      this.endPhaseIn(this.route.http.requestHeadTimeoutMs);
      if (this.client.hasEnded) this.refuse("requestHeadCut");
    }
    // Otherwise it was an empty line, which begins nothing and keeps nothing alive.
  }

  /** A head that isn't plainly compliant: refused or repaired, by desync mitigation's mode. */
  private screen(exchange: Exchange): void {
    const { http } = this.route;
    const { reader } = exchange;
    const { reason, action, fault } = screenRequest(reader, http.desyncMode, http.requestLimits);
    this.noteDesync(exchange, reason);
    if (fault !== Fault.none) this.refuse(reasonOfRequestFault(fault));
    else if (action === DesyncAction.block) this.refuse("desyncBlocked");
    else {
      exchange.closesBoth = action === DesyncAction.allowAndClose;
      this.serve(exchange);
    }
  }

  private noteDesync(exchange: Exchange, reason: DesyncReason | undefined): void {
    exchange.desync = reason;
    if (reason !== undefined) this.route.counters.countDesync(reason);
  }

  private serve(exchange: Exchange): void {
    this.phase = Phase.exchange;
    this.lastActivityMs = clock.nowMs;
    this.takeRoute();
    exchange.open();
  }

  /** Each request reads the route anew; a reload may have shortened the idle timeout. */
  private takeRoute(): void {
    const { route } = this.source;
    if (route === this.route) return;
    this.route = route;
    this.readPort();
    this.lookBy(clock.nowMs + route.idleTimeoutMs);
  }

  /** While the client is there: policies may ask for it when it has left. */
  private readPort(): void {
    if (this.route.policies !== undefined) this.clientPort ||= this.client.remotePort;
  }

  /** A request whose head can't be served. */
  private refuse(reason: Reason): void {
    this.exchange ??= takeExchange(this);
    const { exchange } = this;
    this.phase = Phase.exchange;
    this.takeRoute();
    if (exchange.headBytes === 0) exchange.headBytes = exchange.reader.headBytes;
    exchange.refuse(reason);
  }

  // ——— what was sent ahead ———

  get hasInput(): boolean {
    return this.input?.isEmpty === false;
  }

  keepInput(bytes: Uint8Array): void {
    this.input ??= new ReadAhead(this.client);
    this.input.keep(bytes, this.route.http.readAheadMaxBytes);
  }

  takeInput(): Uint8Array {
    return this.input?.take() ?? nothing;
  }

  // ——— behind an answer ———

  answered(keepsClient: boolean): void {
    const { exchange } = this;
    if (!keepsClient) this.closeGracefully();
    else if (exchange?.body.isDone === false) this.drainBody(exchange);
    else this.finishAnswer();
  }

  cut(): void {
    this.end();
    this.client.abort();
  }

  private finishAnswer(): void {
    if (this.client.isWritable) {
      this.nextRequest();
      return;
    }
    this.phase = Phase.flushing;
    this.noteKept();
  }

  private nextRequest(): void {
    this.phase = Phase.idle;
    this.dropExchange();
    this.readOn();
  }

  /** The next request stands behind a body that nobody reads: it is waited for, within a bound on both bytes and time. */
  private drainBody({ body }: Exchange): void {
    this.phase = Phase.draining;
    this.drainedFromBytes = body.receivedBytes;
    if (this.client.hasEnded) this.closeGracefully();
    else this.endPhaseIn(this.route.http.unreadBodyTimeoutMs);
  }

  private throwAway(chunk: Uint8Array): void {
    const { body } = this.exchange as Exchange;
    body.skip(chunk, 0, chunk.length);
    const drainedBytes = body.receivedBytes - this.drainedFromBytes;
    if (body.isDone) {
      if (body.pos < chunk.length) this.keepInput(chunk.subarray(body.pos));
      this.finishAnswer();
      return;
    }
    if (body.isFaulty || drainedBytes > this.route.http.unreadBodyMaxBytes) this.closeGracefully();
    freeChunk(chunk);
  }

  private dropExchange(): void {
    const { exchange } = this;
    if (exchange === undefined) return;
    this.exchange = undefined;
    giveBackExchange(exchange);
  }

  // ——— the connection ends ———

  /** Sends FIN behind the answer and goes on listening for a while, so that the answer is not lost to a reset. */
  private closeGracefully(): void {
    this.takeInput();
    this.input = undefined;
    this.dropExchange();
    this.phase = Phase.lingering;
    this.client.shutdown();
    // A client that doesn't take its answer has the idle timeout for it.
    if (this.client.isWritable) this.linger();
    else this.noteKept();
  }

  /** The client has its answer: nothing more is owed to one that has ended, a short while to any other. */
  private linger(): void {
    if (this.client.hasEnded) this.close();
    else this.endPhaseIn(this.route.http.lingerMs);
  }

  drain(): void {
    // Not a full close: most of the last answer may still be on its way, and a byte from the client would reset it.
    if (this.phase === Phase.idle) this.closeGracefully();
  }

  retire(): void {
    this.isRetired = true;
    // A head that is under way belongs to a request that was not let in.
    if (this.phase === Phase.idle || this.phase === Phase.head) this.closeGracefully();
  }

  cutFrom(members: ReadonlySet<BackendMember>, reason: Reason): void {
    this.exchange?.cutFrom(members, reason);
  }

  /** No further exchange begins. */
  get isEnding(): boolean {
    return this.isRetired || this.source.isDraining;
  }

  abort(): void {
    this.end("shutdown");
    this.client.abort();
  }

  private close(): void {
    this.end();
    this.client.close();
  }

  /** The connection is over; an exchange still under way is accounted with `reason`. */
  private end(reason?: Reason): void {
    if (this.phase === Phase.closed) return;
    this.phase = Phase.closed;
    this.deadline.disarm();
    this.input = undefined;
    this.exchange?.abandon(reason);
    this.dropExchange();
    this.source.leave(this);
  }

  // ——— time ———

  noteKept(): void {
    this.keptBytes = this.client.keptBytes;
  }

  lookBy(dueMs: number): void {
    if (!this.deadline.isArmed || dueMs < this.deadline.dueMs) this.deadline.arm(dueMs);
  }

  private endPhaseIn(durationMs: number): void {
    this.phaseEndsMs = clock.nowMs + durationMs;
    this.lookBy(this.phaseEndsMs);
  }

  /** When the phase that the connection is in has lasted too long, in milliseconds on the coarse clock. */
  private get endsMs(): number {
    const idleEndsMs = this.lastActivityMs + this.route.idleTimeoutMs;
    switch (this.phase) {
      case Phase.head:
        return Math.min(idleEndsMs, this.phaseEndsMs);
      case Phase.exchange:
        return this.exchange?.endsMs(idleEndsMs) ?? idleEndsMs;
      case Phase.draining:
        return this.phaseEndsMs;
      case Phase.lingering:
        return this.client.isWritable ? this.phaseEndsMs : idleEndsMs;
      default:
        return idleEndsMs;
    }
  }

  onDeadline(nowMs: number): number {
    this.noteProgress(nowMs);
    const { endsMs } = this;
    if (endsMs > nowMs) return endsMs;
    if (this.phase === Phase.head) this.refuse("requestHeadTimeout");
    else if (this.phase === Phase.exchange) this.exchange?.timeOut(nowMs);
    else if (this.phase === Phase.draining || this.phase === Phase.idle) this.closeGracefully();
    // Lingering, or a client that doesn't take its answer.
    else this.close();
    if (this.phase === Phase.closed) return 0;
    // Armed here and not by what is returned: what began meanwhile (a request that was sent ahead) may have armed it for
    // its own limit, which can be later.
    this.deadline.arm(Math.max(this.endsMs, nowMs + 1));
    return 0;
  }

  /** A peer that takes bytes isn't silent, though it has yet to take all that one read brought. */
  private noteProgress(nowMs: number): void {
    const { keptBytes } = this.client;
    // Asked in any case: what it hasn't looked at now would be new to it at the next look, too late.
    const hasMoved = this.exchange?.hasMoved() === true;
    if (keptBytes < this.keptBytes || hasMoved) this.lastActivityMs = nowMs;
    this.keptBytes = keptBytes;
  }
}

const nothing = new Uint8Array(0);
