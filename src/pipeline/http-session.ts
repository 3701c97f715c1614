// Layer 7: one client connection and its exchanges, one after another, driven by callbacks.
//
// Reads a request head, takes a kept connection to an instance, sends the request on and relays the response; in steady
// state all of that happens inside socket callbacks. What takes time (no connection is kept, a retry) is built by an
// Effect, see http.ts. Owns the client's transport, and the back end's connection while it has one; every exchange ends
// in `settle`, which accounts it once.
//
// Long because the phases of a connection are one state machine; the two directions of a body are in request-body.ts
// and response-relay.ts.
import { BackendConnection, type BackendUser } from "../backend/backend-connection.ts";
import type { BackendMember } from "../backend/backend-member.ts";
import type { Connected } from "../backend/connect.ts";
import { Lease } from "../balance/lease.ts";
import type { Routed } from "../balance/routed.ts";
import { type Reason, reasons } from "../errors.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import { plainAddress } from "../net/endpoint.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { bytesOf } from "../parse/http1/bytes.ts";
import { Parsed } from "../parse/http1/head.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import { type ClientFacts, writeRequestHead } from "../parse/http1/serialise.ts";
import { type Exchange, giveBackExchange, takeExchange } from "./exchange.ts";
import { reasonOfRequestFault } from "./fault-reason.ts";
import { continueAnswer, type OwnStatus, ownAnswer } from "./http-answer.ts";
import { settleExchange } from "./outcome.ts";
import { ReadAhead } from "./read-ahead.ts";
import type { ResponseTerms } from "./response-relay.ts";
import type { Cancellable, LiveConnection, Route, RouteSource } from "./route.ts";
import type { Secured } from "./secured.ts";

/** How long a closed conversation is listened to, so that the answer isn't lost to a reset, in milliseconds. */
const lingerMs = 2000;

const Phase = {
  /** Between exchanges; no byte of a request has come. */
  idle: 0,
  /** A request head is under way. */
  head: 1,
  /** A request waits for a connection to an instance. */
  waiting: 2,
  /** A request is with an instance. */
  exchange: 3,
  /** The answer is whole, but the client has not taken it. */
  flushing: 4,
  /** The last answer was given and our FIN sent; what comes is thrown away. */
  lingering: 5,
  closed: 6,
} as const;

/** Builds a connection for a request; it ends in the session's `proceed` or `failConnect`, unless it is cancelled. */
export type DialFor = (
  session: HttpSession,
  source: RouteSource,
  route: Route,
  routed: Routed<BackendMember>,
) => Cancellable;

export class HttpSession implements Receiver, BackendUser, DeadlineOwner, LiveConnection, ClientFacts, ResponseTerms {
  /** The client's address, as X-Forwarded-For says it. */
  readonly address: Uint8Array;
  private phase: number = Phase.idle;
  private route: Route;
  private readonly client: Transport;
  private readonly deadline = new Deadline(this);
  private lastActivityMs: number;
  /** When the phase's own limit ends: of a request head under way, or of lingering. */
  private phaseEndsMs = 0;
  /** The exchange under way; none while the connection is idle. */
  private exchange: Exchange | undefined = undefined;
  /** Bytes that can't be looked at yet; made when there are any. */
  private input: ReadAhead | undefined = undefined;
  private isHeldForBackend = false;
  private isBackendHeld = false;
  private isReading = false;

  constructor(
    secured: Secured,
    private readonly source: RouteSource,
    private readonly dialFor: DialFor,
  ) {
    this.client = secured.transport;
    this.address = bytesOf(secured.clientAddress);
    this.route = source.route;
    this.client.receiver = this;
    this.deadline.armIn(this.route.idleTimeoutMs);
    this.lastActivityMs = clock.nowMs;
    source.enter(this);
  }

  get lastLines(): Uint8Array {
    return this.route.requestLastLines;
  }

  nodeAddress(): Uint8Array {
    const address = plainAddress(this.client.localAddress);
    // RFC 3986 §3.2.2: an IPv6 address stands in brackets where a host name may.
    return bytesOf(address.includes(":") ? `[${address}]` : address);
  }

