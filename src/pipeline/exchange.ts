// One request and its response: the way from a head that has been read, over a connection to an instance, to the answer.
//
// Belongs to a client's connection (http-session.ts) from a request's first byte until nothing of it is under way. It
// moves inside socket callbacks; only what takes time (no connection is kept, a retry) is built by an Effect, see backend/connect.ts.
// Owns the connection to the instance while it has one, and accounts itself once. What becomes of the client's connection is
// the session's affair.
//
// Long because its stages are one state machine; where it goes, with the lease, is in destination.ts, the two directions of a
// body are in request-body.ts and response-relay.ts, its times in body-flow.ts, what its policies say in policy/request-policies.ts, and
// what a log will say of it in exchange-times.ts.
import { BackendConnection, type BackendUser } from "../backend/backend-connection.ts";
import type { BackendMember } from "../backend/backend-member.ts";
import type { Connected } from "../backend/connect.ts";
import { type Reason, reasons } from "../errors.ts";
import { clock } from "../net/clock.ts";
import type { Transport } from "../net/transport.ts";
import type { AccessLog } from "../observe/access-log/access-log.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import type { Outcome } from "../observe/outcomes.ts";
import { ByteWriter } from "../parse/byte-writer.ts";
import { lastChunk } from "../parse/http1/chunked.ts";
import type { DesyncReason } from "../parse/http1/desync.ts";
import type { HeadChange } from "../parse/http1/head-change.ts";
import { makeRequestReader } from "../parse/http1/head-reader.ts";
import type { HeadLimits } from "../parse/http1/limits.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import type { ResponseHeadParser } from "../parse/http1/response-head.ts";
import { writeRequestHead } from "../parse/http1/serialise.ts";
import { BodyFlow } from "./body-flow.ts";
import { joinMaxBytes } from "./chunk-writer.ts";
import { Destination } from "./destination.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";
import { ExchangeTimes } from "./exchange-times.ts";
import { continueAnswer, type OwnStatus, ownAnswer } from "./http-answer.ts";
import { type Settled, settleExchange } from "./outcome.ts";
import { PendingDial, type Waiting } from "./pending-dial.ts";
import { PolicyAnswer } from "./policy/answer.ts";
import { PolicyRefusal, type Verdict } from "./policy/chain.ts";
import { Decision, type DecisionUser } from "./policy/decision.ts";
import { addPolicyFields } from "./policy/logged-fields.ts";
import { RequestPolicies, tellConnectionFault } from "./policy/request-policies.ts";
import { RequestBody } from "./request-body.ts";
import { ResponseRelay, type ResponseTerms } from "./response-relay.ts";
import { Tunnel, type TunnelOwner } from "./tunnel.ts";

const Stage = {
  /** Its head is being read, or its answer is whole. */
  none: 0,
  /** It waits for a connection to an instance. */
  waiting: 1,
  /** It is with an instance. */
  running: 2,
  /** Its instance has switched to WebSocket. */
  tunnel: 3,
  /** A policy takes its time. */
  deciding: 4,
} as const;

const nobody = undefined as unknown as ExchangeOwner;
const nothing = new Uint8Array(0);
/** Policies' answers are written here; nothing in it outlives the callback. */
const out = new ByteWriter(1024);

export class Exchange implements BackendUser, DecisionUser, ResponseTerms, Settled, TunnelOwner, Waiting {
  readonly reader = makeRequestReader();
  readonly body = new RequestBody();
  readonly response = new ResponseRelay();
  readonly times = new ExchangeTimes();
  owner = nobody;
  isHead = false;
  isBodyOnly = false;
  minorVersion = 1;
  /** Why the request isn't compliant, or undefined. */
  desync: DesyncReason | undefined = undefined;
  /** Neither connection may serve another request: somebody on the way may have read this one otherwise. */
  closesBoth = false;
  /** The request head as it came, in bytes. */
  headBytes = 0;
  /** It is a WebSocket handshake, and its instance was asked for one. */
  mayUpgrade = false;
  /** What its policies have to say; undefined where its route has none. */
  policies: RequestPolicies | undefined = undefined;
  /** Good for another request. */
  private sparePolicies: RequestPolicies | undefined = undefined;
  private stage: number = Stage.none;
  private tunnel: Tunnel | undefined = undefined;
  private readonly destination = new Destination();
  private backend: BackendConnection | undefined = undefined;
  private dial: PendingDial | undefined = undefined;
  private readonly flow = new BodyFlow();
  /** An outcome is owed. */
  private isOpen = false;
  /** It has gone to an instance, however often it is sent again. */
  private isRouted = false;
  private isIdempotent = false;
  private wantsKeepAlive = false;
  /** On the coarse clock, in milliseconds. */
  private startedMs = 0;
  /** The instance isn't read while the client takes no more. */
  private isInstanceHeld = false;

