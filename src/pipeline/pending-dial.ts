// A dial for one request that no kept connection can serve; the request may have gone on without it when it ends.
//
// One object per dial, so that a late connection can never reach a later request of the same exchange. It gives back what
// comes too late.
import { BackendConnection } from "../backend/backend-connection.ts";
import type { Connected, ConnectUser, ConnectWish } from "../backend/connect.ts";
import type { Reason } from "../errors.ts";
import type { ByteWriter } from "../parse/byte-writer.ts";
import type { Cancellable, Route, RouteSource } from "./route.ts";

/** Builds a connection for a request. */
export type DialFor = (user: ConnectUser, source: RouteSource, route: Route, wish: ConnectWish) => Cancellable;

/** The request that waits. */
export interface Waiting {
  isWaitingFor(dial: PendingDial): boolean;
  proceed(head: ByteWriter, connected: Connected): void;
  failConnect(reason: Reason): void;
  /** There is room; the dial begins. */
  leaveQueue(): void;
}

export class PendingDial implements ConnectUser {
  cancellable: Cancellable | undefined = undefined;
  /** It waits for room: silence is nobody's fault. */
  isQueued = false;

  constructor(
    private readonly waiting: Waiting,
    private readonly head: ByteWriter,
  ) {}

  proceed(connected: Connected): void {
    if (this.waiting.isWaitingFor(this)) {
      this.waiting.proceed(this.head, connected);
      return;
    }
    const { member, transport, lease, kept } = connected;
    if (kept === undefined) new BackendConnection(member, transport).close();
    else kept.wait();
    lease.giveBack();
  }

  onQueued(isQueued: boolean): void {
    this.isQueued = isQueued;
    if (!isQueued && this.waiting.isWaitingFor(this)) this.waiting.leaveQueue();
  }

  failConnect(reason: Reason): void {
    if (this.waiting.isWaitingFor(this)) this.waiting.failConnect(reason);
  }
}
