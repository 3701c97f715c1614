// A listener's policies of traffic, by phase: who is asked when, and what becomes of an answer that is none.
//
// Part of a route; there is none where no policy has a hook of traffic, and then nothing is asked and nothing made. Called by
// the exchange (exchange.ts) and by layer 4 (tcp.ts, relay.ts). It never lets anything that a hook throws out: that is counted
// and told (errors.ts), and the policy says what follows. What hooks answer is read in answer.ts,
// edit.ts, fields.ts and selection.ts. Long because it has one method for each phase, which differ in
// what an error means and in nothing else worth a file.
import type { HeadChange } from "../../parse/http1/head-change.ts";
import { type TrafficHook, trafficHooks } from "../../policy/hooks.ts";
import type {
  ConnectionContext,
  FaultContext,
  LogContext,
  Policy,
  RequestContext,
  ResponseContext,
} from "../../policy/index.ts";
import { type PolicyAnswer, readAnswer } from "./answer.ts";
import { type AskedPhase, Decision, type DecisionUser, wrapPromise } from "./decision.ts";
import { joinEdits, type PolicyEdit, readRequestEdit, readResponseEdit } from "./edit.ts";
import { notePolicyError, type PolicyPhase, UnfitValue } from "./errors.ts";
import { addFields, type LogFields } from "./fields.ts";
import type { PolicyLife } from "./life.ts";
import { PolicyMemo } from "./memo.ts";
import { PolicySelection, readSelection } from "./selection.ts";
import { seesContext } from "./sight.ts";

/** A policy at work on a listener. */
export interface BoundPolicy {
  /** Its name in the configuration. */
  readonly name: string;
  readonly loadBalancer: string;
  // biome-ignore lint/suspicious/noExplicitAny: policies of any attributes and state stand side by side; each gets its own back.
  readonly policy: Policy<any, any>;
  /** Decoded. */
  readonly attributes: unknown;
  readonly state: unknown;
  /** The module's file; undefined for built-in ones. */
  readonly file: string | undefined;
  /** Where the module's hooks stand in that file, as `:line:column` by name. */
  readonly hookPositions?: ReadonlyMap<string, string> | undefined;
  /** Who still asks it; undefined where it has nothing to end. */
  readonly life?: PolicyLife | undefined;
  /** How often it failed, by phase. */
  readonly errors: Map<PolicyPhase, number>;
}

/** What a request or connection comes to instead of an instance, by elbow's own word. */
export class PolicyRefusal {
  constructor(readonly reason: "policyRefused" | "policyFailed" | "policyTimeout") {}
}

const refused = new PolicyRefusal("policyRefused");
const failed = new PolicyRefusal("policyFailed");
const late = new PolicyRefusal("policyTimeout");

/** What `admit` and `pick` have come to; a decision is still to be made, and undefined leaves all instances. */
export type Verdict = PolicyAnswer | PolicySelection | PolicyRefusal | Decision | undefined;

/** How much room a head has, in bytes. */
interface HeadRoom {
  /** What the whole head may come to. */
  readonly headBytes: number;
  readonly fieldBytes: number;
  readonly startLineBytes: number;
  /** How many lines policies may add to it. */
  readonly fieldCount: number;
}

interface Step {
  readonly bound: BoundPolicy;
  readonly phase: AskedPhase;
  /** Of `admit` answers, of `pick` selections. */
  readonly memo: PolicyMemo<PolicyAnswer | PolicySelection>;
}

/** A `requestHead` or `responseHead` hook; the one that was there when {@link seesContext} looked at it. */
interface HeadStep<C> {
  readonly bound: BoundPolicy;
  readonly hook: (attributes: unknown, context: C, state: unknown) => unknown;
  readonly edits: PolicyMemo<PolicyEdit>;
  readonly answers: PolicyMemo<PolicyAnswer>;
}

export class PolicyChain {
  /** All `admit` hooks, then all `pick` hooks. */
  private readonly steps: ReadonlyArray<Step> | undefined;
  private readonly requestHead: ReadonlyArray<HeadStep<RequestContext>> | undefined;
  private readonly responseHead: ReadonlyArray<HeadStep<ResponseContext>> | undefined;
  private readonly onFault: ReadonlyArray<BoundPolicy> | undefined;
  private readonly logging: ReadonlyArray<BoundPolicy> | undefined;
  /** Undefined where no policy has anything to end. */
  private readonly lives: ReadonlyArray<PolicyLife> | undefined;

  constructor(bound: ReadonlyArray<BoundPolicy>) {
    const lives = bound.flatMap(({ life }) => life ?? []);
    this.lives = lives.length === 0 ? undefined : lives;
    const stepsOf = (phase: AskedPhase): ReadonlyArray<Step> =>
      (withHook(bound, phase) ?? []).map((one) => ({
        bound: one,
        phase,
        memo: new PolicyMemo<PolicyAnswer | PolicySelection>(phase === "admit" ? readAnswer : readSelection),
      }));
    const steps = [...stepsOf("admit"), ...stepsOf("pick")];
    this.steps = steps.length === 0 ? undefined : steps;
    this.requestHead = headSteps(bound, ({ requestHead }) => requestHead, readRequestEdit);
    this.responseHead = headSteps(bound, ({ responseHead }) => responseHead, readResponseEdit)?.toReversed();
    this.showsRequests = this.requestHead?.some(({ hook }) => seesContext(hook)) === true;
    this.showsResponses = this.responseHead?.some(({ hook }) => seesContext(hook)) === true;
    this.onFault = withHook(bound, "onFault");
    this.logging = withHook(bound, "log");
  }