  // ——— it begins ———

  /** The head is whole and sound: the request goes out on a kept connection, or waits for one. */
  open(): void {
    const { owner, reader, body } = this;
    const { bytes } = reader;
    const parser = reader.parser as RequestHeadParser;
    const { route } = owner;
    this.isOpen = true;
    this.isRouted = false;
    this.startedMs = clock.nowMs;
    this.isHead = parser.isHead;
    this.isBodyOnly = parser.isBodyOnly;
    this.minorVersion = parser.minorVersion;
    this.mayUpgrade = parser.upgradesToWebSocket && route.http.allowsWebSocket && !this.closesBoth;
    this.isIdempotent = parser.isIdempotent(bytes);
    this.wantsKeepAlive = parser.keepsAlive && !parser.isBodyOnly && !this.closesBoth;
    const { start, pos } = parser;
    /** Nothing stands behind the head in the same bytes, so that they stay as they are. */
    const isAlone = pos === reader.end;
    if (route.accessLog !== undefined) this.times.noteHead(owner, parser, bytes, isAlone);
    body.begin(parser);
    if (route.policies === undefined) {
      this.dispatch();
      return;
    }
    const policies = this.sparePolicies ?? new RequestPolicies();
    this.sparePolicies = undefined;
    policies.begin(route.policies, route, owner, bytes, start, pos, isAlone);
    this.policies = policies;
    this.act(policies.decide(this));
  }

  /** To an instance: on a kept connection, or to wait for one. */
  private dispatch(): void {
    const { owner, reader } = this;
    const { bytes, end } = reader;
    const parser = reader.parser as RequestHeadParser;
    const { pos } = parser;
    const { route } = owner;
    // At once, before an instance is known and whatever the length: as a Classic Load Balancer does ("HTTP headers", AWS).
    if (parser.expectsContinue && parser.minorVersion === 1) this.sayContinue();

    const member = this.destination.choose(owner, parser, bytes);
    const backend = member?.pool.take();
    if (backend !== undefined) {
      backend.head.clear();
      this.writeHead(parser, bytes, backend.head);
      reader.release();
      // A policy took its time: what has come meanwhile was kept behind the head.
      if (this.policies !== undefined && owner.hasInput) {
        const kept = owner.takeInput();
        this.send(backend, kept, 0, kept.length);
      } else this.send(backend, bytes, pos, end);
      return;
    }
    const refusal = member === undefined ? this.destination.refusal(route) : undefined;
    const head = refusal === undefined ? new ByteWriter(512) : undefined;
    if (head !== undefined) this.writeHead(parser, bytes, head);
    reader.release();
    if (pos < end) owner.keepInput(bytes.subarray(pos, end));
    if (head !== undefined) this.connect(head);
    else this.answer(refusal as Reason);
  }

  // ——— its policies have a say ———

  private act(verdict: Verdict): void {
    if (verdict instanceof Decision) {
      this.stage = Stage.deciding;
      this.keepBehindHead();
    } else if (verdict instanceof PolicyRefusal || verdict instanceof PolicyAnswer) this.replace(verdict);
    else {
      this.destination.narrowing = verdict;
      const head = this.reader.parser as RequestHeadParser;
      const instead = this.policies?.editRequest(head, this.owner.route.http.requestLimits);
      if (instead === undefined) this.dispatch();
      else this.replace(instead);
    }
  }

  /** What lies behind the head waits with whatever comes. */
  private keepBehindHead(): void {
    const { owner, reader } = this;
    const { pos } = reader.parser as RequestHeadParser;
    if (pos < reader.end) owner.keepInput(reader.bytes.subarray(pos, reader.end));
    reader.end = pos;
  }

