// Where one request goes: whom its cookie names, whom the balancer picks, and who has failed it already.
//
// Belongs to an exchange, and is used again with it: asked when the head is whole, when it has to wait for a connection,
// and when an instance has failed it. Owns the lease, and how often a request is sent again; it never sends anything.
import type { BackendConnection } from "../backend/backend-connection.ts";
import type { BackendMember } from "../backend/backend-member.ts";
import type { ConnectWish } from "../backend/connect.ts";
import { Lease } from "../balance/lease.ts";
import type { Choosable } from "../balance/loose-part.ts";
import type { Narrowing } from "../balance/routed.ts";
import type { Reason } from "../errors.ts";
import type { ByteWriter } from "../parse/byte-writer.ts";
import type { RequestHeadParser } from "../parse/http1/request-head.ts";
import type { ResponseHeadParser } from "../parse/http1/response-head.ts";
import type { Route } from "./route.ts";
import { StickySession } from "./sticky-session.ts";

/** A request is sent again so often at the most, beside the dials that found nobody. */
const maxRetries = 2;

/** Who has the request. */
interface Sender {
  readonly route: Route;
  /** The client's address, hashed. */
  readonly addressKey: number;
}

export class Destination {
  /** On the member that it goes to; a dial under way has it instead. */
  lease = new Lease<BackendMember>();
  /** Why it is sent again, where an instance has failed it: told when no other can be had. */
  lossReason: Reason | undefined = undefined;
  /** Who of the members its policies have picked; undefined for all of them. */
  narrowing: Narrowing<BackendMember> | undefined = undefined;
  /** What the request's cookies say; made with the first request of a listener with a stickiness policy, then kept. */
  private sticky: StickySession<BackendMember> | undefined = undefined;
  /** What the request is balanced by, hashed; 0 where nothing is asked for. */
  private key = 0;
  /** Whom its cookie names; none but this one will do while it is in service. */
  private named: BackendMember | undefined = undefined;
  /** How often it was sent again. */
  private retries = 0;
  /** Who was asked by a dial, or has failed it; made when it first leaves the fast path. */
  private tried: Set<BackendMember> | undefined = undefined;

  /** The member that the request goes to at once; undefined when there is none, or it must be waited for. */
  choose(sender: Sender, head: RequestHeadParser, bytes: Uint8Array): BackendMember | undefined {
    const { route } = sender;
    const { pickKey, sticky } = route;
    const membership = this.membershipOf(route);
    this.retries = 0;
    this.lossReason = undefined;
    this.key = pickKey === undefined ? 0 : (pickKey.hashOf(head, bytes) ?? sender.addressKey);
    if (sticky !== undefined) {
      this.sticky ??= new StickySession();
      this.named = this.sticky.ask(sticky, head, bytes, membership);
    }
    const { named } = this;
    if (named === undefined) return this.lease.take(membership, undefined, this.key);
    return this.lease.hold(named) ? named : undefined;
  }

  /** Why a request that goes to nobody at once needn't wait; undefined when somebody would do who is only full. */
  refusal(route: Route): "noInstance" | "surgeQueueOverflow" | undefined {
    if (this.named === undefined && !this.membershipOf(route).hasFull()) return "noInstance";
    return route.surge.refuses() ? "surgeQueueOverflow" : undefined;
  }

  /** What a dial begins with; the lease goes with it, and comes back with the connection. */
  beginDial(): ConnectWish {
    const { lease, key, named, narrowing } = this;
    this.lease = new Lease();
    this.named = undefined;
    this.tried ??= new Set();
    // What is sent again goes out on a new connection: one that was kept may have died like the one before.
    return { lease, key, tried: this.tried, named, narrowing, usesKept: this.retries === 0 };
  }

  /**
   * Counts a loss, and says whether the request may be sent again on a new connection: to the same instance where the one
   * that died had been idle, and may have been dead before anything was written to it; to another otherwise.
   */
  moveOn(route: Route, lost: BackendConnection, reason: Reason): boolean {
    if (this.retries === maxRetries) return false;
    if (!lost.wasIdle && !this.leave(route, lost.member, reason)) return false;
    this.retries++;
    return true;
  }

  /** Leaves an instance that has failed it; the lease goes to another, if there is one. */
  private leave(route: Route, member: BackendMember, reason: Reason): boolean {
    const membership = this.membershipOf(route);
    this.tried ??= new Set();
    this.tried.add(member);
    this.lossReason = reason;
    if (this.lease.take(membership, this.tried, this.key) !== undefined) return true;
    if (membership.hasFull(this.tried)) return true;
    // Nobody else: it stays with the account.
    this.lease.hold(member);
    return false;
  }

  private membershipOf({ membership }: Route): Choosable<BackendMember> {
    return this.narrowing === undefined ? membership : this.narrowing.of(membership);
  }

  /** The member that answers decides: it needn't be the one that was asked first. */
  writeCookie(head: ResponseHeadParser, bytes: Uint8Array, to: ByteWriter): void {
    const { sticky, lease } = this;
    if (sticky !== undefined && lease.member !== undefined) sticky.writeCookie(head, bytes, lease.member, to);
  }

  /** How often the request was sent again. */
  get retryCount(): number {
    return this.retries;
  }

  /** Forgets everything, for the next request. */
  reset(): void {
    this.retries = 0;
    this.sticky?.reset();
    this.named = undefined;
    this.tried = undefined;
    this.narrowing = undefined;
  }
}