  /** Somebody asks its policies from now on, who calls {@link leave} once. */
  enter(): void {
    if (this.lives !== undefined) for (const life of this.lives) life.enter();
  }

  leave(): void {
    if (this.lives !== undefined) for (const life of this.lives) life.leave();
  }

  /** Whether any policy asks for a request's or a connection's admission or instances. */
  get decides(): boolean {
    return this.steps !== undefined;
  }

  get editsRequests(): boolean {
    return this.requestHead !== undefined;
  }

  get editsResponses(): boolean {
    return this.responseHead !== undefined;
  }

  /** Whether any hook that changes requests can look at one. */
  readonly showsRequests: boolean;
  readonly showsResponses: boolean;

  get seesFaults(): boolean {
    return this.onFault !== undefined;
  }

  get logs(): boolean {
    return this.logging !== undefined;
  }

  /** Asks `admit` and `pick`; where one takes its time, `user` is told of the verdict later. */
  decide(context: RequestContext | ConnectionContext, user: DecisionUser): Verdict {
    return this.steps === undefined ? undefined : this.ask(0, context, undefined, user, undefined);
  }

  /** @internal A hook that took its time has answered, or failed, or is too late. */
  resume(decision: Decision, ending: "answered" | "failed" | "late", value: unknown): Verdict {
    const { index, context, user } = decision;
    const step = (this.steps as ReadonlyArray<Step>)[index] as Step;
    const { bound, phase } = step;
    try {
      if (ending === "failed") throw value;
      if (ending === "late") throw new UnfitValue(`nothing within ${bound.policy.deadlineMs} ms`);
      const verdict = readVerdict(step, value, context);
      if (verdict instanceof PolicySelection) decision.selection = verdict;
      else if (verdict !== undefined) return verdict;
    } catch (error) {
      notePolicyError(bound, phase, error);
      if (isClosed(bound)) return ending === "late" ? late : failed;
    }
    return this.ask(index + 1, context, decision.selection, user, decision);
  }

  private ask(
    from: number,
    context: RequestContext | ConnectionContext,
    chosen: PolicySelection | undefined,
    user: DecisionUser,
    decision: Decision | undefined,
  ): Verdict {
    const steps = this.steps as ReadonlyArray<Step>;
    let selection = chosen;
    for (let index = from; index < steps.length; index++) {
      const step = steps[index] as Step;
      const { bound, phase } = step;
      const { policy, attributes, state } = bound;
      try {
        const answer =
          phase === "admit" ? policy.admit?.(attributes, context, state) : policy.pick?.(attributes, context, state);
        if (answer === undefined) continue;
        if (isPromise(answer)) {
          const pending = decision ?? new Decision(this, context, user);
          pending.selection = selection;
          pending.await(index, bound, answer);
          return pending;
        }
        const verdict = readVerdict(step, answer, context);
        if (verdict instanceof PolicySelection) selection = verdict;
        else if (verdict !== undefined) return verdict;
      } catch (error) {
        notePolicyError(bound, phase, error);
        if (isClosed(bound)) return failed;
      }
    }
    return selection;
  }

  /** What changes in a request's head, which has `headBytes` so far; or what it comes to instead. */
  editRequest(
    request: RequestContext,
    headBytes: number,
    room: HeadRoom,
  ): HeadChange | PolicyAnswer | PolicyRefusal | undefined {
    const { requestHead } = this;
    if (requestHead === undefined) return undefined;
    let whole: PolicyEdit | undefined;
    for (let index = 0; index < requestHead.length; index++) {
      const { bound, hook, edits, answers } = requestHead[index] as HeadStep<RequestContext>;
      try {
        const value = hook.call(bound.policy, bound.attributes, request, bound.state);
        if (value === undefined) continue;
        refusePromise(value);
        if (isRefusal(value)) return refused;
        if (isAnswer(value)) return answers.of(value);
        whole = checkRoom(joinEdits(whole, edits.of(value)), headBytes, room);
      } catch (error) {
        notePolicyError(bound, "requestHead", error);
        if (isClosed(bound)) return failed;
      }
    }
    return whole?.change;
  }