  onDecided(verdict: Verdict): void {
    this.stage = Stage.none;
    this.owner.lastActivityMs = clock.nowMs;
    this.act(verdict);
  }

  cut(): void {
    this.owner.cut();
  }

  /** It goes to no instance. */
  private replace(verdict: PolicyRefusal | PolicyAnswer): void {
    const { expectsContinue } = this.reader.parser as RequestHeadParser;
    this.keepBehindHead();
    this.reader.release();
    // A client that waits for 100 may leave its body out, or not: nobody could tell that from another request.
    if (expectsContinue && !this.body.isDone) this.wantsKeepAlive = false;
    if (verdict instanceof PolicyRefusal) this.answer(verdict.reason);
    else this.answerAs(verdict);
  }

  /** Answers as a policy wants it. */
  private answerAs(answer: PolicyAnswer): void {
    const { owner, policies } = this;
    const { client } = owner;
    this.leaveBody();
    const keepsClient = this.mayKeepAlive();
    out.clear();
    const failure = policies?.writeAnswer(answer, keepsClient, owner.route.http.responseLimits, out);
    if (failure !== undefined) {
      this.answer(failure);
      return;
    }
    if (this.isBodyOnly) out.clear();
    const headBytes = out.length;
    const body = this.isHead ? nothing : answer.body;
    if (body.length <= joinMaxBytes) {
      out.put(body);
      client.writeCopy(out.bytes, out.length);
    } else {
      client.writeCopy(out.bytes, out.length);
      client.write(body);
    }
    this.concludeOwn(answer.status, undefined, keepsClient, headBytes, body.length);
  }

  changeResponse(head: ResponseHeadParser, bytes: Uint8Array): HeadChange | PolicyRefusal | undefined {
    return this.policies?.editResponse(head, bytes, this.destination.lease.member?.id, this.responseLimits);
  }

  writeOwnFields(head: ResponseHeadParser, bytes: Uint8Array, to: ByteWriter): void {
    this.destination.writeCookie(head, bytes, to);
  }

  /** The head can't be served: refused before anything was done for it. */
  refuse(reason: Reason): void {
    this.isOpen = true;
    this.startedMs = clock.nowMs;
    this.wantsKeepAlive = false;
    if (this.owner.route.accessLog !== undefined) this.times.noteRefused(this.owner, this.reader);
    this.reader.release();
    this.answer(reason);
  }

  private sayContinue(): void {
    const { client, route } = this.owner;
    client.write(continueAnswer);
    route.counters.sentBytes += continueAnswer.length;
  }

  private writeHead(parser: RequestHeadParser, bytes: Uint8Array, out: ByteWriter): void {
    writeRequestHead(parser, bytes, this.owner, out, this.mayUpgrade, this.policies?.change);
    // Other codings make chunks of a body, also of an empty one.
    if (parser.hasOtherCodings && this.body.isDone) out.put(lastChunk);
  }

  // ——— the request goes out ———

  /** On a connection, with what of its body has come: `bytes[start, end)`. */
  private send(backend: BackendConnection, bytes: Uint8Array, start: number, end: number): void {
    const { owner, body } = this;
    const { transport, head } = backend;
    this.stage = Stage.running;
    this.backend = backend;
    if (!this.isRouted) {
      this.isRouted = true;
      owner.route.counters.routed++;
    }
    this.times.noteSent();
    backend.use(this);
    if (body.isDone) {
      const isTaken = transport.writeCopy(head.bytes, head.length);
      if (start < end) owner.keepInput(bytes.subarray(start, end));
      if (!isTaken && transport.isBroken) this.resend(backend);
      return;
    }
    const isTaken =
      start < end ? body.sendBehind(head, bytes, start, end, transport) : transport.writeCopy(head.bytes, head.length);
    if (!isTaken && transport.isBroken && body.rewind()) {
      if (start < end) owner.keepInput(bytes.subarray(start, end));
      this.resend(backend);
      return;
    }
    this.flow.begin();
    this.goOn(isTaken, bytes, end, transport);
    if (!body.isDone && this.stage === Stage.running) this.lookAtPace();
  }

