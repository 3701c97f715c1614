// Layer 4: bytes both ways between a client and an instance, unmodified, until both directions have ended.
//
// The bytes of either direction go on as direction.ts says, a reset as a reset. Silence both ways for the idle timeout
// closes both. Owns both transports and the lease from the moment it gets them, and accounts the connection once; it
// never looks at a byte.
import type { BackendMember } from "../backend/backend-member.ts";
import type { Connected, ConnectUser } from "../backend/connect.ts";
import { Lease } from "../balance/lease.ts";
import type { Reason } from "../errors.ts";
import { clock, monotonicMs } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { ListenerCounters } from "../observe/counters.ts";
import type { Outcome } from "../observe/outcomes.ts";
import { ConnectionTimes } from "./connection-times.ts";
import { type BothWays, Direction } from "./direction.ts";
import { type Settled, settleConnection } from "./outcome.ts";
import { type ClientEnd, endOf } from "./policy/request-context.ts";
import { tellConnectionFault } from "./policy/request-policies.ts";
import type { Cancellable, LiveConnection, Route, RouteSource } from "./route.ts";
import type { Secured } from "./secured.ts";

export class Relay implements BothWays, ConnectUser, DeadlineOwner, LiveConnection, Settled {
  livePrevious: LiveConnection | undefined = undefined;
  liveNext: LiveConnection | undefined = undefined;
  /** What it began with; a reload changes nothing for a layer-4 connection. */
  readonly route: Route;
  readonly lease = new Lease<BackendMember>();
  isFinished = false;
  lastActivityMs: number;
  /** The dial under way; the relay's end cancels it. */
  private dialling: Cancellable | undefined = undefined;
  /** It waits for room or for a policy, which have limits of their own: silence is nobody's fault. */
  private isWaiting = false;
  private readonly startedMs: number;
  /** When the dial began, or the wait for room was over; monotonic, in milliseconds. */
  private dialledMs = 0;
  /** For access log and traces; undefined where there are neither. */
  private readonly times: ConnectionTimes | undefined;
  /** The client as policies see it; undefined where there are none. */
  readonly end: ClientEnd | undefined;
  private readonly toBackend: Direction;
  private toClient: Direction | undefined = undefined;
  private readonly deadline = new Deadline(this);

  constructor(
    private readonly client: Secured,
    private readonly source: RouteSource,
    /** What the instance gets first; where TLS is spoken to it, it has got it before the handshake. */
    private readonly preamble?: Uint8Array | undefined,
  ) {
    this.route = source.route;
    this.toBackend = new Direction(this, client.transport);
    client.transport.receiver = this.toBackend;
    this.deadline.armIn(this.route.idleTimeoutMs);
    this.startedMs = clock.nowMs;
    this.lastActivityMs = clock.nowMs;
    this.dialledMs = monotonicMs();
    this.times = this.route.accessLog && new ConnectionTimes(client, this.dialledMs);
    this.end = this.route.policies && endOf(client);
    this.route.policies?.enter();
    source.enter(this);
  }

  get counters(): ListenerCounters {
    return this.route.counters;
  }

  /** The path is being built: whoever ends the relay before there is an instance ends that too. */
  awaitInstance(dialling: Cancellable): void {
    if (!this.isFinished && this.toClient === undefined) this.dialling = dialling;
  }

  /** The instance is connected: what the client sent so far goes out, and bytes flow. */
  proceed({ member, transport: backend }: Connected): void {
    if (this.isFinished) {
      backend.abort();
      return;
    }
    this.dialling = undefined;
    this.route.counters.routed++;
    member.counters.connections++;
    member.counters.openConnections++;
    member.noteReached();
    const connectedMs = monotonicMs();
    const seconds = (connectedMs - this.dialledMs) / 1000;
    this.counters.latency.observe(seconds);
    member.counters.countAnswer(seconds);
    this.times?.noteConnected(connectedMs, connectedMs - this.dialledMs);
    const toClient = new Direction(this, backend);
    this.toClient = toClient;
    backend.receiver = toClient;
    toClient.other = this.toBackend;
    if (member.security === undefined && this.preamble !== undefined) this.toBackend.begin(this.preamble);
    this.toBackend.join(toClient);
  }

  /** No instance: an HTTP client would get a status; here the connection is closed. */
  failConnect(reason: Reason): void {
    this.close(reason);
  }

  onQueued(isQueued: boolean): void {
    this.wait(isQueued);
  }

  /** It waits for room or for a policy from now on, which only their own limits end, or does so no more. */
  wait(isWaiting: boolean): void {
    this.isWaiting = isWaiting;
    this.lastActivityMs = clock.nowMs;
    if (!isWaiting) this.dialledMs = monotonicMs();
  }

  onDeadline(nowMs: number): number {
    if (this.isWaiting) return nowMs + this.route.idleTimeoutMs;
    const hasBackendMoved = this.toBackend.hasMoved();
    if (this.toClient?.hasMoved() === true || hasBackendMoved) this.lastActivityMs = nowMs;
    const dueMs = this.lastActivityMs + this.route.idleTimeoutMs;
    if (dueMs > nowMs) return dueMs;
    this.close("idle");
    return 0;
  }

  /** A layer-4 connection can't be told to finish: it goes on until it ends or is cut. */
  drain(): void {}

  retire(): void {}

  cutFrom(members: ReadonlySet<BackendMember>, reason: Reason): void {
    const { member } = this.lease;
    if (this.toClient !== undefined && member !== undefined && members.has(member)) this.cut(reason);
  }

  abort(): void {
    this.cut("shutdown");
  }

  /** Resets both ends. */
  cut(reason: Reason): void {
    this.toBackend.source.abort();
    this.toClient?.source.abort();
    this.finish(reason);
  }

  /** Closes both ends in good order; bytes that a stalled reader has not taken are lost. */
  close(reason: Reason): void {
    this.toBackend.source.close();
    this.toClient?.source.close();
    this.finish(reason);
  }

  /** Both ends are gone, or were cut: the one account of the connection. */
  finish(reason: Reason | undefined): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.deadline.disarm();
    this.dialling?.interruptUnsafe();
    const { member } = this.lease;
    if (this.toClient !== undefined && member !== undefined) member.counters.openConnections--;
    settleConnection(this, reason, this.route.counters);
    if (reason !== undefined && this.end !== undefined) {
      tellConnectionFault(this.route, this.end, reason, 0, member?.id);
    }
    this.times?.log(this.route, {
      receivedBytes: this.toBackend.bytes,
      sentBytes: this.toClient?.bytes ?? 0,
      reason,
      member: this.toClient && member,
    });
    this.route.policies?.leave();
    this.lease.giveBack();
    this.source.leave(this);
  }

  describe(status: number, reason: Reason | undefined): Outcome {
    return {
      loadBalancer: this.route.loadBalancer,
      clientAddress: this.client.clientAddress,
      clientPort: this.client.clientPort,
      status,
      reason,
      desync: undefined,
      instance: this.lease.member?.id,
      receivedBytes: this.toBackend.bytes,
      sentBytes: this.toClient?.bytes ?? 0,
      startedMs: this.startedMs,
    };
  }

  isFromClient(direction: Direction): boolean {
    return direction === this.toBackend;
  }

  onFirstBytes(direction: Direction): void {
    if (this.times === undefined) return;
    if (direction === this.toBackend) this.times.noteClientSpeaks();
    else this.times.noteInstanceSpeaks();
  }

  onFirstSent(): void {
    this.times?.noteAnswered();
  }
}