  /** What changes in the head of a response, which has `headBytes` so far; or that it can't be sent. */
  editResponse(response: ResponseContext, headBytes: number, room: HeadRoom): HeadChange | PolicyRefusal | undefined {
    const { responseHead } = this;
    if (responseHead === undefined) return undefined;
    let whole: PolicyEdit | undefined;
    for (let index = 0; index < responseHead.length; index++) {
      const { bound, hook, edits } = responseHead[index] as HeadStep<ResponseContext>;
      try {
        const value = hook.call(bound.policy, bound.attributes, response, bound.state);
        if (value === undefined) continue;
        refusePromise(value);
        whole = checkRoom(joinEdits(whole, edits.of(value)), headBytes, room);
      } catch (error) {
        notePolicyError(bound, "responseHead", error);
        if (isClosed(bound)) return failed;
      }
    }
    return whole?.change;
  }

  /** Tells of what went wrong. */
  tellFault(fault: FaultContext): void {
    const { onFault } = this;
    if (onFault === undefined) return;
    Object.freeze(fault);
    for (const bound of onFault) {
      try {
        refusePromise(bound.policy.onFault?.(bound.attributes, fault, bound.state));
      } catch (error) {
        notePolicyError(bound, "onFault", error);
      }
    }
  }

  /** The fields that policies add to the log record; of the same name, the last policy's. Undefined where there are none. */
  log(outcome: LogContext): LogFields | undefined {
    const { logging } = this;
    if (logging === undefined) return undefined;
    Object.freeze(outcome);
    let fields: LogFields | undefined;
    for (const bound of logging) {
      try {
        const added: unknown = bound.policy.log?.(bound.attributes, outcome, bound.state);
        if (added === undefined) continue;
        refusePromise(added);
        fields = addFields(fields, added);
      } catch (error) {
        notePolicyError(bound, "log", error);
      }
    }
    return fields;
  }
}

/** The chain of these policies, in the order of the listener's list; undefined when none has a hook of traffic. */
export const makePolicyChain = (bound: ReadonlyArray<BoundPolicy>): PolicyChain | undefined =>
  bound.some(({ policy }) => trafficHooks.some((phase) => policy[phase] !== undefined))
    ? new PolicyChain(bound)
    : undefined;

const headSteps = <C>(
  bound: ReadonlyArray<BoundPolicy>,
  // biome-ignore lint/suspicious/noExplicitAny: as in BoundPolicy.
  hookOf: (policy: Policy<any, any>) => HeadStep<C>["hook"] | undefined,
  readEdit: (value: unknown) => PolicyEdit,
): ReadonlyArray<HeadStep<C>> | undefined => {
  const steps = bound.flatMap((one): ReadonlyArray<HeadStep<C>> => {
    const hook = hookOf(one.policy);
    return hook === undefined
      ? []
      : [{ bound: one, hook, edits: new PolicyMemo(readEdit), answers: new PolicyMemo(readAnswer) }];
  });
  return steps.length === 0 ? undefined : steps;
};

const withHook = (bound: ReadonlyArray<BoundPolicy>, phase: TrafficHook): ReadonlyArray<BoundPolicy> | undefined => {
  const having = bound.filter(({ policy }) => policy[phase] !== undefined);
  return having.length === 0 ? undefined : having;
};

const isClosed = ({ policy }: BoundPolicy): boolean => policy.onError !== "open";

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { readonly then?: unknown }).then === "function";

/** A promise where none may be: what becomes of it is nobody's affair any more. */
const refusePromise = (value: unknown): void => {
  if (!isPromise(value)) return;
  wrapPromise(value).catch(() => {});
  throw new UnfitValue("a promise, which only admit and pick may answer with");
};

const isRefusal = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (value as { readonly isRefused?: unknown }).isRefused === true;

const isAnswer = (value: unknown): boolean => typeof value === "object" && value !== null && "status" in value;

const readVerdict = (
  { phase, memo }: Step,
  value: unknown,
  { kind }: RequestContext | ConnectionContext,
): PolicyAnswer | PolicySelection | PolicyRefusal | undefined => {
  if (value === undefined) return undefined;
  if (phase === "pick") return memo.of(value);
  if (isRefusal(value)) return refused;
  if (kind === "connection")
    throw new UnfitValue("an answer, which a layer-4 connection has no place for: refuse() it");
  return memo.of(value);
};

const checkRoom = (edit: PolicyEdit, headBytes: number, room: HeadRoom): PolicyEdit => {
  const { lines, path, longestLineBytes } = edit.change;
  // A client's own lines aren't counted in: with as many as it may send it would undo what the policy does.
  if (edit.lines.length > room.fieldCount) {
    throw new UnfitValue(`${edit.lines.length} headers, more than maxHeaders (${room.fieldCount})`);
  }
  if (longestLineBytes > room.fieldBytes) {
    throw new UnfitValue(`a header of ${longestLineBytes} bytes, more than maxHeaderBytes (${room.fieldBytes})`);
  }
  if (path !== undefined && path.length > room.startLineBytes) {
    throw new UnfitValue(`a path of ${path.length} bytes, more than maxRequestLineBytes has room for`);
  }
  const wholeBytes = headBytes + lines.length + (path?.length ?? 0);
  if (wholeBytes > room.headBytes) {
    throw new UnfitValue(`so much that the head comes to ${wholeBytes} bytes; ${room.headBytes} are allowed`);
  }
  return edit;
};
