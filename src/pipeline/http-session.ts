// Layer 7: one client connection and its exchanges, one after another, driven by callbacks.
//
// Reads a request head, gets a kept connection to an instance, sends the request on and relays the response; in steady
// state all of that happens inside socket callbacks. What takes time (no connection is kept, a retry) is asked of the
// connection's fiber through `nextNeed`, see http.ts. Owns the client's transport, and the back end's connection from
// the moment it has one; every exchange ends in `settle`, which accounts it once.
//
// The file is long because the phases of a connection are one state machine; the two directions of a body are in
// request-body.ts and response-relay.ts.
import { Effect } from "effect";
import { BackendConnection, type BackendUser } from "../backend/backend-connection.ts";
import type { BackendMember } from "../backend/backend-member.ts";
import { Lease } from "../balance/lease.ts";
import { type Reason, reasons } from "../errors.ts";
import type { Accepted } from "../listen/accepted.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import { plainAddress } from "../net/endpoint.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { bytesOf } from "../parse/http1/bytes.ts";
import { Fault } from "../parse/http1/fault.ts";
import { Parsed } from "../parse/http1/head.ts";
import { makeRequestReader } from "../parse/http1/head-reader.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import { type ClientFacts, writeRequestHead } from "../parse/http1/serialise.ts";
import { continueAnswer, type OwnStatus, ownAnswer } from "./http-answer.ts";
import { settleExchange } from "./outcome.ts";
import { RequestBody } from "./request-body.ts";
import { ResponseRelay, type ResponseTerms } from "./response-relay.ts";
import type { LiveConnection, Route, RouteSource } from "./route.ts";
import { Valve } from "./valve.ts";

/** How long a closed conversation is listened to, so that the answer isn't lost to a reset, in milliseconds. */
const lingerMs = 2000;
/** How much is read ahead of the answer in progress, in bytes. */
const readAheadMaxBytes = 64 * 1024;

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

/** A request that needs a connection: what the fiber is woken for. */
export interface ConnectionNeed {
  readonly route: Route;
  readonly lease: Lease<BackendMember>;
}

export class HttpSession implements Receiver, BackendUser, DeadlineOwner, LiveConnection, ClientFacts, ResponseTerms {
  private phase: number = Phase.idle;
  private route: Route;
  private readonly reader = makeRequestReader();
  private readonly body = new RequestBody();
  private readonly response = new ResponseRelay();
  private readonly valve: Valve;
  private readonly deadline = new Deadline(this);
  private lastActivityMs = 0;
  /** When the phase's own limit ends: of a request head under way, or of lingering. */
  private phaseEndsMs = 0;

  /** Bytes that can't be looked at yet: behind the request in progress, or its body while it waits. */
  private input: Uint8Array | undefined = undefined;
  private isHeldForInput = false;
  private isHeldForBackend = false;
  private isBackendHeld = false;
  private isReading = false;

  // The exchange in progress.
  private lease = new Lease<BackendMember>();
  private backend: BackendConnection | undefined = undefined;
  /** The request head, where no connection has it: while the request waits. */
  private waitingHead: ByteWriter | undefined = undefined;
  private isOpen = false;
  private isRetried = false;
  private isIdempotent = false;
  private wantsKeepAlive = false;
  isHead = false;
  minorVersion = 1;
  private startedMs = 0;
  private receivedBytes = 0;

  // The fiber's side.
  private need: ConnectionNeed | undefined = undefined;
  /** The lease of the request that waits; whoever ends the wait gives it back or takes it over. */
  private lent: Lease<BackendMember> | undefined = undefined;
  private wakeForNeed: (() => void) | undefined = undefined;
  private cancelNeed: (() => void) | undefined = undefined;

  // What the instance is told of the client.
  readonly address: Uint8Array;

  constructor(
    accepted: Accepted,
    private readonly source: RouteSource,
  ) {
    this.client = accepted.transport;
    this.address = bytesOf(accepted.clientAddress);
    this.route = source.route;
    this.valve = new Valve(this.client);
    this.client.receiver = this;
    this.deadline.armIn(this.route.idleTimeoutMs);
    this.lastActivityMs = clock.nowMs;
    source.enter(this);
  }

  private readonly client: Transport;

  get lastLines(): Uint8Array {
    return this.route.requestLastLines;
  }

