// The PROXY header by which a trusted proxy introduces its client: from the connection's first byte to the end of the header.
//
// Its deadline is that of the TLS handshake, which the rest of it is left for. Owns the client's transport until it hands it
// on, with the bytes behind the header, or accounts the connection if no sound header comes.
import type { Reason } from "../errors.ts";
import { clock } from "../net/clock.ts";
import { Deadline, type DeadlineOwner } from "../net/deadlines.ts";
import type { Receiver, Transport } from "../net/transport.ts";
import type { Outcome } from "../observe/outcomes.ts";
import type { ProxyHeader } from "../parse/proxy-protocol/header.ts";
import { readProxyHeader } from "../parse/proxy-protocol/header-reader.ts";
import type { Identified, ServeIdentified } from "./identified.ts";
import { type Settled, settleConnection } from "./outcome.ts";
import type { LiveConnection, Route, RouteSource } from "./route.ts";

export class Introduction implements Receiver, DeadlineOwner, LiveConnection, Settled {
  private readonly client: Transport;
  private readonly route: Route;
  private readonly deadline = new Deadline(this);
  private readonly startedMs: number;
  /** What has come of a header that isn't whole. */
  private kept: Uint8Array | undefined = undefined;
  private isOver = false;

  constructor(
    /** Whose it is if the header names nobody. */
    private readonly own: Identified,
    private readonly source: RouteSource,
    private readonly serve: ServeIdentified,
  ) {
    this.client = own.transport;
    this.route = source.route;
    this.client.receiver = this;
    this.deadline.armIn(this.route.handshakeTimeoutMs);
    this.startedMs = clock.nowMs;
    source.enter(this);
  }

  onBytes(chunk: Uint8Array): void {
    const bytes = this.kept === undefined ? chunk : join(this.kept, chunk);
    const read = readProxyHeader(bytes);
    if (read === "partial") this.kept = bytes;
    else if (read === "absent") this.refuse("proxyHeaderMissing");
    else if (read === "malformed") this.refuse("proxyHeaderMalformed");
    else this.handOn(read, bytes.subarray(read.bytesTaken));
  }

  private handOn({ endpoints }: ProxyHeader, rest: Uint8Array): void {
    const { client, source, own } = this;
    const handshakeDueMs = this.deadline.dueMs;
    this.isOver = true;
    this.deadline.disarm();
    const told = endpoints === undefined ? own : { ...own, endpoints, clientAddress: endpoints.clientAddress };
    const live = this.serve({ ...told, handshakeDueMs });
    // Before the listener's word that it goes away, which then finds a request under way.
    if (rest.length > 0) client.receiver.onBytes(rest);
    source.replace(this, live);
  }

  onWritable(): void {}

  onEnd(): void {
    this.onClosed();
  }

  onClosed(): void {
    // Who came and went without a word (a probe of the port) has failed at nothing.
    this.refuse(this.kept === undefined ? undefined : "proxyHeaderMissing");
  }

  onDeadline(): number {
    this.refuse("proxyHeaderMissing");
    return 0;
  }

  /** Its header, and a request behind it, may be on the way: see {@link RouteSource.replace}. */
  drain(): void {}

  /** What is asked of clients is asked behind the header. */
  retire(): void {}

  abort(): void {
    // Over first: aborting calls back at once, and would be taken for the client's doing.
    this.end("shutdown");
    this.client.abort();
  }

  private refuse(reason: Reason | undefined): void {
    this.end(reason);
    this.client.close();
  }

  private end(reason: Reason | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.deadline.disarm();
    this.kept = undefined;
    settleConnection(this, reason, this.route.counters);
    this.source.leave(this);
  }

  describe(status: number, reason: Reason | undefined): Outcome {
    return {
      loadBalancer: this.route.loadBalancer,
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

const join = (before: Uint8Array, more: Uint8Array): Uint8Array => {
  const joined = new Uint8Array(before.length + more.length);
  joined.set(before);
  joined.set(more, before.length);
  return joined;
};