  /** Bytes of the client while the exchange lasts. */
  onClientBytes(chunk: Uint8Array): void {
    const { owner, body, backend } = this;
    if (body.isDone || backend === undefined) {
      // What lies behind a request, or waits with it, keeps nothing alive.
      owner.keepInput(chunk);
      return;
    }
    owner.lastActivityMs = clock.nowMs;
    const { transport } = backend;
    // The chunk may be gone, its memory freed, once the transport has taken it.
    const end = chunk.length;
    this.goOn(body.send(chunk, 0, end, transport), chunk, end, transport);
  }

  /** Behind a piece of the body that lay in front of `end`. */
  private goOn(isTaken: boolean, bytes: Uint8Array, end: number, to: Transport): void {
    const { owner, body } = this;
    if (body.isFaulty) this.fail("badRequestBody");
    else if (body.isDone) {
      if (body.pos < end) owner.keepInput(bytes.subarray(body.pos, end));
    } else {
      if (!isTaken) this.flow.hold(owner.client, to);
      if (owner.client.hasEnded) this.onClientEnd();
    }
  }

  /** The client has sent its last byte. It still reads: its answer comes. A body cut short is an error. */
  onClientEnd(): void {
    // Whoever gives up waiting closes, which looks the same. A queue is no place for those who may have left.
    if (this.dial?.isQueued === true) {
      this.answer("clientLeftQueue");
      return;
    }
    // An answer that has begun doesn't need the rest; its instance never gets to see a whole request.
    if (this.stage === Stage.running && !this.body.isDone && !this.response.hasStarted) this.fail("requestBodyCut");
  }

  onClientWritable(): void {
    if (!this.isInstanceHeld) return;
    this.isInstanceHeld = false;
    this.backend?.transport.openValve();
  }

  onBackendWritable(): void {
    const { owner, flow } = this;
    owner.lastActivityMs = clock.nowMs;
    if (!flow.isHeld) return;
    flow.release(owner.client);
    if (!this.body.isDone) this.lookAtPace();
  }

  // ——— the slow path: no connection is kept ———

  private connect(head: ByteWriter): void {
    this.stage = Stage.waiting;
    const { owner } = this;
    const dial = new PendingDial(this, head);
    this.dial = dial;
    const cancellable = owner.dialFor(dial, owner.source, owner.route, this.destination.beginDial());
    // Not if it is over already: the exchange may then belong to another request.
    if (this.dial === dial) dial.cancellable = cancellable;
  }

  isWaitingFor(dial: PendingDial): boolean {
    return this.dial === dial;
  }

  /** The connection has come: the request goes out with what of its body was kept meanwhile. */
  proceed(head: ByteWriter, { member, transport, lease, kept }: Connected): void {
    const { owner } = this;
    owner.lastActivityMs = clock.nowMs;
    this.dial = undefined;
    this.destination.lease = lease;
    const backend = kept ?? new BackendConnection(member, transport);
    backend.head.clear();
    backend.head.put(head.view());
    const bytes = owner.takeInput();
    this.send(backend, bytes, 0, bytes.length);
  }

  leaveQueue(): void {
    this.owner.lastActivityMs = clock.nowMs;
  }

  /** No connection can be had. */
  failConnect(reason: Reason): void {
    this.dial = undefined;
    this.answer(this.destination.lossReason ?? reason);
  }

  private stopWaiting(): void {
    const { dial } = this;
    this.policies?.cancel();
    if (dial === undefined) return;
    this.dial = undefined;
    dial.cancellable?.interruptUnsafe();
  }

  // ——— the instance speaks ———

  onBackendBytes(chunk: Uint8Array): void {
    const { owner, response } = this;
    owner.lastActivityMs = clock.nowMs;
    const sentBytes = response.sentBytes;
    const isHead = !response.hasStarted;
    if (isHead) this.times.noteAnswer();
    const isTaken = response.receive(chunk, owner.client, this);
    const { counters, accessLog } = owner.route;
    counters.sentBytes += response.sentBytes - sentBytes;
    if (isHead && response.hasStarted) {
      this.times.noteStart(counters, this.backend?.member.counters, accessLog !== undefined);
    }
    if (response.fault !== undefined) this.fail(response.fault);
    else if (response.isDone) this.complete();
    else if (response.isUpgraded) this.switchProtocols();
    else if (!isTaken) this.holdInstance();
  }