  nodeAddress(): Uint8Array {
    return bytesOf(plainAddress(this.client.localAddress));
  }

  // ——— the client speaks ———

  onBytes(chunk: Uint8Array): void {
    this.lastActivityMs = clock.nowMs;
    this.route.counters.receivedBytes += chunk.length;
    this.receivedBytes += chunk.length;
    switch (this.phase) {
      case Phase.idle:
      case Phase.head:
        this.readHead(chunk, 0);
        this.readOn();
        return;
      case Phase.exchange:
        if (this.body.isDone) this.keepInput(chunk);
        else this.sendBody(chunk, 0, chunk.length);
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
      this.backend?.transport.resume();
    }
  }

  onEnd(): void {
    switch (this.phase) {
      case Phase.idle:
        this.finish();
        this.client.close();
        return;
      case Phase.head:
        this.refuse("requestHeadCut");
        return;
      case Phase.exchange:
        // A half-closed client still reads: its answer comes, then the connection ends. A body cut short is an error.
        if (!this.body.isDone) this.failRequest("requestBodyCut");
        return;
      case Phase.lingering:
        this.finish();
        this.client.close();
        return;
      default:
        return;
    }
  }

  onClosed(): void {
    if (this.isOpen) {
      this.dropBackend();
      this.settle(0, "clientGone");
    }
    this.finish();
  }

  /** Reads heads from what was kept, until one is in progress or nothing is left; a loop, since answers of ours are immediate. */
  private readOn(): void {
    if (this.isReading) return;
    this.isReading = true;
    while (this.phase === Phase.idle && this.input !== undefined) {
      const bytes = this.input;
      this.input = undefined;
      if (this.isHeldForInput) {
        this.isHeldForInput = false;
        this.valve.open();
      }
      this.readHead(bytes, 0);
    }
    this.isReading = false;
    if (this.phase !== Phase.idle || this.input !== undefined) return;
    if (this.client.hasEnded || this.source.isDraining) {
      this.finish();
      this.client.close();
    }
  }

  private readHead(chunk: Uint8Array, start: number): void {
    const parsed = this.reader.read(chunk, start);
    const parser = this.reader.parser as RequestHeadParser;
    if (parsed === Parsed.complete) {
      this.open(parser);
      return;
    }
    if (parsed === Parsed.faulty) {
      this.refuse(reasonOfFault(parser.fault));
      return;
    }
    if (this.phase === Phase.head || !parser.hasBegun) return;
    this.phase = Phase.head;
    this.route = this.source.route;
    this.phaseEndsMs = clock.nowMs + this.route.requestHeadTimeoutMs;
    if (this.phaseEndsMs < this.deadline.dueMs) this.deadline.arm(this.phaseEndsMs);
    if (this.client.hasEnded) this.refuse("requestHeadCut");
  }

  // ——— an exchange begins ———

  private open(parser: RequestHeadParser): void {
    const route = this.source.route;
    const { bytes, end } = this.reader;
    const { pos } = parser;
    this.route = route;
    this.isOpen = true;
    this.isRetried = false;
    this.startedMs = clock.nowMs;
    this.receivedBytes = end - parser.start;
    this.isHead = parser.isHead;
    this.minorVersion = parser.minorVersion;
    this.isIdempotent = parser.isIdempotent(bytes);
    this.wantsKeepAlive = wantsKeepAlive(parser);
    this.body.begin(parser);
    this.response.begin();
    if (parser.expectsContinue && parser.minorVersion === 1 && !this.body.isDone) this.client.write(continueAnswer);

    const member = this.lease.take(route.membership);
    const backend = member?.pool.take();
    if (backend !== undefined) {
      backend.head.clear();
      writeRequestHead(parser, bytes, this, backend.head);
      this.reader.release();
      this.send(backend, bytes, pos, end);
      return;
    }
    this.reader.release();
    if (pos < end) this.keepInput(bytes.subarray(pos, end));
    if (member === undefined) {
      this.fail("noInstance");
      return;
    }
    const head = new ByteWriter(512);
    writeRequestHead(parser, bytes, this, head);
    this.askForConnection(head);
  }

