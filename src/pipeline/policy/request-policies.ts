// One request and the policies of its route: what they have been asked, what they have changed, and what still has to be said.
//
// Of an exchange (exchange.ts) whose route has policies; there is none otherwise. Used again for other requests, unless a
// policy has been given something that leads back here. Owns the request as policies see it, a decision that takes its
// time, and what changes in the heads. What follows from a verdict is the exchange's affair.
import { type Reason, reasons } from "../../errors.ts";
import type { ByteWriter } from "../../parse/byte-writer.ts";
import type { HeadChange } from "../../parse/http1/head-change.ts";
import type { HeadLimits } from "../../parse/http1/limits.ts";
import type { RequestHeadParser } from "../../parse/http1/request-head.ts";
import type { ResponseHeadParser } from "../../parse/http1/response-head.ts";
import type { Route } from "../route.ts";
import type { PolicyAnswer } from "./answer.ts";
import { type PolicyChain, PolicyRefusal, type Verdict } from "./chain.ts";
import { Decision, type DecisionUser } from "./decision.ts";
import { type ClientEnd, SeenClient, SeenRequest } from "./request-context.ts";
import { SeenResponse } from "./response-context.ts";

const nothing = new Uint8Array(0);
/** In the place of a context that no hook can look at. */
const unseen = undefined as never;

export class RequestPolicies {
  /** What changes in its head. */
  change: HeadChange | undefined = undefined;
  private chainAsked: PolicyChain | undefined = undefined;
  private route: Route | undefined = undefined;
  private client: ClientEnd | undefined = undefined;
  /** They hold the request's head. */
  private bytes: Uint8Array = nothing;
  private start = 0;
  private stop = 0;
  private decision: Decision | undefined = undefined;
  private seen: SeenRequest | undefined = undefined;
  /** A policy has seen a response, and may have kept it: its request must stay what it is. */
  private isSeen = false;

  /** Begins with a request; `isAlone`: nothing stands behind it in the same bytes, so that they stay as they are. */
  begin(
    chain: PolicyChain,
    route: Route,
    client: ClientEnd,
    bytes: Uint8Array,
    start: number,
    stop: number,
    isAlone: boolean,
  ): void {
    this.chainAsked = chain;
    this.route = route;
    this.client = client;
    this.bytes = bytes;
    this.start = start;
    this.stop = stop;
    chain.enter();
    if (!isAlone) SeenRequest.keep(this.see());
  }

  /** Forgets the request; false where it mustn't, and this is good for no other. */
  forget(): boolean {
    if (this.isSeen) return false;
    this.chainAsked = undefined;
    this.route = undefined;
    this.client = undefined;
    this.bytes = nothing;
    this.decision = undefined;
    this.seen = undefined;
    this.change = undefined;
    return true;
  }

  get chain(): PolicyChain {
    return this.chainAsked as PolicyChain;
  }

  /** The request as policies see it, one and the same for as long as anybody keeps it. */
  get request(): SeenRequest {
    return this.seen ?? this.see();
  }

  private see(): SeenRequest {
    this.seen = new SeenRequest(this.route as Route, this.client as ClientEnd, this.bytes, this.start, this.stop);
    return this.seen;
  }

  /** Whether the request is let in, and where it may go; see {@link PolicyChain.decide}. */
  decide(user: DecisionUser): Verdict {
    if (!this.chain.decides) return undefined;
    const verdict = this.chain.decide(this.request, user);
    if (verdict instanceof Decision) this.decision = verdict;
    return verdict;
  }

  /** Nobody waits for a verdict any more. */
  cancel(): void {
    this.decision?.cancel();
  }

  /** The request is over: they are asked nothing more. */
  leave(): void {
    this.chain.leave();
  }

  /** Settles {@link change}; an answer in the instance's place, or a failure, where there is one. */
  editRequest(head: RequestHeadParser, limits: HeadLimits): PolicyAnswer | PolicyRefusal | undefined {
    if (!this.chain.editsRequests) return undefined;
    const { chain } = this;
    const edited = chain.editRequest(chain.showsRequests ? this.request : unseen, head.pos - head.start, limits);
    if (edited === undefined || !("leftOut" in edited)) return edited;
    this.change = edited;
    return undefined;
  }

  /** What changes in the head of a response that `instance` gave. */
  editResponse(
    head: ResponseHeadParser,
    bytes: Uint8Array,
    instance: string | undefined,
    limits: HeadLimits,
  ): HeadChange | PolicyRefusal | undefined {
    if (!this.chain.editsResponses) return undefined;
    return this.edit(head.status, instance, bytes, head.start, head.pos, limits);
  }

  /** Writes a policy's answer, its body apart where that is large; the reason where that fails. */
  writeAnswer(
    answer: PolicyAnswer,
    keepsAlive: boolean,
    limits: HeadLimits,
    out: ByteWriter,
  ): PolicyRefusal["reason"] | undefined {
    let change: HeadChange | PolicyRefusal | undefined;
    if (this.chain.editsResponses) {
      const head = answer.makeHead();
      change = this.edit(answer.status, undefined, head, 0, head.length, limits);
    }
    if (change instanceof PolicyRefusal) return change.reason;
    answer.writeHead(out, change, keepsAlive);
    return undefined;
  }

  private edit(
    status: number,
    instance: string | undefined,
    bytes: Uint8Array,
    start: number,
    end: number,
    limits: HeadLimits,
  ): HeadChange | PolicyRefusal | undefined {
    const { chain } = this;
    if (!chain.showsResponses) return chain.editResponse(unseen, end - start, limits);
    this.isSeen = true;
    const response = new SeenResponse(this, status, instance, bytes, start, end);
    const change = chain.editResponse(response, end - start, limits);
    SeenResponse.seal(response);
    return change;
  }

  /** Tells the policies what went wrong with the request. */
  tellFault(reason: Reason, status: number, instance: string | undefined): void {
    if (!this.chain.seesFaults) return;
    const { request } = this;
    this.chain.tellFault({ reason, side: reasons[reason].side, status, instance, request, client: request });
  }
}

/** Tells a route's policies what went wrong with a connection, or with what never became a sound request. */
export const tellConnectionFault = (
  route: Route,
  end: ClientEnd,
  reason: Reason,
  status: number,
  instance: string | undefined,
): void => {
  const { policies } = route;
  if (policies?.seesFaults !== true) return;
  const client = new SeenClient(route, end);
  policies.tellFault({ reason, side: reasons[reason].side, status, instance, request: undefined, client });
};