  private holdInstance(): void {
    this.owner.noteKept();
    if (this.isInstanceHeld) return;
    this.isInstanceHeld = true;
    this.backend?.transport.shutValve();
  }

  onBackendEnd(): void {
    const { owner, response } = this;
    const { sentBytes } = response;
    response.end(owner.client);
    owner.route.counters.sentBytes += response.sentBytes - sentBytes;
    if (response.isDone) this.complete();
    else this.lose();
  }

  onBackendClosed(isReset: boolean): void {
    if (isReset) this.lose();
    else this.onBackendEnd();
  }

  /** The connection died before the response was whole. */
  private lose(): void {
    const { response, backend } = this;
    if (response.hasStarted) this.fail("responseCut");
    else if (response.hasBytes) this.fail("badResponse");
    else {
      // With TLS 1.3 an instance refuses us (it may want a certificate) after our side of the handshake is done.
      const reason = backend?.transport.tlsFault === undefined ? "backendClosed" : "backendHandshakeFailed";
      if (backend !== undefined && this.isRepeatable) this.retry(backend, reason);
      else this.fail(reason);
    }
  }

  /** It may have been read, and does no harm when it is acted on twice (RFC 9110 §9.2.2); nobody has answered to it. */
  private get isRepeatable(): boolean {
    return this.isIdempotent && !this.body.hasBegun && this.response.interimCount === 0;
  }

  /** No byte of the request could be written: any request may be sent again. */
  private resend(backend: BackendConnection): void {
    this.retry(backend, "backendClosed");
  }

  /** Sends it again on a new connection, if there is one to be had; `reason` is what the client is told otherwise. */
  private retry(backend: BackendConnection, reason: Reason): void {
    this.dropBackend();
    // Behind the drop, as in `fail`, and before its place goes to somebody who waits: it may be ejected.
    if (!backend.wasIdle) backend.member.noteFailure(reason);
    if (!this.destination.moveOn(this.owner.route, backend, reason)) {
      this.fail(reason);
      return;
    }
    this.owner.route.counters.retries++;
    const head = new ByteWriter(backend.head.length);
    head.put(backend.head.view());
    this.connect(head);
  }

  get responseLimits(): HeadLimits {
    return this.owner.route.http.responseLimits;
  }

  // ——— it ends ———

  /** The client's connection may serve another request, as far as anyone can say before the answer's head. */
  mayKeepAlive(): boolean {
    const { owner, body } = this;
    const { client } = owner;
    return (
      this.wantsKeepAlive &&
      !owner.isEnding &&
      // An answer may come before the body is whole: what is left of it will be thrown away, if it isn't too much.
      body.leastLeftBytes <= owner.route.http.unreadBodyMaxBytes &&
      !body.isFaulty &&
      // A client that has sent its last byte may still have requests in what was kept.
      (!client.hasEnded || (body.isDone && owner.hasInput))
    );
  }

  /** The response is whole. */
  private complete(): void {
    const { owner, backend, response, body } = this;
    this.stage = Stage.none;
    this.backend = undefined;
    if (this.isInstanceHeld) backend?.transport.openValve();
    this.isInstanceHeld = false;
    this.flow.release(owner.client);
    if (backend !== undefined) {
      backend.member.noteStatus(response.status);
      // Half a request must not look like a whole one.
      if (!body.isDone) backend.abort();
      else if (response.keepsBackend && !this.closesBoth && !backend.transport.isBroken) backend.release();
      else {
        backend.noteAnswer();
        backend.close();
      }
    }
    this.settle(response.status, undefined);
    owner.answered(response.keepsClient);
  }

  /** Either side broke: an answer of ours if none has begun, a cut otherwise. */
  private fail(reason: Reason): void {
    const { backend } = this;
    // A response that its client doesn't take stalls through no fault of the instance.
    const isInstances = reasons[reason].side === "backend" && !(reason === "responseTimeout" && this.isInstanceHeld);
    this.dropBackend();
    // Behind the drop: who is told may cut what the instance still has.
    if (isInstances) backend?.member.noteFailure(reason);
    if (!this.response.hasStarted) {
      this.answer(reason);
      return;
    }
    // The client has part of a response that can't be completed: it must see a cut, never a whole answer.
    this.stage = Stage.none;
    this.settle(this.response.status, reason);
    this.owner.cut();
  }