  /** The request goes out on a connection, with what of its body has come: `bytes[start, end)`. */
  private send(backend: BackendConnection, bytes: Uint8Array, start: number, end: number): void {
    this.phase = Phase.exchange;
    this.backend = backend;
    backend.use(this);
    const { body } = this;
    const { head, transport } = backend;
    const isTaken = transport.writeCopy(head.view());
    if (body.isDone) {
      if (start < end) this.keepInput(bytes.subarray(start, end));
    } else if (start < end) {
      this.sendBody(bytes, start, end);
    } else if (!isTaken) this.holdForBackend();
    else if (this.client.hasEnded) this.failRequest("requestBodyCut");
  }

  private sendBody(bytes: Uint8Array, start: number, end: number): void {
    const { body, backend } = this;
    if (backend === undefined) return;
    const isTaken = body.send(bytes, start, end, backend.transport);
    if (body.isFaulty) {
      this.failRequest("badRequestBody");
      return;
    }
    if (body.isDone) {
      if (body.pos < end) this.keepInput(bytes.subarray(body.pos, end));
    } else if (!isTaken) this.holdForBackend();
    else if (this.client.hasEnded) this.failRequest("requestBodyCut");
  }

  private holdForBackend(): void {
    if (this.isHeldForBackend) return;
    this.isHeldForBackend = true;
    this.valve.shut();
  }

  private releaseHold(): void {
    if (!this.isHeldForBackend) return;
    this.isHeldForBackend = false;
    this.valve.open();
  }

  /** Keeps bytes that can't be looked at yet; beyond the bound the client isn't read any more. */
  private keepInput(bytes: Uint8Array): void {
    const { input } = this;
    if (input === undefined) this.input = bytes;
    else {
      const joined = new Uint8Array(input.length + bytes.length);
      joined.set(input);
      joined.set(bytes, input.length);
      this.input = joined;
    }
    if (this.isHeldForInput || (this.input as Uint8Array).length < readAheadMaxBytes) return;
    this.isHeldForInput = true;
    this.valve.shut();
  }

  // ——— the slow path ———

  /** The next request that needs a connection, or undefined when this connection is over; one fiber waits here. */
  readonly nextNeed: Effect.Effect<ConnectionNeed | undefined> = Effect.callback((resume) => {
    const wake = (): boolean => {
      if (this.need === undefined && this.phase !== Phase.closed) return false;
      const { need } = this;
      this.need = undefined;
      this.wakeForNeed = undefined;
      resume(Effect.succeed(need));
      return true;
    };
    if (wake()) return;
    this.wakeForNeed = wake;
    return Effect.sync(() => this.abort());
  });

  /** Ends when the request that was asked for is over before it got a connection. */
  readonly needIsOver: Effect.Effect<void> = Effect.callback((resume) => {
    if (this.phase !== Phase.waiting) resume(Effect.void);
    else this.cancelNeed = () => resume(Effect.void);
  });

  private askForConnection(head: ByteWriter): void {
    this.phase = Phase.waiting;
    this.waitingHead = head;
    this.need = { route: this.route, lease: this.lease };
    // The lease goes with the need, and comes back with the connection.
    this.lent = this.lease;
    this.lease = new Lease();
    this.wakeForNeed?.();
  }

  /** A connection has come; it may be too late. */
  proceed(member: BackendMember, transport: Transport, lease: Lease<BackendMember>): void {
    const backend = new BackendConnection(member, transport);
    const head = this.waitingHead;
    if (this.phase !== Phase.waiting || head === undefined) {
      lease.giveBack();
      backend.close();
      return;
    }
    this.cancelNeed = undefined;
    this.waitingHead = undefined;
    this.lent = undefined;
    this.lease = lease;
    this.lastActivityMs = clock.nowMs;
    backend.head.clear();
    backend.head.put(head.view());
    const bytes = this.input ?? nothing;
    this.input = undefined;
    if (this.isHeldForInput) {
      this.isHeldForInput = false;
      this.valve.open();
    }
    this.send(backend, bytes, 0, bytes.length);
  }

  /** No connection can be had. */
  failConnect(reason: Reason): void {
    if (this.phase !== Phase.waiting) return;
    this.fail(reason);
  }

  // ——— the instance speaks ———

