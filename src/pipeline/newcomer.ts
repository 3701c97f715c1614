// A client's connection that isn't served yet: it has to say something first, a PROXY header or a ClientHello.
//
// What introduction.ts and handshake.ts have in common: one deadline over both, a place among the listener's connections,
// and the account of those that come no further. Owns the client's transport until the step hands it on.
import type { Reason } from "../errors.ts";
import { isLayer7 } from "../model/protocol.ts";
import { clock, monotonicMs } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import type { Outcome } from "../observe/outcomes.ts";
import { ConnectionTimes } from "./connection-times.ts";
import type { Identified } from "./identified.ts";
import { type Settled, settleConnection } from "./outcome.ts";
import { type ClientEnd, endOf } from "./policy/request-context.ts";
import { tellConnectionFault } from "./policy/request-policies.ts";
import type { LiveConnection, Route, RouteSource } from "./route.ts";

export abstract class Newcomer implements Receiver, DeadlineOwner, LiveConnection, Settled {
  livePrevious: LiveConnection | undefined = undefined;
  liveNext: LiveConnection | undefined = undefined;
  protected readonly client: Transport;
  protected readonly route: Route;
  protected readonly deadline = new Deadline(this);
  /** What has come, while it isn't whole. */
  protected kept: Uint8Array | undefined = undefined;
  protected isOver = false;
  private readonly startedMs: number;
  /** For access log and traces; undefined where there are neither. */
  private readonly times: ConnectionTimes | undefined;
  /** The client as policies see it; undefined where there are none. */
  private readonly seen: ClientEnd | undefined;

  constructor(
    /** Whose connection it is, as far as anybody knows. */
    protected readonly identified: Identified,
    protected readonly source: RouteSource,
  ) {
    this.client = identified.transport;
    this.route = source.route;
    this.startedMs = clock.nowMs;
    this.times = this.route.accessLog && new ConnectionTimes(identified, monotonicMs());
    this.client.receiver = this;
    if (identified.handshakeDueMs === undefined) this.deadline.armIn(this.route.handshakeTimeoutMs);
    else this.deadline.arm(identified.handshakeDueMs);
    this.seen = this.route.policies && endOf(identified);
    this.route.policies?.enter();
    source.enter(this);
  }

  abstract onBytes(chunk: Uint8Array): void;
  abstract onEnd(): void;
  abstract onClosed(): void;
  abstract onDeadline(): number;

  onWritable(): void {}

  /** What it owes, and a request behind that, may be on the way: see {@link RouteSource.replace}. */
  drain(): void {}

  /** Judged when it is done, by what is asked of clients then. */
  retire(): void {}

  /** No instance is known yet. */
  cutFrom(): void {}

  abort(): void {
    // Over first: aborting calls back at once, and would be taken for the client's doing.
    this.end("shutdown");
    this.client.abort();
  }

  /** It is handed on; whoever has it from here on has entered before {@link RouteSource.replace} is called. */
  protected pass(): void {
    this.isOver = true;
    this.deadline.disarm();
    this.route.policies?.leave();
  }

  /** It comes no further. */
  protected end(reason: Reason | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.deadline.disarm();
    this.kept = undefined;
    settleConnection(this, reason, this.route.counters);
    if (reason !== undefined && this.seen !== undefined) {
      tellConnectionFault(this.route, this.seen, reason, 0, undefined);
    }
    this.log(reason);
    this.route.policies?.leave();
    this.source.leave(this);
  }

  /** A connection that came no further is a line, as at layer 4; one that came and went without a word only there. */
  private log(reason: Reason | undefined): void {
    if (reason === undefined && isLayer7(this.route.listener.protocol)) return;
    this.times?.log(this.route, { receivedBytes: 0, sentBytes: 0, reason, member: undefined });
  }

  describe(status: number, reason: Reason | undefined): Outcome {
    return {
      loadBalancer: this.route.loadBalancer,
      clientAddress: this.identified.clientAddress,
      clientPort: this.identified.clientPort,
      status,
      reason,
      desync: undefined,
      instance: undefined,
      receivedBytes: 0,
      sentBytes: 0,
      startedMs: this.startedMs,
    };
  }
}