  /** Its instance is to be left at once, if it is one of these members. */
  cutFrom(members: ReadonlySet<BackendMember>, reason: Reason): void {
    if (this.backend === undefined || !members.has(this.backend.member)) return;
    if (this.stage === Stage.tunnel) this.tunnel?.cut(reason);
    else this.fail(reason);
  }

  /** Answers in the instance's place. */
  private answer(reason: Reason): void {
    const { owner } = this;
    const { side, status } = reasons[reason];
    this.stopWaiting();
    this.leaveBody();
    const keepsClient = side !== "client" && this.mayKeepAlive();
    // A request without a version gets a body alone, and we have none to send.
    const hasAnswer = !this.isBodyOnly || side === "client";
    const answer = hasAnswer ? ownAnswer(status as OwnStatus, keepsClient) : nothing;
    if (hasAnswer) owner.client.write(answer);
    this.concludeOwn(status, reason, keepsClient, answer.length, 0);
  }

  /** An answer that no instance gave is on its way. */
  private concludeOwn(
    status: number,
    reason: Reason | undefined,
    keepsClient: boolean,
    headBytes: number,
    bodyBytes: number,
  ): void {
    const { owner, response } = this;
    // An answer that promises to keep the connection keeps it, also when silence was its cause.
    owner.lastActivityMs = clock.nowMs;
    response.sentBytes += headBytes;
    response.headBytes = response.sentBytes;
    response.sentBytes += bodyBytes;
    owner.route.counters.sentBytes += headBytes + bodyBytes;
    owner.route.counters.countOwnAnswer(status);
    this.settle(status, reason);
    owner.answered(keepsClient);
  }

  /** No instance gets the rest of the body. */
  private leaveBody(): void {
    this.stage = Stage.none;
    if (!this.body.isDone && this.owner.hasInput) this.skipKept();
  }

  /** Nobody will read the body: what of it was kept is thrown away, and what lies behind it stays. */
  private skipKept(): void {
    const { owner, body } = this;
    const bytes = owner.takeInput();
    body.skip(bytes, 0, bytes.length);
    if (body.isDone && body.pos < bytes.length) owner.keepInput(bytes.subarray(body.pos));
  }

  /** The client's connection is over: what is under way is accounted with `reason`. */
  abandon(reason: Reason | undefined): void {
    this.stopWaiting();
    this.dropBackend();
    this.stage = Stage.none;
    this.settle(this.response.status, reason);
  }

  /** Cuts the connection to the instance: a half-sent request must not look like a whole one. */
  private dropBackend(): void {
    const { backend } = this;
    this.backend = undefined;
    this.isInstanceHeld = false;
    this.flow.release(this.owner.client);
    backend?.abort();
  }