  onBackendBytes(chunk: Uint8Array): void {
    this.lastActivityMs = clock.nowMs;
    const { response } = this;
    const sentBefore = response.sentBytes;
    const isTaken = response.receive(chunk, this.client, this);
    this.route.counters.sentBytes += response.sentBytes - sentBefore;
    if (response.fault !== undefined) this.failResponse(response.fault);
    else if (response.isDone) this.complete();
    else if (!isTaken && !this.isBackendHeld) {
      this.isBackendHeld = true;
      this.backend?.transport.pause();
    }
  }

  onBackendWritable(): void {
    this.lastActivityMs = clock.nowMs;
    this.releaseHold();
  }

  onBackendEnd(): void {
    const { response } = this;
    response.end();
    if (response.isDone) this.complete();
    else this.failBackend();
  }

  onBackendClosed(isReset: boolean): void {
    if (!isReset) {
      this.onBackendEnd();
      return;
    }
    this.failBackend();
  }

  /** The connection died before the response was whole. */
  private failBackend(): void {
    const { response, backend } = this;
    const wasReused = backend !== undefined && backend.servedResponses > 0;
    if (response.hasStarted) this.failResponse("responseCut");
    else if (response.hasBytes) this.failResponse("badResponse");
    else if (wasReused && this.isIdempotent && !this.body.hasBegun && !this.isRetried) this.retry();
    else this.failResponse("backendClosed");
  }

  /** A kept connection that died before it answered may have been dead before we wrote: once, on a new one. */
  private retry(): void {
    const { backend } = this;
    if (backend === undefined) return;
    this.isRetried = true;
    const head = new ByteWriter(backend.head.length);
    head.put(backend.head.view());
    this.dropBackend(false);
    this.askForConnection(head);
  }

  // ——— an exchange ends ———

  mayKeepAlive(): boolean {
    return this.wantsKeepAlive && this.body.isDone && !this.source.isDraining && !this.client.hasEnded;
  }

  /** The response is whole. */
  private complete(): void {
    const { backend, response, body } = this;
    this.backend = undefined;
    this.isBackendHeld = false;
    if (backend !== undefined) {
      if (!body.isDone) backend.abort();
      else if (response.keepsBackend) backend.release();
      else backend.close();
    }
    this.settle(response.status, undefined);
    if (!response.keepsClient || !body.isDone) this.closeGracefully();
    else if (this.client.isWritable) this.nextRequest();
    else this.phase = Phase.flushing;
  }

  private nextRequest(): void {
    this.releaseHold();
    this.phase = Phase.idle;
    this.readOn();
  }

  /** A request that can't be served: its head was refused before an exchange began. */
  private refuse(reason: Reason): void {
    this.isOpen = true;
    this.route = this.source.route;
    this.startedMs = clock.nowMs;
    this.wantsKeepAlive = false;
    this.reader.release();
    this.response.begin();
    this.fail(reason);
  }

  /** The client's side of an exchange broke. */
  private failRequest(reason: Reason): void {
    this.wantsKeepAlive = false;
    this.dropBackend();
    if (this.response.hasStarted) this.cutClient(reason);
    else this.fail(reason);
  }

  /** The instance's side of an exchange broke. */
  private failResponse(reason: Reason): void {
    this.dropBackend();
    if (this.response.hasStarted) this.cutClient(reason);
    else this.fail(reason);
  }

  /** The client has part of a response that can't be completed: it must see a cut, never a whole answer. */
  private cutClient(reason: Reason): void {
    const { status } = this.response;
    this.finish(() => this.settle(status, reason));
    this.client.abort();
  }

  /** Answers in the instance's place, and ends the exchange. */
  private fail(reason: Reason): void {
    const status = reasons[reason].status as OwnStatus;
    const keepsAlive = reasons[reason].side !== "client" && this.mayKeepAlive();
    const answer = ownAnswer(status, keepsAlive);
    this.phase = Phase.exchange;
    this.endNeed();
    this.route.counters.sentBytes += answer.length;
    this.response.sentBytes = answer.length;
    const isTaken = this.client.write(answer);
    this.settle(status, reason);
    if (!keepsAlive) this.closeGracefully();
    else if (isTaken) this.nextRequest();
    else this.phase = Phase.flushing;
  }

  private dropBackend(givesBack = true): void {
    const { backend } = this;
    this.backend = undefined;
    this.isBackendHeld = false;
    this.releaseHold();
    // A reset, unless the instance has gone already: a half-sent request must not look like a whole one.
    backend?.abort();
    if (givesBack) this.lease.giveBack();
  }