  get isHead(): boolean {
    return this.exchange?.isHead ?? false;
  }

  get minorVersion(): number {
    return this.exchange?.minorVersion ?? 1;
  }

  // ——— the client speaks ———

  onBytes(chunk: Uint8Array): void {
    // What comes behind the last answer is thrown away, and keeps nothing alive.
    if (this.phase === Phase.lingering) return;
    this.lastActivityMs = clock.nowMs;
    this.route.counters.receivedBytes += chunk.length;
    switch (this.phase) {
      case Phase.idle:
      case Phase.head:
        this.readHead(chunk);
        this.readOn();
        return;
      case Phase.exchange:
        if (this.exchange?.body.isDone === false) this.sendBody(this.exchange, chunk, 0, chunk.length);
        else this.keepInput(chunk);
        return;
      case Phase.waiting:
      case Phase.flushing:
        this.keepInput(chunk);
        return;
      default:
        return;
    }
  }

  onWritable(): void {
    this.lastActivityMs = clock.nowMs;
    if (this.phase === Phase.flushing) this.nextRequest();
    else if (this.phase === Phase.lingering) this.linger();
    else if (this.isBackendHeld) {
      this.isBackendHeld = false;
      this.exchange?.backend?.transport.openValve();
    }
  }

  onEnd(): void {
    switch (this.phase) {
      case Phase.head:
        this.refuse("requestHeadCut");
        return;
      case Phase.exchange:
        // A half-closed client still reads: its answer comes, then the connection ends. A body cut short is an error.
        if (this.exchange?.body.isDone === false) this.failExchange(this.exchange, "requestBodyCut");
        return;
      case Phase.idle:
        this.close();
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
    while (this.phase === Phase.idle && this.hasInput) this.readHead(this.takeInput());
    this.isReading = false;
    if (this.phase !== Phase.idle) return;
    if (this.client.hasEnded || this.source.isDraining) this.close();
  }

  private readHead(chunk: Uint8Array): void {
    this.exchange ??= takeExchange();
    const { exchange } = this;
    const { reader } = exchange;
    const parsed = reader.read(chunk, 0);
    const parser = reader.parser as RequestHeadParser;
    if (parsed === Parsed.complete) this.open(exchange, parser);
    else if (parsed === Parsed.faulty) this.refuse(reasonOfRequestFault(parser.fault));
    else if (this.phase === Phase.idle && parser.hasBegun) {
      this.phase = Phase.head;
      this.route = this.source.route;
      this.endPhaseIn(this.route.requestHeadTimeoutMs);
      if (this.client.hasEnded) this.refuse("requestHeadCut");
    }
  }

  // ——— an exchange begins ———

  private open(exchange: Exchange, parser: RequestHeadParser): void {
    const { route } = this.source;
    const { reader, body } = exchange;
    const { bytes, end } = reader;
    const { pos } = parser;
    this.route = route;
    exchange.isOpen = true;
    exchange.isRetried = false;
    exchange.startedMs = clock.nowMs;
    exchange.headBytes = pos - parser.start;
    exchange.isHead = parser.isHead;
    exchange.minorVersion = parser.minorVersion;
    exchange.isIdempotent = parser.isIdempotent(bytes);
    exchange.wantsKeepAlive = parser.keepsAlive;
    exchange.response.begin();
    body.begin(parser);
    if (parser.expectsContinue && parser.minorVersion === 1 && !body.isDone) {
      // At once, before an instance is known: as a Classic Load Balancer does ("HTTP headers", AWS).
      this.client.write(continueAnswer);
      route.counters.sentBytes += continueAnswer.length;
    }

    const member = exchange.lease.take(route.membership);
    const backend = member?.pool.take();
    if (backend !== undefined) {
      backend.head.clear();
      writeRequestHead(parser, bytes, this, backend.head);
      reader.release();
      this.send(exchange, backend, bytes, pos, end);
      return;
    }
    const head = new ByteWriter(512);
    if (member !== undefined) writeRequestHead(parser, bytes, this, head);
    reader.release();
    if (pos < end) this.keepInput(bytes.subarray(pos, end));
    if (member === undefined) this.answer(exchange, "noInstance");
    else this.dial(exchange, head);
  }

  /** The request goes out on a connection, with what of its body has come: `bytes[start, end)`. */
  private send(exchange: Exchange, backend: BackendConnection, bytes: Uint8Array, start: number, end: number): void {
    this.phase = Phase.exchange;
    exchange.backend = backend;
    backend.use(this);
    const isTaken = backend.transport.writeCopy(backend.head.view());
    if (start < end) {
      if (exchange.body.isDone) this.keepInput(bytes.subarray(start, end));
      else this.sendBody(exchange, bytes, start, end);
    } else if (!exchange.body.isDone) {
      if (!isTaken) this.holdForBackend();
      if (this.client.hasEnded) this.failExchange(exchange, "requestBodyCut");
    }
  }

  private sendBody(exchange: Exchange, bytes: Uint8Array, start: number, end: number): void {
    const { body, backend } = exchange;
    if (backend === undefined) return;
    const isTaken = body.send(bytes, start, end, backend.transport);
    if (body.isFaulty) this.failExchange(exchange, "badRequestBody");
    else if (body.isDone) {
      if (body.pos < end) this.keepInput(bytes.subarray(body.pos, end));
    } else {
      if (!isTaken) this.holdForBackend();
      if (this.client.hasEnded) this.failExchange(exchange, "requestBodyCut");
    }
  }

  private holdForBackend(): void {
    if (this.isHeldForBackend) return;
    this.isHeldForBackend = true;
    this.client.shutValve();
  }

  private releaseHold(): void {
    if (!this.isHeldForBackend) return;
    this.isHeldForBackend = false;
    this.client.openValve();
  }

  private get hasInput(): boolean {
    return this.input?.isEmpty === false;
  }

  private keepInput(bytes: Uint8Array): void {
    this.input ??= new ReadAhead(this.client);
    this.input.keep(bytes);
  }

  private takeInput(): Uint8Array {
    return this.input?.take() ?? nothing;
  }

  // ——— the slow path ———

  private dial(exchange: Exchange, head: ByteWriter): void {
    this.phase = Phase.waiting;
    exchange.waitingHead = head;
    // The lease goes with the dial, and comes back with the connection.
    const { lease } = exchange;
    exchange.lease = new Lease();
    const { membership } = this.route;
    const dialling = this.dialFor(this, this.source, this.route, { membership, lease });
    // Not if it is over already: the exchange may then belong to the next request.
    if (exchange.waitingHead === head) exchange.dialling = dialling;
  }

  /** A connection has come; it may be too late. */
  proceed({ member, transport, lease }: Connected): void {
    const backend = new BackendConnection(member, transport);
    const { exchange } = this;
    const head = exchange?.waitingHead;
    if (this.phase !== Phase.waiting || exchange === undefined || head === undefined) {
      lease.giveBack();
      backend.close();
      return;
    }
    this.lastActivityMs = clock.nowMs;
    exchange.dialling = undefined;
    exchange.waitingHead = undefined;
    exchange.lease = lease;
    backend.head.clear();
    backend.head.put(head.view());
    const bytes = this.takeInput();
    this.send(exchange, backend, bytes, 0, bytes.length);
  }

  /** No connection can be had. */
  failConnect(reason: Reason): void {
    const { exchange } = this;
    if (this.phase !== Phase.waiting || exchange === undefined) return;
    exchange.dialling = undefined;
    this.answer(exchange, reason);
  }

  // ——— the instance speaks ———

  onBackendBytes(chunk: Uint8Array): void {
    const { exchange } = this;
    if (exchange === undefined) return;
    this.lastActivityMs = clock.nowMs;
    const { response } = exchange;
    const sentBefore = response.sentBytes;
    const isTaken = response.receive(chunk, this.client, this);
    this.route.counters.sentBytes += response.sentBytes - sentBefore;
    if (response.fault !== undefined) this.failExchange(exchange, response.fault);
    else if (response.isDone) this.complete(exchange);
    else if (!isTaken && !this.isBackendHeld) {
      this.isBackendHeld = true;
      exchange.backend?.transport.shutValve();
    }
  }

  onBackendWritable(): void {
    this.lastActivityMs = clock.nowMs;
    this.releaseHold();
  }

  onBackendEnd(): void {
    const { exchange } = this;
    if (exchange === undefined) return;
    exchange.response.end();
    if (exchange.response.isDone) this.complete(exchange);
    else this.loseBackend(exchange);
  }

  onBackendClosed(isReset: boolean): void {
    if (!isReset) this.onBackendEnd();
    else if (this.exchange !== undefined) this.loseBackend(this.exchange);
  }

  /** The connection died before the response was whole. */
  private loseBackend(exchange: Exchange): void {
    const { response, backend, body } = exchange;
    if (response.hasStarted) this.failExchange(exchange, "responseCut");
    else if (response.hasBytes) this.failExchange(exchange, "badResponse");
    else if (
      backend !== undefined &&
      backend.servedResponses > 0 &&
      exchange.isIdempotent &&
      !body.hasBegun &&
      !exchange.isRetried
    ) {
      this.retry(exchange, backend);
    } else this.failExchange(exchange, "backendClosed");
  }

  /** A kept connection that died before it answered may have been dead before we wrote: once more, on a new one. */
  private retry(exchange: Exchange, backend: BackendConnection): void {
    exchange.isRetried = true;
    const head = new ByteWriter(backend.head.length);
    head.put(backend.head.view());
    this.dropBackend(exchange);
    this.dial(exchange, head);
  }

  // ——— an exchange ends ———

  mayKeepAlive(): boolean {
    const { exchange } = this;
    return (
      exchange?.wantsKeepAlive === true &&
      exchange.body.isDone &&
      !this.source.isDraining &&
      // A client that has sent its last byte may still have requests in what was kept.
      (!this.client.hasEnded || this.hasInput)
    );
  }

  /** The response is whole. */
  private complete(exchange: Exchange): void {
    const { backend, response, body } = exchange;
    exchange.backend = undefined;
    if (this.isBackendHeld) backend?.transport.openValve();
    this.isBackendHeld = false;
    if (backend !== undefined) {
      if (!body.isDone) backend.abort();
      else if (response.keepsBackend) backend.release();
      else backend.close();
    }
    this.settle(exchange, response.status, undefined);
    if (!response.keepsClient || !body.isDone) this.closeGracefully();
    else if (this.client.isWritable) this.nextRequest();
    else this.phase = Phase.flushing;
  }

  private nextRequest(): void {
    this.releaseHold();
    this.phase = Phase.idle;
    this.dropExchange();
    this.readOn();
  }

  /** A request whose head can't be served: refused before anything was done for it. */
  private refuse(reason: Reason): void {
    this.exchange ??= takeExchange();
    const { exchange } = this;
    this.route = this.source.route;
    exchange.isOpen = true;
    exchange.startedMs = clock.nowMs;
    exchange.wantsKeepAlive = false;
    exchange.headBytes = exchange.reader.headBytes;
    exchange.body.reset();
    exchange.reader.release();
    exchange.response.begin();
    this.answer(exchange, reason);
  }

  /** Either side broke: an answer of ours if none has begun, a cut otherwise. */
  private failExchange(exchange: Exchange, reason: Reason): void {
    this.dropBackend(exchange);
    if (!exchange.response.hasStarted) {
      this.answer(exchange, reason);
      return;
    }
    // The client has part of a response that can't be completed: it must see a cut, never a whole answer.
    this.end(reason);
    this.client.abort();
  }

  /** Answers in the instance's place, and ends the exchange. */
  private answer(exchange: Exchange, reason: Reason): void {
    const status = reasons[reason].status as OwnStatus;
    if (!exchange.body.isDone && this.hasInput) this.skipBody(exchange);
    const keepsAlive = reasons[reason].side !== "client" && this.mayKeepAlive();
    const answer = ownAnswer(status, keepsAlive);
    this.stopDialling(exchange);
    this.phase = Phase.exchange;
    // An answer that promises to keep the connection keeps it, also when silence was its cause.
    this.lastActivityMs = clock.nowMs;
    this.route.counters.sentBytes += answer.length;
    exchange.response.sentBytes += answer.length;
    const isTaken = this.client.write(answer);
    this.settle(exchange, status, reason);
    if (!keepsAlive) this.closeGracefully();
    else if (isTaken) this.nextRequest();
    else this.phase = Phase.flushing;
  }

  /** Nobody will read the body: what of it was kept is thrown away, and what lies behind it stays. */
  private skipBody({ body }: Exchange): void {
    const bytes = this.takeInput();
    body.skip(bytes, 0, bytes.length);
    if (body.isDone && body.pos < bytes.length) this.keepInput(bytes.subarray(body.pos));
  }

  /** Cuts the connection to the instance: a half-sent request must not look like a whole one. */
  private dropBackend(exchange: Exchange): void {
    const { backend } = exchange;
    exchange.backend = undefined;
    this.isBackendHeld = false;
    this.releaseHold();
    backend?.abort();
  }

  private stopDialling(exchange: Exchange): void {
    const { dialling } = exchange;
    exchange.dialling = undefined;
    exchange.waitingHead = undefined;
    dialling?.interruptUnsafe();
  }

  /** The exchange's one account. */
  private settle(exchange: Exchange, status: number, reason: Reason | undefined): void {
    if (!exchange.isOpen) return;
    exchange.isOpen = false;
    settleExchange(
      {
        status,
        reason,
        instance: exchange.lease.member?.id,
        receivedBytes: exchange.headBytes + exchange.body.receivedBytes,
        sentBytes: exchange.response.sentBytes,
        startedMs: exchange.startedMs,
      },
      this.route.counters,
    );
    exchange.lease.giveBack();
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
    this.releaseHold();
    this.dropExchange();
    this.phase = Phase.lingering;
    this.client.shutdown();
    // A client that doesn't take its answer has the idle timeout for it.
    if (this.client.isWritable) this.linger();
  }

  /** The client has its answer: nothing more is owed to one that has ended, a short while to any other. */
  private linger(): void {
    if (this.client.hasEnded) this.close();
    else this.endPhaseIn(lingerMs);
  }

  private endPhaseIn(durationMs: number): void {
    this.phaseEndsMs = clock.nowMs + durationMs;
    if (!this.deadline.isArmed || this.phaseEndsMs < this.deadline.dueMs) this.deadline.arm(this.phaseEndsMs);
  }

  /** When the phase that the connection is in has lasted too long, in milliseconds on the coarse clock. */
  private get endsMs(): number {
    const idleEndsMs = this.lastActivityMs + this.route.idleTimeoutMs;
    if (this.phase === Phase.head) return Math.min(idleEndsMs, this.phaseEndsMs);
    return this.phase === Phase.lingering && this.client.isWritable ? this.phaseEndsMs : idleEndsMs;
  }

  onDeadline(nowMs: number): number {
    const { endsMs, exchange } = this;
    if (endsMs > nowMs) return endsMs;
    if (this.phase === Phase.head) this.refuse("requestHeadTimeout");
    else if (this.phase === Phase.waiting && exchange !== undefined) this.answer(exchange, "backendTimeout");
    else if (this.phase === Phase.exchange && exchange !== undefined)
      this.failExchange(exchange, this.silentSide(exchange));
    else {
      // Idle, lingering, or a client that doesn't take its answer.
      this.close();
    }
    return this.phase === Phase.closed ? 0 : Math.max(this.endsMs, nowMs + 1);
  }

  /** Who kept silent: a client that owes its body, or the instance. */
  private silentSide({ body, response }: Exchange): Reason {
    if (!body.isDone && !this.client.isValveShut && !response.hasStarted) return "requestBodyTimeout";
    return response.hasStarted ? "responseTimeout" : "backendTimeout";
  }

  drain(): void {
    if (this.phase === Phase.idle) this.close();
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
    const { exchange } = this;
    if (exchange !== undefined) {
      this.stopDialling(exchange);
      this.dropBackend(exchange);
      this.settle(exchange, exchange.response.status, reason);
      exchange.lease.giveBack();
      this.dropExchange();
    }
    this.source.leave(this);
  }
}

const nothing = new Uint8Array(0);