  /** The exchange's one account. */
  private settle(status: number, reason: Reason | undefined): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    const { counters, accessLog } = this.owner.route;
    settleExchange(this, status, reason, counters);
    if (reason !== undefined) this.tellFault(status, reason);
    if (accessLog !== undefined) this.log(accessLog, status, reason);
    this.policies?.leave();
    this.destination.lease.giveBack();
  }

  /** The exchange's one line. */
  private log(accessLog: AccessLog, status: number, reason: Reason | undefined): void {
    const { owner, response, body, destination, desync, tunnel } = this;
    const backendStatus = response.hasStarted ? response.status : 0;
    const entry = this.times.makeEntry(owner, status, backendStatus);
    entry.reason = reason;
    entry.desync = desync;
    const { member } = destination.lease;
    entry.backend = backendStatus === 0 ? undefined : member?.loggedAddress;
    entry.instance = member?.id;
    entry.retries = destination.retryCount;
    // Bodies alone, at layer 7; behind a 101, what went through the tunnel.
    entry.receivedBytes = body.receivedBytes + (tunnel?.receivedBytes ?? 0);
    entry.sentBytes = response.sentBytes - response.headBytes + (tunnel?.sentBytes ?? 0);
    addPolicyFields(entry, owner.route, owner, this.policies);
    accessLog.write(entry);
  }

  private tellFault(status: number, reason: Reason): void {
    const { owner, policies } = this;
    const instance = this.destination.lease.member?.id;
    if (policies !== undefined) policies.tellFault(reason, status, instance);
    else if (owner.route.policies !== undefined) tellConnectionFault(owner.route, owner, reason, status, instance);
  }

  describe(status: number, reason: Reason | undefined): Outcome {
    return {
      loadBalancer: this.owner.route.loadBalancer,
      clientAddress: this.owner.clientAddress,
      clientPort: this.owner.clientPort,
      status,
      reason,
      desync: this.desync,
      instance: this.destination.lease.member?.id,
      receivedBytes: this.headBytes + this.body.receivedBytes + (this.tunnel?.receivedBytes ?? 0),
      sentBytes: this.response.sentBytes + (this.tunnel?.sentBytes ?? 0),
      startedMs: this.startedMs,
    };
  }

  // ——— it goes on as a WebSocket ———

  /** The instance has answered 101: from here on nobody looks at a byte (RFC 6455 §4.2.2). */
  private switchProtocols(): void {
    const { owner, backend } = this;
    if (backend === undefined) return;
    this.stage = Stage.tunnel;
    backend.member.noteSuccess();
    backend.noteAnswer();
    this.tunnel = new Tunnel(this, owner.client, backend, owner.takeInput());
  }

  get lastActivityMs(): number {
    return this.owner.lastActivityMs;
  }

  set lastActivityMs(nowMs: number) {
    this.owner.lastActivityMs = nowMs;
  }

  get counters(): ListenerCounters {
    return this.owner.route.counters;
  }

  endTunnel(reason: Reason | undefined): void {
    if (this.stage !== Stage.tunnel) return;
    this.stage = Stage.none;
    this.backend = undefined;
    this.settle(this.response.status, reason);
    this.owner.cut();
  }

  // ——— time ———

  /** When it has lasted too long, on the coarse clock in milliseconds; `idleEndsMs` is when silence has. */
  endsMs(idleEndsMs: number): number {
    // In the surge queue only the queue's limit holds, and of a policy that takes its time only its own; an idle timeout
    // behind them can't end before this.
    if (this.dial?.isQueued === true || this.stage === Stage.deciding)
      return clock.nowMs + this.owner.route.idleTimeoutMs;
    // An answer that has begun goes on however slow the body is; behind it, what is left of the body is bounded.
    const hasPace =
      this.stage === Stage.running && !this.body.isDone && !this.response.hasStarted && !this.owner.client.hasEnded;
    return hasPace ? Math.min(idleEndsMs, this.paceEndsMs) : idleEndsMs;
  }

  /** It has lasted too long, as {@link endsMs} said. */
  timeOut(nowMs: number): void {
    if (this.stage === Stage.tunnel) this.tunnel?.close("idle");
    else if (this.stage === Stage.waiting) this.answer("backendTimeout");
    else this.fail(this.slowSide(nowMs));
  }

  /** Whether an instance that takes its time with the body, or an end of a tunnel, has taken bytes since the last look. */
  hasMoved(): boolean {
    if (this.tunnel !== undefined) return this.tunnel.hasMoved();
    return this.backend !== undefined && this.flow.hasMoved(this.backend.transport);
  }

  private get paceEndsMs(): number {
    return this.flow.endsMs(this.body.receivedBytes, this.owner.route.http);
  }

  private lookAtPace(): void {
    this.owner.lookBy(this.paceEndsMs);
  }

  /** Who was too slow: a client that owes its body, or the instance. */
  private slowSide(nowMs: number): Reason {
    if (this.response.hasStarted) return "responseTimeout";
    const owesBody = !this.body.isDone && (!this.flow.isHeld || this.paceEndsMs <= nowMs);
    return owesBody ? "requestBodyTimeout" : "backendTimeout";
  }

  /** @internal Forgets everything, for the store. */
  reset(): void {
    this.owner = nobody;
    if (this.policies?.forget() === true) this.sparePolicies = this.policies;
    this.policies = undefined;
    this.reader.release();
    this.response.begin();
    this.body.reset();
    this.times.reset();
    this.isBodyOnly = false;
    this.mayUpgrade = false;
    this.tunnel = undefined;
    this.destination.reset();
    this.desync = undefined;
    this.closesBoth = false;
    this.headBytes = 0;
  }
}