  /** The exchange's one account. */
  private settle(status: number, reason: Reason | undefined): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    settleExchange(
      {
        status,
        reason,
        instance: this.lease.member?.id,
        receivedBytes: this.receivedBytes,
        sentBytes: this.response.sentBytes,
        startedMs: this.startedMs,
      },
      this.route.counters,
    );
    this.lease.giveBack();
  }

  // ——— the connection ends ———

  /** Sends FIN behind the answer and goes on listening for a while, so that the answer is not lost to a reset. */
  private closeGracefully(): void {
    this.input = undefined;
    if (this.client.hasEnded) {
      this.finish();
      this.client.close();
      return;
    }
    this.phase = Phase.lingering;
    if (this.isHeldForInput) {
      this.isHeldForInput = false;
      this.valve.open();
    }
    this.releaseHold();
    this.client.shutdown();
    if (this.client.isWritable) this.linger();
  }

  private linger(): void {
    this.phaseEndsMs = clock.nowMs + lingerMs;
    if (this.phaseEndsMs < this.deadline.dueMs) this.deadline.arm(this.phaseEndsMs);
  }

  /** When the phase that the connection is in has lasted too long, in milliseconds on the coarse clock. */
  private get endsMs(): number {
    const idleEndsMs = this.lastActivityMs + this.route.idleTimeoutMs;
    if (this.phase === Phase.head) return Math.min(idleEndsMs, this.phaseEndsMs);
    return this.phase === Phase.lingering && this.client.isWritable ? this.phaseEndsMs : idleEndsMs;
  }

  onDeadline(nowMs: number): number {
    const { endsMs } = this;
    if (endsMs > nowMs) return endsMs;
    switch (this.phase) {
      case Phase.head:
        this.refuse("requestHeadTimeout");
        break;
      case Phase.waiting:
        this.fail("backendTimeout");
        break;
      case Phase.exchange:
        // Who kept silent: a client that owes its body, or the instance.
        if (!this.body.isDone && !this.valve.isShut) this.failRequest("requestBodyTimeout");
        else this.failResponse(this.response.hasStarted ? "responseTimeout" : "backendTimeout");
        break;
      case Phase.flushing:
        this.finish();
        this.client.abort();
        break;
      default:
        this.finish();
        this.client.close();
    }
    return (this.phase as number) === Phase.closed ? 0 : Math.max(this.endsMs, nowMs + 1);
  }

  drain(): void {
    if (this.phase !== Phase.idle) return;
    this.finish();
    this.client.close();
  }

  abort(): void {
    if (this.phase === Phase.closed) return;
    this.dropBackend(false);
    this.finish(() => this.settle(this.response.status, "shutdown"));
    this.client.abort();
  }

  private finish(account?: () => void): void {
    if (this.phase === Phase.closed) return;
    account?.();
    this.phase = Phase.closed;
    this.deadline.disarm();
    this.reader.release();
    this.response.release();
    this.input = undefined;
    this.endNeed();
    this.wakeForNeed?.();
    this.source.leave(this);
  }

  /** The request that waited for a connection needs none any more. */
  private endNeed(): void {
    this.waitingHead = undefined;
    this.need = undefined;
    this.lent?.giveBack();
    this.lent = undefined;
    this.cancelNeed?.();
    this.cancelNeed = undefined;
  }
}

const nothing = new Uint8Array(0);

/** RFC 9112 §9.3: persistent unless it says close; before HTTP/1.1 only when it asks. */
const wantsKeepAlive = (parser: RequestHeadParser): boolean =>
  !parser.saysClose &&
  (parser.minorVersion === 1 || parser.saysKeepAlive) &&
  // RFC 9112 §6.1: a request with both framings is suspect; its connection ends with it.
  !(parser.hasTransferEncoding && parser.contentLength >= 0);

const reasonOfFault = (fault: Fault): Reason => {
  switch (fault) {
    case Fault.methodTooLong:
      return "methodTooLong";
    case Fault.connectMethod:
      return "connectMethod";
    case Fault.requestLineTooLong:
    case Fault.fieldTooLong:
    case Fault.headTooLarge:
    case Fault.tooManyFields:
      return "requestHeadTooLarge";
    default:
      return "badRequest";
  }
};
