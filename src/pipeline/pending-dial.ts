// A dial for one request that no kept connection can serve; the request may have gone on without it when it ends.
//
// One object per dial, so that a late connection can never reach a later request of the same exchange. It gives back what
// comes too late.
import { BackendConnection } from "../backend/backend-connection.ts";
import type { BackendMember } from "../backend/backend-member.ts";
import type { Connected } from "../backend/connect.ts";
import type { Lease } from "../balance/lease.ts";
import type { Reason } from "../errors.ts";
import type { ByteWriter } from "../parse/byte-writer.ts";
import type { Cancellable, Route, RouteSource } from "./route.ts";

/** Who asked for a connection to an instance; called once, unless the dial is cancelled. */
export interface DialUser {
  proceed(connected: Connected): void;
  failConnect(reason: Reason): void;
}

/** Builds a connection for a request. */
export type DialFor = (
  user: DialUser,
  source: RouteSource,
  route: Route,
  lease: Lease<BackendMember>,
  key: number,
) => Cancellable;

/** The request that waits. */
export interface Waiting {
  isWaitingFor(dial: PendingDial): boolean;
  proceed(head: ByteWriter, connected: Connected): void;
  failConnect(reason: Reason): void;
}

export class PendingDial implements DialUser {
  cancellable: Cancellable | undefined = undefined;

  constructor(
    private readonly waiting: Waiting,
    private readonly head: ByteWriter,
  ) {}

  proceed(connected: Connected): void {
    if (this.waiting.isWaitingFor(this)) {
      this.waiting.proceed(this.head, connected);
      return;
    }
    connected.lease.giveBack();
    new BackendConnection(connected.member, connected.transport).close();
  }

  failConnect(reason: Reason): void {
    if (this.waiting.isWaitingFor(this)) this.waiting.failConnect(reason);
  }
}
